"""What NumPy has no function for, as functions that stand by themselves (floor 4).

Their source is copied into the files that are written, so they know `math`, NumPy and one another,
and nothing of this library. Each means what the operation of its name does; `chainrule.ops` says
what that is, and is what they are tested against.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def erf(x: Array) -> Array:
    """The error function, number by number."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x) if x.size else x


def erfc(x: Array) -> Array:
    """1 - erf(x), also where that is tiny."""
    return np.vectorize(math.erfc, otypes=[x.dtype])(x) if x.size else x


def peak(x: Array, dim: Any = None, keepdim: bool = False) -> Array:
    """The largest, or 0 if that is not finite."""
    top = x.max(axis=dim, keepdims=keepdim)
    return np.where(np.isfinite(top), top, 0)


def logsumexp(x: Array, dim: Any = None, keepdim: bool = False) -> Array:
    """ln(sum of e^x), shifted so that nothing overflows."""
    top = peak(x, dim, True)
    total = np.log(np.exp(x - top).sum(axis=dim, keepdims=keepdim))
    return total + top.reshape(total.shape)


def around(x: Array, margins: Any, fill: float) -> Array:
    """Images (N, C, ...) with so much before and after them in each dimension."""
    return np.pad(x, ((0, 0), (0, 0), *margins), constant_values=fill)


def windows(x: Array, size: Any, stride: Any, dilation: Any) -> Array:
    """Every window of images (N, C, ...): (N, C, *positions, *size), a view."""
    rank = len(size)
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
    axes = tuple(range(2, 2 + rank))
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    moves = [slice(None, None, s) for s in (*stride, *dilation)]
    return every[(slice(None),) * 2 + tuple(moves)]


def convolution(
    x: Array, w: Array, b: Any = None, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    """Filters w (O, C / groups, ...) moved over images x (N, C, ...)."""
    met = windows(around(x, [(p, p) for p in padding], 0), w.shape[2:], stride, dilation)
    n, c = x.shape[:2]
    rank = w.ndim - 2
    steps = met.shape[2 : 2 + rank]
    met = met.reshape(n, groups, c // groups, *met.shape[2:])
    order = (0, 1, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    rows = met.transpose(order).reshape(n, groups, math.prod(steps), -1)
    filters = w.reshape(groups, w.shape[0] // groups, -1)
    y = np.matmul(rows, filters.transpose(0, 2, 1))  # (n, groups, positions, O / groups)
    y = y.transpose(0, 1, 3, 2).reshape(n, w.shape[0], *steps)
    return y if b is None else y + b.reshape(-1, *[1] * rank)


def convolution_input(
    g: Array, w: Array, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    """The transposed convolution: each g (N, O, ...) spread over the window that it belongs to."""
    n, steps = len(g), g.shape[2:]
    outputs, channels = w.shape[0] // groups, w.shape[1]
    given = g.reshape(n, groups, outputs, -1)
    filters = w.reshape(groups, outputs, channels, *w.shape[2:])
    room = [m + 2 * p for m, p in zip(size, padding)]
    x = np.zeros((n, groups * channels, *room), g.dtype)
    for tap in np.ndindex(*w.shape[2:]):
        one = filters[(slice(None),) * 3 + tap]
        part = np.einsum("ngop,goc->ngcp", given, one)
        x[pixels(tap, steps, stride, dilation)] += part.reshape(n, -1, *steps)
    return x[within(size, padding)]


def pixels(tap: Any, steps: Any, stride: Any, dilation: Any) -> Any:
    """The pixels that a tap of a window meets on its way."""
    moves = zip(tap, steps, stride, dilation)
    return (..., *[slice(t * d, t * d + s * (m - 1) + 1, s) for t, m, s, d in moves])


def within(size: Any, before: Any) -> Any:
    """Where images lie that have so much before them."""
    return (..., *[slice(a, a + m) for m, a in zip(size, before)])


def max_pooling(x: Array, size: Any, stride: Any, margins: Any, dilation: Any) -> Array:
    """The largest pixel of each window."""
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    met = windows(around(x, margins, low), size, stride, dilation)
    return met.max(axis=tuple(range(-len(size), 0)))


def sum_pooling(x: Array, size: Any, stride: Any, margins: Any, dilation: Any) -> Array:
    """The sum of each window."""
    met = windows(around(x, margins, 0), size, stride, dilation)
    return met.sum(axis=tuple(range(-len(size), 0)))


def unfold_windows(x: Array, size: Any, stride: Any, margins: Any, dilation: Any) -> Array:
    """The pixels of each window: (N, C, taps, ...)."""
    met = windows(around(x, margins, 0), size, stride, dilation)
    rank = len(size)
    met = met.transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    return met.reshape(*met.shape[:2], -1, *met.shape[2 + rank :])


def fold_windows(
    g: Array, size: Any, stride: Any, margins: Any, dilation: Any, image: Any
) -> Array:
    """Every g (N, C, taps, ...) added to the pixel that it is of."""
    room = [a + m + b for m, (a, b) in zip(image, margins)]
    x = np.zeros((*g.shape[:2], *room), g.dtype)
    for k, tap in enumerate(np.ndindex(*size)):
        x[pixels(tap, g.shape[3:], stride, dilation)] += g[:, :, k]
    return x[within(image, [a for a, _ in margins])]


def adaptive_places(x: Array, size: Any) -> Array:
    """Where in the flattened image the largest pixel of each adaptive window lies."""
    y = np.empty((*x.shape[:2], *size), np.int64)
    every = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    for at in np.ndindex(*size):
        cuts = zip(at, x.shape[2:], size)
        box = tuple(slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in cuts)
        inside = x[(slice(None), slice(None)) + box].reshape(*x.shape[:2], -1)
        y[(slice(None), slice(None)) + at] = every[box].ravel()[inside.argmax(-1)]
    return y


def resample(x: Array, dim: int, places: Array, shares: Array) -> Array:
    """Weighted sums of a few numbers along a dimension."""
    along = (-1, *[1] * (x.ndim - dim - 1))
    terms = [
        np.take(x, place, axis=dim) * share.reshape(along)
        for place, share in zip(places.T, shares.T)
    ]
    return np.sum(terms, axis=0)


def attention(
    query: Array, key: Array, value: Array, mask: Any = None, place: Any = None, *,
    scale: float = 1.0, causal: bool = False, p: float = 0.0,
) -> Array:  # fmt: skip
    """softmax(scale Q K^T + mask) V; keys and values may serve several heads each."""
    if query.ndim > 2 and query.shape[-3] != key.shape[-3]:
        each = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, each, axis=-3), np.repeat(value, each, axis=-3)
    scores = (query * scale) @ np.swapaxes(key, -1, -2)
    if causal:
        mask = np.tri(*scores.shape[-2:], dtype=bool)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(top == -np.inf, 0, top))
    total = weights.sum(axis=-1, keepdims=True)
    return (weights / np.where(total == 0, 1, total)) @ value


def rnn_steps(a: Array, h: Array, w: Array, *, sizes: Any, rectified: bool = False) -> Array:
    """h' = tanh(a + W h), or max(0, a + W h), step by step; a step has so many rows."""
    states, start = [], 0
    for count in sizes:
        total = a[start : start + count] + h[:count] @ w.T
        h = np.maximum(total, 0) if rectified else np.tanh(total)
        states.append(h)
        start += count
    return np.concatenate(states)


def lstm_walk(a: Array, h: Array, c: Array, w: Array, *, sizes: Any) -> Array:
    """States and gates of long short-term memory, step by step: h, c, i, f, z, o."""
    seen, start = [], 0
    for count in sizes:
        i, f, z, o = np.split(a[start : start + count] + h[:count] @ w.T, 4, axis=1)
        i, f, z, o = sigmoid(i), sigmoid(f), np.tanh(z), sigmoid(o)
        c = f * c[:count] + i * z
        h = o * np.tanh(c)
        seen.append(np.stack([h, c, i, f, z, o]))
        start += count
    return np.concatenate(seen, axis=1)


def gru_walk(a: Array, h: Array, w: Array, b: Array, *, sizes: Any) -> Array:
    """State and gates of gated recurrent units, step by step: h, r, z, n, and what r multiplies."""
    seen, start = [], 0
    for count in sizes:
        of_r, of_z, of_n = np.split(a[start : start + count], 3, axis=1)
        r, z, last = np.split(h[:count] @ w.T + b, 3, axis=1)
        r, z = sigmoid(of_r + r), sigmoid(of_z + z)
        n = np.tanh(of_n + r * last)
        h = (h[:count] - n) * z + n
        seen.append(np.stack([h, r, z, n, last]))
        start += count
    return np.concatenate(seen, axis=1)


def largest_first(x: Array, dim: int) -> Array:
    """The places of all numbers, the largest first, equal ones in their order."""
    back = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(back, dim)


def counted(per: Array, step: Array, rest: Array, n: int, dim: int, shape: Any) -> Array:
    """Places that grow with the batch: per n + step j + rest, with j along a dimension."""
    fixed = np.expand_dims(per * n + rest, dim)
    along = np.arange(n).reshape(-1, *[1] * (fixed.ndim - dim - 1))
    return (fixed + np.expand_dims(step, dim) * along).reshape(shape)


def sum_to(x: Array, shape: Any) -> Array:
    """The sum over all dimensions that the shape does not have, or has 1 of."""
    lead = x.ndim - len(shape)
    dims = [lead + d for d, n in enumerate(shape) if n != x.shape[lead + d]]
    return x.sum(axis=(*range(lead), *dims), keepdims=True).reshape(shape)


def unslice(x: Array, key: Any, shape: Any) -> Array:
    """Zeros, with x at a place."""
    y = np.zeros(shape, x.dtype)
    y[key] = x
    return y


def unindex(x: Array, key: Any, shape: Any) -> Array:
    """Zeros, with x added at places."""
    y = np.zeros(shape, x.dtype)
    np.add.at(y, key, x)
    return y


def index_put(x: Array, v: Array, key: Any) -> Array:
    """A copy of x, with v at places."""
    y = x.copy()
    y[key] = v
    return y
