"""The loss around a network's weights, and between two networks (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import from_numpy, no_grad
from chainrule.errors import DataError, OptionError
from chainrule.explain.look.rows import Rows, rows_of
from chainrule.explain.look.seen import Seen, short
from chainrule.explain.look.still import fed, still
from chainrule.explain.telling.waiting import waiting
from chainrule.nn.place import looks
from chainrule.nn.usual import loss_of
from chainrule.ops import Array
from chainrule.picture import Svg, contour_chart, line_chart

__all__ = ["Between", "Surface", "between", "loss_surface"]

_ROWS = 1000  # examples on which the loss is measured


@dataclass(frozen=True)
class Surface(Seen):
    """The loss at the nodes of a grid around some weights.

    Attributes:
        losses: `(points, points)`, the first row at the least step along the second direction.
        steps: `(points,)`, how far each node lies along a direction; 0 are the weights themselves.
        centre: the loss of the weights themselves.
        examples: on how many it was measured.
    """

    losses: Array = field(repr=False)
    steps: Array = field(repr=False)
    centre: float
    examples: int

    def _drawn(self) -> Svg:
        low, high = float(self.steps[0]), float(self.steps[-1])
        known = self.losses[np.isfinite(self.losses)]
        drawn = contour_chart(
            self.losses,
            (low, high, low, high),
            {"": [(0.0, 0.0)]},
            title=f"The loss around the weights, {short(self.centre)} in the middle",
            x_label="first random direction, in lengths of the filters",
            y_label="second random direction",
            width=480,
        )
        told = f"from {short(float(known.min()))} to {short(float(known.max()))}"
        return replace(drawn, description=f"{told}; at the weights {short(self.centre)}")


@dataclass(frozen=True)
class Between(Seen):
    """The loss on the straight way from one network's weights to another's.

    Attributes:
        steps: `(points,)`, from 0 at the first network to 1 at the second.
        losses: `(points,)`.
    """

    steps: Array = field(repr=False)
    losses: Array

    @property
    def barrier(self) -> float:
        """How far the loss rises on the way above the straight line between its ends."""
        straight = self.losses[0] + self.steps * (self.losses[-1] - self.losses[0])
        return float((self.losses - straight).max())

    def _drawn(self) -> Svg:
        return line_chart(
            {"": np.stack([self.steps, self.losses], axis=1)},
            title=f"From one network to another: a barrier of {short(self.barrier)}",
            x_label="share of the second network's weights",
            y_label="loss",
            width=520,
            height=300,
        )


@looks
def loss_surface(
    model: nn.Module,
    data: Any,
    loss: Callable[[Any, Any], Any] | str | None = None,
    span: float = 1.0,
    points: int = 25,
    seed: int = 0,
) -> Surface:
    r"""Return the loss on a plane through a network's weights, `L(w + a d1 + b d2)`.

    The directions d1 and d2 are random, each of their filters (a row of a matrix, a kernel of a
    convolution) made as long as that of the weights, so that a step of 1 means the same in every
    layer and for networks of different scale. Biases, and what else has one dimension, stay.

    Args:
        model: is left as it is; it runs in eval mode.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`; of more than a thousand
            examples a thousand are taken, evenly.
        loss: takes outputs and answers; or its name. Cross-entropy for whole answers, mean squares
            for others, if not given.
        span: how far the plane reaches to each side, in lengths of the filters.
        points: nodes along each side; an odd number, so that the weights themselves are one.
        seed: of the directions.

    Returns:
        The losses; where they are no numbers they are not finite, and are left blank.

    Raises:
        OptionError: `span` or `points` are out of range, or the model has no weights.
        DataError: the loss of the weights themselves is no finite number.

    Li, Xu, Taylor, Studer, Goldstein (2018), "Visualizing the loss landscape of neural nets",
    section 4.

    Examples:
        >>> from chainrule import nn
        >>> line = nn.Linear(1, 1, bias=False)
        >>> x = np.ones((4, 1), dtype=np.float32)
        >>> seen = loss_surface(line, (x, line.weight.item() * x), points=5)
        >>> seen.losses.shape, seen.centre
        ((5, 5), 0.0)
    """
    if not 0 < span < np.inf:
        raise OptionError(f"span must be a number above 0, got {span}")
    if points < 3 or points % 2 == 0:
        raise OptionError(f"points must be an odd number of at least 3, got {points}")
    rows = rows_of(data, _ROWS)
    steps = np.linspace(-span, span, points)
    steps[points // 2] = 0.0
    with still(model) as copied, no_grad(), np.errstate(all="ignore"):
        walk = _Walk(copied, seed)
        measured = [
            [_loss(walk.to(a, b), rows, loss) for a in steps]
            for b in waiting(steps, "measuring the loss around")
        ]
    losses = np.array(measured)
    if not np.isfinite(losses[points // 2, points // 2]):
        raise DataError(
            f"the loss of the weights themselves is {losses[points // 2, points // 2]}, so there "
            "is no surface around it; nan_origin(model, x) tells where that comes from"
        )
    return Surface(losses, steps, float(losses[points // 2, points // 2]), len(rows.x))


@looks
def between(
    first: nn.Module,
    second: nn.Module,
    data: Any,
    loss: Callable[[Any, Any], Any] | str | None = None,
    points: int = 25,
) -> Between:
    r"""Return the loss on the straight way between two networks, `L((1 - t) w1 + t w2)`.

    Args:
        first: where it begins; both are left as they are, and run in eval mode.
        second: where it ends; of the same build.
        data: as for `loss_surface`.
        loss: likewise.
        points: from end to end, at least 2.

    Raises:
        OptionError: the two are not of one build, or too few points.

    Goodfellow, Vinyals, Saxe (2015), "Qualitatively characterizing neural network optimization
    problems", section 2.

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Linear(2, 1)
        >>> x, y = np.ones((3, 2), dtype=np.float32), np.zeros((3, 1), dtype=np.float32)
        >>> between(net, net, (x, y), points=3).barrier
        0.0
    """
    if points < 2:
        raise OptionError(f"points must be at least 2, got {points}")
    with still(first) as one, still(second) as other:
        ends = [_floats(one), _floats(other)]
    if [(name, a.shape) for name, a in ends[0].items()] != [
        (name, a.shape) for name, a in ends[1].items()
    ]:
        raise OptionError("the two networks are not of one build: their weights do not match")
    rows = rows_of(data, _ROWS)
    steps = np.linspace(0.0, 1.0, points)
    losses = []
    with still(first) as copied, no_grad(), np.errstate(all="ignore"):
        own = _floats(copied)
        for t in steps.tolist():
            for name, array in own.items():
                array[...] = (1 - t) * ends[0][name] + t * ends[1][name]
            losses.append(_loss(copied, rows, loss))
    return Between(steps, np.array(losses))


def _floats(model: nn.Module) -> dict[str, Array]:
    """Parameters and buffers with a point, running means among them."""
    named = (*model.named_parameters(), *model.named_buffers())
    return {name: t.array for name, t in named if t.array.dtype.kind == "f"}


class _Walk:
    """A network whose weights go along two directions."""

    def __init__(self, model: nn.Module, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.model = model
        self.own = [p.array for p in model.parameters() if p.array.ndim > 1]
        if not self.own:
            raise OptionError(f"this {type(model).__name__} has no weights to walk away from")
        self.start = [array.copy() for array in self.own]
        self.ways = [[_direction(array, rng) for array in self.own] for _ in range(2)]

    def to(self, a: float, b: float) -> nn.Module:
        """Set the weights `a` along the first direction and `b` along the second."""
        for own, start, d1, d2 in zip(self.own, self.start, *self.ways, strict=True):
            own[...] = start + (a * d1 + b * d2)
        return self.model


def _direction(weights: Array, rng: np.random.Generator) -> Array:
    """A random direction whose filters are as long as those of the weights."""
    way = rng.standard_normal(weights.shape)
    rest = tuple(range(1, weights.ndim))
    length = np.sqrt(np.sum(way**2, axis=rest, keepdims=True))
    wanted = np.sqrt(np.sum(weights.astype(np.float64) ** 2, axis=rest, keepdims=True))
    return np.asarray(way / length * wanted, dtype=weights.dtype)


def _loss(model: nn.Module, rows: Rows, loss: Callable[[Any, Any], Any] | str | None) -> float:
    assert rows.y is not None
    value = loss_of(loss, rows.y)(model(fed(model, rows.x)), from_numpy(rows.y))
    return float(value.item())
