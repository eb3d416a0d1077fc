"""What activations, distances and losses should compute, a number or a row at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np

from references import reduced


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def prelu(x, w):
    """A weight for each channel, by loops."""
    y = np.array(x, dtype=float)
    for at in np.ndindex(*x.shape):
        slope = w[at[1]] if w.size > 1 else w.reshape(-1)[0]
        y[at] = x[at] if x[at] > 0 else slope * x[at]
    return y


def glu(x, dim=-1):
    """The halves multiplied."""
    a, b = np.split(x, 2, dim)
    return a / (1 + np.exp(-b))


def length(v, p=2.0):
    """The p-norm of a vector."""
    return max(abs(v)) if p == math.inf else sum(abs(v) ** p) ** (1 / p)


def normalize(x, p=2.0, dim=1, eps=1e-12):
    """Vectors divided by their lengths."""
    return np.apply_along_axis(lambda v: v / max(length(v, p), eps), dim, x)


def cosine(a, b):
    """Of two vectors."""
    return (a @ b) / (length(a) * length(b))


def cosine_similarity(a, b, dim=1, eps=1e-8):
    """Of vectors along a dimension."""
    a, b = (np.moveaxis(v, dim, -1) for v in np.broadcast_arrays(a, b))
    y = np.zeros(a.shape[:-1])
    for at in np.ndindex(*y.shape):
        y[at] = (a[at] @ b[at]) / (max(length(a[at]), eps) * max(length(b[at]), eps))
    return y


def pairwise_distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    """Of rows."""
    y = np.apply_along_axis(lambda v: length(v, p), -1, np.atleast_1d(a - b + eps))
    return y[..., None] if keepdim else y


def pdist(x, p=2.0):
    """Of every two rows."""
    return np.array([length(a - b, p) for a, b in itertools.combinations(x, 2)])


def bilinear(a, b, w, bias=None):
    """By its definition."""
    rows = zip(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]))
    y = np.array([[u @ m @ v for m in w] for u, v in rows])
    return (y + (0 if bias is None else bias)).reshape(*a.shape[:-1], len(w))


# --- losses -------------------------------------------------------------------------------------

margin_ranking = reduced(lambda a, b, t, margin=0: np.maximum(0, margin - t * (a - b)))


@reduced
def cosine_embedding(a, b, t, margin=0):
    """A row at a time."""
    cosines = np.array([cosine(u, v) for u, v in zip(np.atleast_2d(a), np.atleast_2d(b))])
    y = np.where(np.atleast_1d(t) == 1, 1 - cosines, np.maximum(0, cosines - margin))
    return y.reshape(np.shape(t))


@reduced
def triplet(anchor, near, far, margin=1.0, p=2.0, swap=False):
    """Near and far."""
    away = pairwise_distance(anchor, far, p)
    away = np.minimum(away, pairwise_distance(near, far, p)) if swap else away
    y = np.maximum(0, margin + pairwise_distance(anchor, near, p) - away)
    return y if anchor.ndim > 1 else y.reshape(())


@reduced
def multilabel_soft_margin(x, t, weight=None):
    """The mean over classes of binary cross-entropies."""
    y = np.log1p(np.exp(-x)) * t + np.log1p(np.exp(x)) * (1 - t)
    return (y if weight is None else y * weight).mean(-1)


@reduced
def multilabel_margin(x, target):
    """A row and a label at a time."""
    losses = []
    for scores, labels in zip(np.atleast_2d(x), np.atleast_2d(target)):
        named = list(itertools.takewhile(lambda label: label >= 0, labels))
        others = [i for i in range(len(scores)) if i not in named]
        short = sum(max(0, 1 - (scores[j] - scores[i])) for j in named for i in others)
        losses.append(short / len(scores))
    return np.array(losses).reshape(x.shape[:-1])


@reduced
def poisson(x, t, log_input=True, full=False, eps=1e-8):
    """With Stirling's formula."""
    y = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if not full:
        return y
    with np.errstate(all="ignore"):
        return y + np.where(t > 1, t * np.log(t) - t + np.log(2 * np.pi * t) / 2, 0)


@reduced
def gaussian(x, t, var, full=False, eps=1e-6):
    """The negative logarithm of the density."""
    var = var[..., None] if var.ndim < x.ndim else var
    return (np.log(var) + (x - t) ** 2 / var + (math.log(2 * math.pi) if full else 0)) / 2


def reads(path, blank):
    """What a path of classes says: repeats and blanks taken out."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


def ctc_one(log_probs, label, blank):
    """Every path there is, one by one."""
    steps, classes = log_probs.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        if reads(path, blank) == list(label):
            total += math.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -math.log(total) if total else math.inf


def ctc(log_probs, targets, lengths, sizes, blank=0, reduction="mean", zero_infinity=False):
    """A sequence at a time."""
    single = log_probs.ndim == 2
    log_probs = log_probs[:, None] if single else log_probs
    lengths, sizes = np.atleast_1d(lengths), np.atleast_1d(sizes)
    starts = np.cumsum([0, *sizes])
    losses = []
    for n, (t, s) in enumerate(zip(lengths, sizes)):
        label = targets[n, :s] if targets.ndim == 2 else targets[starts[n] : starts[n] + s]
        losses.append(ctc_one(log_probs[:t, n], label, blank))
    losses = np.array([0.0 if zero_infinity and math.isinf(v) else v for v in losses])
    if reduction == "mean":
        return (losses / np.maximum(sizes, 1)).mean()
    losses = losses.sum() if reduction == "sum" else losses
    return losses.reshape(()) if single else losses
