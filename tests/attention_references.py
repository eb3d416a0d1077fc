"""What attention should compute, a query at a time, in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from references import mask as kept


def one_query(q, keys, values, seen, added, scale):
    """The mean of those values that are seen, weighted by e^score; zeros if none is."""
    weights = [
        math.exp(scale * (q @ k) + a) if s else 0.0
        for k, s, a in zip(keys, seen, added, strict=True)
    ]
    total = sum(weights) or 1.0
    return sum((w / total * v for w, v in zip(weights, values)), np.zeros(values.shape[-1]))


def attention(query, key, value, attn_mask=None, *, is_causal=False, scale=None, enable_gqa=False):
    """`one_query` for all, over the leading dimensions."""
    rows, columns = query.shape[-2], key.shape[-2]
    if enable_gqa:
        share = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, share, -3), np.repeat(value, share, -3)
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    mask = np.tril(np.ones((rows, columns), bool)) if is_causal else attn_mask
    mask = np.zeros((rows, columns)) if mask is None else mask
    mask = np.broadcast_to(mask, (*batch, rows, columns))
    seen = mask if mask.dtype == bool else mask > -math.inf
    added = np.where(seen, mask, 0.0) if mask.dtype != bool else np.zeros(mask.shape)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    q, k, v = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (query, key, value))
    y = np.zeros((*batch, rows, value.shape[-1]))
    for at in np.ndindex(*batch, rows):
        b = at[:-1]
        y[at] = one_query(q[at], k[b], v[b], seen[at], added[at], scale)
    return y


def weighted(query, key, value, mask=None, place=None, *, scale=1.0, causal=False, p=0.0):
    """`attention` by its formula, all weights at once."""
    return weights(query, key, mask, place, scale, causal, p)[1] @ shared(value, query)


def weights(query, key, mask, place, scale, causal, p):
    """The weights of all keys, and what dropout leaves of them."""
    scores = scale * query @ np.swapaxes(shared(key, query), -1, -2)
    if causal:
        mask = np.tril(np.ones(scores.shape[-2:], bool))
    if mask is not None:
        scores = np.where(mask, scores, -math.inf) if mask.dtype == bool else scores + mask
    shifted = np.exp(scores - np.nan_to_num(scores.max(-1, keepdims=True), neginf=0))
    full = shifted / np.maximum(shifted.sum(-1, keepdims=True), 1e-300)
    return full, full * (kept(place, shape=full.shape, p=p) if p else 1)


def shared(x, query):
    """Each head as often as there are query heads for it."""
    return np.repeat(x, query.shape[-3] // x.shape[-3], -3) if x.ndim > 2 else x


def slopes(g, query, key, value, mask=None, place=None, *, scale=1.0, causal=False, p=0.0):
    """The gradients of query, key and value as `attention_back` packs them."""
    full, left = weights(query, key, mask, place, scale, causal, p)
    back = g @ np.swapaxes(value, -1, -2) * (kept(place, shape=full.shape, p=p) if p else 1)
    d = full * (back - (full * back).sum(-1, keepdims=True)) * scale
    turned = np.swapaxes(d, -1, -2)
    found = [d @ key, turned @ query, np.swapaxes(left, -1, -2) @ g]
    if query.shape == key.shape == value.shape:
        return np.stack(found)
    return np.concatenate([x.ravel() for x in found])
