"""A run written down for TensorBoard, with PyTorch's `SummaryWriter` (floor 4).

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     for step, loss in enumerate([0.9, 0.4, 0.2]):
    ...         writer.add_scalar("loss", loss, step)
"""

from __future__ import annotations

import datetime
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from chainrule.absent import refuse
from chainrule.autograd import Tensor
from chainrule.errors import DataError
from chainrule.picture.png import encode_png
from chainrule.utils import eventfile

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Write scalars, histograms, pictures and text into a folder that TensorBoard reads.

    Args:
        log_dir: the folder; without, one under `runs` named by the time and the machine.
        comment: what such a name ends with.
        purge_step, max_queue, flush_secs: as in PyTorch, and without effect: every event is
            written at once.
        filename_suffix: what the file's name ends with.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if log_dir is None:
            now = datetime.datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = Path("runs") / f"{now}_{socket.gethostname()}{comment}"
        self.log_dir = os.fspath(log_dir)
        self._suffix = filename_suffix
        self._files: dict[str, IO[bytes]] = {}
        self._file(self.log_dir)

    def get_logdir(self) -> str:
        """Return the folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add one number, such as a loss, under a name."""
        self._add(tag, _simple(scalar_value), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add several numbers that are shown in one picture: each in a folder of its own."""
        for tag, number in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            self._add(main_tag, _simple(number), global_step, walltime, folder)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add the distribution of numbers, such as weights, in bins of equal width.

        Raises:
            DataError: there are no numbers, or some that are not finite.
        """
        numbers = _array(values).astype(np.float64).ravel()
        if not numbers.size or not np.isfinite(numbers).all():
            raise DataError(f"add_histogram({tag!r}) takes finite numbers, at least one")
        content = eventfile.histogram(numbers, bins if isinstance(bins, int) else max_bins or 30)
        self._add(tag, content, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture: bytes, or numbers between 0 and 1, in the order of `dataformats`.

        Raises:
            DataError: the order does not name the dimensions.
        """
        pixels = _array(img_tensor)
        order = dataformats.upper()
        if len(order) != pixels.ndim or set(order) - set("HWC"):
            raise DataError(
                f"add_image({tag!r}): dataformats names the dimensions, such as 'CHW' or 'HW', "
                f"got {dataformats!r} for the shape {pixels.shape}"
            )
        pixels = pixels.transpose([order.index(c) for c in "HWC" if c in order])
        if pixels.dtype != np.uint8:
            pixels = (pixels.clip(0, 1) * 255).astype(np.uint8)
        height, width, channels = (*pixels.shape, 1)[:3]
        png = encode_png(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)
        self._add(tag, eventfile.image(png, height, width, channels), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add several pictures side by side."""
        pixels = np.moveaxis(_array(img_tensor), dataformats.upper().index("N"), 0)
        order = dataformats.upper().replace("N", "")
        row = np.concatenate(list(pixels), axis=order.index("W"))
        self.add_image(tag, row, global_step, walltime, order)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add text, which is shown as Markdown."""
        self._add(f"{tag}/text_summary", eventfile.text(text_string), global_step, walltime)

    _instead = "it writes scalars, histograms, images and text"
    add_graph = refuse("SummaryWriter.add_graph", "chainrule.draw shows a network")
    add_figure = refuse("SummaryWriter.add_figure", _instead)
    add_embedding = refuse("SummaryWriter.add_embedding", _instead)
    add_audio = refuse("SummaryWriter.add_audio", _instead)
    add_video = refuse("SummaryWriter.add_video", _instead)
    add_hparams = refuse("SummaryWriter.add_hparams", _instead)
    add_pr_curve = refuse("SummaryWriter.add_pr_curve", _instead)
    del _instead

    def flush(self) -> None:
        """Bring everything to the disk."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Bring everything to the disk and close the files; what is added later opens new ones."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _add(
        self, tag: str, content: bytes, step: int | None, when: float | None, folder: str = ""
    ) -> None:
        values = [eventfile.value(tag, content)]
        event = eventfile.event(time.time() if when is None else when, int(step or 0), values)
        file = self._file(folder or self.log_dir)
        file.write(eventfile.record(event))

    def _file(self, folder: str) -> IO[bytes]:
        """Return the open file of a folder; a new one begins with the version of the format."""
        if folder not in self._files:
            os.makedirs(folder, exist_ok=True)
            now = time.time()
            number = f"{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
            path = os.path.join(folder, f"events.out.tfevents.{number}{self._suffix}")
            self._files[folder] = open(path, "wb")  # noqa: SIM115 - it stays open
            head = eventfile.field(1, now) + eventfile.field(3, "brain.Event:2")
            self._files[folder].write(eventfile.record(head))
        return self._files[folder]


def _simple(number: Any) -> bytes:
    return eventfile.field(2, float(number), single=True)


def _array(values: Any) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
