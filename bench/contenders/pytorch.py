"""PyTorch: eager, with its two quicker optimisers, and compiled."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

from bench.contender import Absent, Contender
from bench.losses import criterion
from bench.networks import network
from bench.optimizers import optimizer
from bench.workloads import SEED, Data, Workload


class PyTorch(Contender):
    """PyTorch as it comes."""

    label = "PyTorch"
    needs = ("torch",)
    options: ClassVar[dict[str, bool]] = {}

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.x, self.y = torch.from_numpy(data.x), torch.from_numpy(data.y)
        self.order = torch.from_numpy(data.order)
        self.model: Any = network(workload).module(torch).train(workload.task != "infer")
        self.forward = self.model
        loss = criterion(torch, workload.loss)
        self.objective: Any = lambda x, y: loss(self.model(x), x, y)

    def begin(self) -> None:
        """Copy the first weights into the model, and make a new optimiser."""
        torch, workload = self.torch, self.workload
        torch.manual_seed(SEED)
        first = {name: torch.from_numpy(array) for name, array in self.data.weights.items()}
        self.model.load_state_dict(first)
        self.optimizer = optimizer(
            torch, workload.optimizer, self.model.parameters(), workload.lr, **self.options
        )

    def run(self) -> None:
        """The loop of every tutorial."""
        if self.workload.task == "infer":
            with self.torch.inference_mode():
                for _ in range(self.workload.steps):
                    self.forward(self.x)
            return
        for rows in self.order:
            x, y = (self.x[rows], self.y[rows]) if len(rows) else (self.x, self.y)
            self.optimizer.zero_grad()
            self.objective(x, y).backward()
            self.optimizer.step()

    def outputs(self, rows: slice) -> Any:
        """What the model gives, by the way that was timed if that was inference."""
        infers = self.workload.task == "infer"
        self.model.eval()
        with self.torch.inference_mode():
            found = (self.forward if infers else self.model)(self.x[rows])
        self.model.train(not infers)
        return found


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
            self.forward = self.torch.compile(self.model)
