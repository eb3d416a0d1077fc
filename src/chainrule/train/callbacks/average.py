"""Weights averaged over the steps of a run, to measure and to keep (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.run import Run

__all__ = ["EMA"]


class EMA(Callback):
    """Average the weights over the steps, measure with the averages, and keep them in the end.

    After step t, with the weights w,

        average = d average + (1 - d) w        d = min(decay, (1 + t) / (10 + t))

    so that a short run is not held back by the weights that it began with. Training goes on with
    the weights as they are; validation, `BestWeights` and whatever else comes at the end of an
    epoch see the averages, and they are what the model has after `fit`. Running statistics, as
    those of batch norms, are not averaged.

    B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM
    Journal on Control and Optimization, 1992; the exponential form with its start as in
    TensorFlow's `ExponentialMovingAverage`.

    Args:
        decay: how much of the average is kept at each step in the end, from 0 to below 1.

    Raises:
        OptionError: `decay` is outside, or a training step of one's own that never calls
            `optimizer.step()`, which is where it is averaged.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> noisy = 3 * x + cr.randn(64, 1, generator=cr.Generator(0))
        >>> model = nn.Linear(1, 1, generator=cr.Generator(0))
        >>> history = fit(
        ...     model, (x, noisy), lr=0.1, epochs=40, batch_size=4, callbacks=[EMA(0.99)],
        ...     generator=cr.Generator(0), progress=False
        ... )
        >>> abs(model.weight.item() - 3) < 0.3
        True
    """

    each_step: ClassVar[bool] = False

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise OptionError(f"decay must be a number from 0 to below 1, got {decay}")
        self.decay = decay
        self._others: list[Tensor] = []  # the averages, or the weights while the model has those
        self._count = from_numpy(np.zeros((), dtype=np.float64))
        self._shown = False  # whether the model has the averages
        self._resumed = False
        self._hold: Any = None

    def on_fit_start(self, run: Run) -> None:
        """Begin with the weights as they are, unless the run goes on."""
        if not self._resumed:
            self._others = [p.detach().clone() for p in run.model.parameters()]
            ops.assign(self._count, 0.0)
            self._shown = False
        pairs = zip(self._others, run.model.parameters(), strict=True)
        self._others = [other.to(p.device) for other, p in pairs]
        self._resumed = False
        kept = [p.detach() for p in run.model.parameters()]
        self._hold = run.optimizer.register_step_post_hook(lambda *_: self._average(kept))

    def _average(self, weights: list[Tensor]) -> None:
        """Take the weights in; recorded as a part of the step where that is compiled."""
        with no_grad():
            ops.assign(self._count, self._count + 1)
            decay = ops.minimum((1 + self._count) / (10 + self._count), self.decay)
            for average, w in zip(self._others, weights, strict=True):
                share = ops.cast(1 - decay, dtype=w.dtype)
                ops.assign(average, average + share * (w - average))

    def on_epoch_start(self, run: Run) -> None:
        """Give the model its own weights back."""
        if self._shown:
            self._exchange(run)

    def on_epoch_trained(self, run: Run) -> None:
        """Give the model the averages."""
        if run.step and not self._count.item():
            raise OptionError(
                "EMA averages the weights at each optimizer.step(), which the training step never "
                "calls; leave EMA out, or train by a step that calls it"
            )
        self._exchange(run)

    def on_fit_end(self, run: Run) -> None:
        """Leave the averages in the model, unless better weights have been put back already."""
        if self._hold is not None:
            self._hold.remove()
        if self._hold is not None and not self._shown and run.history.best_epoch is None:
            self._exchange(run)

    def _exchange(self, run: Run) -> None:
        with no_grad():
            for other, p in zip(self._others, run.model.parameters(), strict=True):
                before = p.detach().clone()
                ops.assign(p.detach(), other)
                ops.assign(other, before)
        self._shown = not self._shown

    def state_dict(self) -> dict[str, Any]:
        """Return what the model does not have of the two, and how many steps were averaged."""
        return {
            "others": [to_host(other.array) for other in self._others],
            "count": int(self._count.item()),
            "shown": self._shown,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self._others = [from_numpy(np.array(array)) for array in state["others"]]
        ops.assign(self._count, float(state["count"]))
        self._shown, self._resumed = bool(state["shown"]), True
