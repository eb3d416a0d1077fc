"""What a question about a point is about: the network as it is, its data, the point (floor 5).

A session makes a `Subject` for each question. The network is read and never changed; whatever runs
it runs the layers one by one, without dropout, which acts only while it is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor, no_grad
from chainrule.autograd.tape import wrap
from chainrule.nn.dropout import _Dropout
from chainrule.ops import Array
from chainrule.playground.engine.settings import Amount, Count

__all__ = ["Near", "Place", "Stage", "Subject", "chances"]

# What a number to be predicted may be: beyond it squares leave the range of float32.
_LARGEST = 1e15


class Stage(NamedTuple):
    """A layer as a person counts them: weights, and the activation after them.

    Attributes:
        path: of the weights in the network, as "2".
        linear: weights and biases.
        activation: of its sums; `None` if there is none.
    """

    path: str
    linear: nn.Linear
    activation: nn.Module | None


class Near(NamedTuple):
    """A point of the data.

    Attributes:
        x: across.
        y: up.
        label: its class, or its number.
        test: whether it is held out.
        distance: from the place that was asked about.
    """

    x: float
    y: float
    label: float
    test: bool
    distance: float


class Place(NamedTuple):
    """A place of the plane, and what should come out there.

    Attributes:
        x: across.
        y: up.
        label: a class, or a number.
    """

    x: float
    y: float
    label: float


@dataclass(frozen=True)
class Subject:
    """A network and its data.

    Attributes:
        model: linear layers, activations and dropout in a row; classes have a score each.
        features: of points (n, 2), what the network takes, (n, F).
        labels: the names of the features, as settings have them.
        loss: of outputs and targets, without any penalty of weights.
        classes: their names; none where a number is predicted.
        span: the plane runs from -span to span in both directions.
        train: points (n, 2) and their targets (n,).
        test: likewise, held out.
    """

    model: nn.Sequential
    features: Callable[[Array], Array]
    labels: Sequence[str]
    loss: Callable[[Tensor, Tensor], Tensor]
    classes: Sequence[str]
    span: float
    train: tuple[Array, Array]
    test: tuple[Array, Array]

    @cached_property
    def stages(self) -> list[Stage]:
        """The layers, in order."""
        found: list[Stage] = []
        for path, module in self.model.named_children():
            if isinstance(module, nn.Linear):
                found.append(Stage(path, module, None))
            elif found and not isinstance(module, (_Dropout, nn.Identity)):
                found[-1] = found[-1]._replace(activation=module)
        return found

    @cached_property
    def plain(self) -> nn.Sequential:
        """The same modules without those that act only while they are trained."""
        kept = {
            path: module
            for path, module in self.model.named_children()
            if not isinstance(module, _Dropout)
        }
        return nn.Sequential(kept)

    def names(self) -> list[str]:
        """What the layers are called: features, hidden 1, ..., output."""
        hidden = [f"hidden {i}" for i in range(1, len(self.stages))]
        return ["features", *hidden, "output"]

    def inputs(self, x: float, y: float) -> Array:
        """The features of a place, (1, F)."""
        return np.asarray(self.features(np.array([[x, y]])), np.float32)

    def target(self, label: float) -> Tensor:
        """A label as the loss takes it, for one row."""
        if self.classes:
            return wrap(np.array([int(label)]))
        return wrap(np.array([[label]], np.float32))

    def place(self, values: Mapping[str, Any]) -> Place:
        """Read a place.

        Args:
            values: x and y; label, or that of the nearest point of the data if there is none.

        Raises:
            OptionError: they are no numbers of the plane; or there is no such class.
        """
        x, y = (self._coordinate(name, values.get(name)) for name in ("x", "y"))
        label = values.get("label")
        if label is not None:
            return Place(x, y, self._label(label))
        near = self.nearest(x, y)
        return Place(x, y, near.label if near else 0.0)

    def nearest(self, x: float, y: float, most: float = math.inf) -> Near | None:
        """The point of the data that is nearest to a place.

        Args:
            x: across.
            y: up.
            most: how far away it may be.
        """
        found: Near | None = None
        for (points, targets), test in ((self.train, False), (self.test, True)):
            if not len(points):
                continue
            apart = np.hypot(points[:, 0] - x, points[:, 1] - y)
            i = int(apart.argmin())
            if apart[i] <= most:
                most = float(apart[i])
                px, py = map(float, points[i])
                found = Near(px, py, float(targets.reshape(-1)[i]), test, most)
        return found

    def _coordinate(self, name: str, value: Any) -> float:
        return Amount(label=name, usual=0, low=-self.span, high=self.span).check(name, value)

    def _label(self, value: Any) -> float:
        if self.classes:
            last = len(self.classes) - 1
            return float(Count(label="label", usual=0, low=0, high=last).check("label", value))
        return Amount(label="label", usual=0, low=-_LARGEST, high=_LARGEST).check("label", value)


def chances(scores: Array) -> Array:
    """Return the softmax of scores (n, K).

    Args:
        scores: of K classes.
    """
    with no_grad():
        return np.asarray(nn.functional.softmax(wrap(scores), dim=-1).array)
