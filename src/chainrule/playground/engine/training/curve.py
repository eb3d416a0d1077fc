"""Figures along a run, thinned evenly so that they stay few however long it takes (floor 5).

Knows numbers alone: whoever keeps a curve says what its figures are called.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.ops import Array

__all__ = ["Curve"]


class Curve:
    """Figures at moments of a run.

    Points that are nearer to one another than the gap give way to the latest of them. The gap grows
    with the run, so that there are never more points than `most`.

    Args:
        names: of the figures.
        most: points that are kept.

    Examples:
        >>> curve = Curve(["loss"], most=4)
        >>> for epoch in range(9):
        ...     curve.add(epoch, loss=1 / (1 + epoch))
        >>> curve.plain()["epoch"].tolist()
        [0.0, 4.0, 8.0]
    """

    def __init__(self, names: Sequence[str], most: int = 400) -> None:
        self._names, self._most = tuple(names), most
        self._rows: list[tuple[float, ...]] = []
        self._gap = 0.0

    def add(self, epoch: float, **figures: float) -> None:
        """Put figures at the end.

        Args:
            epoch: how far the run is; not before the last one.
            figures: all of them, by name.
        """
        rows = self._rows
        row = (float(epoch), *(float(figures[name]) for name in self._names))
        # The last point stays only where it is far enough from the one before it.
        if rows and (row[0] == rows[-1][0] or self._is_crowded()):
            rows.pop()
        rows.append(row)
        if len(rows) > self._most:
            self._thin()

    @property
    def due(self) -> float:
        """The epoch from which on a further point would stay; 0 where there is none yet."""
        return self._rows[-1][0] + self._gap if self._rows else 0.0

    def _is_crowded(self) -> bool:
        rows = self._rows
        return len(rows) > 1 and rows[-1][0] - rows[-2][0] < self._gap

    def _thin(self) -> None:
        """Keep about half of the points, the first and the last among them."""
        first, *middle, last = self._rows
        self._gap = 2 * (last[0] - first[0]) / self._most
        self._rows = [first]
        for row in middle:
            if row[0] - self._rows[-1][0] >= self._gap:
                self._rows.append(row)
        self._rows.append(last)

    def plain(self) -> dict[str, Array]:
        """Return `epoch` and each figure, float32 of one length."""
        columns = np.array(self._rows, dtype=np.float32).reshape(-1, 1 + len(self._names)).T
        return dict(zip(("epoch", *self._names), columns))

    def state(self) -> tuple[float, tuple[tuple[float, ...], ...]]:
        """Return what `restore` brings back."""
        return self._gap, tuple(self._rows)

    def restore(self, state: tuple[float, tuple[tuple[float, ...], ...]]) -> None:
        """Bring back what `state` returned."""
        self._gap, self._rows = state[0], list(state[1])
