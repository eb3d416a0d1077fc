"""Attention: a mean of values weighted by how well their keys fit a query (floor 1, composites)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.ops.activation import softmax
from chainrule.ops.core import Array, Value, composite, constant
from chainrule.ops.elementwise import add, gt, logical_not, logical_or, mul, where
from chainrule.ops.linalg import matmul
from chainrule.ops.random import dropout
from chainrule.ops.reduce import amax
from chainrule.ops.shape import broadcast_to, matrix_transpose, reshape, unsqueeze


def _shapes_fit(query: Value, key: Value, value: Value) -> None:
    q, k, v = (tuple(x.shape) for x in (query, key, value))
    if min(len(q), len(k), len(v)) < 2 or q[-1] != k[-1] or k[-2] != v[-2] or 0 in k[-2:]:
        raise ShapeError(
            f"attention takes queries (..., L, E), keys (..., S, E) and values (..., S, Ev), "
            f"with S and E above 0; got shapes {q}, {k} and {v}"
        )


def _shared(x: Value, heads: int) -> Value:
    """Each head of x as often as there are query heads for it: (..., heads, S, E)."""
    own = x.shape[-3]
    if own == heads:
        return x
    if not own or heads % own:
        raise ShapeError(f"{heads} query heads cannot share {own} key heads evenly")
    batch, rows = tuple(x.shape[:-3]), tuple(x.shape[-2:])
    repeated = broadcast_to(unsqueeze(x, -3), shape=(*batch, own, heads // own, *rows))
    return reshape(repeated, shape=(*batch, heads, *rows))


def _masked(scores: Value, mask: Value) -> tuple[Value, Value]:
    """Scores with the mask applied, and which rows have anything left to attend to."""
    binary = np.dtype(mask.dtype).kind == "b"
    some = amax(mask if binary else gt(mask, -math.inf), dim=-1, keepdim=True)
    if binary:
        return where(logical_or(mask, logical_not(some)), scores, -math.inf), some
    return add(scores, where(some, mask, 0.0)), some


@composite
def scaled_dot_product_attention(
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    state: Array | None = None,
) -> Value:
    """softmax(Q K^T / sqrt(E) + mask) V, over all leading dimensions at once.

    A. Vaswani and others, "Attention is all you need", NeurIPS 2017. A query that the mask lets see
    nothing gets zeros.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: truth values, true where a query may see a key, or numbers to be added to the
            scores; broadcast to (..., L, S).
        dropout_p: the share of weights that is dropped.
        is_causal: whether query i sees keys 0 to i alone; instead of a mask.
        scale: instead of 1 / sqrt(E).
        enable_gqa: whether keys and values may have fewer heads (dimension -3) than queries, each
            shared by several.
        state: of the generator that dropout draws from.

    Returns:
        (..., L, Ev).

    Raises:
        OptionError: both a mask and `is_causal`.
        ShapeError: the shapes do not go together.

    Examples:
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> scaled_dot_product_attention(x, x, x, is_causal=True).round(2)
        array([[1.  , 0.  ],
               [0.33, 0.67]])
    """
    if is_causal and attn_mask is not None:
        raise OptionError("attention takes a mask or is_causal=True, not both")
    _shapes_fit(query, key, value)
    if enable_gqa:
        key, value = _shared(key, query.shape[-3]), _shared(value, query.shape[-3])
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(mul(query, factor), matrix_transpose(key))
    some: Any = None
    if is_causal:
        sees = constant(np.tril(np.ones(scores.shape[-2:], dtype=bool)))
        scores = where(sees, scores, -math.inf)
    elif attn_mask is not None:
        scores, some = _masked(scores, attn_mask)
    weights = softmax(scores, dim=-1)
    if some is not None:
        weights = where(some, weights, 0.0)
    if dropout_p:
        weights = dropout(weights, dropout_p, state=state)
    return matmul(weights, value)
