"""The figures of a run written to files as they come (floor 4).

A run that is resumed brings the figures of its former epochs; a file begins with those, so that it
is as if there had been no break.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TextIO

from chainrule.backend.arrays import to_host
from chainrule.errors import DataError, OptionError
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.run import Run

__all__ = ["CsvLog", "JsonLines", "TensorBoard"]


class _Lines(Callback):
    """A file with a line for each epoch, made anew.

    Args:
        path: the file.
    """

    each_step: ClassVar[bool] = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def on_fit_start(self, run: Run) -> None:
        """Open the file, and write what the run brings."""
        if not run.speaks:
            return
        self._file = self.path.open("w", encoding="utf-8", newline="\n")
        self._add(run.history.rows)

    def on_epoch_end(self, run: Run) -> None:
        """Write a line."""
        self._add(run.history.rows[-1:])

    def _add(self, rows: Sequence[dict[str, float]]) -> None:
        """Write lines so that they are there, or say why that cannot be."""
        file = self._file
        if file is None:
            return
        try:
            for row in rows:
                self._write(file, row)
            file.flush()
        except OSError as error:
            self._file = None
            with suppress(OSError):  # it would be tried again
                file.close()
            raise DataError(
                f"{self.path} cannot be written: {error.strerror or error}; make room for it"
            ) from None

    def on_fit_end(self, run: Run) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, file: TextIO, row: dict[str, float]) -> None:
        """Write a line, in one piece."""
        raise NotImplementedError


class JsonLines(_Lines):
    """Write the figures of every epoch as one line of JSON, as they come; null is not finite.

    Args:
        path: the file, made anew.

    Examples:
        >>> import json, tempfile
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = JsonLines(folder + "/log.jsonl")
        ...     history = fit(nn.Linear(1, 1), (x, x), epochs=2, callbacks=[log], progress=False)
        ...     rows = [json.loads(line) for line in log.path.read_text().splitlines()]
        >>> rows == history.rows
        True
    """

    def _write(self, file: TextIO, row: dict[str, float]) -> None:
        finite = {k: v if math.isfinite(v) else None for k, v in row.items()}
        file.write(json.dumps(finite) + "\n")  # at once: no Ctrl-C comes between


class CsvLog(_Lines):
    """Write the figures of every epoch as one line of a CSV file, under a line with their names.

    Args:
        path: the file, made anew.

    Examples:
        >>> import tempfile
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = CsvLog(folder + "/log.csv")
        ...     history = fit(nn.Linear(1, 1), (x, x), epochs=2, callbacks=[log], progress=False)
        ...     print(log.path.read_text().splitlines()[0])
        epoch,loss,mae,learning_rate,seconds,examples_per_second
    """

    def on_fit_start(self, run: Run) -> None:
        """Open the file, and write what the run brings."""
        self._names: list[str] = []
        super().on_fit_start(run)

    def _write(self, file: TextIO, row: dict[str, float]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        if not self._names:
            self._names = list(row)
            writer.writerow(self._names)
        writer.writerow([row.get(name, "") for name in self._names])


class TensorBoard(Callback):
    """Write the figures of every epoch where TensorBoard reads them.

    Figures of training and of validation are two lines in one picture, as in `loss/training` and
    `loss/validation`. What was learned by `tensorboard --logdir FOLDER` is seen while it comes.

    Args:
        folder: made if it is not there; one for each run.
        histograms: how often the distributions of the weights are written, in epochs; never if 0.

    Raises:
        OptionError: `histograms` is no whole number of at least 0.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = TensorBoard(folder)
        ...     history = fit(nn.Linear(1, 1), (x, x), epochs=2, callbacks=[board], progress=False)
        ...     [path.name.startswith("events.out.tfevents") for path in Path(folder).iterdir()]
        [True]
    """

    each_step: ClassVar[bool] = False

    def __init__(self, folder: str | os.PathLike[str], histograms: int = 0) -> None:
        if not isinstance(histograms, int) or histograms < 0:
            raise OptionError(
                f"histograms must be a whole number of epochs of at least 0, got {histograms!r}"
            )
        self.folder, self.histograms = Path(folder), histograms
        self._writer: Any = None

    def on_fit_start(self, run: Run) -> None:
        """Open a file in the folder."""
        if not run.speaks:
            return
        from chainrule.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self.folder)

    def on_epoch_end(self, run: Run) -> None:
        """Write the figures, and the weights if it is their turn."""
        if self._writer is None:
            return
        for name, value in run.history.rows[-1].items():
            if name != "epoch":
                self._writer.add_scalar(self._place(name, run), value, run.epoch)
        if self.histograms and run.epoch % self.histograms == 0:
            for name, p in run.model.named_parameters():
                self._writer.add_histogram(name.replace(".", "/"), to_host(p.array), run.epoch)
        self._writer.flush()

    def on_fit_end(self, run: Run) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    @staticmethod
    def _place(name: str, run: Run) -> str:
        """Where a figure is shown: that of validation beside that of training."""
        plain = name.removeprefix("validation_")
        if plain == "loss" or plain in run.metrics:
            return f"{plain}/{'training' if plain == name else 'validation'}"
        return name
