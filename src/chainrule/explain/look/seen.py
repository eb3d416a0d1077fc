"""What every look into a network gives back: numbers, and a picture of them (floor 4)."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

from chainrule.picture import Svg, format_value

__all__ = ["Seen", "short", "sizes"]


class Seen(ABC):
    """Something that was seen: its numbers are attributes, and a notebook shows its picture."""

    @cached_property
    def picture(self) -> Svg:
        """The picture, drawn when it is first asked for."""
        return self._drawn()

    @abstractmethod
    def _drawn(self) -> Svg: ...

    def _repr_svg_(self) -> str:
        return str(self.picture)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file.

        Args:
            path: ending in `.svg`, `.png` or `.pdf`.

        Raises:
            OptionError: another ending.
            MissingExtraError: what writes PNG or PDF is not installed.
            OSError: the folder is missing, or may not be written to.
        """
        self.picture.save(path)


def short(value: float) -> str:
    """Return a number in three digits.

    Examples:
        >>> short(0.123456)
        '0.123'
    """
    return format_value(float(f"{value:.3g}"))


def sizes(shape: Sequence[int]) -> str:
    """Return a shape as a person writes it.

    Examples:
        >>> sizes((8, 3, 3)), sizes(())
        ('8x3x3', 'one number')
    """
    return "x".join(map(str, shape)) or "one number"
