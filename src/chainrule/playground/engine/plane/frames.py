"""What moves, as plain values and small arrays: the network's maps, weights, gradients (floor 5).

The maps are images of the plane: row 0 is the top, column 0 the left. A frame stays below 300 KB
however large the network is: of large ones fewer units are shown, and coarser.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.autograd import from_numpy
from chainrule.autograd.gradients import grad
from chainrule.ops import Array
from chainrule.playground.engine.plane.subject import chances
from chainrule.playground.engine.plane.training import Training

__all__ = ["Frames"]

_MOST_SHOWN = 64  # units of a layer
_WEIGHTS = 11_000  # that are shown, each with its gradient, 8 bytes together
_PIXELS = 60_000  # of all maps together, a byte each
_SIDES = (32, 24, 20, 16, 12, 10, 8, 6)
_BOUNDARY = 40_000  # pixels of all classes together
_FINEST, _COARSEST = 64, 24  # pixels along a side of it
_VALUES = 500_000  # of all units at all its places
_WORK = 1_000_000_000  # places that are asked, times the weights
_ROWS = 500  # training points that gradients are made of


class Frames:
    """Makes the frames of one run.

    Args:
        training: the run.
    """

    def __init__(self, training: Training) -> None:
        self._training, data = training, training.data
        units = [
            training.train.x.shape[1],
            *(s.linear.out_features for s in training.subject.stages),
        ]
        self._shown = _shown(units)
        side = _side(sum(min(n, self._shown) for n in units), training.count)
        most = min(_FINEST**2, _BOUNDARY // data.outputs, _VALUES // sum(units))
        most = min(most, _WORK // training.count)
        # The boundary is finer than the maps, which show some of its places.
        self._fine, self._side = max(math.isqrt(most) // side, -(-_COARSEST // side)), side
        self._grid = training.features(grid(data.span, self._fine * side))
        self._limit = max(float(np.abs(data.train.y).max(initial=0)), 1e-6)
        rng = np.random.default_rng(0)
        n = len(training.train.y)
        self._rows = np.sort(rng.permutation(n)[:_ROWS]) if n > _ROWS else np.arange(n)

    def make(self) -> dict[str, Any]:
        """Return the frame of now, without what the doctor says."""
        training, data = self._training, self._training.data
        train, test, nodes = training.train, training.test, len(self._grid)
        values = training.forward(np.concatenate([self._grid, train.x, test.x]))
        outputs = values[-1]
        ends = nodes, nodes + len(train.x)
        loss, score = training.figures(outputs[ends[0] : ends[1]], train.y)
        loss_test, score_test = training.figures(outputs[ends[1] :], test.y)
        answers = outputs[:nodes]
        if data.classes:
            with np.errstate(all="ignore"):
                answers = chances(answers)
        gradients = self._gradients()
        return {
            "steps": training.steps,
            "epoch_steps": training.epoch_steps,
            "epoch": training.epoch,
            "params": training.count,
            "span": data.span,
            "data_version": data.version,
            "kind": "classes" if data.classes else "number",
            "classes": list(data.classes),
            "loss": {"train": loss, "test": loss_test},
            "score": {
                "name": "accuracy" if data.classes else "R2",
                "train": score,
                "test": score_test,
            },
            "curve": training.curve.plain(),
            "layers": self._layers([self._grid, *(v[:nodes] for v in values[:-1]), answers]),
            "weights": self._weights(gradients),
            "sizes": self._sizes(gradients),
            "boundary": self._boundary(answers),
        }

    def _gradients(self) -> list[Array]:
        """Of the loss without penalties, by all parameters in their order; 0 without points."""
        training = self._training
        parameters = list(training.model.parameters())
        if not self._rows.size:
            return [np.zeros_like(p.array) for p in parameters]
        x = from_numpy(training.train.x[self._rows])
        with np.errstate(all="ignore"):
            for stage in training.subject.stages:
                x = stage.linear(x)
                if stage.activation is not None:
                    x = stage.activation(x)
            loss = training.loss(x, from_numpy(training.train.y[self._rows]))
            return [g.array for g in grad(loss, parameters)]

    # --- layers ---------------------------------------------------------------------------------

    def _layers(self, values: Sequence[Array]) -> list[dict[str, Any]]:
        training = self._training
        names, classes = training.subject.names(), training.data.classes
        last = list(classes) or [training.data.target.name]
        labels = {0: list(training.subject.labels), len(values) - 1: last}
        found = []
        for i, (name, value) in enumerate(zip(names, values)):
            maps, limit = self._maps(value, bool(classes) and i == len(values) - 1)
            found.append(
                {
                    "name": name,
                    "units": value.shape[1],
                    "labels": labels.get(i, [])[: self._shown],
                    "maps": maps,
                    "low": limit[0],
                    "high": limit[1],
                }
            )
        return found

    def _maps(self, value: Array, probabilities: bool) -> tuple[Array, tuple[Array, Array]]:
        """Images of units (shown, side, side), and what their 0 and 255 stand for."""
        shown, full, fine = min(value.shape[1], self._shown), self._fine * self._side, self._fine
        images = value[:, :shown].T.reshape(shown, full, full)
        images = finite(images[:, fine // 2 :: fine, fine // 2 :: fine])
        if probabilities:
            ones = np.ones(shown, np.float32)
            return quantised(images), (0 * ones, ones)
        high = np.maximum(np.abs(images).max(axis=(1, 2)), 1e-12).astype(np.float32)
        return quantised(images / (2 * high[:, None, None]) + 0.5), (-high, high)

    def _boundary(self, answers: Array) -> dict[str, Any]:
        side = self._fine * self._side
        if self._training.data.classes:
            return {"classes": quantised(finite(answers.T.reshape(-1, side, side)))}
        number = finite(answers.reshape(side, side))
        return {"number": number, "low": -self._limit, "high": self._limit}

    # --- weights --------------------------------------------------------------------------------

    def _weights(self, gradients: Sequence[Array]) -> list[dict[str, Array]]:
        most, found = self._shown, []
        parameters = [p.array for p in self._training.model.parameters()]
        for i in range(0, len(parameters), 2):
            weight, bias = parameters[i : i + 2]
            by_weight, by_bias = gradients[i : i + 2]
            found.append(
                {
                    "weight": finite(weight[:most, :most]),
                    "bias": finite(bias[:most]),
                    "weight_gradient": finite(by_weight[:most, :most]),
                    "bias_gradient": finite(by_bias[:most]),
                }
            )
        return found

    def _sizes(self, gradients: Sequence[Array]) -> list[dict[str, Any]]:
        training, found = self._training, []
        names = training.subject.names()[1:]
        for i, (name, stage) in enumerate(zip(names, training.subject.stages)):
            weight = stage.linear.weight.array
            size, update = rms(weight), 0.0
            if training.before:
                update = rms(weight - training.before[2 * i])
            found.append(
                {
                    "name": name,
                    "weight": size,
                    "gradient": rms(gradients[2 * i]),
                    "update": update / size if size else 0.0,
                }
            )
        return found


def grid(span: float, side: int) -> Array:
    """Return the middles of an image's pixels, (side^2, 2) float32, row by row from the top left.

    Args:
        span: the plane runs from -span to span.
        side: pixels in a row.

    Examples:
        >>> grid(2.0, 2).tolist()
        [[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    along = span * ((2 * np.arange(side) + 1) / side - 1)
    x1, x2 = np.meshgrid(along, -along)
    return np.stack([x1.ravel(), x2.ravel()], axis=1).astype(np.float32)


def quantised(shares: Array) -> Array:
    """Return numbers from 0 to 1 as uint8 from 0 to 255."""
    return np.clip(shares * 255 + 0.5, 0, 255).astype(np.uint8)


def finite(values: Array) -> Array:
    """Return float32 in which what is no finite number is 0, or as large as a drawing can use."""
    return np.nan_to_num(values, nan=0.0, posinf=1e30, neginf=-1e30).astype(np.float32, copy=False)


def rms(values: Array) -> float:
    """Return the root of the mean square."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _shown(units: Sequence[int]) -> int:
    """How many units of a layer are shown, the same number at most for each."""
    for most in range(_MOST_SHOWN, 1, -1):
        shown = [min(n, most) for n in units]
        if sum(a * b for a, b in pairwise(shown)) <= _WEIGHTS:
            return most
    return 1


def _side(maps: int, count: int) -> int:
    """How many pixels a side of the maps has, by their number and that of the weights."""
    most = min(_PIXELS // maps, _WORK // count)
    return next((side for side in _SIDES if side * side <= most), _SIDES[-1])
