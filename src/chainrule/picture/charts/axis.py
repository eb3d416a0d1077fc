"""An axis: the stretch of numbers it covers, where its ticks stand, and what they say (floor 0).

Ticks stand at 1, 2 or 5 times a power of ten, because those are the steps people count in. An axis
knows numbers only; where it lies on the paper is the frame's matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Axis", "drawable", "format_value", "linear_axis", "log_axis", "ticks", "whole_zero"]

_HUGE = 1e300  # beyond this a difference of two numbers may overflow
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with ticks.

    Attributes:
        low: the number at its beginning.
        high: the number at its end, greater than `low`.
        ticks: where ticks stand, rising, all from `low` to `high`.
        labels: what is written at each.
        name: what is measured, and in which unit.
        log: whether equal ratios, rather than equal differences, are equally far apart.
        percent: whether values are shares, told as percentages.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    name: str = ""
    log: bool = False
    percent: bool = False

    def fraction(self, value: float) -> float:
        """Return how far along the axis `value` stands: 0 at its beginning, 1 at its end.

        Examples:
            >>> linear_axis([0, 10]).fraction(2.5), log_axis([1, 100]).fraction(10)
            (0.25, 0.5)
        """
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def told(self, value: float) -> str:
        """Return `value` for a reader, in the unit of the axis."""
        return format_value(value, self.percent)


def linear_axis(
    values: Iterable[float],
    *,
    name: str = "",
    percent: bool = False,
    whole: bool = False,
    tight: bool = False,
    count: int = 5,
) -> Axis:
    """Return an axis that covers `values`.

    Args:
        values: what is to be drawn; what is not finite is passed over.
        name: what is measured.
        percent: write 0.25 as `25 %`, and let an axis of shares end at 100 %.
        whole: ticks at whole numbers only (epochs).
        tight: begin and end at the outermost values rather than at a tick.
        count: about how many steps.

    Examples:
        >>> axis = linear_axis([0.912, 0.984], percent=True)
        >>> axis.labels
        ('90 %', '92 %', '94 %', '96 %', '98 %', '100 %')
        >>> linear_axis([1, 20], whole=True, tight=True).ticks
        (5, 10, 15, 20)
    """
    low, high = _reach(values, most=1.0 if percent else math.inf)
    if not tight and 0 <= low < 0.4 * high:
        low = 0.0  # near enough to zero to show it
    step = _step(low, high, count, whole)
    if not tight:
        slack = _slack(low, high, step)
        low, high = math.floor(low / step + slack) * step, math.ceil(high / step - slack) * step
    at = _multiples(low, high, step)
    return Axis(low, high, at, _tick_labels(at, step, percent), name, percent=percent)


def log_axis(values: Iterable[float], *, name: str = "") -> Axis:
    """Return a logarithmic axis that covers the positive ones of `values`.

    Examples:
        >>> log_axis([0.003, 2]).labels
        ('0.001', '0.01', '0.1', '1', '10')
        >>> log_axis([0.3, 2]).labels
        ('0.2', '0.5', '1', '2')
    """
    low, high = _reach(value for value in values if value > 1 / _HUGE)
    low = low if low > 0 else high / 10
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if math.log10(high) - math.log10(low) < 2 else (1,)
    every = -(-(last - first) // 6) or 1
    grid = [d * 10.0**power for power in range(first, last + every, every) for d in digits]
    begin = max((at for at in grid if at <= low * 1.001), default=grid[0])
    end = min((at for at in grid if at >= high / 1.001 and at > begin), default=grid[-1])
    at = tuple(tick for tick in grid if begin <= tick <= end)
    return Axis(begin, end, at, tuple(_plain(tick) for tick in at), name, log=True)


def ticks(low: float, high: float, count: int = 5, *, whole: bool = False) -> tuple[float, ...]:
    """Return the round numbers from `low` to `high`, about `count` steps of 1, 2 or 5 times ten.

    Args:
        low: the beginning.
        high: the end, greater than `low`.
        count: about how many steps.
        whole: whole numbers only.

    Examples:
        >>> ticks(0, 1)
        (0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0)
        >>> ticks(3, 96)
        (20, 40, 60, 80)
    """
    return _multiples(low, high, _step(low, high, count, whole))


def drawable(value: float) -> bool:
    """Return whether a number has a place on paper: not NaN, not infinite, not near overflow."""
    return math.isfinite(value) and abs(value) < _HUGE


def whole_zero(value: float, size: float) -> float:
    """Return 0 for a number that is nothing beside `size`, as rounding leaves them; others as is.

    Examples:
        >>> whole_zero(2e-17, 1.0), whole_zero(0.5, 1.0)
        (0.0, 0.5)
    """
    return 0.0 if abs(value) < 1e-9 * size else value


def format_value(value: float, percent: bool = False) -> str:
    """Return a measured value for a reader: four digits, or a percentage to a tenth.

    Large ones are written out to the last digit before the point, up to ten million.

    Examples:
        >>> format_value(0.98765, percent=True), format_value(0.0123456), format_value(-2.0)
        ('98.8 %', '0.01235', '−2')
        >>> format_value(48213.7), format_value(2.5e9)
        ('48,214', '2.5e+09')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if percent:
        return f"{100 * value:.1f} %".replace("-", "−")
    told = f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
    return told.replace("-", "−")


def _reach(values: Iterable[float], most: float = math.inf) -> tuple[float, float]:
    """The least and the greatest, moved apart where they are one, 0 and 1 where there is none."""
    kept = [float(value) for value in values if drawable(value)]
    low, high = min(kept, default=0.0), max(kept, default=1.0)
    size = max(abs(low), abs(high))
    if size < 1 / _HUGE:
        return 0.0, 1.0
    if high - low > 1e-9 * size:
        return low, high
    return low - 0.1 * size, max(high, min(high + 0.1 * size, most))


def _step(low: float, high: float, count: int, whole: bool) -> float:
    """The least of 1, 2, 5 times a power of ten that takes at most about `count` steps."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(d * power for d in (1, 2, 5, 10) if d * power >= 0.999 * rough)
    return max(step, 1.0) if whole else step


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of `step` from `low` to `high`, either included where it is one."""
    slack = _slack(low, high, step)
    first, last = math.ceil(low / step - slack), math.floor(high / step + slack)
    return tuple(int(tick * step) if step >= 1 else tick * step for tick in range(first, last + 1))


def _slack(low: float, high: float, step: float) -> float:
    """By how much of a step rounding may have moved a multiple."""
    return 1e-9 * min(1.0, (high - low) / step)


def _tick_labels(at: Sequence[float], step: float, percent: bool) -> tuple[str, ...]:
    """What is written at each tick: alike on one axis, as many digits as the step asks for."""
    scale, unit = (100, " %") if percent else (1, "")
    step *= scale
    values = [scale * tick + 0.0 for tick in at]
    if max(map(abs, values), default=0) >= 1e6 or step < 1e-4:
        return tuple(_scientific(value, step) + unit for value in values)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return tuple(f"{value:,.{digits}f}{unit}".replace("-", "−") for value in values)


def _plain(value: float) -> str:
    """A tick of a logarithmic axis: all its digits while they are few."""
    if not 1e-4 <= value < 1e6:
        return _scientific(value, value)
    return f"{value:,.0f}" if value >= 1 else f"{value:.1g}"


def _scientific(value: float, step: float) -> str:
    """As `2.5×10⁷`, to the digit that `step` moves; the power alone where the factor is 1."""
    if value == 0:
        return "0"
    digits = max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(step)))
    factor, _, exponent = f"{value:.{digits}e}".partition("e")
    if "." in factor:
        factor = factor.rstrip("0").rstrip(".")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    if factor in ("1", "-1"):
        return factor.rstrip("1").replace("-", "−") + power
    return f"{factor.replace('-', '−')}×{power}"
