"""Lengths, angles and distances of vectors (floor 1, composites)."""

from __future__ import annotations

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops.core import Value, composite, constant
from chainrule.ops.elementwise import add, clip, div, mul, sub
from chainrule.ops.linalg import linear, matmul
from chainrule.ops.reduce import norm, sum
from chainrule.ops.shape import ARRAY, index, permute, reshape, unsqueeze


@composite
def normalize(x: Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Value:
    """x / max(p-norm of x along `dim`, eps): vectors of length 1.

    Examples:
        >>> normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    return div(x, clip(norm(x, p=p, dim=dim, keepdim=True), min=eps))


@composite
def cosine_similarity(x1: Value, x2: Value, dim: int = 1, eps: float = 1e-8) -> Value:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, the others broadcast.

    Examples:
        >>> cosine_similarity(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).round(4)
        array([0.7071])
    """
    return sum(mul(normalize(x1, 2.0, dim, eps), normalize(x2, 2.0, dim, eps)), dim=dim)


@composite
def pairwise_distance(
    x1: Value, x2: Value, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Value:
    """The p-norm of x1 - x2 + eps over the last dimension.

    Examples:
        >>> pairwise_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).round(4)
        array([5.])
    """
    return norm(add(sub(x1, x2), eps), p=p, dim=-1, keepdim=keepdim)


@composite
def pdist(x: Value, p: float = 2.0) -> Value:
    """The p-norm of the difference of every two rows of a matrix, the first with each other first.

    Args:
        x: (N, M).
        p: of the norm.

    Returns:
        (N (N - 1) / 2,).

    Examples:
        >>> pdist(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).round(4)
        array([5.    , 1.    , 4.2426])
    """
    if len(x.shape) != 2:
        raise ShapeError(f"pdist takes a matrix, got shape {tuple(x.shape)}")
    first, second = (constant(i, x) for i in np.triu_indices(x.shape[0], 1))
    return norm(sub(index(x, first, key=(ARRAY,)), index(x, second, key=(ARRAY,))), p=p, dim=-1)


@composite
def bilinear(x1: Value, x2: Value, weight: Value, bias: Value = None) -> Value:
    """y_k = x1^T W_k x2 + b_k.

    Args:
        x1: (..., in1).
        x2: (..., in2).
        weight: (out, in1, in2).
        bias: (out,), or left out.

    Returns:
        (..., out).

    Raises:
        ShapeError: the shapes do not go together.

    Examples:
        >>> bilinear(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.ones((1, 2, 2)))
        array([21.])
    """
    out, one, two = weight.shape
    if x1.shape[-1:] != (one,) or x2.shape[-1:] != (two,) or x1.shape[:-1] != x2.shape[:-1]:
        raise ShapeError(
            f"bilinear takes (..., {one}) and (..., {two}) that are alike before the last "
            f"dimension, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    rows = linear(x1, reshape(permute(weight, dims=(0, 2, 1)), shape=(out * two, one)))
    rows = reshape(rows, shape=(*x1.shape[:-1], out, two))
    y = reshape(matmul(rows, unsqueeze(x2, -1)), shape=(*x1.shape[:-1], out))
    return y if bias is None else add(y, bias)
