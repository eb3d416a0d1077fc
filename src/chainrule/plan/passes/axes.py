"""Axes: dimensions of values that a program goes along at one index (floor 2).

Every instruction is read as an equation in Einstein's manner: a label for each dimension of its
operands and of its result. Dimensions with one label are gone along together; a label that the
result does not have is summed over. A dimension without a label is one in which places matter, as
in sorting or padding, and along which an instruction cannot be cut into pieces. An op that is not
told of here has no labels at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from chainrule.ops import Shape
from chainrule.ops.core import normal_dims
from chainrule.ops.shape import ARRAY
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Axis", "Equation", "axis", "equation"]

Term: TypeAlias = tuple[Any, ...]  # a label, or `None`, for each dimension


@dataclass(frozen=True)
class Equation:
    """The labels of an instruction's dimensions.

    Attributes:
        operands: of each argument that is a value, in order.
        out: of the result.
    """

    operands: tuple[Term, ...]
    out: Term


def equation(instruction: Instruction) -> Equation:
    """Return the labels of an instruction's dimensions.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> a, b, c = (Value(name, (3, 3), np.dtype(float), "made") for name in "abc")
        >>> equation(Instruction(ops.matrix_product, (a, b), {}, c))
        Equation(operands=((0, 'sum'), ('sum', 1)), out=(0, 1))
        >>> equation(Instruction(ops.cumsum, (a,), {"dim": 1}, b))
        Equation(operands=((0, None),), out=(0, None))
    """
    op, out = instruction.op, instruction.out
    shapes = [v.shape for v in instruction.values]
    rule = _aligned if op.kind == "elementwise" else _RULES.get(op.name)
    return rule(shapes, out.shape, instruction.attrs) if rule else _unknown(shapes, out.shape)


def _unknown(shapes: Sequence[Shape], out: Shape) -> Equation:
    return Equation(tuple((None,) * len(s) for s in shapes), (None,) * len(out))


# --- the rules ----------------------------------------------------------------------------------

Attrs: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Sequence[Shape], Shape, Attrs], Equation]


def _aligned(shapes: Sequence[Shape], out: Shape, _attrs: Attrs) -> Equation:
    """By elements, each operand broadcast."""
    return Equation(tuple(_spread(s, out) for s in shapes), tuple(range(len(out))))


def _spread(shape: Shape, out: Shape) -> Term:
    lead = len(out) - len(shape)
    return tuple(lead + d if n == out[lead + d] else None for d, n in enumerate(shape))


def _permuted(shapes: Sequence[Shape], _out: Shape, attrs: Attrs) -> Equation:
    rank = len(shapes[0])
    return Equation((tuple(range(rank)),), normal_dims(attrs["dims"], rank))


def _reshaped(shapes: Sequence[Shape], out: Shape, _attrs: Attrs) -> Equation:
    """A dimension stays what it is if as many elements lie before it, and it has its size."""
    (shape,) = shapes
    before = {(math.prod(shape[:d]), n): d for d, n in enumerate(shape) if n != 1}
    kept = tuple(before.get((math.prod(out[:d]), n)) for d, n in enumerate(out))
    return Equation((tuple(d if d in kept else None for d in range(len(shape))),), kept)


def _summed(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    rank = len(shapes[0])
    gone = normal_dims(attrs.get("dim"), rank)
    kept: Term = tuple(d for d in range(rank) if d not in gone)
    if len(out) == rank:
        kept = tuple(None if d in gone else d for d in range(rank))
    return Equation((tuple(range(rank)),), kept)


def _folded(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """A reduction that is no sum."""
    kept = _summed(shapes, out, attrs).out
    return Equation((tuple(d if d in kept else None for d in range(len(shapes[0]))),), kept)


def _summed_to(shapes: Sequence[Shape], out: Shape, _attrs: Attrs) -> Equation:
    (shape,) = shapes
    return Equation((tuple(range(len(shape))),), _spread(out, shape))


def _run_along(shapes: Sequence[Shape], _out: Shape, attrs: Attrs) -> Equation:
    """One result for each element, along some dimensions by way of the others there."""
    (shape,) = shapes
    along = normal_dims(attrs["dim"], len(shape))
    term = tuple(None if d in along else d for d in range(len(shape)))
    return Equation((term,), term)


def _linear(shapes: Sequence[Shape], out: Shape, _attrs: Attrs) -> Equation:
    rows, last = tuple(range(len(out) - 1)), len(out) - 1
    if len(shapes) == 2:
        return Equation(((*rows, "sum"), (last, "sum")), (*rows, last))
    # With a bias, which comes once, the whole is no sum of pieces.
    return Equation(((*rows, None), (last, None), (last,)), (*rows, last))


def _product(shapes: Sequence[Shape], out: Shape, _attrs: Attrs) -> Equation:
    stack, m, n = out[:-2], len(out) - 2, len(out) - 1
    left, right = (_spread(s[:-2], stack) for s in shapes)
    return Equation(((*left, m, "sum"), (*right, "sum", n)), tuple(range(len(out))))


def _contraction(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    left, _, right = attrs["equation"].partition("->")
    return Equation(tuple(tuple(term) for term in left.split(",")), tuple(right))


def _attention(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """Batches and heads for themselves."""
    query, key, *_ = shapes
    if attrs.get("p"):  # dropout counts all weights
        return _unknown(shapes, out)
    lead = tuple(d if n == key[d] else None for d, n in enumerate(query[:-2]))
    own = (*lead, None, None)
    masks = []
    for mask in shapes[3:]:
        seen = (d if d in lead else None for d in _spread(mask[:-2], query[:-2]))
        masks.append((*seen, *[None] * len(mask[-2:])))
    return Equation((own, own, own, *masks), own)


def _attention_back(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """The same of its gradients, where they stand one above another."""
    forward = _attention(shapes[1:], shapes[0], attrs)
    if len(out) == 1:
        return _unknown(shapes, out)
    return Equation((forward.out, *forward.operands), (None, *forward.out))


def _taken(shapes: Sequence[Shape], _out: Shape, attrs: Attrs) -> Equation:
    """Read along one dimension at the places that the second operand names."""
    table, index = shapes
    (along,) = normal_dims(attrs["dim"], len(index))
    own = tuple(d if d == along or n == table[d] else None for d, n in enumerate(index))
    return Equation((tuple(None if d == along else d for d in own), own), own)


def _added(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """Added along one dimension, at the places that the second operand names."""
    along = normal_dims(attrs["dim"], len(out))
    whole = tuple(d if d not in along and n == shapes[0][d] else None for d, n in enumerate(out))
    own = tuple("sum" if d in along else whole[d] for d in range(len(out)))
    return Equation((own, own), whole)


def _indexed(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """Rows of a table, read where the second operand says."""
    if tuple(attrs["key"]) != (ARRAY,):
        return _unknown(shapes, out)
    places = len(shapes[1])
    rest = range(places, len(out))
    return Equation(((None, *rest), tuple(range(places))), tuple(range(len(out))))


def _unindexed(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    """Added to rows of a table, where the second operand says."""
    if tuple(attrs["key"]) != (ARRAY,):
        return _unknown(shapes, out)
    places = tuple(f"sum {d}" for d in range(len(shapes[1])))
    rest = range(1, len(out))
    return Equation(((*places, *rest), places), (None, *rest))


def _sliced(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    term, kept = _key(attrs["key"], shapes[0], out)
    return Equation((term,), kept)


def _unsliced(shapes: Sequence[Shape], out: Shape, attrs: Attrs) -> Equation:
    term, kept = _key(attrs["key"], out, shapes[0])
    return Equation((kept,), term)


def _key(key: Any, shape: Shape, part: Shape) -> tuple[Term, Term]:
    """Which dimensions a key takes as they are, of what it is used on and of what it gives."""
    keys = key if isinstance(key, tuple) else (key,)
    whole = [isinstance(k, slice) and k in (slice(None), slice(None, None, 1)) for k in keys]
    if all(isinstance(k, (int, slice)) for k in keys):
        rest = range(len(keys), len(shape))
        term = [d if same else None for d, same in enumerate(whole)] + [*rest]
        kept = [d for d, k in zip(term, keys) if isinstance(k, slice)] + [*rest]
        return tuple(term), tuple(kept)
    return (None,) * len(shape), (None,) * len(part)


_FOLDS = ("amax", "amin", "prod", "peak", "logsumexp", "euclidean_norm", "argmax", "argmin")
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_FOLDS, _folded),
    "add_along": _added,
    "attention": _attention,
    "attention_back": _attention_back,
    "broadcast_to": _aligned,
    "check": _aligned,
    "contraction": _contraction,
    "cumsum": _run_along,
    "flip": _run_along,
    "index": _indexed,
    "linear": _linear,
    "matrix_product": _product,
    "mean": _summed,
    "permute": _permuted,
    "reshape": _reshaped,
    "slice": _sliced,
    "sum": _summed,
    "sum_to": _summed_to,
    "take_along": _taken,
    "unindex": _unindexed,
    "unslice": _unsliced,
}


# --- an axis of a program -----------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """The dimensions that are gone along together with a certain one.

    Attributes:
        dims: for each value that has one which it is.
        whole: why the program cannot be cut into pieces along it; empty if nothing speaks against
            it.
    """

    dims: Mapping[Value, int]
    whole: str = ""


def axis(program: Program, value: Value, dim: int = 0) -> Axis:
    """Follow a dimension of a value through a program, forwards and backwards.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.permute(ops.exp(x), dims=(1, 0)), [np.ones((4, 2))])
        >>> {v.name: d for v, d in axis(program, program.inputs[0]).dims.items()}
        {'x0': 0, 'v0': 0, 'v1': 1}
    """
    equations = [(i, equation(i)) for i in program]
    dims = {value: dim}
    while True:
        before = len(dims)
        for instruction, each in equations:
            here = _labels(instruction, each, dims)
            if None in here:
                return Axis(dims, f"{instruction.op.name} works across it")
            if len(here) > 1:
                return Axis(dims, f"{instruction.op.name} goes along it twice")
            for v, term in _terms(instruction, each):
                found = [d for d, label in enumerate(term) if label in here]
                if len(found) > 1 or (found and dims.setdefault(v, found[0]) != found[0]):
                    return Axis(dims, f"{v.name} has it twice")
        if len(dims) == before:
            return Axis(dims)


def _terms(instruction: Instruction, e: Equation) -> list[tuple[Value, Term]]:
    return [*zip(instruction.values, e.operands, strict=True), (instruction.out, e.out)]


def _labels(instruction: Instruction, e: Equation, dims: Mapping[Value, int]) -> set[Any]:
    """The labels that an axis has in an instruction."""
    return {term[dims[v]] for v, term in _terms(instruction, e) if v in dims}
