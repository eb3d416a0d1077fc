"""Vectors of many numbers in a plane, by principal components (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import as_tensor
from chainrule.errors import DataError, ShapeError
from chainrule.explain.look.seen import Seen
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.picture import Svg, points_chart

__all__ = ["Plane", "embedding_plane"]

_MOST_CLASSES = 24  # names up to which points of one name are a class


@dataclass(frozen=True)
class Plane(Seen):
    """Vectors seen in the plane in which they differ most.

    Attributes:
        points: `(N, 2)`, their places in it.
        explained: the share of all variance along each of its two axes, 0 to 1.
        axes: `(2, D)`, of length 1 and at right angles; the largest number of each is positive.
        mean: `(D,)`, of the vectors, where the plane has its origin.
        labels: what each vector is called.
    """

    points: Array = field(repr=False)
    explained: tuple[float, float]
    axes: Array = field(repr=False)
    mean: Array = field(repr=False)
    labels: tuple[str, ...] | None = field(default=None, repr=False)

    def _drawn(self) -> Svg:
        first, second = (f"{100 * share:.0f} % of the variance" for share in self.explained)
        labels = self.labels
        are_classes = labels is not None and len(set(labels)) <= min(_MOST_CLASSES, len(labels) / 2)
        return points_chart(
            self.points,
            labels if are_classes else None,
            None if are_classes else labels,
            title=f"{100 * sum(self.explained):.0f} % of the differences, in a plane",
            x_label=f"first axis, {first}",
            y_label=f"second axis, {second}",
        )


@looks
def embedding_plane(vectors: Any, labels: Sequence[Any] | Any = None) -> Plane:
    r"""Return vectors in the plane in which they differ most, by principal components.

    With the mean taken off, `X = U S V'`; the axes are the first two rows of V', the places
    `X V`, and the variance along axis i is `s_i^2 / sum s^2` of all.

    Args:
        vectors: `(N, D)`; whatever comes behind the first dimension is taken as one vector. What a
            layer gives, from `activations`; or an `nn.Embedding`, whose vectors are taken.
        labels: of each vector what it is called. Few names that come again are classes, each with
            its colour; others are written in the places of their points.

    Returns:
        The places, and how much of all differences is seen in them.

    Raises:
        ShapeError: fewer than two vectors, or not one label for each.
        DataError: a number is not finite.

    Pearson (1901), "On lines and planes of closest fit to systems of points in space".

    Examples:
        >>> found = embedding_plane([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [2, 1, 0]])
        >>> found.explained
        (0.8, 0.2)
        >>> found.points.tolist()
        [[-1.0, -0.5], [1.0, -0.5], [-1.0, 0.5], [1.0, 0.5]]
    """
    given = vectors.weight if isinstance(vectors, nn.Embedding) else vectors
    x = as_tensor(given).array.astype(np.float64)
    if x.ndim < 2 or len(x) < 2:
        raise ShapeError(f"expected two vectors or more, shape (N, D), got {x.shape}")
    x = x.reshape(len(x), -1)
    if not np.isfinite(x).all():
        raise DataError("the vectors hold NaN or infinity, which have no place in a plane")
    mean = x.mean(axis=0)
    axes, sizes = _directions(x - mean)
    total = float(np.sum(sizes**2)) or 1.0
    explained = (float(sizes[0] ** 2 / total), float(sizes[1] ** 2 / total))
    return Plane((x - mean) @ axes.T, explained, axes, mean, _labels(labels, len(x)))


def _directions(x: Array) -> tuple[Array, Array]:
    """The first two axes `(2, D)`, each with its largest number positive; all singular values."""
    found = ops.svd(x, full_matrices=False)
    axes = np.zeros((2, x.shape[1]))
    sizes = np.zeros(max(2, len(found.S)))
    sizes[: len(found.S)] = found.S
    kept = min(2, len(found.S))
    axes[:kept] = found.Vh[:kept]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.where(largest < 0, -1.0, 1.0), sizes


def _labels(labels: Any, count: int) -> tuple[str, ...] | None:
    if labels is None:
        return None
    listed = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(listed) != count:
        raise ShapeError(f"{count} vectors with {len(listed)} labels; give one each")
    return tuple(str(label) for label in listed)
