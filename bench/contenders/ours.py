"""chainrule: a person's own loop eager, the same loop compiled, and `fit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from bench.contender import Contender
from bench.losses import criterion
from bench.networks import network
from bench.optimizers import optimizer
from bench.workloads import SEED, Data, Workload

WARM = 4  # calls after which a compiled step is replayed


class Eager(Contender):
    """The loop of every tutorial, nothing compiled."""

    label = "chainrule, eager"
    needs: ClassVar[tuple[str, ...]] = ("chainrule",)
    ours = True

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import chainrule as cr

        cr.set_num_threads(threads)
        self.cr = cr
        self.x, self.y = cr.from_numpy(data.x), cr.from_numpy(data.y)
        self.model: Any = network(workload).module(cr).train(workload.task != "infer")
        self.criterion = criterion(cr, workload.loss)
        self.optimizer = optimizer(cr, workload.optimizer, self.model.parameters(), workload.lr)
        self.forward: Callable[..., Any] = self.model
        self.step: Any = self._step

    def begin(self) -> None:
        """Copy the first weights into the model; what the optimiser remembers becomes 0."""
        self.cr.manual_seed(SEED)
        self.model.load_state_dict(self.data.weights)
        with self.cr.no_grad():
            for remembered in self.optimizer.state.values():
                for value in remembered.values():
                    value.zero_()

    def run(self) -> None:
        """Step by step, as the person wrote it."""
        if self.workload.task == "infer":
            with self.cr.no_grad():
                for _ in range(self.workload.steps):
                    self.forward(self.x)
            return
        for rows in self.data.order:
            x, y = (self.x[rows], self.y[rows]) if len(rows) else (self.x, self.y)
            self.step(x, y)

    def outputs(self, rows: slice) -> Any:
        """What the model gives, by the way that was timed if that was inference."""
        infers = self.workload.task == "infer"
        self.model.eval()
        with self.cr.no_grad():
            found = (self.forward if infers else self.model)(self.x[rows])
        self.model.train(not infers)
        return found

    def _step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), x, y)
        loss.backward()
        self.optimizer.step()
        return loss


class Compiled(Eager):
    """The same loop, its step through `compile` into machine code, before the first round."""

    label = "chainrule, compiled"
    needs: ClassVar[tuple[str, ...]] = ("chainrule", "llvmlite")
    executor: ClassVar[str] = "native"

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        self.forward = self.cr.compile(self.model, executor=self.executor)
        self.step = self.cr.compile(self._step, executor=self.executor)
        self.workload = replace(workload, steps=WARM)
        self.data = data._replace(order=np.resize(data.order, (WARM, *data.order.shape[1:])))
        self.begin()
        self.run()
        self.workload, self.data = workload, data


class Many(Compiled):
    """The same step, all of them in one call."""

    label = "chainrule, many steps"
    tasks = ("train",)

    def run(self) -> None:
        """One call."""
        if self.workload.batch:
            self.step.many(self.x, self.y, rows=self.data.order)
        else:
            self.step.many(self.x, self.y, steps=self.workload.steps)


class Replayed(Compiled):
    """The same replayed by NumPy, into memory taken once."""

    label = "chainrule, compiled for NumPy"
    needs = ("chainrule",)
    executor = "numpy"


class Fit(Eager):
    """`fit`, which shuffles by itself and compiles without being asked."""

    label = "chainrule, fit"
    tasks = ("train",)

    @classmethod
    def suits(cls, workload: Workload) -> bool:
        """Its losses are not given the inputs."""
        return workload.loss != "elbo" and super().suits(workload)

    def run(self) -> None:
        """Epochs of one batch, or one epoch of many in the order that its seed gives."""
        batch = self.workload.batch
        self.cr.fit(
            self.model,
            self.cr.data.DataLoader(
                self.cr.data.TensorDataset(self.x, self.y),
                self.workload.rows_a_step,
                shuffle=batch is not None,
                generator=self.cr.Generator().manual_seed(SEED),
            ),
            lambda found, y: self.criterion(found, None, y),
            self.optimizer,
            epochs=1 if batch else self.workload.steps,
            metrics={},
            threads=self.threads,
            progress=False,
        )
