"""References of what goes by windows, and of images that are resized or read at other places.

As in `references.py`: a definition, pixel by pixel, that shares nothing with the library.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

import references as ref

# --- transposed convolution ---------------------------------------------------------------------


@ref.one_or_many
def conv_transpose(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Each pixel of x times each tap of the filters of its channel, added where it falls."""
    rank = x.ndim - 2
    s, p, more, d = (ref.sizes(v, rank) for v in (stride, padding, output_padding, dilation))
    taps, outs = w.shape[2:], w.shape[1]
    size = [
        (n - 1) * s[i] - 2 * p[i] + d[i] * (taps[i] - 1) + more[i] + 1
        for i, n in enumerate(x.shape[2:])
    ]
    y = np.zeros((len(x), outs * groups, *size))
    for (n, c), o in itertools.product(np.ndindex(x.shape[:2]), range(outs)):
        group = c // (x.shape[1] // groups)
        for at, tap in itertools.product(np.ndindex(x.shape[2:]), np.ndindex(taps)):
            place = tuple(at[i] * s[i] + tap[i] * d[i] - p[i] for i in range(rank))
            if all(0 <= q < m for q, m in zip(place, size)):
                y[(n, group * outs + o, *place)] += x[(n, c, *at)] * w[(c, o, *tap)]
    return y if b is None else y + b.reshape(-1, *[1] * rank)


# --- pooling ------------------------------------------------------------------------------------


def of_rank(rank):
    """f of a batch of images with `rank` dimensions, or of one."""

    def decorated(f):
        def reference(x, *rest, **attrs):
            if x.ndim == rank + 2:
                return f(x, *rest, rank=rank, **attrs)
            y = f(x[None], *[r[None] for r in rest], rank=rank, **attrs)
            return tuple(v[0] for v in y) if isinstance(y, tuple) else y[0]

        return reference

    return decorated


def window_of(rank, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Four tuples and whether the last window may reach beyond."""
    stride = kernel_size if stride is None else stride
    return (*(ref.sizes(v, rank) for v in (kernel_size, stride, padding, dilation)), ceil_mode)


def places(winners, *, window, size):
    """The place of each winning tap's pixel in the flattened image."""
    y = np.empty(winners.shape, dtype=np.int64)
    for (n, c), (at, met) in itertools.product(
        np.ndindex(winners.shape[:2]), ref.lists_of(size, window).items()
    ):
        y[(n, c, *at)] = np.ravel_multi_index(dict(met)[winners[(n, c, *at)]], size)
    return y


def max_pool(rank):
    """The largest of each window, and where it lies."""

    @of_rank(rank)
    def reference(x, *, rank, return_indices=False, **options):
        window = window_of(rank, **options)
        y = ref.pooled_max(x, window)
        if not return_indices:
            return y
        return y, places(ref.winners(x, window), window=window, size=x.shape[2:])

    return reference


def avg_pool(rank):
    """The mean of each window, by counting pixels and, within the padding, zeros."""

    @of_rank(rank)
    def reference(x, *, rank, count_include_pad=True, divisor_override=None, **options):
        window = window_of(rank, **options)
        total = ref.pooled_sum(x, window)
        if divisor_override:
            return total / divisor_override
        for at in np.ndindex(total.shape[2:]):
            total[(..., *at)] /= counted(at, x.shape[2:], window, count_include_pad)
        return total

    return reference


def counted(at, image, window, count_padding):
    """How many pixels, and perhaps zeros within the padding, a window at that position holds."""
    count = 1
    for i, n, k, s, p, d in zip(at, image, *window[:4]):
        around = p if count_padding else 0
        count *= sum(-around <= i * s - p + tap * d < n + around for tap in range(k))
    return count


def lp_pool(rank):
    """The p-norm of each window."""

    @of_rank(rank)
    def reference(x, *, rank, norm_type, **options):
        return ref.pooled_sum(x**norm_type, window_of(rank, **options)) ** (1 / norm_type)

    return reference


def cuts(n, m):
    """Where the m adaptive windows over n pixels begin and end."""
    return [(math.floor(i * n / m), math.ceil((i + 1) * n / m)) for i in range(m)]


def over(x, windows, f):
    """f(image, pixels) of each window, given as ranges for each dimension."""
    shape = tuple(len(w) for w in windows)
    y = np.empty((*x.shape[:2], *shape))
    for n, c in np.ndindex(x.shape[:2]):
        for at in np.ndindex(shape):
            ranges = [windows[d][i] for d, i in enumerate(at)]
            pixels = list(itertools.product(*(range(a, b) for a, b in ranges)))
            y[(n, c, *at)] = f(x[n, c], pixels)
    return y


def wanted(size, output_size):
    """A size for each dimension, `None` meaning that of the image."""
    return [n if m is None else m for n, m in zip(size, ref.sizes(output_size, len(size)))]


def largest_place(image, pixels):
    """The place of the first of the largest pixels."""
    best = max(pixels, key=lambda p: image[p])
    return np.ravel_multi_index(best, image.shape)


def largest_of(x, windows, return_indices):
    """The largest pixel of each window, and where it lies."""
    y = over(x, windows, lambda image, pixels: max(image[p] for p in pixels))
    return (y, over(x, windows, largest_place).astype(np.int64)) if return_indices else y


def adaptive_places(x, *, size):
    """Where the largest of each adaptive window lies."""
    windows = [cuts(n, m) for n, m in zip(x.shape[2:], size)]
    return over(x, windows, largest_place).astype(np.int64)


def adaptive_max(rank):
    """The largest of each adaptive window."""

    @of_rank(rank)
    def reference(x, *, rank, output_size, return_indices=False):
        windows = [cuts(n, m) for n, m in zip(x.shape[2:], wanted(x.shape[2:], output_size))]
        return largest_of(x, windows, return_indices)

    return reference


def adaptive_avg(rank):
    """The mean of each adaptive window."""

    @of_rank(rank)
    def reference(x, *, rank, output_size):
        windows = [cuts(n, m) for n, m in zip(x.shape[2:], wanted(x.shape[2:], output_size))]
        return over(x, windows, lambda image, pixels: np.mean([image[p] for p in pixels]))

    return reference


def begun(n, m, k, u):
    """Windows of k pixels over n, m of them, begun as the number u says."""
    step = (n - k) / (m - 1) if m > 1 else 0
    starts = [math.floor((i + u) * step) - math.floor(u * step) for i in range(m - 1)]
    return [(i, i + k) for i in [*starts, n - k]]


def fractional_places(x, samples, *, window, size):
    """Where the largest of each window lies, image by image and channel by channel."""
    y = np.empty((*x.shape[:2], *size), dtype=np.int64)
    for n, c in np.ndindex(x.shape[:2]):
        windows = [begun(*at) for at in zip(x.shape[2:], size, window, samples[n, c])]
        y[n, c] = over(x[n : n + 1, c : c + 1], windows, largest_place)[0, 0]
    return y


def fractional_max_pool(rank):
    """The pixels at those places; the samples of images are for columns first."""

    @of_rank(rank)
    def reference(
        x, samples, *, rank, kernel_size, output_size=None, output_ratio=None, return_indices=False
    ):
        if output_size is None:
            output_size = tuple(
                int(n * r) for n, r in zip(x.shape[2:], ref.sizes(output_ratio, rank))
            )
        samples = samples[..., ::-1] if rank == 2 else samples
        window, size = (ref.sizes(v, rank) for v in (kernel_size, output_size))
        at = fractional_places(x, samples, window=window, size=size)
        y = np.take_along_axis(x.reshape(*x.shape[:2], -1), at.reshape(*x.shape[:2], -1), 2)
        y = y.reshape(at.shape)
        return (y, at) if return_indices else y

    return reference


def max_unpool(rank):
    """Zeros but where the indices say."""

    def reference(x, indices, *, kernel_size, stride=None, padding=0, output_size=None):
        k, s, p, *_ = window_of(rank, kernel_size, stride, padding)
        least = [(n - 1) * s[d] + k[d] - 2 * p[d] for d, n in enumerate(x.shape[-rank:])]
        size = tuple(least if output_size is None else output_size[-rank:])
        y = np.zeros((*x.shape[:-rank], math.prod(size)))
        flat, where = (v.reshape(*x.shape[:-rank], -1) for v in (x, indices))
        for lead in np.ndindex(x.shape[:-rank]):
            for value, place in zip(flat[lead], where[lead]):
                y[(*lead, place)] = value
        return y.reshape(*x.shape[:-rank], *size)

    return reference


# --- windows as columns -------------------------------------------------------------------------


def unfolded(x, *, window):
    """The pixels of every window, 0 outside."""
    y = np.zeros((*x.shape[:2], math.prod(window[0]), *ref.steps(x.shape[2:], window)))
    for at, met in ref.lists_of(x.shape[2:], window).items():
        for tap, pixel in met:
            y[(slice(None), slice(None), tap, *at)] = x[(slice(None), slice(None), *pixel)]
    return y


def folded(g, *, window, size):
    """What every window holds, added to its pixels."""
    x = np.zeros((*g.shape[:2], *size))
    for at, met in ref.lists_of(size, window).items():
        for tap, pixel in met:
            x[(slice(None), slice(None), *pixel)] += g[(slice(None), slice(None), tap, *at)]
    return x


@of_rank(2)
def im2col(x, *, rank, kernel_size, dilation=1, padding=0, stride=1):
    """Every window as a column."""
    y = unfolded(x, window=window_of(rank, kernel_size, stride, padding, dilation))
    return y.reshape(len(x), math.prod(y.shape[1:3]), -1)


@of_rank(1)
def col2im(x, *, rank, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns as windows, added up."""
    window = window_of(2, kernel_size, stride, padding, dilation)
    size = ref.sizes(output_size, 2)
    windows = x.reshape(len(x), -1, math.prod(window[0]), *ref.steps(size, window))
    return folded(windows, window=window, size=size)


# --- borders and channels -----------------------------------------------------------------------


def pad(x, *, pad, mode="constant", value=None):
    """NumPy's own, after what is negative is cut off."""
    pairs = list(zip(pad[::2], pad[1::2]))[::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    x = x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pairs))]
    widths = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        return np.pad(x, widths, constant_values=value or 0)
    return np.pad(x, widths, mode={"replicate": "edge", "circular": "wrap"}.get(mode, mode))


def pixel_shuffle(x, *, upscale_factor):
    """y[c, h r + i, w r + j] = x[c r r + i r + j, h, w]."""
    r = upscale_factor
    c, h, w = x.shape[-3:]
    y = np.empty((*x.shape[:-3], c // r**2, h * r, w * r))
    for k, a, b in np.ndindex(y.shape[-3:]):
        y[..., k, a, b] = x[..., k * r * r + a % r * r + b % r, a // r, b // r]
    return y


def pixel_unshuffle(x, *, downscale_factor):
    """The reverse."""
    r = downscale_factor
    c, h, w = x.shape[-3:]
    y = np.empty((*x.shape[:-3], c * r**2, h // r, w // r))
    for k, a, b in np.ndindex((c, h, w)):
        y[..., k * r * r + a % r * r + b % r, a // r, b // r] = x[..., k, a, b]
    return y


def channel_shuffle(x, *, groups):
    """The first of each group, the second of each, and so on."""
    each = x.shape[1] // groups
    return x[:, [g * each + i for i in range(each) for g in range(groups)]]


# --- other sizes --------------------------------------------------------------------------------


def keys(away):
    """Cubic convolution's weight of a neighbour at that distance, with a = -3/4."""
    a, t = -0.75, abs(away)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def line_resized(x, rule, m, scale, ends):
    """One line of numbers as m numbers."""
    n = len(x)
    if rule == "area":
        return [np.mean(x[a:b]) for a, b in cuts(n, m)]
    step = 1 / scale if scale else n / m
    if rule.startswith("nearest"):
        shift = 0.5 if rule == "nearest-exact" else 0.0
        return [x[min(math.floor((i + shift) * step), n - 1)] for i in range(m)]
    at = [i * (n - 1) / max(m - 1, 1) if ends else (i + 0.5) * step - 0.5 for i in range(m)]
    if rule == "linear":
        return np.interp(at, np.arange(n), x)
    near = [range(math.floor(a) - 1, math.floor(a) + 3) for a in at]
    return [sum(keys(a - k) * x[min(max(k, 0), n - 1)] for k in ks) for a, ks in zip(at, near)]


def resample(x, *, dims, samplings):
    """Line by line; the table of a sampling read backwards is its matrix transposed."""
    for dim, (rule, old, new, scale, ends, back) in zip(dims, samplings):
        matrix = np.array([line_resized(row, rule, new, scale, ends) for row in np.eye(old)])
        x = np.moveaxis(np.moveaxis(x, dim, -1) @ (matrix.T if back else matrix), -1, dim)
    return x


RULES = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


def interpolate(
    x,
    *,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
):
    """Each dimension in its turn."""
    rank = x.ndim - 2
    scales = ref.sizes(scale_factor, rank)
    new = ref.sizes(size, rank)
    if size is None:
        new = tuple(math.floor(n * f) for n, f in zip(x.shape[2:], scales))
    if recompute_scale_factor:
        scales = (None,) * rank
    if new == x.shape[2:]:
        return x
    for d in range(rank):
        rule = RULES.get(mode, mode)
        moved = np.moveaxis(x, d + 2, -1)
        lines = [
            line_resized(line, rule, new[d], scales[d], align_corners)
            for line in moved.reshape(-1, moved.shape[-1])
        ]
        x = np.moveaxis(np.reshape(lines, (*moved.shape[:-1], new[d])), -1, d + 2)
    return x


# --- grids --------------------------------------------------------------------------------------


def affine_grid(theta, *, size, align_corners=None):
    """theta times (x, y, 1), or (x, y, z, 1), pixel by pixel."""
    y = np.empty((len(theta), *size[2:], len(size) - 2))
    for at in np.ndindex(y.shape[:-1]):
        place = []
        for i, n in zip(at[1:], size[2:]):
            edge = 1 if align_corners else (n - 1) / n
            place.append(-edge + 2 * edge * i / (n - 1) if n > 1 else 0.0)
        y[at] = theta[at[0]] @ [*place[::-1], 1]
    return y


def reflected(at, low, high):
    """at thrown back between two mirrors, step by step."""
    if low == high:
        return 0.0
    while not low <= at <= high:
        at = 2 * low - at if at < low else 2 * high - at
    return at


def bounded(at, n, edge, ends):
    """The pixel or place that stands for one outside."""
    if edge == "zeros":
        return at
    if edge == "reflection":
        at = reflected(at, *((0, n - 1) if ends else (-0.5, n - 0.5)))
    return min(max(at, 0), n - 1)


def grid_sample(x, grid, *, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Pixel by pixel, neighbour by neighbour."""
    size, ends = x.shape[2:], align_corners
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for n, *out in np.ndindex(grid.shape[:-1]):
        options = []
        for m, place in zip(size, grid[(n, *out)][::-1]):
            at = (place + 1) / 2 * (m - 1) if ends else ((place + 1) * m - 1) / 2
            options.append(neighbours(at, m, mode, padding_mode, ends))
        for taps in itertools.product(*options):
            pixel = tuple(p for p, _ in taps)
            if all(0 <= p < m for p, m in zip(pixel, size)):
                y[(n, slice(None), *out)] += x[(n, slice(None), *pixel)] * math.prod(
                    w for _, w in taps
                )
    return y


def neighbours(at, n, mode, edge, ends):
    """Which pixels a place along n of them is made of, with their weights."""
    if mode == "bicubic":
        first = math.floor(at)
        near = range(first - 1, first + 3)
        return [(int(bounded(k, n, edge, ends)), keys(at - k)) for k in near]
    at = bounded(at, n, edge, ends)
    if mode == "nearest":
        return [(round(at), 1.0)]
    left = math.floor(at)
    return [(left, 1 - (at - left)), (left + 1, at - left)]


# --- normalisation and dropout ------------------------------------------------------------------


def per_channel(y, weight, bias):
    """y times weight plus bias, channels second."""
    return np.moveaxis(np.moveaxis(y, 1, -1) * weight + bias, -1, 1)


def group_norm(x, num_groups, weight=1.0, bias=0.0, *, eps=1e-5):
    """Standardised group by group."""
    y = np.empty_like(x)
    for n in range(len(x)):
        for part in np.split(np.arange(x.shape[1]), num_groups):
            group = x[n, part]
            y[n, part] = (group - group.mean()) / np.sqrt(group.var() + eps)
    return per_channel(y, weight, bias)


def rms_norm(x, normalized_shape, weight=1.0, *, eps=None):
    """Divided by the root of the mean square."""
    small = np.finfo(x.dtype).eps if eps is None else eps
    axes = tuple(range(-len(normalized_shape), 0))
    return x / np.sqrt((x**2).mean(axes, keepdims=True) + small) * weight


def local_response_norm(x, *, size, alpha=1e-4, beta=0.75, k=1.0):
    """Channel by channel."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        first = c - size // 2
        near = x[:, max(first, 0) : max(first + size, 0)]
        y[:, c] = x[:, c] / (k + alpha * (near**2).sum(1) / size) ** beta
    return y


def feature_dropout(x, state, *, p=0.5):
    """Whole channels times 1 / (1 - p) or 0."""
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return x * ref.mask(state, shape=shape, p=p, dtype=np.float64)


def alpha_dropout(x, state, *, p=0.5, shape=None):
    """What is left out becomes SELU's floor; then mean 0 and variance 1 again."""
    floor = -1.0507009873554805 * 1.6732632423543772
    kept = ref.mask(state, shape=shape or x.shape, p=p, dtype=np.float64) > 0
    q = 1 - p
    a = (q + floor**2 * q * p) ** -0.5
    return a * np.where(kept, x, floor) - a * floor * p


def feature_alpha_dropout(x, state, *, p=0.5):
    """The same for whole channels."""
    return alpha_dropout(x, state, p=p, shape=(*x.shape[:2], *[1] * (x.ndim - 2)))
