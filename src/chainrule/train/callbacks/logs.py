"""The figures of a run written to files as they come (floor 4)."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TextIO

from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.run import Run

__all__ = ["JsonLines"]


class JsonLines(Callback):
    """Write the figures of every epoch as one line of JSON, as they come; null is not finite.

    Args:
        path: the file, made anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def on_fit_start(self, run: Run) -> None:
        """Open the file."""
        self._file = self.path.open("w", encoding="utf-8")

    def on_epoch_end(self, run: Run) -> None:
        """Write a line."""
        if self._file is not None:
            row = {k: v if math.isfinite(v) else None for k, v in run.history.rows[-1].items()}
            self._file.write(json.dumps(row) + "\n")  # at once: no Ctrl-C comes between
            self._file.flush()

    def on_fit_end(self, run: Run) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
