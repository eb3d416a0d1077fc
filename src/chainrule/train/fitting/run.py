"""The state of a training run, and the figures it leaves (floor 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule import nn, optim
from chainrule.autograd import Tensor
from chainrule.backend.arrays import to_host
from chainrule.errors import ChainruleError
from chainrule.nn.usual import Loss
from chainrule.ops import Array
from chainrule.train.fitting.crew import Crew
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.tally import Tally

if TYPE_CHECKING:
    from chainrule.explain.doctor.finding import Finding

__all__ = ["History", "NotFiniteError", "Run", "Step"]

# Bytes of outputs and targets that are kept in an epoch, for metrics that want all of them.
_ROOM = 2**28

Step: TypeAlias = Callable[["Run", Tensor, Tensor], tuple[float, Array]]


class History:
    """The figures of every epoch.

    Attributes:
        rows: one dictionary an epoch: epoch, loss, accuracy or the like, the same of validation,
            learning_rate, seconds, examples_per_second.
        best_epoch: whose weights were kept, if `BestWeights` was there.
        stopped: why training ended before its last epoch; empty if it did not.
        findings: what a doctor found before, during and after the run, if there was one.
        seconds: how long it has been trained, with what was before a break.
        kept: of the last epoch, the figures that are no numbers: confusion, validation_confusion.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.findings: list[Finding] = []
        self.kept: dict[str, Array] = {}
        self.best_epoch: int | None = None
        self.stopped = ""
        self.seconds = 0.0

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
        halted: whether no further step is to be taken.
        losses: of the steps of the present epoch.
        notices: what is to be shown to the person, once.
        snapshot: returns all that a checkpoint holds, where there is to be one.
        crew: the ranks that train together; `None` where this process does alone.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: optim.Optimizer,
        loss: Loss,
        metrics: Mapping[str, Metric],
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
        self.stopped, self.halted = "", False
        self.losses: list[float] = []
        self.notices: list[str] = []
        self.snapshot: Callable[[], dict[str, Any]] | None = None
        self.crew: Crew | None = None
        self._begun = self._seconds = 0.0
        self._rate = math.nan
        self._loss = 0.0
        self._tally = Tally(metrics, _ROOM)
        self._count = 0

    @property
    def network(self) -> nn.Module:
        """What a step goes through: the model, or on several ranks what exchanges its gradients."""
        return self.model if self.crew is None else self.crew.network

    @property
    def speaks(self) -> bool:
        """Whether this process shows and writes what there is to be seen: of several, rank 0."""
        return self.crew is None or self.crew.is_first

    def looking(self) -> AbstractContextManager[None]:
        """Inside the block a walk back makes this process's own gradients, and none for all."""
        return nullcontext() if self.crew is None else self.crew.without_exchange()

    def as_first(self, number: float) -> float:
        """Return a number, or of several ranks that of rank 0, all of which have to ask for it."""
        return number if self.crew is None else self.crew.as_first(number)

    def stop(self, reason: str, at_once: bool = False) -> None:
        """End the run after this epoch.

        Args:
            reason: why, for the history.
            at_once: take no further step of the epoch; what was trained of it is measured.
        """
        self.stopped, self.halted = reason, at_once

    def running(self) -> dict[str, float]:
        """Return loss and metrics of the present epoch so far."""
        return {"loss": self._loss / max(self._count, 1), **self._tally.running()}

    def figures(self) -> dict[str, Any]:
        """Return loss and metrics of the epoch that is over, also those that are no numbers."""
        # Before anything else is measured.
        self._seconds = self.as_first(time.perf_counter() - self._begun)
        if self._tally.crowded:
            self.notices.append(
                "the outputs of an epoch are too many to be kept, so the metrics that want all of "
                "them are told of validation alone"
            )
        return {"loss": self._loss / max(self._count, 1), **self._tally.figures()}

    def begin_epoch(self) -> None:
        """Start counting anew."""
        self.epoch += 1
        self.losses = []
        self._loss = 0.0
        self._tally.clear()
        self._count = 0
        self._begun = time.perf_counter()
        self._rate = float(self.optimizer.param_groups[0]["lr"])

    def end_epoch(self, figures: Mapping[str, Any]) -> None:
        """Put the figures of the epoch into the history, beside its rate and its times.

        Args:
            figures: by name; what is no number is kept aside.
        """
        seconds = self._seconds
        self.history.kept = {k: v for k, v in figures.items() if isinstance(v, np.ndarray)}
        row = {
            "epoch": self.epoch,
            **{k: v for k, v in figures.items() if k not in self.history.kept},
            "learning_rate": self._rate,
            "seconds": seconds,
            "examples_per_second": self._count / max(seconds, 1e-9),
        }
        self.history.rows.append(row)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts and sums so far, for a checkpoint."""
        now = time.perf_counter()
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seen": self.seen,
            "step_loss": self.step_loss,
            "stopped": self.stopped,
            "losses": np.array(self.losses, np.float64),
            "loss": self._loss,
            "count": self._count,
            "tally": self._tally.state_dict(),
            "rate": self._rate,
            "seconds": (now - self.started, now - self._begun),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Count on from what `state_dict` gave."""
        self.epoch, self.step, self.seen = (int(state[n]) for n in ("epoch", "step", "seen"))
        self.step_loss, self.stopped = float(state["step_loss"]), str(state["stopped"])
        self.losses = state["losses"].tolist()
        self._loss, self._count = float(state["loss"]), int(state["count"])
        self._tally.load_state_dict(state["tally"])
        self._rate = float(state["rate"])
        total, of_epoch = map(float, state["seconds"])
        now = time.perf_counter()
        self.started, self._begun = now - total, now - of_epoch

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
            self._loss += loss * rows
            self.step_loss = loss
        self.losses += losses
        self.step += len(losses)
        self.seen += rows * len(losses)
        self._count += rows * len(losses)
        self._tally.add_many(outputs, targets)

    def take(self, totals: Sequence[float], rows: Sequence[int], tallies: Sequence[Any]) -> None:
        """Add the figures of steps that several ranks have taken together.

        Args:
            totals: the loss of each step times its rows,
            rows: and how many these are.
            tallies: the states of the ranks' tallies.
        """
        for total, n in zip(totals, rows, strict=True):
            self.step_loss = total / n
            self.losses.append(self.step_loss)
            self._loss += total
            self._count += n
        for state in tallies:
            self._tally.take(state)

    def count(self, loss: float, outputs: Array, targets: Array) -> None:
        """Add a step's figures to the epoch's."""
        self.finite(loss)
        n = len(targets)
        self.step += 1
        self.seen += n
        self.step_loss = loss
        self.losses.append(loss)
        self._count += n
        self._loss += loss * n
        self._tally.add(to_host(outputs), to_host(targets))
