"""Pictures that move: how a boundary forms, how a descent goes (floor 4)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from chainrule.errors import OptionError
from chainrule.files import replace_bytes, replace_text
from chainrule.picture import Svg
from chainrule.picture.film import check_frames, to_frame, to_gif, to_page

__all__ = ["Animation"]


class Animation:
    """Pictures one after another, such as a boundary after each few steps of training.

    The last expression of a notebook cell shows it, with a button and a slider.

    Args:
        frames: pictures of one size, first to last.
        seconds_per_frame: how long each is shown.

    Attributes:
        frames: the pictures, in a tuple.
        seconds_per_frame: as given.

    Raises:
        OptionError: no pictures, something else than pictures, or a time that is not positive.
        ShapeError: pictures of several sizes.

    Examples:
        >>> from chainrule.draw.plots.function import function
        >>> waves = [function(lambda x, i=i: (x - i) ** 2, -5, 5, y_range=(0, 9)) for i in range(3)]
        >>> Animation(waves, seconds_per_frame=0.5)
        Animation of 3 pictures, 0.5 seconds each
    """

    def __init__(self, frames: Iterable[Svg], seconds_per_frame: float = 0.2) -> None:
        self.frames = tuple(frames)
        self.seconds_per_frame = float(seconds_per_frame)
        check_frames(self.frames, self.seconds_per_frame)

    def save(self, path: str | os.PathLike[str], *, scale: float = 1) -> None:
        """Write the animation to a file, beside it first and then renamed.

        Args:
            path: ending in `.gif`, or in `.html` for one page, complete in itself, with a button
                and a slider.
            scale: for GIF, pixels of the file for each pixel of a picture, across and down.

        Raises:
            OptionError: another ending, or a scale that is 0 or less or too large.
            MissingExtraError: what writes GIF is not installed.
            OSError: the folder is missing, or may not be written to.
        """
        ending = Path(path).suffix.lower()
        if ending == ".html":
            replace_text(path, to_page(self.frames, self.seconds_per_frame))
        elif ending == ".gif":
            replace_bytes(path, to_gif(self.frames, self.seconds_per_frame, scale))
        else:
            raise OptionError(
                f"an animation is saved as .gif or .html, got {os.fspath(path)!r}; a film such as "
                f"MP4 can be made of the GIF by other programs"
            )

    def _repr_html_(self) -> str:
        return to_frame(self.frames, self.seconds_per_frame)

    def __repr__(self) -> str:
        count = len(self.frames)
        return (
            f"Animation of {count} picture{'s' * (count != 1)}, "
            f"{self.seconds_per_frame:g} seconds each"
        )
