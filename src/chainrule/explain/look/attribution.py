"""Which parts of an input an answer hangs on: slopes, and what they add up to (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import enable_grad, from_numpy, grad
from chainrule.errors import ChainruleError, GradientError, OptionError, ShapeError
from chainrule.explain.look.rows import SIDE, Rows, inputs_of, pixels_of
from chainrule.explain.look.seen import Seen, short
from chainrule.explain.look.still import fed, outputs_of, still
from chainrule.explain.telling.waiting import waiting
from chainrule.nn.place import looks
from chainrule.nn.usual import are_classes
from chainrule.ops import Array
from chainrule.picture import Svg, bar_chart, diverging, shrink, tile_chart

__all__ = ["Attribution", "IntegratedGradients", "Saliency", "integrated_gradients", "saliency"]

_MOST = 12  # inputs in a picture
_ROWS = 256  # inputs at a time
_FULL = 0.995  # the share of the pixels up to which colours grow; a few beyond are as strong


@dataclass(frozen=True)
class Attribution(Seen):
    """A number for each number of each input.

    Attributes:
        values: in the shape of the inputs.
        targets: `(N,)`, of each input the output that was explained, 0 to K - 1.
        outputs: `(N, K)`, what the network gives.
        rows: the inputs, and what their parts are called.
    """

    values: Array = field(repr=False)
    targets: Array
    outputs: Array = field(repr=False)
    rows: Rows = field(repr=False)

    @property
    def by_column(self) -> dict[str, float]:
        """Of each number of an input its value: the mean size, if there are several inputs."""
        flat = self.values.reshape(len(self.values), -1)
        of = flat[0] if len(flat) == 1 else np.abs(flat).mean(axis=0)
        return dict(zip(self.rows.column_names(), of.tolist(), strict=True))

    def _tiles(self, maps: Array, words: Sequence[str], title: str) -> Svg:
        """Each image, and beside it its map."""
        count = min(len(maps), _MOST)
        images = pixels_of(self.rows, range(count))
        colours = np.stack([shrink(diverging(m, _limit(m)), SIDE) for m in maps[:count]])
        return tile_chart(
            _alternating(images, colours),
            [text for i in range(count) for text in (self._taken(i), words[i])],
            [mark for i in range(count) for mark in (self._is_wrong(i), False)],
            title=title,
            together=2,
            side=84,
            note=f"the first {count} of {len(maps):,}" if count < len(maps) else "",
        )

    def _taken(self, i: int) -> str:
        """What the explained output of an input is called."""
        if self.outputs.shape[1] == 1:
            return short(float(self.outputs[i, 0]))
        name = self.rows.class_name(int(self.targets[i]))
        if self.rows.y is None or not self._is_wrong(i):
            return name
        return f"{name}, was {self.rows.class_name(int(self.rows.y[i]))}"

    def _is_wrong(self, i: int) -> bool:
        """Whether the network's answer is explained, and is not the right class."""
        y, k = self.rows.y, self.outputs.shape[1]
        if y is None or k == 1 or not are_classes(y):
            return False
        return bool(self.targets[i] == self.outputs[i].argmax() and self.targets[i] != y[i])

    def _bars(self, what: str, title: str) -> Svg:
        ordered = sorted(self.by_column.items(), key=lambda item: -abs(item[1]))
        several = len(self.values) > 1
        return bar_chart(
            dict(ordered),
            title=title,
            x_label=f"mean size of {what} over {len(self.values):,} rows" if several else what,
            told=short,
        )


@dataclass(frozen=True)
class Saliency(Attribution):
    """The slopes of an output by the inputs."""

    @property
    def map(self) -> Array:
        """The sizes of the slopes; of images the largest over their channels, `(N, H, W)`."""
        sizes = np.abs(self.values)
        return sizes.max(axis=1) if self.rows.is_image else sizes

    def _drawn(self) -> Svg:
        title = "How steeply the answer hangs on each part"
        if not self.rows.is_image:
            return self._bars("the slope by each column", title)
        return self._tiles(self.map, [""] * len(self.values), title)


@dataclass(frozen=True)
class IntegratedGradients(Attribution):
    """What each part of an input adds to the answer, beside a baseline.

    Attributes:
        differences: `(N,)`, the output for the input less that for the baseline.
    """

    differences: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def sums(self) -> Array:
        """What the parts of each input add up to, `(N,)`."""
        return np.asarray(self.values.reshape(len(self.values), -1).sum(axis=1, dtype=np.float64))

    @property
    def gap(self) -> float:
        """The largest distance of a sum from its difference, which would be 0 in endless steps."""
        return float(np.abs(self.sums - self.differences).max())

    def _drawn(self) -> Svg:
        title = "What each part adds to the answer"
        if not self.rows.is_image:
            return self._bars("what each column adds", f"{title}; {self._complete()}")
        words = [f"{s:+.3g} of {d:+.3g}" for s, d in zip(self.sums, self.differences)]
        return self._tiles(self.values.sum(axis=1), words, title)

    def _complete(self) -> str:
        """The axiom of completeness, with numbers."""
        if len(self.values) > 1:
            return f"off by at most {short(self.gap)}"
        return f"{short(float(self.sums[0]))} of {short(float(self.differences[0]))}"


@looks
def saliency(model: nn.Module, x: Any, target: Any = None) -> Saliency:
    r"""Return how steeply an output hangs on each number of an input, `d y_target / d x`.

    Args:
        model: is left as it is; it runs in eval mode, where rows have nothing to do with one
            another.
        x: inputs `(N, ...)`, an array, a tensor or `Examples`, whose names the picture then has.
        target: which output, one for all or `(N,)`; the largest of each input if not given. Give
            the outputs in front of a softmax.

    Returns:
        The slopes, in the units of the output for one unit of the input. Of images the picture
        shows their size; of tables a bar for each column.

    Raises:
        OptionError: no such output.
        GradientError: the network has no slope by its input, as where numbers name tokens.
        ShapeError: the outputs are not of shape `(N,)` or `(N, K)`.

    Simonyan, Vedaldi, Zisserman (2013), "Deep inside convolutional networks", section 3.

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.load_state_dict({"weight": np.array([[3.0, -1.0]], dtype=np.float32)})
        >>> saliency(net, [[5.0, 5.0]]).by_column
        {'x0': 3.0, 'x1': -1.0}
    """
    rows = inputs_of(x)
    outputs, targets = _targets(model, rows, target)
    with still(model) as copied:
        parts = [
            _slopes(copied, rows.x[i : i + _ROWS], targets[i : i + _ROWS])
            for i in range(0, len(rows.x), _ROWS)
        ]
    return Saliency(np.concatenate(parts), targets, outputs, rows)


@looks
def integrated_gradients(
    model: nn.Module, x: Any, target: Any = None, baseline: Any = 0, steps: int = 64
) -> IntegratedGradients:
    r"""Return what each number of an input adds to an output, beside a baseline b.

    `(x_i - b_i)` times the mean of `d y_target / d x_i` on the straight way from b to x, taken in
    the middles of equal steps. They add up to `y(x) - y(b)` (completeness), up to the width of a
    step; `gap` tells how far they are from it.

    Args:
        model: is left as it is; it runs in eval mode.
        x: inputs `(N, ...)`, an array, a tensor or `Examples`.
        target: which output, one for all or `(N,)`; the largest of each input if not given.
        baseline: an input that says nothing: black, or the means of the columns. One number, or of
            a shape that fits x.
        steps: on the way from the baseline to the input.

    Returns:
        What each number adds, in the units of the output.

    Raises:
        OptionError: no such output, or fewer than one step.
        GradientError: the network has no slope by its input.
        ShapeError: the outputs are not of shape `(N,)` or `(N, K)`, or the baseline does not fit.

    Sundararajan, Taly, Yan (2017), "Axiomatic attribution for deep networks".

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Linear(2, 1)
        >>> _ = net.load_state_dict({"weight": np.array([[3.0, -1.0]]), "bias": np.array([7.0])})
        >>> found = integrated_gradients(net, [[5.0, 4.0]])
        >>> found.by_column, found.differences
        ({'x0': 15.0, 'x1': -4.0}, array([11.]))
    """
    if not isinstance(steps, int) or steps < 1:
        raise OptionError(f"steps must be a whole number of at least 1, got {steps!r}")
    rows = inputs_of(x)
    outputs, targets = _targets(model, rows, target)
    begin = _fitting(baseline, rows.x)
    way = rows.x.astype(np.float64) - begin
    total = np.zeros(rows.x.shape)
    with still(model) as copied:
        for step in waiting(range(steps), "adding up slopes"):
            at = begin + (step + 0.5) / steps * way
            for i in range(0, len(at), _ROWS):
                total[i : i + _ROWS] += _slopes(copied, at[i : i + _ROWS], targets[i : i + _ROWS])
    chosen = np.arange(len(way)), targets
    differences = outputs.astype(np.float64)[chosen] - outputs_of(model, begin)[chosen]
    return IntegratedGradients(way * total / steps, targets, outputs, rows, differences)


def _targets(model: nn.Module, rows: Rows, target: Any) -> tuple[Array, Array]:
    """The outputs, and which of them is explained."""
    outputs = outputs_of(model, rows.x)
    if target is None:
        return outputs, outputs.argmax(axis=1)
    targets = np.broadcast_to(np.asarray(target), (len(outputs),))
    k = outputs.shape[1]
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= k:
        raise OptionError(f"target is the number of an output, 0 to {k - 1}, got {target!r:.60}")
    return outputs, targets


def _slopes(model: nn.Module, x: Array, targets: Array) -> Array:
    """The slope of each row's target by the row."""
    with enable_grad():
        inputs = fed(model, x, slopes=True)
        try:
            y = model(inputs)
            y = y.view(len(x), -1)[from_numpy(np.arange(len(x))), from_numpy(targets.copy())]
            (slopes,) = grad(y.sum(), inputs)
        except ChainruleError as error:
            if not any(isinstance(m, nn.Embedding) for m in model.modules()):
                raise
            raise GradientError(
                "numbers that name tokens have no slope; explain the part of the model behind its "
                "embedding, and give it the embedded tokens"
            ) from error
    return slopes.array


def _fitting(baseline: Any, x: Array) -> Array:
    given = np.asarray(baseline, dtype=np.float64)
    try:
        return np.broadcast_to(given, x.shape).copy()
    except ValueError:
        raise ShapeError(
            f"a baseline of shape {given.shape} does not fit inputs of shape {x.shape}"
        ) from None


def _limit(map: Array) -> float:
    return float(np.quantile(np.abs(map), _FULL)) or float(np.abs(map).max()) or 1.0


def _alternating(first: Array, second: Array) -> Array:
    return np.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
