"""Rows of what reads and writes at places that arrays name."""

from __future__ import annotations

import math
import warnings

import numpy as np

import references as ref
from case import at, case, dim_second, just, kink, real, torch, truth, whole

# A row is a line, or little more.
# fmt: off


def entries(f):
    """`f(y, i, source[i])` for each entry of an index along a dimension, in order, on a copy."""

    def reference(x, dim, index, source, **attrs):
        y = np.array(x)
        lines = np.moveaxis(y, dim, 0)
        for i, entry in zip(index, np.moveaxis(source, dim, 0)):
            f(lines, i, entry, **attrs)
        return y

    return reference


@entries
def index_add(y, i, entry, alpha=1):
    """Add."""
    y[i] += alpha * entry


@entries
def index_copy(y, i, entry):
    """Replace."""
    y[i] = entry


def index_fill(x, dim, index, value):
    """Fill."""
    y = np.array(x)
    np.moveaxis(y, dim, 0)[index] = value
    return y


def put(x, index, source, accumulate=False):
    """Replace, or add, one at a time in a row."""
    y = np.array(x).ravel()
    for i, v in zip(index.ravel(), source.ravel()):
        y[i] = v + (y[i] if accumulate else 0)
    return y.reshape(x.shape)


def masked_scatter(x, mask, source):
    """The next of the source where the mask holds."""
    x, mask = (np.array(a) for a in np.broadcast_arrays(x, mask))
    x[mask] = source.ravel()[: mask.sum()]
    return x


VECTORS = [
    case("index_add", [real(3, 4), just([2, 0, 2]), real(3, 4)], index_add, torch.index_add,
         form=dim_second, dim=0),
    case("index_add", [real(3, 4), just([1, 1]), real(3, 2)], index_add, torch.index_add,
         note="scaled", form=dim_second, dim=-1, alpha=2.5),
    case("index_copy", [real(3, 4), just([2, 0]), real(2, 4)], index_copy, torch.index_copy,
         form=dim_second, dim=0),
    case("index_copy", [real(3, 4), just([3, 1]), real(3, 2)], index_copy, torch.index_copy,
         note="last", form=dim_second, dim=-1),
    case("index_fill", [real(3, 4), just([2, 0]), 7.0], index_fill, torch.index_fill,
         form=dim_second, dim=1),
    case("index_fill", [real(3, 4), just([2, 0]), real()], index_fill, torch.index_fill,
         note="tensor", form=dim_second, dim=0),
]

ANYWHERE = [
    case("take", [real(3, 4), whole(-12, 12, 2, 3)], np.take, torch.take),
    case("put", [real(3, 4), just([[5, 0], [-1, 3]]), real(2, 2)], put, lambda x, i,
         source: x.put(i, source)),
    case("put", [real(3, 4), just([5, 0, 5]), real(3)], put, lambda x, i, source,
         accumulate: x.put(i, source, accumulate), note="adding", accumulate=True),
    case("take_along_dim", [real(3, 4), whole(0, 4, 3, 2)], lambda x, i,
         dim: np.take_along_axis(x, i, dim), torch.take_along_dim, dim=1),
    case("take_along_dim", [real(3, 1, 4), whole(0, 4, 1, 2, 3)],
         lambda x, i, dim: np.take_along_axis(np.broadcast_to(x, (3, 2, 4)),
                                              np.broadcast_to(i, (3, 2, 3)), dim),
         torch.take_along_dim, note="broadcast", dim=-1),
    case("take_along_dim", [real(3, 4), whole(0, 12, 5)], lambda x, i: x.ravel()[i],
         torch.take_along_dim, note="row"),
    case("masked_fill", [real(2, 3), truth(2, 3), 7.0], lambda x, mask, v: np.where(mask, v, x),
         torch.masked_fill),
    case("masked_fill", [real(2, 3), truth(3), real()], lambda x, mask, v: np.where(mask, v, x),
         torch.masked_fill, note="tensor"),
    case("masked_scatter", [real(2, 3), truth(2, 3), real(7)], masked_scatter,
         torch.masked_scatter),
    case("masked_scatter", [real(2, 3), truth(3), real(2, 3)], masked_scatter,
         torch.masked_scatter, note="broadcast"),
]

_STEPS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum,
          "amin": np.minimum}


def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    """Each source put together with what is at its place, one after another."""
    y, count = np.array(x), np.full(x.shape, int(include_self))
    for place in np.ndindex(index.shape):
        to = (*place[:dim], index[place], *place[dim + 1 :])
        y[to] = _STEPS[reduce](y[to], src[place]) if count[to] else src[place]
        count[to] += 1
    return y / np.maximum(count, 1) if reduce == "mean" else y


def index_reduce(x, dim, index, source, reduce, include_self=True):
    """The same of whole entries."""
    places = np.broadcast_to(index[:, None], source.shape) if dim == 0 else np.broadcast_to(
        index, source.shape)
    return scatter_reduce(x, dim, places, source, reduce, include_self)


def quiet_index_reduce(*args, **attrs):
    """PyTorch's, without its warning that it may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.index_reduce(*args, **attrs)


def reducing(f):
    """`f(x, dim, index, src, reduce)`."""
    return lambda x, i, src, dim, reduce, **attrs: f(x, dim, i, src, reduce, **attrs)


one_place = just([[0, 1, 0, 1], [2, 2, 2, 2]])

REDUCTIONS = [
    *(
        case(op, [real(3, 4), index, real(2, 4)], reference, function,
             note=f"{reduce}-{'with' if own else 'without'}", form=reducing, dim=0, reduce=reduce,
             include_self=own)
        for op, index, reference, function in [
            ("scatter_reduce", one_place, scatter_reduce, torch.scatter_reduce),
            ("index_reduce", just([2, 2]), index_reduce, quiet_index_reduce),
        ]
        for reduce in ("sum", "mean", "prod", "amax", "amin") if (op, reduce) != (
            "index_reduce", "sum")
        for own in (True, False)
    ),
    case("index_reduce", [real(3, 4), just([1, 1]), real(3, 2)], index_reduce,
         quiet_index_reduce, note="last", form=reducing, dim=1, reduce="prod"),
    case("extreme_along", [real(3, 4), whole(0, 3, 5, 4), real(5, 4)],
         lambda x, i, src, dim, largest: scatter_reduce(x, dim, i, src, "amax"), dim=0,
         largest=True),
    kink("extreme_along", [at(1, 2), just([0, 0, 1]), at(3, 3, 2)],
         lambda x, i, src, dim, largest: np.array([3, 2]), note="tie", dim=0, largest=True,
         slopes=[[0, 0.5], [0.5, 0.5, 0.5]]),
    case("extreme_along", [whole(0, 9, 3), just([0, 0, 1]), whole(0, 9, 3)],
         lambda x, i, src, dim, largest: scatter_reduce(x, dim, i, src, "amin"), note="integers",
         dim=0, largest=False),
    case("multiply_along", [real(3, 4), whole(0, 4, 3, 6), real(3, 6)],
         lambda x, i, src, dim: scatter_reduce(x, dim, i, src, "prod"), dim=1),
    case("scatter", [real(3, 4), just([[0, 3], [1, 2]]), real(3, 4)],
         lambda x, dim, i, src: ref.scatter(x, dim, i, src[:2, :2]), note="larger",
         form=dim_second, dim=1),
    case("scatter_add", [real(3, 4), just([[0, 0], [1, 2]]), real(3, 4)],
         lambda x, dim, i, src: ref.scatter_add(x, dim, i, src[:2, :2]), note="larger",
         form=dim_second, dim=1),
]

BITS = [
    *(
        case(f"bitwise_{name}", [whole(-99, 99, 2, 3), whole(-99, 99, 3)],
             getattr(np, f"bitwise_{name}"), getattr(torch, f"bitwise_{name}"))
        for name in ("and", "or", "xor")
    ),
    case("bitwise_and", [truth(6), truth(6)], np.logical_and, torch.bitwise_and, note="truth"),
    case("bitwise_or", [whole(0, 99, 6, dtype=np.uint8), 6], np.bitwise_or, torch.bitwise_or,
         note="number"),
    case("bitwise_not", [whole(-99, 99, 6)], np.invert, torch.bitwise_not),
    case("bitwise_not", [truth(6)], np.logical_not, torch.bitwise_not, note="truth"),
    case("bitwise_left_shift", [whole(0, 99, 6), whole(0, 9, 6)], lambda a, b: a * 2**b,
         torch.bitwise_left_shift),
    case("bitwise_right_shift", [whole(-99, 99, 6), whole(0, 9, 6)], lambda a, b: a // 2**b,
         torch.bitwise_right_shift),
    case("gcd", [whole(-99, 99, 6), whole(-99, 99, 6)], np.vectorize(math.gcd), torch.gcd),
    case("lcm", [whole(1, 99, 6), whole(1, 99, 6)], np.vectorize(math.lcm), torch.lcm),
]
