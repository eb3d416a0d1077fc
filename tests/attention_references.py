"""What attention should compute, a query at a time, in plain NumPy."""

from __future__ import annotations

import math

import numpy as np


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
