"""The examples that a look is taken at, however they are given, and what their parts are called.

Floor 4; knows arrays and names, no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.autograd import as_tensor
from chainrule.data import DataLoader, Examples
from chainrule.data.pairs import first_targets, loader_of
from chainrule.errors import ShapeError
from chainrule.ops import Array
from chainrule.picture import shrink, to_pixels

__all__ = ["SIDE", "Rows", "inputs_of", "pixels_of", "rows_of"]

_BATCH = 512
SIDE = 96  # pixels; larger images are averaged down


@dataclass(frozen=True)
class Rows:
    """Inputs, and what a person calls their parts.

    Attributes:
        x: inputs, `(N, ...)`.
        y: answers, `(N,)`; `None` where only inputs were given.
        classes: the names of the classes; empty where nobody named them.
        columns: the names of the columns of a table; likewise.
        levels: of images the number that means full intensity; `None` if it is not known.
        categories: of those columns that hold some, the names of their codes.
    """

    x: Array
    y: Array | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    levels: float | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Whether an input is an image (C, H, W)."""
        return self.x.ndim == 4

    def class_name(self, k: int) -> str:
        """Return what class `k` is called."""
        return self.classes[k] if k < len(self.classes) else str(k)

    def column_names(self) -> list[str]:
        """Return what each number of a row is called: x3, or where it stands, x[0, 3]."""
        if self.columns:
            return list(self.columns)
        if self.x.ndim == 2:
            return [f"x{i}" for i in range(self.x.shape[1])]
        return [f"x{list(at)}" for at in np.ndindex(*self.x.shape[1:])]

    def told(self, row: int, most: int = 6) -> str:
        """Return the first numbers of a row of a table, in words."""
        values, names = self.x[row].ravel(), self.column_names()
        shown = ", ".join(self._cell(name, value) for name, value in zip(names[:most], values))
        return shown + (", ..." if values.size > most else "")

    def _cell(self, name: str, value: float) -> str:
        known = self.categories.get(name, ())
        if np.isnan(value) or value in range(len(known)):
            return f"{name} {'missing' if np.isnan(value) else known[int(value)]}"
        return f"{name} {value:.4g}"


def inputs_of(x: Any) -> Rows:
    """Return inputs with the names of their parts.

    Args:
        x: an array or tensor `(N, ...)`, or `Examples`.

    Raises:
        ShapeError: there is not one input.
    """
    if isinstance(x, Examples):
        categories = {} if x.recipe is None else x.recipe.categories()
        return Rows(x.x, x.y, x.classes or (), x.columns, x.levels, categories)
    array = as_tensor(x).array
    if array.ndim < 2 or not len(array):
        raise ShapeError(
            f"expected a batch of one input or more, shape (N, ...), got {array.shape}; of a "
            "single input x give x[None]"
        )
    return Rows(array)


def rows_of(data: Any, most: int | None = None) -> Rows:
    """Return inputs with their answers.

    Args:
        data: a pair (x, y), `Examples`, a `Dataset` of pairs or a `DataLoader`.
        most: of more examples, this many taken evenly.

    Raises:
        OptionError: it is none of these.
        DataError: there is not one example, or the samples are no pairs.
    """
    if isinstance(data, Examples):
        rows = inputs_of(data)
    else:
        loader = loader_of(data, _BATCH)
        first_targets(loader)
        # In their own order: the order of a loader of the caller's is not drawn from.
        ordered = DataLoader(loader.dataset, _BATCH, collate_fn=loader.collate_fn)
        parts = [(x.numpy(), y.numpy()) for x, y in ordered]
        rows = Rows(np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]))
    if most is None or len(rows.x) <= most:
        return rows
    taken = np.linspace(0, len(rows.x) - 1, most).astype(np.int64)
    assert rows.y is not None
    return replace(rows, x=rows.x[taken], y=rows.y[taken])


def pixels_of(rows: Rows, chosen: Sequence[int]) -> Array:
    """Return images in colour, `(M, H, W, 3)` bytes: 0 black, the level of full intensity white.

    Args:
        rows: images; where their levels are not known, from the least number to the greatest.
        chosen: which of them.
    """
    x = rows.x[list(chosen)].astype(np.float64)
    if rows.levels is not None:
        low, high = 0.0, float(rows.levels)
    else:
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 1.0)
    share = (x - low) / ((high - low) or 1.0)
    return np.stack([in_colour(shrink(to_pixels(image), SIDE)) for image in share])


def in_colour(pixels: Array) -> Array:
    """Return grey or coloured pixels in colour, `(H, W, 3)`."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
