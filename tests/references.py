"""What the operations should compute, said a second time: NumPy, loops and plain Python numbers.

Nothing here is quick, and nothing shares code with the library: a convolution is the sum in its
definition, a pooling the `max` of a list, an optimiser a few lines on one number.
"""

from __future__ import annotations

import itertools
import math

import numpy as np


def each(f):
    """A function of plain numbers, element by element."""
    return lambda *xs, **attrs: np.vectorize(f, otypes=[np.float64])(*xs, **attrs)


def alone(f):
    """`f` of the inputs alone, whatever the attributes."""
    return lambda *xs, **_: f(*xs)


def clip(x, min=-math.inf, max=math.inf):
    """x between two bounds."""
    return np.minimum(np.maximum(x, min), max)


# --- reductions ---------------------------------------------------------------------------------


def along(f):
    """NumPy's reduction `f`, by our names of its arguments."""

    def reference(x, dim=None, keepdim=False, **attrs):
        axis = None if not np.ndim(x) else tuple(dim) if isinstance(dim, (tuple, list)) else dim
        return f(x, axis=axis, keepdims=keepdim, **attrs)

    return reference


def log_of_sum(x, **attrs):
    """ln(sum of e^x), as it is defined."""
    return np.log(np.sum(np.exp(x), **attrs))


def var(x, correction=1, **attrs):
    """NumPy's variance, by PyTorch's correction."""
    return np.var(x, ddof=correction, **attrs)


def std(x, correction=1, **attrs):
    """NumPy's standard deviation likewise."""
    return np.std(x, ddof=correction, **attrs)


def cumsum(x, dim):
    """Running sums; of one number, the number."""
    return np.cumsum(x, axis=dim) if np.ndim(x) else x


def extreme(value, place):
    """The value; along a dimension the pair (values, indices)."""

    def reference(x, dim=None, keepdim=False):
        if dim is None:
            return value(x)
        return value(x, axis=dim, keepdims=keepdim), place(x, axis=dim, keepdims=keepdim)

    return reference


def argsort(x, dim=-1, descending=False):
    """The order of each line by Python's stable sort."""
    lines = np.moveaxis(x, dim, -1)
    index = np.empty(lines.shape, dtype=np.int64)
    for at in np.ndindex(lines.shape[:-1]):
        line = lines[at].tolist()
        index[at] = sorted(range(len(line)), key=lambda i: -line[i] if descending else line[i])
    return np.moveaxis(index, -1, dim)


def in_order(x, dim=-1, descending=False):
    """The pair (values in order, where they were)."""
    index = argsort(x, dim, descending)
    return np.take_along_axis(x, index, dim), index


def foremost(x, k, dim=-1, largest=True):
    """The first k of what sorting gives."""
    return tuple(np.take(v, range(k), axis=dim) for v in in_order(x, dim, descending=largest))


def vector_norm(x, p=2, dim=None, keepdim=False):
    """(sum of |x|^p)^(1/p), with its limits at 0 and infinity."""
    if math.isinf(p):
        return along(np.max if p > 0 else np.min)(np.abs(x), dim, keepdim)
    if p == 0:
        return along(np.sum)((x != 0).astype(x.dtype), dim, keepdim)
    return along(np.sum)(np.abs(x) ** p, dim, keepdim) ** (1 / p)


def softmax(x, dim=-1):
    """Probabilities from scores, as in the textbook."""
    e = np.exp(x)
    return e / e.sum(axis=dim, keepdims=True)


# --- moving elements ----------------------------------------------------------------------------


def sum_to(x, shape):
    """x added up, element by element, at the places that broadcasting takes its values from."""
    places = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), x.shape)
    return np.bincount(places.ravel(), x.ravel(), math.prod(shape)).reshape(shape)


def split(x, size, dim):
    """Pieces of a size, the last what remains, or of listed sizes."""
    n = x.shape[dim]
    sizes = [min(size, n - i) for i in range(0, n, size)] if isinstance(size, int) else size
    ends = list(itertools.accumulate(sizes))
    return [np.take(x, range(end - size, end), dim) for size, end in zip(sizes, ends)]


def chunk(x, chunks, dim):
    """At most so many pieces, all but the last of equal size."""
    return split(x, math.ceil(x.shape[dim] / chunks), dim)


def padded(x, widths, value=0.0):
    """A constant around x."""
    return np.pad(x, widths, constant_values=value)


def taken_along(x, index, *, dim):
    """y[i][j] = x[index[i][j]][j], one element at a time."""
    y = np.empty(index.shape)
    for at in np.ndindex(index.shape):
        y[at] = x[(*at[: dim % x.ndim], index[at], *at[dim % x.ndim + 1 :])]
    return y


def written_along(x, index, src, *, dim, add=False):
    """y[index[i][j]][j] = src[i][j], or += with `add`, one element at a time, in order."""
    y = np.array(x)
    for at in np.ndindex(index.shape):
        to = (*at[: dim % y.ndim], index[at], *at[dim % y.ndim + 1 :])
        y[to] = (src if np.isscalar(src) else src[at]) + (y[to] if add else 0)
    return y


def added_along(x, index, *, dim, shape):
    """Zeros with x added along a dimension."""
    return written_along(np.zeros(shape), index, x, dim=dim, add=True)


def gather(x, dim, index):
    """`taken_along`; of one number, the number."""
    return taken_along(x, index, dim=dim) if x.ndim else x


def scatter(x, dim, index, src):
    """`written_along`."""
    return written_along(x, index, src, dim=dim)


def scatter_add(x, dim, index, src):
    """`written_along`, adding."""
    return written_along(x, index, src, dim=dim, add=True)


def index_select(x, dim, which):
    """The entries that `which` lists, one by one."""
    return np.stack([np.take(x, i, dim) for i in which], dim)


def index(x, *arrays, key):
    """x[key], of an array or a PyTorch tensor."""
    return x[filled(key, arrays)]


def filled(key, arrays):
    """The key of `index` with the arrays in their places."""
    following = iter(arrays)
    return tuple(next(following) if isinstance(k, str) else k for k in key)


def put_at(x, v, *arrays, key):
    """A copy of x with v at the key."""
    y = np.array(x)
    y[filled(key, arrays)] = v
    return y


def added_at(x, *arrays, key, shape):
    """Zeros with x added at the key, found by numbering every place."""
    places = np.arange(math.prod(shape)).reshape(shape)[filled(key, arrays)]
    y = np.zeros(math.prod(shape))
    for place, value in zip(places.ravel(), x.ravel()):
        y[place] += value
    return y.reshape(shape)


# --- products -----------------------------------------------------------------------------------


def products(a, b):
    """The matrix product as a sum of element products, a vector being one row or one column."""
    rows = a[None, :] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    y = (rows[..., :, :, None] * columns[..., None, :, :]).sum(-2)
    y = y[..., 0] if b.ndim == 1 else y
    return y if a.ndim > 1 else y[..., 0] if b.ndim == 1 else y[..., 0, :]


def linear(x, w, b=0.0):
    """Each output is a weighted sum of the inputs, plus b."""
    return (x[..., None, :] * w).sum(-1) + b


def einsum(*xs, equation):
    """NumPy's einsum, unoptimised."""
    return np.einsum(equation, *xs)


# --- convolution and pooling --------------------------------------------------------------------


def steps(size, window):
    """How many positions a window has on an image of that size: counted."""
    return tuple(
        sum(1 for _ in positions(n, *moves, window[4:] == (True,)))
        for n, *moves in zip(size, *window[:4])
    )


def positions(n, k, s, p, d, beyond):
    """Where a window begins along n pixels; the last one may reach `beyond` them, if it is so."""
    for i in itertools.count(-p, s):
        touched = i - s + d * (k - 1) + 1  # the end of the one before
        inside = i + d * (k - 1) < n + p
        if not (inside or (beyond and i < n and (i == -p or touched < n + p))):
            return
        yield i


def meetings(size, window):
    """Every (position, tap, pixel) of a window on an image, but for the pixels outside of it."""
    for at in np.ndindex(steps(size, window)):
        for tap in np.ndindex(window[0]):
            pixel = tuple(i * s + k * d - p for i, k, s, p, d in zip(at, tap, *window[1:4]))
            if all(0 <= p < n for p, n in zip(pixel, size)):
                yield at, tap, pixel


def terms(x, w, groups=1, **moved):
    """Every product in a convolution of these shapes: the indices (output, filter, input)."""
    for n, o, k in itertools.product(range(x[0]), range(w[0]), range(w[1])):
        channel = o // (w[0] // groups) * w[1] + k
        for at, tap, pixel in meetings(x[2:], window_of(w, **moved)):
            yield (n, o, *at), (o, k, *tap), (n, channel, *pixel)


def window_of(w, stride=1, padding=0, dilation=1):
    """The window of filters of shape w."""
    return w[2:], *(sizes(v, len(w) - 2) for v in (stride, padding, dilation))


def convolved(x, w, b=None, groups=1, **moved):
    """A convolution by its definition."""
    y = np.zeros((len(x), len(w), *steps(x.shape[2:], window_of(w.shape, **moved))))
    for out, tap, pixel in terms(x.shape, w.shape, groups, **moved):
        y[out] += w[tap] * x[pixel]
    return y if b is None else y + b.reshape(-1, *[1] * (x.ndim - 2))


def convolved_to_input(g, w, *, size, groups=1, **moved):
    """The sum over all outputs of g times dy/dx."""
    x = np.zeros((len(g), w.shape[1] * groups, *size))
    for out, tap, pixel in terms(x.shape, w.shape, groups, **moved):
        x[pixel] += w[tap] * g[out]
    return x


def convolved_to_weight(g, x, *, size, groups=1, **moved):
    """The sum over all outputs of g times dy/dw."""
    w = np.zeros((g.shape[1], x.shape[1] // groups, *size))
    for out, tap, pixel in terms(x.shape, w.shape, groups, **moved):
        w[tap] += g[out] * x[pixel]
    return w


def sizes(v, rank):
    """One number for every dimension, or as many as there are."""
    return v if isinstance(v, tuple) else (v,) * rank


def one_or_many(f):
    """f of a batch, or of one image of as many dimensions as the filters have."""

    def reference(x, w, *rest, **attrs):
        return f(x, w, *rest, **attrs) if x.ndim == w.ndim else f(x[None], w, *rest, **attrs)[0]

    return reference


@one_or_many
def conv(x, w, b=None, *, padding=0, dilation=1, **options):
    """A convolution, with words for the padding."""
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(sizes(dilation, x.ndim - 2), w.shape[2:])]
        around = (
            [(r // 2, r - r // 2) for r in reach] if padding == "same" else [(0, 0)] * len(reach)
        )
        x, padding = np.pad(x, [(0, 0), (0, 0), *around]), 0
    return convolved(x, w, b, padding=padding, dilation=dilation, **options)


def lists_of(size, window):
    """For each position of a window the list of (number of the tap, pixel)."""
    found = {}
    for at, tap, pixel in meetings(size, window):
        found.setdefault(at, []).append((int(np.ravel_multi_index(tap, window[0])), pixel))
    return found


def windowed(f, x, window):
    """f(image, [(tap, pixel), ...]) for every window of every image and channel."""
    y = np.empty((*x.shape[:2], *steps(x.shape[2:], window)))
    for (n, c), (at, met) in itertools.product(
        np.ndindex(x.shape[:2]), lists_of(x.shape[2:], window).items()
    ):
        y[(n, c, *at)] = f(x[n, c], met)
    return y


def pooled_max(x, window):
    """The largest pixel of each window, by Python's max."""
    return windowed(lambda image, met: np.max([image[pixel] for _, pixel in met]), x, window)


def winners(x, window):
    """The number of the first tap that met the largest pixel."""
    return windowed(lambda image, met: max(met, key=lambda m: image[m[1]])[0], x, window)


def pooled_sum(x, window):
    """The sum of each window."""
    return windowed(lambda image, met: sum(image[pixel] for _, pixel in met), x, window)


def spread_to_winners(g, winners, *, window, size):
    """Each g at the pixel that its winning tap met."""
    x = np.zeros((*g.shape[:2], *size))
    for (n, c), (at, met) in itertools.product(
        np.ndindex(g.shape[:2]), lists_of(size, window).items()
    ):
        x[(n, c, *dict(met)[winners[(n, c, *at)]])] += g[(n, c, *at)]
    return x


def picked_winners(x, winners, *, window):
    """The pixel that each winning tap met."""
    y = np.empty(winners.shape)
    for (n, c), (at, met) in itertools.product(
        np.ndindex(x.shape[:2]), lists_of(x.shape[2:], window).items()
    ):
        y[(n, c, *at)] = x[(n, c, *dict(met)[winners[(n, c, *at)]])]
    return y


def spread_evenly(g, *, window, size):
    """Each g at all pixels of its window."""
    x = np.zeros((*g.shape[:2], *size))
    for (n, c), (at, met) in itertools.product(
        np.ndindex(g.shape[:2]), lists_of(size, window).items()
    ):
        for _, pixel in met:
            x[(n, c, *pixel)] += g[(n, c, *at)]
    return x


# --- activations, losses and normalisation ------------------------------------------------------


def log_softmax(x, dim=-1):
    """The logarithm of `softmax`."""
    return np.log(softmax(x, dim))


def gelu_tanh(x, approximate):
    """x times an approximation of the normal distribution function."""
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def softplus(x, beta, threshold):
    """ln(1 + e^(beta x)) / beta, and x where beta x is above the threshold."""
    return np.where(beta * x > threshold, x, np.log1p(np.exp(beta * x)) / beta)


def reduced(f):
    """A loss: that of each element, then `reduction`."""

    def reference(*xs, reduction="mean", **attrs):
        finish = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction]
        return finish(f(*xs, **attrs))

    return reference


@reduced
def huber(x, t, delta=1.0):
    """A parabola near 0, lines beyond."""
    d = np.abs(x - t)
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


@reduced
def smooth_l1(x, t, beta=1.0):
    """A parabola of curvature 1 / beta near 0, lines of slope 1 beyond."""
    d = np.abs(x - t)
    return d if beta == 0 else np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def nll(x, target, weight=None, *, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    """-x at the labels, one row at a time; x are log-probabilities (N, C, ...) or (C,)."""
    rows = np.moveaxis(x, min(1, x.ndim - 1), -1).reshape(-1, x.shape[min(1, x.ndim - 1)])
    weight = np.ones(rows.shape[1]) if weight is None else weight
    losses, weights = [], []
    for row, label in zip(rows, target.ravel()):
        kept = label != ignore_index
        soft = label_smoothing / len(row) + (1 - label_smoothing) * (np.arange(len(row)) == label)
        losses.append(-(soft * weight * row).sum() * kept)
        weights.append(weight[label] if kept else 0.0)
    if reduction == "none":
        return np.reshape(losses, target.shape)
    return sum(losses) / (sum(weights) if reduction == "mean" else 1)


def cross_entropy(x, target, weight=None, **attrs):
    """Minus the logarithm of `softmax` at the labels."""
    return nll(np.log(softmax(x, min(1, x.ndim - 1))), target, weight, **attrs)


@reduced
def soft_cross_entropy(x, target, weight=1.0, *, label_smoothing=0.0):
    """Cross-entropy against probabilities (N, C)."""
    soft = (1 - label_smoothing) * target + label_smoothing / x.shape[1]
    return -(soft * weight * np.log(softmax(x, 1))).sum(1)


@reduced
def multi_margin(x, target, weight=None, *, p=1, margin=1.0):
    """The hinge loss of several classes, one row at a time."""
    weight = np.ones(x.shape[1]) if weight is None else weight
    return [
        sum(max(0.0, margin - row[t] + v) ** p for j, v in enumerate(row) if j != t)
        * (weight[t] / len(row))
        for row, t in zip(x, target)
    ]


@reduced
def hinge_embedding(x, t, margin=1.0):
    """x where the target is 1, max(0, margin - x) where it is -1."""
    return np.where(t == 1, x, np.maximum(0, margin - x))


@reduced
def binary_cross_entropy(p, t, weight=1.0, pos_weight=1.0):
    """-(t ln p + (1 - t) ln(1 - p)), no logarithm below -100."""
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(p), -100), np.maximum(np.log(1 - p), -100)
    return -weight * (pos_weight * t * yes + (1 - t) * no)


def binary_cross_entropy_with_logits(x, t, *factors, **attrs):
    """The same of p = 1 / (1 + e^-x)."""
    return binary_cross_entropy(1 / (1 + np.exp(-x)), t, *factors, **attrs)


def kl_div(x, t, *, reduction="mean", log_target=False):
    """t (ln t - x), 0 where t is 0."""
    t = np.exp(t) if log_target else t
    loss = t * np.log(np.where(t > 0, t, 1)) - t * x
    if reduction == "batchmean":
        return loss.sum() / len(x)
    return reduced(np.asarray)(loss, reduction=reduction)


def standardised(x, axes, eps):
    """(x - mean) / sqrt(variance + eps), the mean and the variance, by NumPy's own."""
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps), mean, var


def batch_norm_train(x, weight=1.0, bias=0.0, *, eps=1e-5):
    """Standardised over all but the channels, one channel at a time."""
    y, mean, var = standardised(x, (0, *range(2, x.ndim)), eps)
    return np.moveaxis(np.moveaxis(y, 1, -1) * weight + bias, -1, 1), mean, var


def batch_norm_eval(x, mean, var, weight=1.0, bias=0.0, *, eps=1e-5):
    """Standardised by a given mean and variance."""
    y = (np.moveaxis(x, 1, -1) - mean) / np.sqrt(var + eps)
    return np.moveaxis(y * weight + bias, -1, 1)


def layer_norm(x, normalized_shape, weight=1.0, bias=0.0, *, eps=1e-5):
    """Standardised over the last dimensions."""
    return standardised(x, tuple(range(-len(normalized_shape), 0)), eps)[0] * weight + bias


# --- optimisers, one number at a time, as their papers write them ---------------------------------


def every_number(f):
    """`f` on plain numbers, element by element: arrays of all that it returns."""

    def reference(*xs, **attrs):
        numbers = zip(*(np.broadcast_to(x, xs[0].shape).ravel().tolist() for x in xs))
        columns = zip(*(f(*row, **attrs) for row in numbers))
        return tuple(np.reshape(column, xs[0].shape) for column in columns)

    return reference


@every_number
def sgd(x, g, v, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    """Stochastic gradient descent: (x, momentum)."""
    g = (-g if maximize else g) + weight_decay * x
    if momentum:
        v = momentum * v + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return x - lr * g, v


@every_number
def adam(x, g, m, v, top, lr, t, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, **options):
    """Adam and AdamW: (x, mean of g, mean of g^2, its largest)."""
    g = -g if options.get("maximize") else g
    if options.get("decoupled"):
        x -= lr * weight_decay * x
    else:
        g += weight_decay * x
    m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
    top = max(top, v) if options.get("amsgrad") else top
    second = (top if options.get("amsgrad") else v) / (1 - betas[1] ** t)
    return x - lr * m / (1 - betas[0] ** t) / (math.sqrt(second) + eps), m, v, top


@every_number
def rmsprop(x, g, v, b, a, lr, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, **options):
    """RMSprop: (x, mean of g^2, momentum, mean of g)."""
    g = (-g if options.get("maximize") else g) + weight_decay * x
    v = alpha * v + (1 - alpha) * g * g
    a = alpha * a + (1 - alpha) * g if options.get("centered") else a
    move = g / (math.sqrt(v - a * a if options.get("centered") else v) + eps)
    b = momentum * b + move if momentum else b
    return x - lr * (b if momentum else move), v, b, a


@every_number
def adagrad(x, g, s, lr, t, lr_decay=0, weight_decay=0, eps=1e-10, maximize=False):
    """Adagrad: (x, sum of g^2)."""
    g = (-g if maximize else g) + weight_decay * x
    s += g * g
    return x - lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s) + eps), s


# --- random numbers, in Python's unbounded integers -----------------------------------------------


def drawn(state, count):
    """The next `count` numbers of 64 bits from (key, counter): SplitMix64."""
    key, counter = (int(v) for v in state)
    for place in range(counter + 1, counter + 1 + count):
        z = (place * 0x9E3779B97F4A7C15 + key) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        yield z ^ z >> 31


def uniform(state, *, shape, dtype=np.float32):
    """[0, 1), in steps of the last bit that the dtype has."""
    digits = 53 if dtype == np.float64 else 24
    numbers = [(z >> 64 - digits) / 2**digits for z in drawn(state, math.prod(shape))]
    return np.reshape(numbers, shape)


def normal(state, *, shape, dtype=np.float32):
    """Box and Muller's pairs: all the cosines, then all the sines."""
    half = -(-math.prod(shape) // 2)
    u, v = uniform(state, shape=(2, half), dtype=np.float64).tolist()
    values = [
        math.sqrt(-2 * math.log(1 - a)) * wave(2 * math.pi * b)
        for wave in (math.cos, math.sin)
        for a, b in zip(u, v)
    ]
    return np.reshape(values[: math.prod(shape)], shape)


def mask(state, *, shape, p, dtype=np.float32):
    """0 for the numbers below p, else 1 / (1 - p)."""
    low = [z < p * 2**64 for z in drawn(state, math.prod(shape))]
    return np.reshape([0.0 if dropped else 1 / (1 - p) for dropped in low], shape)


def permutation(state, *, shape):
    """The order of the next n numbers."""
    bits = list(drawn(state, shape[0]))
    return np.array(sorted(range(shape[0]), key=bits.__getitem__))


def bernoulli(p, state):
    """1 where a uniform number is below p."""
    return (uniform(state, shape=p.shape, dtype=p.dtype) < p).astype(p.dtype)


def race(p, state, num_samples):
    """In the order in which exponential times of these rates run out."""
    times = -np.log1p(-uniform(state, shape=p.shape, dtype=np.float64)) / p
    return np.argsort(times, axis=-1)[..., :num_samples]


def wheel(p, state, num_samples, **_):
    """Where on the line of all p, one after another, a uniform number falls."""
    numbers = uniform(state, shape=(*p.shape[:-1], num_samples), dtype=np.float64)
    found = [
        [sum(1 for edge in np.cumsum(row) / np.cumsum(row)[-1] if edge <= u) for u in line]
        for row, line in zip(np.atleast_2d(p), np.atleast_2d(numbers))
    ]
    return np.reshape(found, numbers.shape)


def dropout(x, state, p=0.5):
    """x times a mask."""
    return x * mask(state, shape=x.shape, p=p)
