"""Axes: an op on pieces along one is the op on the whole, for every row of the case table."""

from __future__ import annotations

import numpy as np

from case import Case
from cases import LISTS
from chainrule import ops
from chainrule.ops import REGISTRY
from chainrule.plan.passes.axes import axis
from chainrule.plan.program import Program
from chainrule.plan.record import record
from rows.steps import RANDOM, STEPS

# Of the ops of the table these have an axis, by which pieces can be made of them.
FOLLOWED = {i.name for i in REGISTRY.values() if i.kind == "elementwise"} | {
    *("add_along", "amax", "amin", "argmax", "argmin", "attention", "attention_back"),
    *("broadcast_to", "contraction", "cumsum"),
    *("euclidean_norm", "flip", "index", "linear", "logsumexp", "matrix_product", "mean", "peak"),
    *("permute", "prod", "reshape", "slice", "sum", "sum_to", "take_along", "unindex"),
    "unslice",
}


def recorded(row: Case):
    """The row's instructions, each with its arguments and its result as arrays."""
    arrays = [np.asarray(a) for a in row.arrays(np.float64)]
    _, program = record(lambda *xs: list(map(np.asarray, row.ours(*xs))), arrays)
    found = {v: v.array for v in program.state} | dict(zip(program.inputs, arrays))
    for i in program:
        args = [found[a] if hasattr(a, "shape") else a for a in i.args]
        found[i.out] = np.asarray(i.op.forward(*args, **i.attrs))
        yield i, args, found[i.out]


def rows():
    return [r for found in LISTS if found not in (STEPS, RANDOM) for r in found if r.op in REGISTRY]


def cut(array, dim, part):
    return array if dim is None else np.take(array, part, axis=dim)


def pieces(instruction, args, y, dims, half):
    """The op on the places of an axis up to `half`, and on the rest."""
    n = next(a.shape[dims[v]] for v, a in valued(instruction, args) if v in dims)
    for part in (range(half), range(half, n)):
        here = [
            cut(a, dims.get(v), part) if hasattr(v, "shape") else a
            for v, a in zip(instruction.args, args)
        ]
        attrs = dict(instruction.attrs)
        if "shape" in attrs and instruction.out in dims:
            d = dims[instruction.out]
            attrs["shape"] = (*y.shape[:d], len(part), *y.shape[d + 1 :])
        yield len(part) / n, np.asarray(instruction.op.forward(*here, **attrs))


def valued(instruction, args):
    return [(v, a) for v, a in zip(instruction.args, args) if hasattr(v, "shape")]


def agree(instruction, args, y, dims):
    found = list(pieces(instruction, args, y, dims, 1))
    if instruction.out in dims:
        together = np.concatenate([piece for _, piece in found], axis=dims[instruction.out])
    elif instruction.op is ops.mean:
        together = sum(share * piece for share, piece in found)
    else:
        together = sum(piece for _, piece in found)
    np.testing.assert_allclose(together, y, rtol=1e-12, atol=1e-12)


def followed(row: Case):
    """The ops of a row that could be cut; each of their axes has been, and agreed."""
    found = set()
    for instruction, args, y in recorded(row):
        program = Program([], [], [instruction], [])
        for value, array in valued(instruction, args):
            for dim in (d for d, n in enumerate(array.shape) if n > 1):
                along = axis(program, value, dim)
                if not along.whole:
                    agree(instruction, args, y, along.dims)
                    found.add(instruction.op.name)
    return found


def can_be_recorded(row: Case) -> bool:
    try:
        return bool(list(recorded(row)))
    except Exception:
        return False


def test_an_op_on_pieces_is_the_op_on_the_whole():
    found = {name for row in rows() if can_be_recorded(row) for name in followed(row)}
    assert found == FOLLOWED
