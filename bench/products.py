"""The products of linear layers on one core: machine code made for their sizes, NumPy, PyTorch.

`python -m bench.products` prints billions of operations a second and how many times as fast as the
others ours is. All take turns and the best of many turns counts; each is called from Python, so
the smallest products show what a call costs.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.plan.native.llvm.ir import Writer
from chainrule.plan.native.llvm.toolchain import compile_text
from chainrule.plan.native.matrices.choice import choose
from chainrule.plan.native.matrices.products import Product, write

Calls = dict[str, Callable[[], object]]

# Networks by name: rows of a batch, and the sizes of their layers.
NETWORKS = {
    "784-128-10": (64, (784, 128, 10)),
    "784-10-10, a block of rows": (256, (784, 10, 10)),
    "784-512-512-10": (128, (784, 512, 512, 10)),
    "2-16-16-1": (100, (2, 16, 16, 1)),
    "4-1": (1000, (4, 1)),
    "784-128-10, one row": (1, (784, 128, 10)),
}


def main() -> None:
    """Measure every layer of every network."""
    single = np.dtype(sys.argv[1] if len(sys.argv) > 1 else "float32")
    click.echo(
        f"{'':36}{'ours':>16}{'NumPy':>14}{'PyTorch':>14}    tile               times as fast"
    )
    with threadpool_limits(1):
        for name, (batch, sizes) in NETWORKS.items():
            click.echo(name)
            for inputs, outputs in pairwise(sizes):
                layer(batch, outputs, inputs, single)


def layer(m: int, n: int, k: int, dtype: np.dtype[Any]) -> None:
    """Measure the three products of a layer: forward, gradient of the inputs, of the weights."""
    x, w, g = matrix(m, k, dtype), matrix(n, k, dtype), matrix(m, n, dtype)
    for title, a, b in (("Y = X W^T", x, w.T), ("dX = G W", g, w), ("dW = G^T X", g.T, x)):
        report(f"  {title:11}", a, b)


def matrix(rows: int, columns: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return numbers in memory that begins where a vector does."""
    room = np.zeros(rows * columns + 64 // dtype.itemsize, dtype)
    start = -room.ctypes.data % 64 // dtype.itemsize
    values = room[start : start + rows * columns].reshape(rows, columns)
    values[...] = np.random.default_rng(0).normal(size=values.shape)
    return values


def report(title: str, a: np.ndarray, b: np.ndarray) -> None:
    """Measure one product and print its line."""
    (m, k), n = a.shape, b.shape[1]
    c = matrix(m, n, a.dtype)
    steps = [tuple(step // x.itemsize for step in x.strides) for x in (a, b)]
    product = Product(m, n, k, *steps, n, a.dtype)
    calls = {"ours": ours(product, a, b, c), "numpy": lambda: np.matmul(a, b, out=c)}
    found = race(calls | torch(a, b, c))
    cells = [f"{t / 1e3:8.2f} us {2 * m * n * k / t:4.0f}" for t in found.values()]
    tile = choose(product)
    shape = f"{tile.form} {tile.rows} x {tile.columns}{' turned' * tile.turned}"
    ratios = ", ".join(f"{found[name] / found['ours']:.2f}" for name in list(found)[1:])
    click.echo(f"{title} {m:>5} x {n:>3} x {k:>4}  {'  '.join(cells)}   {shape:18} {ratios}")


def ours(product: Product, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Callable[[], object]:
    """Return our product as a call."""
    writer = Writer()
    kernel = write(Writer(writer.declared, writer.notes), product, choose(product), "product")
    code = compile_text(writer.module(kernel.text))
    function = code.function("product", *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 2)
    places = [x.ctypes.data for x in (a, b, c)]
    return lambda kept=code: function(*places, 0, 0, kernel.units)


def torch(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Calls:
    """Return PyTorch's product as a call, where it is installed."""
    try:
        import torch as library
    except ImportError:
        return {}
    library.set_num_threads(1)
    left, right, out = map(library.from_numpy, (a, b, c))
    return {"torch": lambda: library.mm(left, right, out=out)}


def race(calls: Calls, seconds: float = 0.5) -> dict[str, float]:
    """Return the nanoseconds of each call: the best of turns taken for so long."""
    best = dict.fromkeys(calls, float("inf"))
    loops = {name: max(1, int(2e5 / timed(call, 3))) for name, call in calls.items()}
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end:
        for name, call in calls.items():
            best[name] = min(best[name], timed(call, loops[name]))
    return best


def timed(call: Callable[[], object], loops: int) -> float:
    """Return the nanoseconds of one of so many calls."""
    start = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return (time.perf_counter_ns() - start) / loops


if __name__ == "__main__":
    main()
