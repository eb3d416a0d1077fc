"""What can be hung on to a training run: stop early, keep the best, log, show progress (floor 4).

A callback overrides the moments it cares about; each gets the run itself, whose model, history,
epoch and step it may read, and which it may ask to `stop`.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numpy as np

from chainrule.errors import OptionError
from chainrule.train.run import Run

__all__ = ["BestWeights", "Callback", "EarlyStopping", "JsonLines"]


class Callback:
    """The moments of a run; override those that matter.

    Attributes:
        each_step: whether `on_step_end` has to be called after every step. Where `False`, small
            steps that are compiled are taken many at a time, and it is called after those.
    """

    each_step: ClassVar[bool] = True

    def on_fit_start(self, run: Run) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, run: Run) -> None:
        """Before the first step of an epoch."""

    def on_step_end(self, run: Run) -> None:
        """After a step: `run.step_loss` is its loss."""

    def on_epoch_end(self, run: Run) -> None:
        """After an epoch: its figures are the last row of `run.history`."""

    def on_fit_end(self, run: Run) -> None:
        """At the end, also if it was interrupted or failed."""


def _better(value: float, best: float, largest: bool) -> bool:
    return value > best if largest else value < best


def _monitored(row: dict[str, float], monitor: str) -> float:
    """The figure to watch: that of validation, or where there is none that of training."""
    if monitor in row:
        return row[monitor]
    plain = monitor.removeprefix("validation_")
    if plain in row:
        return row[plain]
    raise OptionError(f"there is no figure {monitor!r} to watch; there are: {', '.join(row)}")


class BestWeights(Callback):
    """Keep the weights of the best epoch, the later of equals, and put them back at the end.

    Args:
        monitor: the figure that decides; that of training where there is no validation.
        largest: whether larger is better.
    """

    def __init__(self, monitor: str = "validation_loss", largest: bool = False) -> None:
        self.monitor = monitor
        self.largest = largest
        self.best = -math.inf if largest else math.inf
        self.epoch: int | None = None
        self._weights: dict[str, Any] = {}

    def on_epoch_end(self, run: Run) -> None:
        """Copy the weights if they are the best so far."""
        value = _monitored(run.history.rows[-1], self.monitor)
        if value == self.best or _better(value, self.best, self.largest):
            self.best, self.epoch = value, run.epoch
            self._weights = {k: np.array(v) for k, v in run.model.state_dict().items()}

    def on_fit_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._weights:
            run.model.load_state_dict(self._weights)
            run.history.best_epoch = self.epoch


class EarlyStopping(Callback):
    """Stop when a figure has not become better for a number of epochs.

    Args:
        patience: how many epochs to wait.
        monitor: the figure; that of training where there is no validation.
        largest: whether larger is better.
        min_delta: by how much it has to be better to count.
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "validation_loss",
        largest: bool = False,
        min_delta: float = 0.0,
    ) -> None:
        if patience < 1:
            raise OptionError(f"patience must be at least 1 epoch, got {patience}")
        self.patience = patience
        self.monitor = monitor
        self.largest = largest
        self.min_delta = min_delta
        self.best = -math.inf if largest else math.inf
        self.waited = 0

    def on_epoch_end(self, run: Run) -> None:
        """Count the epochs without progress, and stop the run when there are too many."""
        value = _monitored(run.history.rows[-1], self.monitor)
        bar = self.best + self.min_delta if self.largest else self.best - self.min_delta
        if _better(value, bar, self.largest):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(f"{self.monitor} has not improved for {self.patience} epochs")


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
