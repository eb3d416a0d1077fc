"""Stopping a run that no longer becomes better (floor 4)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.watched import better, monitored
from chainrule.train.fitting.run import Run

__all__ = ["EarlyStopping"]


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
        value = monitored(run.history.rows[-1], self.monitor)
        bar = self.best + self.min_delta if self.largest else self.best - self.min_delta
        if better(value, bar, self.largest):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(f"{self.monitor} has not improved for {self.patience} epochs")
