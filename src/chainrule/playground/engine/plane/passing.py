"""One point on its way forward and back, every number of it in float64 (floor 5).

The weights are copied, so that nothing of the network is touched and no gradient is left in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor, enable_grad, grad
from chainrule.autograd.tape import wrap
from chainrule.ops import Array
from chainrule.playground.engine.plane.subject import Place, Subject, chances

__all__ = ["Passed", "Step", "passed"]


@dataclass(frozen=True)
class Step:
    """A layer on the way.

    Attributes:
        weight: (units, inputs).
        bias: (units,).
        given: what the layer was given, (inputs,).
        sums: weights times what was given, and the bias, (units,).
        values: the activation of the sums, (units,).
        slopes: of the activation at the sums, (units,).
        d_sums: the gradient of the loss by the sums, (units,).
        d_values: and by the values, (units,).
    """

    weight: Array
    bias: Array
    given: Array
    sums: Array
    values: Array
    slopes: Array
    d_sums: Array
    d_values: Array


@dataclass(frozen=True)
class Passed:
    """The whole way.

    Attributes:
        place: the point, and its label.
        features: what the network was given, (F,).
        steps: layer by layer; the values of the last are scores, or the number.
        chances: of the classes, (K,); none where a number is predicted.
        loss: of this point alone.
    """

    place: Place
    features: Array
    steps: Sequence[Step]
    chances: Array | None
    loss: float


def passed(subject: Subject, place: Place) -> Passed:
    """Return a point's way forward and back.

    Args:
        subject: the network.
        place: the point.
    """
    features = subject.inputs(place.x, place.y).astype(np.float64)
    with enable_grad():
        sums, values = _forward(subject, Tensor(features, requires_grad=True))
        loss = subject.loss(values[-1], _double(subject.target(place.label)))
        wanted = [*sums, *values]
        found = grad(loss, wanted, allow_unused=True, retain_graph=True)
        back = [_row(g, t) for g, t in zip(found, wanted, strict=True)]
        slopes = [_slopes(a, z) for a, z in zip(values, sums, strict=True)]
    given = [features[0], *(a.array[0] for a in values)]
    count = len(sums)
    steps = [
        Step(
            _copied(stage.linear.weight),
            _bias(stage.linear),
            given[i],
            sums[i].array[0],
            values[i].array[0],
            slopes[i],
            back[i],
            back[count + i],
        )
        for i, stage in enumerate(subject.stages)
    ]
    odds = chances(values[-1].array)[0] if subject.classes else None
    return Passed(place, features[0], steps, odds, float(loss.array))


def _forward(subject: Subject, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The sums of each layer, and the values."""
    sums, values = [], []
    for stage in subject.stages:
        weight, bias = wrap(_copied(stage.linear.weight)), wrap(_bias(stage.linear))
        z = nn.functional.linear(x, weight, bias)
        x = z if stage.activation is None else stage.activation(z)
        sums.append(z)
        values.append(x)
    return sums, values


def _slopes(a: Tensor, z: Tensor) -> Array:
    """How fast each value changes with its own sum."""
    if a is z:
        return np.ones(z.shape[1])
    return _row(grad(a.sum(), [z], retain_graph=True)[0], z)


def _row(gradient: Tensor | None, of: Tensor) -> Array:
    return np.zeros(of.shape[1]) if gradient is None else np.asarray(gradient.array[0])


def _bias(linear: nn.Linear) -> Array:
    return np.zeros(linear.out_features) if linear.bias is None else _copied(linear.bias)


def _copied(parameter: Tensor) -> Array:
    return np.array(parameter.array, np.float64)


def _double(target: Tensor) -> Tensor:
    return wrap(target.array.astype(np.float64)) if target.array.dtype.kind == "f" else target
