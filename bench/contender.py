"""What a contender is, for the process that runs it: begin, run, loss.

Each file in `contenders` has the contenders of one library. A contender is made once, with all
that is compiled at leisure; then every round is `begin` (back to the start), `run` (which is timed)
and `loss`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bench.workloads import Array, Data, Workload


class Absent(Exception):  # noqa: N818  # a fact and no fault
    """Why a contender cannot take part here, in a sentence."""


class Contender:
    """One library, used in one way, on one workload.

    Args:
        workload: what is run.
        data: its arrays, not to be changed.
        threads: how many may be used; what the environment can say about it is said already.

    Attributes:
        label: its name in tables.
        needs: the modules without which it is absent.
        tasks: the kinds of workloads it does.
        ours: whether it is chainrule.
    """

    label: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    tasks: ClassVar[tuple[str, ...]] = ("train", "infer")
    ours: ClassVar[bool] = False

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        self.workload = workload
        self.data = data
        self.threads = threads

    @classmethod
    def suits(cls, workload: Workload) -> bool:
        """Say whether it does such workloads at all."""
        return workload.task in cls.tasks

    def begin(self) -> None:
        """Go back to the first weights, and forget what the optimiser remembers."""

    def run(self) -> None:
        """Do all steps, and return when they are done."""
        raise NotImplementedError

    def outputs(self) -> Array:
        """Return the scores of the network as it is now, for every row, (rows, out)."""
        raise NotImplementedError

    def loss(self) -> float:
        """Return the loss over all rows as it is now."""
        return measured_loss(self.workload, self.outputs(), self.data.y)


def measured_loss(workload: Workload, outputs: Array, y: Array) -> float:
    """Return the loss of scores, in float64, by the same lines for every contender."""
    scores = np.asarray(outputs, dtype=np.float64)
    if workload.loss == "mse":
        return float(np.mean((scores - y) ** 2))
    if workload.loss == "bce":
        return float(np.mean(np.logaddexp(0, scores) - y * scores))
    highest = scores.max(axis=1)
    total = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    return float(np.mean(total - scores[np.arange(len(y)), y]))
