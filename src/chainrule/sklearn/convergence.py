"""What scikit-learn does at the end of an epoch: curves, scores, rates, when to stop (floor 5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule.backend.arrays import to_host
from chainrule.errors import DataError
from chainrule.ops import Array
from chainrule.train import Callback, Run

__all__ = ["NOT_FINITE", "Convergence", "Held"]

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)

_LEAST_RATE = 1e-6  # at which "adaptive" ends


class Held(NamedTuple):
    """Data that are not trained on.

    Attributes:
        X: as the network takes it.
        y: labels or numbers as they were given.
        packed: targets and weights.
        weight: of the rows, or `None`.
    """

    X: Any
    y: Array
    packed: Array
    weight: Array | None


class Convergence(Callback):
    """Keeps the figures of an estimator, and ends its training.

    Args:
        estimator: whose attributes are set.
        batches: the number of rows of each batch.
        held: data to measure on, if there are any.
        loss_on: gives the loss on such.
        score_on: gives the score on such.
    """

    each_step = False

    def __init__(
        self,
        estimator: Any,
        batches: Array,
        held: Held | None,
        loss_on: Callable[[Held], float],
        score_on: Callable[[Held], float],
    ) -> None:
        self.estimator, self.batches, self.held = estimator, batches, held
        self.loss_on, self.score_on = loss_on, score_on

    def on_epoch_end(self, run: Run) -> None:
        """Note the figures, and see whether it goes on."""
        e = self.estimator
        rows = int(self.batches.sum())
        e.n_iter_ += 1
        e.loss_ = float(np.dot(run.losses, self.batches) / rows)
        if not math.isfinite(e.loss_):
            raise DataError(NOT_FINITE)
        e.t_ += rows
        e.loss_curve_.append(e.loss_)
        run.history.rows[-1]["loss"] = e.loss_
        if self.held is not None:
            self._measure(run, self.held)
        self._count(run)
        if e.solver == "sgd" and e.learning_rate == "invscaling":
            self._set_rate(run, e.learning_rate_init / (e.t_ + 1) ** e.power_t)
        if e._no_improvement_count > e.n_iter_no_change:
            self._trigger(run)

    def _measure(self, run: Run, held: Held) -> None:
        e = self.estimator
        e.validation_loss_curve_.append(self.loss_on(held))
        run.history.rows[-1]["validation_loss"] = e.validation_loss_curve_[-1]
        if e.early_stopping:
            e.validation_scores_.append(float(self.score_on(held)))
            run.history.rows[-1]["validation_score"] = e.validation_scores_[-1]

    def _count(self, run: Run) -> None:
        """Count the epochs without progress, and keep the best weights of those that have some."""
        e = self.estimator
        if not e.early_stopping:
            no_better = e.loss_ > e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
        else:
            score = e.validation_scores_[-1]
            no_better = score < e.best_validation_score_ + e.tol
            if score > e.best_validation_score_:
                e.best_validation_score_ = score
                e._best = {k: np.array(to_host(t.array)) for k, t in run.model.state_dict().items()}
        e._no_improvement_count = e._no_improvement_count + 1 if no_better else 0

    def _trigger(self, run: Run) -> None:
        """Stop, or with "adaptive" go on at a fifth of the rate."""
        e = self.estimator
        what = "Validation score" if e.early_stopping else "Training loss"
        since = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} epochs"
        rate = run.optimizer.param_groups[0]["lr"]
        if e.solver != "sgd" or e.learning_rate != "adaptive" or rate <= _LEAST_RATE:
            run.stop(since)
            return
        self._set_rate(run, rate / 5)
        run.notices.append(f"{since}: the learning rate becomes {rate / 5:g}")
        e._no_improvement_count = 0

    def _set_rate(self, run: Run, rate: float) -> None:
        """Set the learning rate.

        Here the rate multiplies the momentum when a step is taken; there it is in the momentum
        from when the gradient came. So that the same comes of it, what was gathered is scaled.
        """
        for group in run.optimizer.param_groups:
            ratio = group["lr"] / rate
            group["lr"] = rate
            for p in group["params"]:
                gathered = run.optimizer.state[p].get("momentum_buffer")
                if gathered is not None:
                    ops.assign(gathered.array, gathered.array * ratio)
