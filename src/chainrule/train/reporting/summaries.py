"""What is in the data of a job, column by column and class by class (floor 4)."""

from __future__ import annotations

import numpy as np

from chainrule.data import Examples
from chainrule.ops import Array
from chainrule.train.reporting.contents import ColumnSeen

__all__ = ["class_means", "columns_of"]

_MOST_COLUMNS = 200
_MOST_CLASSES = 100
_MOST_ROWS = 100_000  # of more, rows at equal distances


def columns_of(examples: Examples) -> list[ColumnSeen]:
    """Return what is in each column of a table that has names; nothing of images.

    Args:
        examples: of the job.
    """
    if examples.is_image or not examples.columns:
        return []
    names = examples.columns[:_MOST_COLUMNS]
    x = examples.x[:: -(-len(examples) // _MOST_ROWS) or 1]
    recipe = examples.recipe
    kinds = {} if recipe is None else {f: c.kind for c in recipe.columns for f in c.features}
    categories = {} if recipe is None else recipe.categories()
    return [
        _counted(name, x[:, j], categories[name])
        if name in categories
        else ColumnSeen(name, kinds.get(name, "number"), x[:, j])
        for j, name in enumerate(names)
    ]


def _counted(name: str, codes: Array, categories: tuple[str, ...]) -> ColumnSeen:
    counts = np.bincount(codes.astype(np.int64), minlength=len(categories)).tolist()
    order = sorted(zip(categories, counts), key=lambda item: -item[1])
    return ColumnSeen(name, "category", counts={kind: n for kind, n in order if n})


def class_means(examples: Examples) -> Array | None:
    """Return the mean image of each class, `(K, C, H, W)` from 0 to 1; `None` of tables.

    Args:
        examples: of the job.
    """
    classes = examples.classes
    if not examples.is_image or classes is None or len(classes) > _MOST_CLASSES:
        return None
    means = np.zeros((len(classes), *examples.x.shape[1:]), dtype=np.float64)
    for k in range(len(classes)):
        of_class = examples.x[examples.y == k]
        if len(of_class):
            means[k] = of_class.mean(axis=0, dtype=np.float64)
    return (means / (examples.levels or 255)).astype(np.float32)
