"""The best weights of a run, kept and put back (floor 4)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.watched import better, monitored
from chainrule.train.fitting.run import Run

__all__ = ["BestWeights"]


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
        value = monitored(run.history.rows[-1], self.monitor)
        if value == self.best or better(value, self.best, self.largest):
            self.best, self.epoch = value, run.epoch
            self._weights = {k: np.array(v) for k, v in run.model.state_dict().items()}

    def on_fit_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._weights:
            run.model.load_state_dict(self._weights)
            run.history.best_epoch = self.epoch
