"""The state of a training run, and the figures it leaves (floor 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from chainrule import nn, optim
from chainrule.autograd import Tensor
from chainrule.errors import ChainruleError
from chainrule.nn.usual import Loss
from chainrule.ops import Array

if TYPE_CHECKING:
    from chainrule.explain.doctor.finding import Finding

__all__ = ["History", "Metric", "NotFiniteError", "Run", "Step", "over_rows"]

Metric: TypeAlias = Callable[[Array, Array], float]
Step: TypeAlias = Callable[["Run", Tensor, Tensor], tuple[float, Array]]


def over_rows(figures: Callable[[Array, Array], Array]) -> Metric:
    """Return the metric that is the mean of a figure of each row: that of many batches is one call.

    Args:
        figures: takes outputs and targets (N, ...), returns the figures (N,) or (N, ...).
    """

    @wraps(figures)
    def metric(outputs: Array, targets: Array) -> float:
        return float(np.mean(figures(outputs, targets))) if len(targets) else math.nan

    vars(metric)["figures"] = figures
    return metric


def _sums(metric: Metric, outputs: Array, targets: Array) -> list[float]:
    """What a metric comes to for all rows of each step: (steps, rows a step, ...).

    Each step is summed by itself, so that it does not matter how many are looked at together.
    """
    steps, rows = targets.shape[:2]
    figures = getattr(metric, "figures", None)
    if figures is None or outputs.shape[:2] != targets.shape[:2]:
        return [float(metric(y, t)) * rows for y, t in zip(outputs, targets)]
    flat = (a.reshape(-1, *a.shape[2:]) for a in (outputs, targets))
    of_rows = np.asarray(figures(*flat), np.float64).reshape(steps, rows, -1).mean(2)
    sums: list[float] = of_rows.sum(1).tolist()
    return sums


class History:
    """The figures of every epoch.

    Attributes:
        rows: one dictionary an epoch: epoch, loss, accuracy or the like, the same of validation,
            learning_rate, seconds, examples_per_second.
        best_epoch: whose weights were kept, if `BestWeights` was there.
        stopped: why training ended before its last epoch; empty if it did not.
        findings: what a doctor found before, during and after the run, if there was one.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.findings: list[Finding] = []
        self.best_epoch: int | None = None
        self.stopped = ""

    def __getitem__(self, name: str) -> list[float]:
        return [row.get(name, math.nan) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


class NotFiniteError(ChainruleError):
    """A loss that is NaN or infinite.

    Args:
        what: became which number when.
        reason: where it comes from, if that is known.
        advice: what to do about it.
    """

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what}{': ' * bool(reason)}{reason}; {advice}")
        self.what, self.advice = what, advice

    def because(self, reason: str, advice: str = "") -> NotFiniteError:
        """Return the same error with its reason, and with other advice if there is any."""
        return NotFiniteError(self.what, reason, advice or self.advice)


class Run:
    """One training run: what callbacks see.

    Attributes:
        model: the module being trained.
        optimizer: what trains it.
        history: the figures so far.
        epochs: how many there will be at most.
        epoch: the present one, from 1.
        step: steps taken, over all epochs.
        total_steps: how many there will be at most.
        seen: examples trained on.
        started: when, by `time.perf_counter`.
        step_loss: of the last step.
        stopped: why the run is to end; empty if it is not.
        losses: of the steps of the present epoch.
        notices: what is to be shown to the person, once.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: optim.Optimizer,
        loss: Loss,
        metrics: dict[str, Metric],
        epochs: int,
        total_steps: int,
        history: History | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.history = History() if history is None else history
        self.epochs = epochs
        self.epoch = 0
        self.step = 0
        self.total_steps = total_steps
        self.seen = 0
        self.started = time.perf_counter()
        self.step_loss = math.nan
        self.stopped = ""
        self.losses: list[float] = []
        self.notices: list[str] = []
        self._sums: dict[str, float] = {}
        self._count = 0

    def stop(self, reason: str) -> None:
        """End the run after this epoch."""
        self.stopped = reason

    def running(self) -> dict[str, float]:
        """Return loss and metrics of the present epoch so far."""
        return {name: total / max(self._count, 1) for name, total in self._sums.items()}

    def begin_epoch(self) -> None:
        """Start counting anew."""
        self.epoch += 1
        self.losses = []
        self._sums = dict.fromkeys(("loss", *self.metrics), 0.0)
        self._count = 0

    def finite(self, loss: float) -> float:
        """Return the loss of the step under way, for a step to call before it changes a weight.

        Raises:
            NotFiniteError: it is not a finite number.
        """
        if math.isfinite(loss):
            return loss
        rate = self.optimizer.param_groups[0]["lr"]
        raise NotFiniteError(
            f"the loss became {loss} in epoch {self.epoch}, step {self.step + 1}",
            "",
            f"use a lower learning rate than {rate:g}, or look for NaN and unscaled numbers in the "
            "data",
        )

    def count_many(self, losses: Sequence[float], outputs: Array, targets: Array) -> None:
        """Add the figures of many steps of equal batches: (steps,), (steps, rows a step, ...)."""
        if not losses:
            return
        rows = targets.shape[1]
        for loss in losses:
            self._sums["loss"] += loss * rows
            self.step_loss = loss
        self.losses += losses
        self.step += len(losses)
        self.seen += rows * len(losses)
        self._count += rows * len(losses)
        for name, metric in self.metrics.items():
            for total in _sums(metric, outputs, targets):  # one by one, as if it were so counted
                self._sums[name] += total

    def count(self, loss: float, outputs: Array, targets: Array) -> None:
        """Add a step's figures to the epoch's."""
        self.finite(loss)
        n = len(targets)
        self.step += 1
        self.seen += n
        self.step_loss = loss
        self.losses.append(loss)
        self._count += n
        self._sums["loss"] += loss * n
        for name, metric in self.metrics.items():
            self._sums[name] += _sums(metric, outputs[None], targets[None])[0]
