"""Attention: a mean of values weighted by how well their keys fit a query (floor 1).

`attention` is one operation, so that the weights of all queries and keys need not be kept: they are
made again on the way back, some queries at a time. Second derivatives go by the formula, which is
written with ops and is its oracle in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.backend.arrays import module_of
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.activation import softmax
from chainrule.ops.core import (
    READERS,
    Array,
    Cost,
    Shape,
    Value,
    broadcast_shape,
    composite,
    constant,
    primitive,
    quiet,
)
from chainrule.ops.elementwise import add, cast, clone, gt, logical_not, logical_or, mul, sub, where
from chainrule.ops.linalg import matmul
from chainrule.ops.random import mask_at, random_mask, random_place
from chainrule.ops.reduce import amax, sum
from chainrule.ops.shape import (
    broadcast_to,
    matrix_transpose,
    narrow,
    reshape,
    unbroadcast,
    unsqueeze,
)

# Scores that are held at once.
HELD = 2**20


# --- by the formula -----------------------------------------------------------------------------


def _for_all(x: Value, heads: int) -> Value:
    """Each head of x as often as there are query heads for it: (..., heads, S, E)."""
    if len(x.shape) < 3 or x.shape[-3] == heads:
        return x
    own = x.shape[-3]
    batch, rows = tuple(x.shape[:-3]), tuple(x.shape[-2:])
    repeated = broadcast_to(unsqueeze(x, -3), shape=(*batch, own, heads // own, *rows))
    return reshape(repeated, shape=(*batch, heads, *rows))


def _for_each(x: Value, shape: Shape) -> Value:
    """What `_for_all` passes back: a sum over the query heads of each head."""
    if len(shape) < 3 or x.shape[-3] == shape[-3]:
        return x
    own = shape[-3]
    apart = (*x.shape[:-3], own, x.shape[-3] // own, *x.shape[-2:])
    return sum(reshape(x, shape=apart), dim=-3)


def _masked(scores: Value, mask: Value) -> tuple[Value, Value]:
    """Scores with the mask applied, and which rows have anything left to attend to."""
    binary = np.dtype(mask.dtype).kind == "b"
    some = amax(mask if binary else gt(mask, -math.inf), dim=-1, keepdim=True)
    if binary:
        return where(logical_or(mask, logical_not(some)), scores, -math.inf), some
    return add(scores, where(some, mask, 0.0)), some


def _weights(query: Value, key: Value, mask: Value, scale: float, causal: bool) -> Value:
    """softmax(scale Q K^T + mask), the key of each head as often as it is needed."""
    scores = matmul(mul(query, scale), matrix_transpose(key))
    if causal:
        sees = constant(np.tril(np.ones(scores.shape[-2:], dtype=bool)), query)
        return softmax(where(sees, scores, -math.inf), dim=-1)
    if mask is None:
        return softmax(scores, dim=-1)
    scores, some = _masked(scores, mask)
    return where(some, softmax(scores, dim=-1), 0.0)


def _slopes_by_formula(
    g: Value,
    query: Value,
    key: Value,
    value: Value,
    mask: Value = None,
    place: Value = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
) -> list[Value]:
    """The gradients of queries, keys, values and mask, which can be differentiated again."""
    heads = query.shape[-3] if len(query.shape) > 2 else 1
    keys, values = _for_all(key, heads), _for_all(value, heads)
    weights = _weights(query, keys, mask, scale, causal)
    back = matmul(g, matrix_transpose(values))
    dropped = weights
    if p:
        keep = random_mask(clone(place), shape=tuple(weights.shape), p=p, dtype=weights.dtype)
        dropped, back = mul(weights, keep), mul(back, keep)
    slopes = mul(weights, sub(back, sum(mul(weights, back), dim=-1, keepdim=True)))
    return [
        mul(matmul(slopes, keys), scale),
        mul(_for_each(matmul(matrix_transpose(slopes), query), key.shape), scale),
        _for_each(matmul(matrix_transpose(dropped), g), value.shape),
        slopes,
    ]


# --- as one operation ---------------------------------------------------------------------------


def _times(a: Array, b: Array) -> Array:
    """The products of matrices, each head of b as often as there are heads of a for it."""
    if a.ndim < 3 or a.shape[-3] == b.shape[-3]:
        return threads.matmul(a, b)
    own, (rows, inner) = b.shape[-3], a.shape[-2:]
    apart = a.reshape(*a.shape[:-3], own, a.shape[-3] // own, rows, inner)
    y = threads.matmul(apart, b[..., None, :, :])
    return y.reshape(*a.shape[:-1], b.shape[-1])


def _times_turned(a: Array, b: Array, heads: Shape) -> Array:
    """The products of a^T and b, summed over the heads that share one of so many."""
    y = threads.matmul(np.swapaxes(a, -1, -2), b)
    if y.ndim < 3 or y.shape[-3] == heads[-1]:
        return y
    apart = (*y.shape[:-3], heads[-1], y.shape[-3] // heads[-1], *y.shape[-2:])
    summed: Array = y.reshape(apart).sum(axis=-3)
    return summed


def _strips(query: Array, key: Array) -> Iterator[slice]:
    """Rows of queries, as many at a time as can be held with their scores."""
    total = query.shape[-2]
    rows = max(1, HELD // max(1, math.prod(query.shape[:-2]) * key.shape[-2]))
    for first in range(0, total, rows):
        yield slice(first, min(first + rows, total))


def _weights_of(
    query: Array, key: Array, mask: Array | None, rows: slice, scale: float, causal: bool
) -> Array:
    """The weights of some queries; zeros for one whose scores are all minus infinity."""
    scores = _times(query[..., rows, :] * scale, np.swapaxes(key, -1, -2))
    if causal:
        make = module_of(query)
        seen = make.arange(key.shape[-2]) <= make.arange(rows.start, rows.stop)[:, None]
        scores = np.where(seen, scores, -math.inf)
    elif mask is not None:
        mask = mask[..., rows, :] if mask.ndim > 1 and mask.shape[-2] > 1 else mask
        scores = np.where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    if scores.dtype.kind == "f":  # scalars, which draw each step, go without
        top = scores.max(axis=-1, keepdims=True)
        scores -= np.where(top == -math.inf, 0, top)
    weights: Array = np.exp(scores)
    total = weights.sum(axis=-1, keepdims=True)
    weights /= np.where(total == 0, 1, total)
    return weights


def _keep(place: Array, weights: Array, rows: slice, total: int, p: float) -> Array:
    """What dropout multiplies the weights of some queries by: as if it drew for all at once."""
    count, keys = math.prod(weights.shape[:-2]), weights.shape[-1]
    make = module_of(weights)
    first = make.arange(count)[:, None] * total + make.arange(rows.start, rows.stop)
    at = first[..., None] * keys + make.arange(keys)
    return mask_at(place, at, p, weights.dtype).reshape(weights.shape)


def _shapes_fit(query: Shape, key: Shape, value: Shape) -> None:
    q, k, v = query, key, value
    if min(len(q), len(k), len(v)) < 2 or q[-1] != k[-1] or k[-2] != v[-2] or 0 in k[-2:]:
        raise ShapeError(
            f"attention takes queries (..., L, E), keys (..., S, E) and values (..., S, Ev), "
            f"with S and E above 0; got shapes {q}, {k} and {v}"
        )


def _shape(
    query: Shape, key: Shape, value: Shape, mask: Any = None, *_place: Any, **_attrs: Any
) -> Shape:
    _shapes_fit(query, key, value)
    if len({query[:-3], key[:-3], value[:-3]}) > 1 or key[:-2] != value[:-2]:
        raise ShapeError(f"attention takes one batch, got shapes {query}, {key} and {value}")
    _shared_evenly(query, key)
    scores = (*query[:-1], key[-2])
    if mask and broadcast_shape(mask, scores) != scores:
        raise ShapeError(f"a mask of shape {mask} does not broadcast to the scores', {scores}")
    return (*query[:-1], value[-1])


def _shape_of(mask: Value) -> Shape | None:
    return None if mask is None else tuple(mask.shape)


def _shared_evenly(query: Shape, key: Shape) -> None:
    heads, own = (shape[-3] if len(shape) > 2 else 1 for shape in (query, key))
    if own != heads and (not own or heads % own):
        raise ShapeError(f"{heads} query heads cannot share {own} key heads evenly")


def _cost(query: Shape, key: Shape, value: Shape, *_others: Any, **_attrs: Any) -> Cost:
    scores = math.prod(query[:-1]) * key[-2]
    flops = scores * (2 * query[-1] + 2 * value[-1] + 5)
    moved = [*(math.prod(s) for s in (query, key, value)), math.prod(query[:-1]) * value[-1]]
    return Cost(flops, int(np.sum(moved)))


def _back_cost(
    g: Shape, query: Shape, key: Shape, value: Shape, *_others: Any, **_attrs: Any
) -> Cost:
    """That of five products: the scores once more, and those that `attention_back` tells of."""
    scores = math.prod(query[:-1]) * key[-2]
    flops = scores * (6 * query[-1] + 4 * value[-1] + 10)
    moved = [math.prod(g), *(2 * math.prod(s) for s in (query, key, value))]
    return Cost(flops, int(np.sum(moved)))


def _packed_shape(
    g: Shape, query: Shape, key: Shape, value: Shape, mask: Any = None, *_more: Any, **_attrs: Any
) -> Shape:
    wanted = _shape(query, key, value, mask)
    if g != wanted:
        raise ShapeError(f"the gradient of attention's result must have shape {wanted}, got {g}")
    if query == key == value:
        return (3, *query)
    return (int(np.sum([math.prod(s) for s in (query, key, value)])),)


def _apart(packed: Value, *shapes: Shape) -> list[Value]:
    """The gradients that `attention_back` gives, as views."""
    if len(packed.shape) > 1:
        return [reshape(narrow(packed, 0, k, 1), shape=shape) for k, shape in enumerate(shapes)]
    found, first = [], 0
    for shape in shapes:
        count = math.prod(shape)
        found.append(reshape(narrow(packed, 0, first, count), shape=shape))
        first += count
    return found


@primitive(kind="contract", shape=_packed_shape, cost=_back_cost, arity=6)
@quiet
def attention_back(
    g: Array,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    place: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
) -> Array:
    """The gradients of queries, keys and values, in one array, of `attention`.

    With weights W = softmax(scale Q K^T + mask), dropped ones W' and C = g V^T, what was dropped
    left out: dV = W'^T g, dS = W (C - sum of W C over keys), dQ = scale dS K, dK = scale dS^T Q.

    Args:
        g: the gradient of the result, (..., L, Ev).
        query: as `attention` takes it, and so are all others.
        key: likewise.
        value: likewise.
        mask: likewise.
        place: likewise.
        scale: likewise.
        causal: likewise.
        p: likewise.

    Returns:
        (3, ..., L, E) where the three have one shape, else a vector of all their elements.

    Examples:
        >>> one = np.ones((1, 1))
        >>> attention_back(one, one, one, one).ravel()
        array([0., 0., 1.])
    """
    _packed_shape(*map(np.shape, (g, query, key, value)), _shape_of(mask))
    dtype = np.result_type(g, query, key, value)
    make = module_of(query)
    dq = make.empty(query.shape, dtype)
    dk, dv = make.zeros(key.shape, dtype), make.zeros(value.shape, dtype)
    turned = np.swapaxes(value, -1, -2)
    for rows in _strips(query, key):
        weights = _weights_of(query, key, mask, rows, scale, causal)
        some, back = g[..., rows, :], _times(g[..., rows, :], turned)
        dropped = weights
        if p and place is not None:
            keep = _keep(place, weights, rows, query.shape[-2], p)
            dropped, back = weights * keep, back * keep
        dv += _times_turned(dropped, some, value.shape[:-2])
        slopes = weights * (back - (weights * back).sum(axis=-1, keepdims=True)) * scale
        dq[..., rows, :] = _times(slopes, key)
        dk += _times_turned(slopes, query[..., rows, :], key.shape[:-2])
    if query.shape == key.shape == value.shape:
        return np.stack([dq, dk, dv])
    return np.concatenate([dq.ravel(), dk.ravel(), dv.ravel()])


def _slopes(
    g: Value,
    _y: Value,
    query: Value,
    key: Value,
    value: Value,
    mask: Value = None,
    place: Value = None,
    **attrs: Any,
) -> tuple[Value, list[Value]]:
    """The gradient and what it makes of queries, keys and values.

    From arrays by one operation; by the formula from what is to be differentiated again.
    """
    given = (g, query, key, value, mask)
    if any(type(x) in READERS for x in given):
        return g, _slopes_by_formula(*given, place, **attrs)[:3]
    packed = attention_back(g, query, key, value, mask, place, **attrs)
    return g, _apart(packed, query.shape, key.shape, value.shape)


def _mask_slope(
    common: Any,
    _y: Value,
    query: Value,
    key: Value,
    value: Value,
    mask: Value,
    place: Value = None,
    **attrs: Any,
) -> Value:
    slopes = _slopes_by_formula(common[0], query, key, value, mask, place, **attrs)[3]
    return unbroadcast(slopes, mask.shape)


@primitive(
    kind="contract",
    shape=_shape,
    shared=_slopes,
    vjp=[
        lambda common, *_unread, **_attrs: common[1][0],
        lambda common, *_unread, **_attrs: common[1][1],
        lambda common, *_unread, **_attrs: common[1][2],
        _mask_slope,
        None,
    ],
    cost=_cost,
    arity=5,
)
@quiet
def attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    place: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
) -> Array:
    """softmax(scale Q K^T + mask) V, some queries at a time.

    Args:
        query: (..., H, L, E), or (L, E).
        key: (..., h, S, E), where h divides H: each is shared by as many query heads.
        value: (..., h, S, Ev).
        mask: truth values, or numbers to be added; broadcast to (..., H, L, S).
        place: where the random numbers for dropout begin, as `random_place` gives it.
        scale: of the scores.
        causal: whether query i sees keys 0 to i alone; instead of a mask.
        p: the share of weights that is dropped.

    Returns:
        (..., H, L, Ev); zeros where all scores are minus infinity.

    Examples:
        >>> attention(np.ones((1, 2)), np.ones((2, 2)), np.array([[1.0], [2.0]]))
        array([[1.5]])
    """
    shape = _shape(query.shape, key.shape, value.shape, _shape_of(mask))
    y = module_of(query).empty(shape, np.result_type(query, key, value))
    for rows in _strips(query, key):
        weights = _weights_of(query, key, mask, rows, scale, causal)
        if p and place is not None:
            weights = weights * _keep(place, weights, rows, query.shape[-2], p)
        y[..., rows, :] = _times(weights, value)
    return y


def _one_batch(*xs: Value, own: int) -> list[Value]:
    """Arrays with their leading dimensions broadcast, but for the last `own` of each."""
    lead = broadcast_shape(*(tuple(x.shape[:-own]) for x in xs))
    shapes = [(*lead, *x.shape[-own:]) for x in xs]
    return [x if tuple(x.shape) == s else broadcast_to(x, shape=s) for x, s in zip(xs, shapes)]


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
        OptionError: both a mask and `is_causal`, or a share outside 0 to 1.
        ShapeError: the shapes do not go together.

    Examples:
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> scaled_dot_product_attention(x, x, x, is_causal=True).round(2)
        array([[1.  , 0.  ],
               [0.33, 0.67]])
    """
    if is_causal and attn_mask is not None:
        raise OptionError("attention takes a mask or is_causal=True, not both")
    if not 0 <= dropout_p <= 1:
        raise OptionError(f"dropout's probability must be between 0 and 1, got {dropout_p}")
    _shapes_fit(*(tuple(x.shape) for x in (query, key, value)))
    heads = enable_gqa and min(len(x.shape) for x in (query, key, value)) > 2
    query, key, value = _one_batch(query, key, value, own=3 if heads else 2)
    if attn_mask is not None and np.dtype(attn_mask.dtype).kind != "b":
        attn_mask = cast(attn_mask, dtype=query.dtype)
    _shape(*(tuple(x.shape) for x in (query, key, value)), _shape_of(attn_mask))
    place = None
    if dropout_p:
        place = random_place(state, count=math.prod(query.shape[:-1]) * key.shape[-2])
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return attention(
        query, key, value, attn_mask, place, scale=factor, causal=is_causal, p=dropout_p
    )
