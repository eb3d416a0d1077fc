"""chainrule: a person's own loop eager, the same loop compiled, and `fit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from bench.contender import Contender
from bench.workloads import SEED, Array, Data, Workload

WARM = 4  # calls after which a compiled step is replayed


class Eager(Contender):
    """The loop of every tutorial, nothing compiled."""

    label = "chainrule, eager"
    ours = True

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import chainrule as cr
        from chainrule import nn

        cr.set_num_threads(threads)
        self.cr = cr
        self.x, self.y = cr.from_numpy(data.x), cr.from_numpy(data.y)
        layers: list[nn.Module] = []
        for w in data.weights:
            layers += [nn.Linear(w.shape[1], w.shape[0], bias=bool(data.biases)), _bend(workload)]
        self.model = nn.Sequential(*layers[:-1])
        self.criterion = _loss(workload)
        kind = {"sgd": cr.optim.SGD, "adam": cr.optim.Adam}[workload.optimizer]
        self.optimizer = kind(self.model.parameters(), lr=workload.lr)
        self.forward: Callable[..., Any] = self.model
        self.step: Any = self._step

    def begin(self) -> None:
        """Copy the first weights into the model; what the optimiser remembers becomes 0."""
        first = [p for pair in zip(self.data.weights, self.data.biases) for p in pair]
        with self.cr.no_grad():
            for p, array in zip(self.model.parameters(), first or self.data.weights):
                p.copy_(self.cr.from_numpy(array))
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

    def outputs(self) -> Array:
        """The model's scores."""
        with self.cr.no_grad():
            scores: Array = self.model(self.x).numpy()
        return scores

    def _step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss


class Compiled(Eager):
    """The same loop, its step through `compile` into machine code, before the first round."""

    label = "chainrule, compiled"
    needs: ClassVar[tuple[str, ...]] = ("llvmlite",)
    executor: ClassVar[str] = "native"

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        self.forward = self.cr.compile(self.model, executor=self.executor)
        self.step = self.cr.compile(self._step, executor=self.executor)
        self.workload = replace(workload, steps=WARM)
        self.data = data._replace(order=data.order[:WARM])
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
    needs = ()
    executor = "numpy"


class Fit(Eager):
    """`fit`, which shuffles by itself and compiles without being asked."""

    label = "chainrule, fit"
    tasks = ("train",)

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
            self.criterion,
            self.optimizer,
            epochs=1 if batch else self.workload.steps,
            metrics={},
            threads=self.threads,
            progress=False,
        )


def _bend(workload: Workload) -> Any:
    from chainrule import nn

    return nn.Tanh() if workload.activation == "tanh" else nn.ReLU()


def _loss(workload: Workload) -> Callable[..., Any]:
    from chainrule.nn import functional as F

    losses: dict[str, Callable[..., Any]] = {
        "mse": F.mse_loss,
        "bce": F.binary_cross_entropy_with_logits,
        "cross_entropy": F.cross_entropy,
    }
    return losses[workload.loss]
