"""Heights and the levels that are drawn of them (floor 0, NumPy).

Where half of the plane lies near the bottom, as in a narrow valley, evenly spaced heights would
leave the valley empty. So levels rise by a power, chosen so that the middle one halves the plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.charts.axis import format_value

__all__ = ["Relief", "relief_of", "shares"]

_LEVELS = 14


@dataclass(frozen=True)
class Relief:
    """Heights, and the power by which levels rise from the lowest to the highest.

    Args:
        heights: shape `(H, W)`; NaN where there is none.
        low: the lowest.
        high: the highest.
        power: at least 1.
    """

    heights: NDArray[Any]
    low: float
    high: float
    power: float

    def share(self, height: Any) -> Any:
        """How many of the levels lie below a height, as a share of all."""
        return np.clip((height - self.low) / (self.high - self.low or 1), 0, 1) ** (1 / self.power)

    def level(self, share: float) -> float:
        """The height of which a share of the levels lies below."""
        return float(self.low + (self.high - self.low) * share**self.power)

    def told(self, height: float, digits: int = 4) -> str:
        """A height for a reader; 0 where it is as good as that on this surface."""
        nothing = abs(height) < 1e-4 * (self.high - self.low)
        return format_value(0 if nothing else float(f"{height:.{digits}g}"))


def relief_of(heights: NDArray[Any]) -> Relief:
    """Return heights with their levels.

    Args:
        heights: shape `(H, W)`; what is not finite counts as unknown.

    Raises:
        ShapeError: they are no grid.
        DataError: none is finite.

    Examples:
        >>> y, x = np.mgrid[-1:1:21j, -1:1:21j]
        >>> relief = relief_of(x**2 + y**2)
        >>> relief.low, relief.high, relief.told(relief.level(0.5))
        (0.0, 2.0, '0.68')
    """
    if heights.ndim != 2 or min(heights.shape) < 2:
        raise ShapeError(
            f"surface: expected heights on a grid of shape (H, W), 2 x 2 or more, "
            f"got {heights.shape}"
        )
    heights = np.where(np.abs(heights) < 1e300, heights, np.nan)
    known = heights[np.isfinite(heights)]
    if not known.size:
        raise DataError("surface: expected heights, got not one that is finite")
    low, high = float(known.min()), float(known.max())
    middle = (float(np.median(known)) - low) / (high - low or 1)
    power = math.log(max(middle, 1e-3)) / math.log(0.5) if middle < 1 else 1.0
    return Relief(heights, low, high, min(max(power, 1.0), 8.0))


def shares() -> list[float]:
    """The shares at which lines are drawn; the lowest would be lost between the nodes of a grid.

    Examples:
        >>> len(shares())
        12
    """
    return [i / _LEVELS for i in range(2, _LEVELS)]
