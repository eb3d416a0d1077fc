"""What a compiled step launches and moves on a GPU, counted, without one.

    python -m bench.gpu_counts

One training step of each network is recorded on the processor and cut into kernels as for a GPU.
Beside it stands the same program operation by operation: a launch for each that is no view, and the
bytes that it reads and writes. Nothing is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd import Tensor
from chainrule.nn import functional as F
from chainrule.plan.costs import of_instruction
from chainrule.plan.cuda.executor import prepared
from chainrule.plan.cuda.halves import Halves
from chainrule.plan.cuda.steps import steps_of
from chainrule.plan.passes import simplified
from chainrule.plan.program import Program
from chainrule.plan.record import record

__all__ = ["NETWORKS", "Count", "count", "table"]


class Count(NamedTuple):
    """What one step takes.

    Attributes:
        operations: launches operation by operation.
        kernels: fused kernels,
        products: products of the library,
        bodies: and operations with a kernel of their own.
        before: bytes moved operation by operation,
        after: and by what is fused.
    """

    operations: int
    kernels: int
    products: int
    bodies: int
    before: int
    after: int


def _digits() -> tuple[nn.Module, Any, Any]:
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    return model, np.zeros((64, 784), np.float32), np.arange(64) % 10


def _images() -> tuple[nn.Module, Any, Any]:
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    return model, np.zeros((64, 1, 28, 28), np.float32), np.arange(64) % 10


class _Language(nn.Module):
    def __init__(self, words: int = 1000, size: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        layer = nn.TransformerEncoderLayer(size, 4, 4 * size, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(size, words)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.layers(self.embedding(x)))
        return y.reshape(-1, y.shape[-1])


def _language() -> tuple[nn.Module, Any, Any]:
    tokens = np.arange(16 * 64).reshape(16, 64) % 1000
    return _Language(), tokens, tokens[:, ::-1].reshape(-1).copy()


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Any, Any]]] = {
    "MLP, 784-512-256-10, 64 rows": _digits,
    "LeNet with 32 and 64 channels, 64 images": _images,
    "transformer, 2 layers of 128, 16 x 64 tokens": _language,
}


def recorded(make: Callable[[], tuple[nn.Module, Any, Any]]) -> Program:
    """One step of training with Adam, the second: then all state is there."""
    cr.manual_seed(0)
    model, x, y = make()
    optimizer = optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(Tensor(x)), Tensor(y))
        loss.backward()
        optimizer.step()
        return loss.array

    step(x, y)
    return simplified(record(step, [x, y])[1])


def count(program: Program) -> Count:
    """Count a program whose parameters were on a GPU."""
    numbers = [v for v in program.state if v.dtype == np.float64]  # of the optimizer
    device = Halves(program, numbers).device
    steps = steps_of(prepared(device))
    work = [i for i in device if i.op.kind != "view"]
    return Count(
        len(work),
        sum(len(s.kernels) for s in steps),
        sum(s.is_product for s in steps),
        sum(not s.kernels and not s.is_product for s in steps),
        sum(of_instruction(i).moved for i in work),
        sum(s.part.moved for s in steps),
    )


def table() -> list[str]:
    """The counts as lines of a Markdown table."""
    heads = ["training step", "operations", "kernels", "products", "others", "MiB before", "after"]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for name, make in NETWORKS.items():
        c = count(recorded(make))
        moved = [f"{size / 2**20:.1f}" for size in (c.before, c.after)]
        lines.append(f"| {' | '.join([name, *map(str, c[:4]), *moved])} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
