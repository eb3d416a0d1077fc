"""scikit-learn's multilayer perceptrons.

They take no batches from outside, so they get the rows in the order of the batches, and need not
gather them. Their squared error is half of ours, which twice the learning rate makes up for.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from bench.contender import Contender
from bench.workloads import Array, Data, Workload


class ScikitLearn(Contender):
    """`MLPClassifier`, or `MLPRegressor` for numbers."""

    label = "scikit-learn"
    needs = ("sklearn",)
    networks = ("mlp",)

    @classmethod
    def suits(cls, workload: Workload) -> bool:
        """Its layers always have a bias."""
        return workload.bias and super().suits(workload)

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        in_order = data.order.reshape(-1) if workload.batch else slice(None)
        self.x, self.y = data.x[in_order], data.y[in_order]
        if self.y.ndim == 2:
            self.y = self.y[:, 0]
        halved = workload.loss == "mse"
        kind: Any = MLPRegressor if halved else MLPClassifier
        epochs = 1 if workload.batch or workload.task == "infer" else workload.steps
        self.model = kind(
            workload.sizes[1:-1],
            activation=workload.activation,
            solver=workload.optimizer,
            alpha=0.0,
            batch_size=workload.rows_a_step,
            learning_rate_init=workload.lr * (2 if halved else 1),
            max_iter=epochs,
            shuffle=False,
            momentum=0.0,
            nesterovs_momentum=False,
            tol=0.0,
            n_iter_no_change=sys.maxsize,
        )
        known = {} if halved else {"classes": np.arange(max(workload.sizes[-1], 2))}
        first = slice(workload.rows_a_step)
        self.model.partial_fit(self.x[first], self.y[first], **known)  # makes the arrays
        self.model.set_params(warm_start=True)

    def begin(self) -> None:
        """Put the first weights where a warm start finds them; it makes a new optimiser."""
        self.model.coefs_ = [w.T.copy() for w in self.data.matrices]
        self.model.intercepts_ = [b.copy() for b in self.data.biases]
        self.model.loss_curve_ = []

    def run(self) -> None:
        """`fit`, or `predict`."""
        if self.workload.task == "infer":
            for _ in range(self.workload.steps):
                self.model.predict_proba(self.x)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            self.model.fit(self.x, self.y)

    def outputs(self, rows: slice) -> Array:
        """What stands before its last function, up to a constant that no loss sees."""
        if self.workload.loss == "mse":
            return self.model.predict(self.data.x[rows]).reshape(-1, 1)
        p = np.asarray(self.model.predict_proba(self.data.x[rows]), dtype=np.float64)
        logs = np.log(np.maximum(p, 1e-30))
        return logs[:, 1:] - logs[:, :1] if self.workload.loss == "bce" else logs
