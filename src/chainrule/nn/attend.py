"""Attention as functions, with PyTorch's names and arguments (floor 3).

The formula is in `ops.attention`; here are the generator for dropout, and the projections, masks
and heads of `MultiheadAttention`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Generator, Tensor, zeros
from chainrule.autograd.generator import state_of
from chainrule.errors import DataError, OptionError, ShapeError

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """softmax(Q K^T / sqrt(E) + mask) V; see `ops.scaled_dot_product_attention`.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: truth values, true where a query may see a key, or numbers to be added.
        dropout_p: the share of weights that is dropped, in training or not.
        is_causal: whether query i sees keys 0 to i alone.
        scale: instead of 1 / sqrt(E).
        enable_gqa: whether keys and values may have fewer heads than queries.
        generator: where dropout's random numbers come from.

    Returns:
        (..., L, Ev).

    Examples:
        >>> from chainrule.autograd import ones
        >>> scaled_dot_product_attention(ones(2, 5, 4), ones(2, 6, 4), ones(2, 6, 3)).shape
        (2, 5, 3)
    """
    return ops.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask,
        dropout_p,
        is_causal,
        scale,
        enable_gqa,
        state=state_of(generator, query) if dropout_p else None,
    )


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention of several heads: W_o [head_1, ..., head_h] + b_o, each on projections of its own.

    The arguments are PyTorch's; see `nn.MultiheadAttention`, whose parameters they are.

    Args:
        query: (L, N, E) or (L, E).
        key: (S, N, kdim) or (S, kdim).
        value: (S, N, vdim) or (S, vdim).
        embed_dim_to_check: E.
        num_heads: how many heads, which divide E.
        in_proj_weight: the three projections one below another, (3 E, E).
        in_proj_bias: (3 E,).
        bias_k: a key that is added to all, (1, 1, E).
        bias_v: its value.
        add_zero_attn: whether a key and value of zeros are added.
        dropout_p: the share of weights that is dropped in training.
        out_proj_weight: W_o, (E, E).
        out_proj_bias: b_o, (E,).
        training: whether to drop.
        key_padding_mask: (N, S) or (S,), true where a key is not to be seen, or numbers to add.
        need_weights: whether to return the weights.
        attn_mask: (L, S) or (N h, L, S), likewise.
        use_separate_proj_weight: whether the projections come apart:
        q_proj_weight: (E, E).
        k_proj_weight: (E, kdim).
        v_proj_weight: (E, vdim).
        static_k: keys to be used as they are, (N h, S, E / h).
        static_v: values likewise.
        average_attn_weights: whether the weights returned are the mean over the heads.
        is_causal: a hint that `attn_mask` is the causal one.

    Returns:
        (L, N, E) or (L, E), and the weights (N, L, S), (N, h, L, S) or `None`.

    Raises:
        ShapeError: shapes that do not go together.
        OptionError: `is_causal` without a mask.

    Examples:
        >>> from chainrule.autograd import eye, ones
        >>> y, w = multi_head_attention_forward(
        ...     ones(3, 2), ones(5, 2), ones(5, 2), 2, 1, ops.cat([eye(2)] * 3), None,
        ...     None, None, False, 0.0, eye(2), None)
        >>> y.shape, w.shape
        ((3, 2), (3, 5))
    """
    if is_causal and attn_mask is None:
        raise OptionError("is_causal=True is a hint about attn_mask, so the mask is needed as well")
    single = query.ndim == 2
    if single:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    _check(query, key, value, embed_dim_to_check, num_heads)
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected_apart((query, key, value), weights, in_proj_bias)
    else:
        q, k, v = _projected((query, key, value), in_proj_weight, in_proj_bias)
    steps, count = q.shape[:2]
    shortest = k.shape[0]
    if bias_k is not None and bias_v is not None:
        k, v = _longer(k, bias_k), _longer(v, bias_v)
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
    if static_k is not None:
        k = static_k.reshape(count, num_heads, *static_k.shape[1:])
    if static_v is not None:
        v = static_v.reshape(count, num_heads, *static_v.shape[1:])
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
    mask = _mask(attn_mask, key_padding_mask, q, shortest, added=k.shape[2] - shortest)
    y, shown = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    y = y.permute(2, 0, 1, 3).reshape(steps, count, embed_dim_to_check)
    y = ops.linear(y, out_proj_weight, out_proj_bias)
    if shown is not None and average_attn_weights:
        shown = shown.mean(1)
    if single:
        return y.squeeze(1), (None if shown is None else shown.squeeze(0))
    return y, shown


def _check(query: Any, key: Any, value: Any, size: int, heads: int) -> None:
    q, k, v = (tuple(x.shape) for x in (query, key, value))
    if len(q) != 3 or len(k) != 3 or k[:2] != v[:2] or q[1] != k[1] or q[2] != size:
        raise ShapeError(
            f"attention takes a query (L, N, {size}), a key (S, N, ...) and a value (S, N, ...), "
            f"or all without N; got shapes {q}, {k} and {v}; is batch_first as the data are?"
        )
    if size % heads:
        raise OptionError(f"{heads} heads do not divide {size} features")


def _projected(xs: tuple[Any, ...], weight: Any, bias: Any) -> Sequence[Any]:
    """Queries, keys and values by the three parts of one weight; what is equal in one product."""
    query, key, value = xs
    size = weight.shape[0] // 3
    if query is key and key is value:
        return ops.chunk(ops.linear(query, weight, bias), 3, -1)
    return _projected_apart(xs, ops.split(weight, size), bias)


def _projected_apart(xs: tuple[Any, ...], weights: Any, bias: Any) -> list[Any]:
    biases = (None, None, None) if bias is None else ops.chunk(bias, 3)
    return [ops.linear(x, w, b) for x, w, b in zip(xs, weights, biases)]


def _longer(x: Any, last: Any) -> Any:
    """x (S, N, E) with one more entry, `last` (1, 1, E)."""
    return ops.cat([x, ops.broadcast_to(last, shape=(1, *x.shape[1:]))])


def _heads(x: Any, count: int) -> Any:
    """(L, N, E) as (N, count, L, E / count)."""
    steps, batch, size = x.shape
    return x.reshape(steps, batch, count, size // count).permute(1, 2, 0, 3)


def _with_zeros(x: Any) -> Any:
    """x (N, h, S, E) with an entry of zeros after it."""
    return ops.pad_constant(x, widths=((0, 0), (0, 0), (0, 1), (0, 0)))


def _numbers(mask: Any, name: str, dtype: Any) -> Any:
    """A mask as what is added to the scores: -inf where it is true, or itself."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != np.bool_:
        raise DataError(f"{name} must hold truth values or fractions, got {mask.dtype}")
    return ops.where(mask, zeros((), dtype=dtype) - math.inf, zeros((), dtype=dtype))


def _mask(attn_mask: Any, padding: Any, q: Any, keys: int, added: int) -> Any:
    """Both masks in one, that goes with scores (N, h, L, S); keys that were added are seen."""
    count, heads, steps, _ = q.shape
    mask = _numbers(attn_mask, "attn_mask", q.dtype)
    if mask is not None:
        if tuple(mask.shape) not in ((steps, keys), (count * heads, steps, keys)):
            raise ShapeError(
                f"attn_mask must have shape {(steps, keys)} or {(count * heads, steps, keys)}, "
                f"got {tuple(mask.shape)}"
            )
        mask = mask if mask.ndim == 2 else mask.reshape(count, heads, steps, keys)
    hidden = _numbers(padding, "key_padding_mask", q.dtype)
    if hidden is not None:
        if tuple(hidden.shape) != (count, keys):
            raise ShapeError(
                f"key_padding_mask must have shape {(count, keys)}, got {tuple(hidden.shape)}"
            )
        hidden = hidden.reshape(count, 1, 1, keys)
        mask = hidden if mask is None else mask + hidden
    if mask is None or not added:
        return mask
    return ops.pad_constant(mask, widths=(*((0, 0) for _ in mask.shape[1:]), (0, added)))


def _attended(q: Any, k: Any, v: Any, mask: Any, dropped: float, shown: bool) -> tuple[Any, Any]:
    """The weighted values of each head, and the weights, if they are to be shown."""
    if not shown:
        return scaled_dot_product_attention(q, k, v, mask, dropped), None
    scores = ops.matmul(q * (1 / math.sqrt(q.shape[-1])), ops.transpose(k, -2, -1))
    weights = ops.softmax(scores if mask is None else scores + mask, dim=-1)
    weights = ops.dropout(weights, dropped, state=state_of(None, weights))
    return ops.matmul(weights, v), weights
