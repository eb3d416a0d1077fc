"""The learning rate range test: from far too low to far too high in some steps (floor 4).

The steps are those of any training loop. What is measured is the loss, and nothing is known of the
network, the loss or the optimiser but how to call them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import Generator
from chainrule.backend.devices import working_on
from chainrule.data import DataLoader
from chainrule.data.onto import on_device
from chainrule.data.pairs import first_targets, loader_of
from chainrule.errors import DataError, OptionError
from chainrule.explain.telling.waiting import waiting
from chainrule.nn.place import place_of
from chainrule.nn.usual import Loss, loss_of
from chainrule.ops import Array
from chainrule.optim.names import optimizer_of
from chainrule.picture import Svg, line_chart
from chainrule.random import fork_rng

__all__ = ["RateTest", "lr_find", "range_test"]

# Rates that are too low for every optimiser of this library, and too high, and how many there are
# from one to the other: each is a fifth higher than the one before.
_LOWEST, _HIGHEST, _STEPS = 1e-7, 10.0, 100
_USUAL = np.geomspace(_LOWEST, _HIGHEST, _STEPS)

# The test ends where the loss is this many times what it was at first: it will not come back.
_EXPLODED = 4.0

# Steps on either side: the median over these and the step itself is the smoothed loss, so that
# neither the luck of a batch decides nor the explosion after the step. A mean over the past, which
# is more usual, would put the least loss at too high a rate.
_BESIDE = 2

# How far below the edge the suggestion stays. A batch that is steeper than those of the test, and
# the steeper places that a network meets later, lower the edge; a tenth leaves room for that.
_BELOW = 10.0

# At the rates of the first steps nothing is learned: they show how far batches differ. Who has
# fallen further than twice that, and by more than this share, has learned.
_FIRST, _FALLEN = 10, 0.02

_FEWEST = 2 * _FIRST

# How far above the first loss the picture reaches, as a share of how far the loss fell.
_ABOVE = 0.3


class RateTest(NamedTuple):
    """What a range test has measured.

    Attributes:
        rates: the learning rate of each step, rising, (N,).
        losses: of each step, before its update, (N,).
        smooth: the median of each loss, the two before and the two after it, (N,).
        exploded: whether the last loss was over four times the first, or no number at all.
    """

    rates: Array
    losses: Array
    smooth: Array
    exploded: bool

    @property
    def edge(self) -> float:
        """The rate at which the smoothed loss is least: beyond it steps overshoot."""
        return float(self.rates[np.argmin(self.smooth)])

    @property
    def rate(self) -> float:
        """The rate to use: a tenth of `edge`; NaN if the loss fell at no rate.

        The steepest place of the curve is another choice. It is read off a derivative of noisy
        numbers, and where a problem is easy it lies far too low, because by the time of the higher
        rates nothing is left to be learned. The minimum is found the same in every run.
        """
        first = self.losses[:_FIRST]
        level, apart = float(np.median(first)), 2 * float(np.std(first))
        fell = np.min(self.smooth) < level - max(apart, _FALLEN * abs(level))
        return self.edge / _BELOW if fell else math.nan

    def plot(self, *, width: float = 640, height: float = 360) -> Svg:
        """Return a picture of loss over rate, with the suggestion.

        Args:
            width: in pixels.
            height: in pixels.
        """
        low, first = self.smooth.min(), self.smooth[0]
        most = first + _ABOVE * (first - low)
        shown = {"each step": self.losses, "smoothed": self.smooth}
        marks = {self.edge: "least"}
        if not math.isnan(self.rate):
            marks[self.rate] = f"use {self.rate:.2g}"
        return line_chart(
            {name: np.where(y < most, y, np.nan) for name, y in shown.items()},
            x=self.rates.tolist(),
            title="Learning rate range test",
            x_label="learning rate",
            y_label="loss",
            marks=marks,
            log_x=True,
            width=width,
            height=height,
        )

    def __str__(self) -> str:
        low, high = self.rates[0], self.rates[-1]
        steps = f"{len(self.rates)} steps from {low:.2g} to {high:.2g}"
        if self.exploded:
            steps += ", where the loss exploded"
        if math.isnan(self.rate):
            return f"the loss fell at no learning rate\n{steps}"
        least = f"a tenth of {self.edge:.2g}, where the loss is least"
        return f"use a learning rate of {self.rate:.2g}, {least}\n{steps}"

    def _repr_svg_(self) -> str:
        return str(self.plot())


def lr_find(
    model: nn.Module,
    data: Any,
    loss: Loss | str | None = None,
    optimizer: optim.Optimizer | str = "adam",
    *,
    lowest: float = _LOWEST,
    highest: float = _HIGHEST,
    steps: int = _STEPS,
    batch_size: int = 64,
) -> RateTest:
    """Find a learning rate: train a copy with one that grows from step to step, and see.

        rate(s) = lowest * (highest / lowest) ** (s / (steps - 1))

    While the rate is too low the loss stays where it is, then it falls, and beyond some rate, the
    edge, steps overshoot and it rises. The suggestion is a tenth of the edge. The test ends early
    where the loss explodes. Everything is done on copies; the same call gives the same numbers.

    Args:
        model: takes a batch of x, returns outputs; as it is before training.
        data: as for `fit`: a pair (x, y), a `Dataset` of pairs, or a `DataLoader`.
        loss: takes outputs and targets, returns one number; or a name, as for `fit`. By default
            cross-entropy for integer targets, mean squared error for others.
        optimizer: a name, or an optimiser of the model's parameters; of several rates the first is
            set, and the others keep their ratio to it.
        lowest: the first rate.
        highest: the last.
        steps: how many.
        batch_size: examples in a step, unless `data` is a `DataLoader`.

    Returns:
        The losses by rate, the suggestion (`rate`) and a picture (`plot()`), which a notebook
        shows.

    Raises:
        OptionError: rates or steps outside their range.
        DataError: there are no examples, or the first loss is not finite.

    References:
        Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3.

    Examples:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(64, 1)
        >>> test = lr_find(nn.Linear(1, 1), (x, 3 * x), optimizer="sgd", steps=80)
        >>> test.exploded, 0.05 < test.rate < 1
        (True, True)
    """
    rates = _rates(lowest, highest, steps)
    loader = loader_of(data, batch_size)
    loss = loss_of(loss, first_targets(loader))
    return range_test(model, loader, loss, optimizer, rates, "testing learning rates")


@ops.quiet
def range_test(
    model: nn.Module,
    loader: DataLoader,
    loss: Loss,
    optimizer: optim.Optimizer | str = "adam",
    rates: Array = _USUAL,
    told: str = "",
) -> RateTest:
    """Train copies, a step at each rate, until the loss explodes.

    Args:
        model: as for `lr_find`.
        loader: of pairs.
        loss: takes outputs and targets, returns one number.
        optimizer: as for `lr_find`.
        rates: rising, (N,).
        told: what who waits in a terminal is told; nothing if empty.

    Raises:
        DataError: the first loss is not finite.
    """
    model, optimizer, loss = copy.deepcopy((model, optimizer, loss))
    optimizer = optimizer_of(optimizer, model.parameters())
    model.train()
    walk = waiting(rates.tolist(), told) if told else iter(rates.tolist())
    with fork_rng(), working_on(place_of(model)):
        losses = list(_until_it_explodes(_steps(model, loss, optimizer, loader, walk)))
    return _result(rates, np.array(losses))


def _rates(lowest: float, highest: float, steps: int) -> Array:
    if not 0 < lowest < highest < math.inf:
        raise OptionError(
            f"the learning rate grows from lowest, above 0, to highest; got {lowest} and {highest}"
        )
    if not isinstance(steps, int) or steps < _FEWEST:
        raise OptionError(f"a range test takes at least {_FEWEST} steps, got {steps!r}")
    return np.geomspace(lowest, highest, steps)


def _steps(
    model: nn.Module,
    loss: Loss,
    optimizer: optim.Optimizer,
    loader: DataLoader,
    rates: Iterator[float],
) -> Iterator[float]:
    """Take a step at each rate, and yield the loss before its update."""
    ratios = _ratios(optimizer)
    batches = chain.from_iterable(repeat(_of_its_own(loader)))
    for rate, (x, y) in zip(rates, on_device(batches, place_of(model), ahead=False)):
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = rate * ratio
        optimizer.zero_grad()
        value = loss(model(x), y)
        yield value.item()
        value.backward()
        optimizer.step()


def _ratios(optimizer: optim.Optimizer) -> list[float]:
    """What the rate of each group is beside that of the first."""
    found = [float(group["lr"]) for group in optimizer.param_groups]
    return [rate / found[0] if found[0] else 1.0 for rate in found]


def _of_its_own(loader: DataLoader) -> DataLoader:
    """The same batches in an order of its own, so that no generator of a person's moves on."""
    return DataLoader(
        loader.dataset,
        loader.batch_size or 64,
        shuffle=True,
        collate_fn=loader.collate_fn,
        drop_last=len(loader.dataset) >= (loader.batch_size or 64),
        generator=Generator(0),
    )


def _until_it_explodes(losses: Iterator[float]) -> Iterator[float]:
    """Pass the losses on, the first that has exploded being the last."""
    first: float | None = None
    for value in losses:
        first = value if first is None else first
        if not math.isfinite(first):
            raise DataError(
                f"the loss is {first} before the first step; look for NaN and infinity in the data "
                "and in the weights"
            )
        yield value
        if _has_exploded(value, first):
            return


def _has_exploded(value: float, first: float) -> bool:
    return not value <= first + (_EXPLODED - 1) * abs(first)


def _result(rates: Array, losses: Array) -> RateTest:
    known = np.where(np.isfinite(losses), losses, np.inf)
    padded = np.pad(known, _BESIDE, mode="reflect")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1), axis=1)
    return RateTest(rates[: len(losses)], losses, smooth, _has_exploded(losses[-1], losses[0]))
