"""Stopping a run before its last epoch: no longer better, or out of time (floor 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from chainrule.errors import OptionError
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.watched import better, is_largest, monitored, worst
from chainrule.train.fitting.run import Run

__all__ = ["EarlyStopping", "MaxTime"]


class EarlyStopping(Callback):
    """Stop when a figure has not become better for a number of epochs.

    Args:
        patience: how many epochs to wait.
        monitor: the figure; that of training where there is no validation.
        largest: whether larger is better; of a loss and of `METRICS` that is known.
        min_delta: by how much it has to be better to count.

    The weights are those of the last epoch; `BestWeights` beside it puts the best ones back.

    Raises:
        OptionError: `patience` is below 1.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> history = fit(
        ...     nn.Linear(1, 1), (x, 3 * x), lr=1e-12, epochs=99, metrics=["r2"],
        ...     callbacks=[EarlyStopping(2, "r2", min_delta=0.01)], progress=False
        ... )
        >>> len(history), history.stopped
        (3, 'r2 has not improved for 2 epochs')
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "validation_loss",
        largest: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        if patience < 1:
            raise OptionError(f"patience must be at least 1 epoch, got {patience}")
        self.patience = patience
        self.monitor = monitor
        self.largest = largest
        self.min_delta = min_delta
        self.best: float | None = None
        self.waited = 0

    def on_epoch_end(self, run: Run) -> None:
        """Count the epochs without progress, and stop the run when there are too many."""
        value = monitored(run.history.rows[-1], self.monitor)
        largest = is_largest(self.largest, self.monitor, run)
        best = worst(largest) if self.best is None else self.best
        if better(value, best + self.min_delta if largest else best - self.min_delta, largest):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(f"{self.monitor} has not improved for {self.patience} epochs")

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure, and how long nothing was better."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.best, self.waited = state["best"], state["waited"]


class MaxTime(Callback):
    """End the run after so many seconds, in the middle of an epoch if need be.

    What has been trained of that epoch is measured like a whole one.

    Args:
        seconds: of training, from the first step on.

    Raises:
        OptionError: `seconds` is no number above 0.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> history = fit(
        ...     nn.Linear(1, 1), (x, 3 * x), epochs=10**6, callbacks=[MaxTime(0.01)],
        ...     progress=False
        ... )
        >>> history.stopped
        'the time of 0.01 seconds is over'
    """

    each_step: ClassVar[bool] = False

    def __init__(self, seconds: float) -> None:
        if not 0 < seconds < math.inf:
            raise OptionError(f"MaxTime takes a number of seconds above 0, got {seconds}")
        self.seconds = seconds

    def on_step_end(self, run: Run) -> None:
        """Look at the clock."""
        if time.perf_counter() - run.started >= self.seconds:
            run.stop(f"the time of {self.seconds:g} seconds is over", at_once=True)

    def on_epoch_end(self, run: Run) -> None:
        """Look at the clock: measuring takes time too."""
        self.on_step_end(run)
