"""Matrix products and what is made of them (floor 1)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.backend.arrays import as_array, near
from chainrule.errors import ShapeError
from chainrule.ops.core import (
    Array,
    Cost,
    Shape,
    Value,
    broadcast_shape,
    composite,
    primitive,
)
from chainrule.ops.elementwise import mul
from chainrule.ops.reduce import sum
from chainrule.ops.shape import (
    broadcast_to,
    index,
    matrix_transpose,
    permute,
    reshape,
    unbroadcast,
    unsqueeze,
)


def _product_shape(a: Shape, b: Shape) -> Shape:
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise _no_product(a, b)
    return (*broadcast_shape(a[:-2], b[:-2]), a[-2], b[-1])


def _no_product(a: Shape, b: Shape) -> ShapeError:
    """What is wrong with a product, of vectors too, whose inner sizes differ."""
    if not a or not b:
        return ShapeError(f"matmul of {a} and {b}: a number has no rows; multiply by it with *")
    of_second = "last but one" if len(b) > 1 else "only one"
    return ShapeError(
        f"matmul of {a} and {b}: the last size of the first ({a[-1]}) must equal the {of_second} "
        f"of the second ({b[-2] if len(b) > 1 else b[0]}){_turned(a, b)}"
    )


def _turned(a: Shape, b: Shape) -> str:
    """Which of two matrices to turn so that they have a product, if that is all there is to do."""
    if len(b) > 1 and a[-1] == b[-1]:
        return f"; turn the second with {'.T' if len(b) == 2 else '.mT'}"
    inner = b[-2] if len(b) > 1 else b[0]
    if len(a) > 1 and a[-2] == inner:
        return f"; turn the first with {'.T' if len(a) == 2 else '.mT'}"
    return ""


def _product_cost(a: Shape, b: Shape) -> Cost:
    out = math.prod(_product_shape(a, b))
    return Cost(2 * out * a[-1], math.prod(a) + math.prod(b) + out)


@primitive(
    kind="contract",
    shape=_product_shape,
    vjp=[
        lambda g, _y, _a, b: unbroadcast(matrix_product(g, matrix_transpose(b)), _a.shape),
        lambda g, _y, a, _b: unbroadcast(matrix_product(matrix_transpose(a), g), _b.shape),
    ],
    cost=_product_cost,
)
def matrix_product(a: Array, b: Array) -> Array:
    """y = a b for matrices in the last two dimensions, broadcast over the others.

    Examples:
        >>> matrix_product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
        array([[11.]])
    """
    return threads.matmul(a, b)


def _meet(a: Shape, b: Shape) -> bool:
    return bool(a and b) and a[-1] == b[max(len(b) - 2, 0)]


@composite
def matmul(a: Value, b: Value) -> Value:
    """The product of vectors, matrices, or stacks of matrices, by the rules of `numpy.matmul`.

    Examples:
        >>> matmul(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        np.float64(11.0)
    """
    if len(a.shape) == 1 and len(b.shape) == 1 and a.shape == b.shape:
        return sum(mul(a, b))
    if (len(a.shape) == 1 or len(b.shape) == 1) and not _meet(a.shape, b.shape):
        raise _no_product(tuple(a.shape), tuple(b.shape))
    if len(a.shape) == 1:
        y = matmul(unsqueeze(a, 0), b)
        return reshape(y, shape=(*y.shape[:-2], y.shape[-1]))
    if len(b.shape) == 1:
        return reshape(y := matmul(a, unsqueeze(b, 1)), shape=y.shape[:-1])
    if len(a.shape) > 2 and len(b.shape) == 2 and a.shape[-1] == b.shape[0]:
        # One large product rather than a stack of small ones; its gradient by b likewise.
        flat = matrix_product(reshape(a, shape=(math.prod(a.shape[:-1]), a.shape[-1])), b)
        return reshape(flat, shape=(*a.shape[:-1], b.shape[-1]))
    return matrix_product(a, b)


def _linear_shape(x: Shape, w: Shape, b: Shape | None = None) -> Shape:
    if len(w) != 2 or not x or x[-1] != w[1]:
        raise ShapeError(
            f"expected {w[1] if len(w) == 2 else '(out, in) weights and'} input features, "
            f"got {x[-1] if x else 0}: input of shape {x}, weight of shape {w} = (out, in)"
        )
    if b is not None and b != (w[0],):
        raise ShapeError(f"the bias must have shape {(w[0],)}, one for each output, got {b}")
    return (*x[:-1], w[0])


def _linear_cost(x: Shape, w: Shape, b: Shape | None = None) -> Cost:
    out = math.prod(_linear_shape(x, w))
    bias = out if b is not None else 0
    return Cost(2 * out * w[1] + bias, math.prod(x) + math.prod(w) + out)


def _rows(v: Value) -> Value:
    """v as a matrix: all dimensions but the last in one."""
    if len(v.shape) == 2:
        return v
    return reshape(v, shape=(math.prod(v.shape[:-1]), v.shape[-1]))


@primitive(
    kind="contract",
    shape=_linear_shape,
    vjp=[
        lambda g, _y, _x, w, _b=None: matmul(g, w),
        lambda g, _y, x, _w, _b=None: matrix_product(matrix_transpose(_rows(g)), _rows(x)),
        lambda g, _y, _x, _w, _b: sum(g, dim=tuple(range(g.ndim - 1))),
    ],
    cost=_linear_cost,
    arity=3,
)
def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """y = x w^T + b, one affine map of the last dimension.

    Args:
        x: (..., in).
        w: (out, in).
        b: (out,), or left out.

    Returns:
        (..., out).

    Examples:
        >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([0.5]))
        array([[11.5]])
    """
    y = threads.matmul(x, w.T)
    if b is not None:
        if b.shape != w.shape[:1]:  # NumPy would spread a bias of one number over all outputs
            _linear_shape(x.shape, w.shape, b.shape)
        y += b
    return y


@composite
def outer(a: Value, b: Value) -> Value:
    """y_ij = a_i b_j for two vectors.

    Examples:
        >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array([[3., 4.],
               [6., 8.]])
    """
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeError(f"outer takes two vectors, got shapes {a.shape} and {b.shape}")
    return mul(unsqueeze(a, 1), unsqueeze(b, 0))


# --- Einstein's summation -----------------------------------------------------------------------


def _terms(equation: str) -> tuple[list[str], str]:
    left, _, out = equation.partition("->")
    return left.split(","), out


def _einsum_shape(*shapes: Shape, equation: str) -> Shape:
    inputs, out = _terms(equation)
    sizes: dict[str, int] = {}
    for term, shape in zip(inputs, shapes):
        for label, n in zip(term, shape):
            if sizes.setdefault(label, n) != n:
                raise ShapeError(
                    f"einsum {equation!r}: {label!r} is {sizes[label]} in one operand "
                    f"and {n} in another"
                )
    return tuple(sizes[label] for label in out)


def _einsum_cost(*shapes: Shape, equation: str) -> Cost:
    sizes = {k: n for t, s in zip(_terms(equation)[0], shapes) for k, n in zip(t, s)}
    work = math.prod(sizes.values()) * len(shapes)
    moved = [math.prod(s) for s in (*shapes, _einsum_shape(*shapes, equation=equation))]
    return Cost(work, int(np.sum(moved)))


def _einsum_vjp(i: int, g: Value, _y: Value, *xs: Value, equation: str) -> Value:
    inputs, out = _terms(equation)
    others = [x for j, x in enumerate(xs) if j != i]
    terms = [out, *(t for j, t in enumerate(inputs) if j != i)]
    seen = set("".join(terms))
    kept = "".join(label for label in inputs[i] if label in seen)
    slope = contraction(g, *others, equation=f"{','.join(terms)}->{kept}")
    # A label that only this operand has was summed away: every element gets the same gradient.
    shape = xs[i].shape
    full = tuple(n if label in seen else 1 for label, n in zip(inputs[i], shape))
    return broadcast_to(reshape(slope, shape=full), shape=shape)


@functools.lru_cache(maxsize=512)
def _path(equation: str, shapes: tuple[Shape, ...]) -> list[Any]:
    """The order in which to multiply; checked and found once for each equation and shapes."""
    _einsum_shape(*shapes, equation=equation)
    found: list[Any] = np.einsum_path(equation, *(np.broadcast_to(0.0, s) for s in shapes))[0]
    return found


@primitive(
    kind="contract",
    shape=_einsum_shape,
    vjp=_einsum_vjp,
    cost=_einsum_cost,
)
def contraction(*xs: Array, equation: str) -> Array:
    """The sum of products that a full einsum equation names, no label twice in one operand.

    Examples:
        >>> contraction(np.ones((2, 3)), np.ones((3, 4)), equation="ij,jk->ik").shape
        (2, 4)
    """
    path = _path(equation, tuple(x.shape for x in xs))
    return as_array(np.einsum(equation, *xs, optimize=path))


@composite
def einsum(equation: str, *operands: Value) -> Value:
    """Einstein's summation, by the rules of `numpy.einsum`, with `...` and repeated labels.

    The operands may be one list.

    Raises:
        ShapeError: the equation does not fit the operands; names the label.

    Examples:
        >>> einsum("ij,jk->ik", np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
        array([[11.]])
        >>> einsum("ii", np.array([[1.0, 2.0], [3.0, 4.0]]))
        array(5.)
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, out = _written_out(equation, [x.shape for x in operands])
    terms, xs = [], []
    for term, x in zip(inputs, operands):
        for label in sorted(set(term)):
            while term.count(label) > 1:
                x, term = _diagonal(x, term, label)
        terms.append(term)
        xs.append(x)
    xs, terms = _without_stretched(xs, terms)
    return contraction(*xs, equation=f"{','.join(terms)}->{out}")


def _without_stretched(xs: Sequence[Value], terms: Sequence[str]) -> tuple[list[Value], list[str]]:
    """The operands without those dimensions of size 1 that another operand's size stretches."""
    sizes = [dict(zip(term, x.shape)) for term, x in zip(terms, xs)]
    stretched = {k for s in sizes for k, n in s.items() if n != 1}
    kept = [{k: n for k, n in s.items() if n != 1 or k not in stretched} for s in sizes]
    return (
        [x if k == s else reshape(x, shape=tuple(k.values())) for x, k, s in zip(xs, kept, sizes)],
        ["".join(k) for k in kept],
    )


def _diagonal(x: Value, term: str, label: str) -> tuple[Value, str]:
    """x with the first two dimensions named `label` replaced, at the end, by their diagonal."""
    a = term.index(label)
    b = term.index(label, a + 1)
    if x.shape[a] != x.shape[b]:
        raise ShapeError(f"einsum: {label!r} is {x.shape[a]} and {x.shape[b]} in one operand")
    rest = [d for d in range(len(term)) if d not in (a, b)]
    along = near(np.arange(x.shape[a]), x)
    moved = permute(x, dims=(*rest, a, b))
    diagonal = index(moved, along, along, key=(Ellipsis, "array", "array"))
    return diagonal, "".join(term[d] for d in rest) + label


def _written_out(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """The equation with `...` given labels and the output named."""
    equation = equation.replace(" ", "")
    left, arrow, out = equation.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise ShapeError(
            f"einsum {equation!r} names {len(inputs)} operands, but {len(shapes)} were given"
        )
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    depths = [len(s) - len(t) + 3 if "..." in t else 0 for t, s in zip(inputs, shapes)]
    dots = spare[: max(depths, default=0)]
    inputs = [t.replace("...", "".join(dots[len(dots) - n :])) for t, n in zip(inputs, depths)]
    for term, shape in zip(inputs, shapes):
        if len(term) != len(shape):
            raise ShapeError(
                f"einsum {equation!r}: {term!r} has {len(term)} labels for an operand "
                f"with {len(shape)} dimensions"
            )
    joined = "".join(inputs)
    if not arrow:
        once = sorted(c for c in set(joined) - set(dots) if joined.count(c) == 1)
        return inputs, "".join(dots) + "".join(once)
    out = out.replace("...", "".join(dots))
    missing = sorted(set(out) - set(joined))
    if missing or len(set(out)) != len(out):
        raise ShapeError(
            f"einsum {equation!r}: every label of the output must be in an input, and only once"
        )
    return inputs, out
