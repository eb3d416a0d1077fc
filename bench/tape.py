"""What the tape costs: microseconds of an operation beyond those that NumPy takes for the same.

On arrays of four numbers, where next to nothing is computed. Each figure is the least of many short
measurements, which other work on the machine disturbs little. `python -m bench.tape`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

import chainrule as cr
from chainrule import ops

SHORT, LONG = 10, 60  # operations in a chain; what a chain costs as such cancels out
PASSES_BACK = 4  # NumPy's calls for y * x and its derivative: y x, g x, g y, and adding up by x


def least(work: Callable[[], Any], repeats: int = 2000) -> float:
    """Return the least microseconds that `work` takes."""
    best = float("inf")
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return 1e6 * best


def each(chain: Callable[[int], Any]) -> float:
    """Return the microseconds of one more operation in a chain."""
    return (least(lambda: chain(LONG)) - least(lambda: chain(SHORT))) / (LONG - SHORT)


def product(x: Any, multiply: Callable[[Any, Any], Any]) -> Callable[[int], Any]:
    """Return the chain x x x ..."""

    def chain(length: int) -> Any:
        y = x
        for _ in range(length):
            y = multiply(y, x)
        return y

    return chain


def costs() -> dict[str, float]:
    """Return what each way of calling an operation costs, NumPy's own first."""
    array = np.ones(4, np.float32)
    constant, x = cr.from_numpy(array), cr.from_numpy(array.copy()).requires_grad_()
    recorded = product(x, lambda y, x: y * x)

    def back(length: int) -> None:
        x.grad = None
        recorded(length).backward(array)

    numpy = each(product(array, np.multiply))
    return {
        "NumPy": numpy,
        "an operation on arrays": each(product(array, ops.mul)) - numpy,
        "on tensors, no gradient wanted": each(product(constant, lambda y, x: y * x)) - numpy,
        "on tensors, recorded": each(recorded) - numpy,
        "recorded and walked back, for each call of NumPy": each(back) / PASSES_BACK - numpy,
    }


@click.command()
def main() -> None:
    """Print what the tape costs."""
    gc.disable()
    for what, microseconds in costs().items():
        click.echo(f"{what:50}{microseconds:6.2f} µs")


if __name__ == "__main__":
    main()
