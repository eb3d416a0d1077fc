"""PyTorch: eager, with its two quicker optimisers, and compiled."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

from bench.contender import Absent, Contender
from bench.workloads import Array, Data, Workload


class PyTorch(Contender):
    """PyTorch as it comes."""

    label = "PyTorch"
    needs = ("torch",)
    options: ClassVar[dict[str, bool]] = {}

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import torch
        from torch import nn
        from torch.nn import functional as F

        torch.set_num_threads(threads)
        self.torch = torch
        self.x, self.y = torch.from_numpy(data.x), torch.from_numpy(data.y)
        self.order = torch.from_numpy(data.order)
        layers: list[nn.Module] = []
        for w in data.weights:
            layers += [nn.Linear(w.shape[1], w.shape[0], bias=bool(data.biases)), _bend(workload)]
        self.model: Any = nn.Sequential(*layers[:-1])
        losses: dict[str, Any] = {
            "mse": F.mse_loss,
            "bce": F.binary_cross_entropy_with_logits,
            "cross_entropy": F.cross_entropy,
        }
        criterion = losses[workload.loss]
        self.objective: Any = lambda x, y: criterion(self.model(x), y)

    def begin(self) -> None:
        """Copy the first weights into the model, and make a new optimiser."""
        first = [p for pair in zip(self.data.weights, self.data.biases) for p in pair]
        with self.torch.no_grad():
            for p, array in zip(self.model.parameters(), first or self.data.weights):
                p.copy_(self.torch.from_numpy(array))
        kind = {"sgd": self.torch.optim.SGD, "adam": self.torch.optim.Adam}
        make: Any = kind[self.workload.optimizer]
        self.optimizer = make(self.model.parameters(), lr=self.workload.lr, **self.options)

    def run(self) -> None:
        """The loop of every tutorial."""
        if self.workload.task == "infer":
            with self.torch.inference_mode():
                for _ in range(self.workload.steps):
                    self.model(self.x)
            return
        for rows in self.order:
            x, y = (self.x[rows], self.y[rows]) if len(rows) else (self.x, self.y)
            self.optimizer.zero_grad()
            self.objective(x, y).backward()
            self.optimizer.step()

    def outputs(self) -> Array:
        """The model's scores."""
        with self.torch.inference_mode():
            scores: Array = self.model(self.x).numpy()
        return scores


class Foreach(PyTorch):
    """With the optimiser that takes all parameters in each of its operations."""

    label = "PyTorch, foreach"
    tasks = ("train",)
    options = {"foreach": True}


class Fused(PyTorch):
    """With the optimiser that is one kernel."""

    label = "PyTorch, fused"
    tasks = ("train",)
    options = {"fused": True}


class Compiled(PyTorch):
    """Forward, loss and backward compiled, the optimiser fused."""

    label = "PyTorch, compiled"
    options = {"fused": True}

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        if not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise Absent("torch.compile needs a C++ compiler, and there is none")
        super().__init__(workload, data, threads)
        self.objective = self.torch.compile(self.objective)
        if workload.task == "infer":
            self.model = self.torch.compile(self.model)


def _bend(workload: Workload) -> Any:
    from torch import nn

    return nn.Tanh() if workload.activation == "tanh" else nn.ReLU()
