"""What a contender is, for the process that runs it: begin, run, loss.

Each file in `contenders` has the contenders of one library. A contender is made once, with all
that is compiled at leisure; then every round is `begin` (back to the start), `run` (which is timed)
and `loss`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from bench.losses import measured_loss
from bench.workloads import Data, Workload

PIECE = 128  # rows whose outputs are computed together after a run; more would be the most memory


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
        networks: those it has; every one if `None`.
        ours: whether it is chainrule.
    """

    label: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    tasks: ClassVar[tuple[str, ...]] = ("train", "infer")
    networks: ClassVar[tuple[str, ...] | None] = None
    ours: ClassVar[bool] = False

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        self.workload = workload
        self.data = data
        self.threads = threads

    @classmethod
    def suits(cls, workload: Workload) -> bool:
        """Say whether it does such workloads at all."""
        return workload.task in cls.tasks and workload.network in (
            cls.networks or (workload.network,)
        )

    def begin(self) -> None:
        """Go back to the first weights, and forget what the optimiser remembers."""

    def run(self) -> None:
        """Do all steps, and return when they are done."""
        raise NotImplementedError

    def outputs(self, rows: slice) -> Any:
        """Return what the network, as it is now, gives for some of the rows."""
        raise NotImplementedError

    def loss(self) -> float:
        """Return the loss over all rows as it is now."""
        x, y, total = self.data.x, self.data.y, 0.0
        for rows in self._pieces():
            part = measured_loss(self.workload.loss, self.outputs(rows), x[rows], y[rows])
            total += part * len(x[rows])
        return total / len(x)

    def _pieces(self) -> Iterator[slice]:
        """All rows: at once where that was what was timed."""
        step = self.workload.rows if self.workload.task == "infer" else PIECE
        return (slice(i, i + step) for i in range(0, len(self.data.x), step))
