"""The best weights of a run, kept and put back (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.backend.arrays import to_host
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.watched import better, is_largest, monitored, worst
from chainrule.train.fitting.run import Run

__all__ = ["BestWeights"]


class BestWeights(Callback):
    """Keep the weights of the best epoch, the later of equals, and put them back at the end.

    Args:
        monitor: the figure that decides; that of training where there is no validation.
        largest: whether larger is better; of a loss and of `METRICS` that is known.

    Attributes:
        best: the best figure so far; `None` before the first epoch.
        epoch: which it was of.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> y, last = (x[:, 0] > 0).long(), (x[:8], (x[:8, 0] > 0).long())
        >>> history = fit(
        ...     nn.Linear(1, 2), (x, y), validation=last, metrics=["f1_macro"], epochs=3,
        ...     callbacks=[BestWeights("validation_f1_macro")], progress=False
        ... )
        >>> figures = history["validation_f1_macro"]
        >>> figures[history.best_epoch - 1] == max(figures)
        True
    """

    def __init__(self, monitor: str = "validation_loss", largest: bool | None = None) -> None:
        self.monitor = monitor
        self.largest = largest
        self.best: float | None = None
        self.epoch: int | None = None
        self._weights: dict[str, Any] = {}

    def on_epoch_end(self, run: Run) -> None:
        """Copy the weights if they are the best so far."""
        value = monitored(run.history.rows[-1], self.monitor)
        largest = is_largest(self.largest, self.monitor, run)
        best = worst(largest) if self.best is None else self.best
        if value == best or better(value, best, largest):
            self.best, self.epoch = value, run.epoch
            state = run.model.state_dict()
            self._weights = {k: np.array(to_host(getattr(v, "array", v))) for k, v in state.items()}

    def on_fit_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._weights:
            run.model.load_state_dict(self._weights)
            run.history.best_epoch = self.epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure, its epoch and its weights."""
        return {"best": self.best, "epoch": self.epoch, "weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.best, self.epoch = state["best"], state["epoch"]
        self._weights = dict(state["weights"])
