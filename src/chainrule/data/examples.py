"""`Examples`: inputs with their answers, and what a person calls them (floor 3).

Every data source of this package ends here: a table, a folder of images, MNIST, a toy. What follows
(loaders, training, the command line) knows nothing of files. Everything is checked on the way in,
so that a label outside the classes is found here, with its row, and not as a strange loss later.
This file knows arrays and errors, nothing of where the data came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.data.stored import blocks_of, gathered, is_stored
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import DataError, OptionError

__all__ = ["Array", "Examples"]

Array: TypeAlias = NDArray[Any]

IMAGE_DIMS = 4  # (N, C, H, W)


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """Inputs, answers and their names; checked when made, never changed afterwards.

    Args:
        name: what a person calls it, `"digits"`, `"iris.csv"`.
        x: inputs, numbers (N, features) or images (N, C, H, W) in the dtype they are stored in.
        y: answers (N,): class numbers, kept as int64; or numbers to predict, kept as float32.
        classes: the class names, class 0 first; None where a number is predicted.
        about: one line: what it is, its source and its licence.
        columns: the names of the features of a table.
        levels: images only: the value that means full intensity (255; 16 for the 8x8 digits).
        test: the official held-out part, where the data set has one.
        recipe: of a table: what was made of its columns. Numbers may be NaN where it says so.

    Raises:
        DataError: the parts do not fit together, or hold what cannot be learned from.

    Examples:
        >>> import numpy as np
        >>> pets = Examples("pets", np.ones((3, 2)), np.array([0, 1, 1]), ("cat", "dog"), "mine")
        >>> pets
        Examples('pets': 3 rows of 2 numbers, 2 classes)
        >>> pets.counts()
        {'cat': 1, 'dog': 2}
        >>> Examples("pets", np.ones((2, 2)), np.array([0, 7]), ("cat", "dog"), "mine")
        Traceback (most recent call last):
        ...
        chainrule.errors.DataError: pets: labels outside the classes: row 1 (from 0) holds 7, \
but the 2 classes are numbered 0 to 1
    """

    name: str
    x: Array
    y: Array
    classes: tuple[str, ...] | None
    about: str
    columns: tuple[str, ...] = ()
    levels: float | None = None
    test: Examples | None = None
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        _check_inputs(self)
        if self.classes is None:
            object.__setattr__(self, "y", _numbers(self.name, self.y))
        else:
            _check_labels(self, self.classes)
            object.__setattr__(self, "y", self.y.astype(np.int64, copy=False))
        if self.test is not None:
            _check_test(self, self.test)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        n, *shape = self.x.shape
        what = (
            f"images {'x'.join(map(str, shape))}"
            if self.is_image
            else f"rows of {shape[0]} {'numbers' if self.is_plain else 'columns'}"
        )
        answer = "a number to predict" if self.classes is None else f"{len(self.classes)} classes"
        held_out = f"; {len(self.test):,} held out" if self.test is not None else ""
        return f"Examples({self.name!r}: {n:,} {what}, {answer}{held_out})"

    @property
    def is_image(self) -> bool:
        """Whether an input is an image (C, H, W) rather than a row of numbers."""
        return self.x.ndim == IMAGE_DIMS

    @property
    def is_plain(self) -> bool:
        """Whether all features are numbers, none of them missing or the code of a category."""
        return self.recipe is None or self.recipe.plain

    def take(self, indices: ArrayLike) -> Examples:
        """Return the examples at `indices`, in that order; the official test part stays as it is.

        Args:
            indices: whole numbers (M,), counted from 0, or a mask of booleans (N,).

        Raises:
            OptionError: an index outside the examples, or one that is no whole number.

        Examples:
            >>> import numpy as np
            >>> pets = Examples("pets", np.ones((3, 2)), np.array([0, 1, 1]), ("cat", "dog"), "")
            >>> pets.take([2, 0]).y
            array([1, 0])
        """
        rows = np.asarray(indices)
        rows = rows.astype(np.int64) if rows.size == 0 else rows
        if rows.ndim != 1 or rows.dtype.kind not in "iub":
            raise OptionError(
                f"{self.name}: indices are a list of whole numbers, got an array of {rows.dtype} "
                f"with shape {rows.shape}"
            )
        try:
            x = gathered(self.x, rows) if is_stored(self.x) else self.x[rows]
            return replace(self, x=x, y=self.y[rows])
        except IndexError as error:
            raise OptionError(
                f"{self.name}: the indices reach outside its {len(self):,} examples "
                f"(0 to {len(self) - 1:,})"
            ) from error

    def split(self, share: float, seed: int = 0) -> tuple[Examples, Examples]:
        """Hold out a share of the examples, of every class in proportion.

        The same share and seed always hold out the same examples. Both parts keep the order of the
        whole, and every class keeps at least one example in the first part. Where a number is
        predicted there are no classes and the held-out rows are drawn from all.

        Args:
            share: how much to hold out, between 0 and 1.
            seed: of the draw.

        Returns:
            The rest (which keeps the official test part) and the held-out examples.

        Raises:
            OptionError: a share that is not between 0 and 1.
            DataError: too few examples to hold any out.

        Examples:
            >>> import numpy as np
            >>> y = np.array([0] * 6 + [1] * 4)
            >>> rest, held_out = Examples("ten", np.ones((10, 1)), y, ("a", "b"), "").split(0.5)
            >>> rest.counts(), held_out.counts()
            ({'a': 3, 'b': 2}, {'a': 3, 'b': 2})
        """
        if not 0 < share < 1:
            raise OptionError(f"the share to hold out is between 0 and 1, got {share}")
        groups = np.zeros(len(self), np.int64) if self.classes is None else self.y
        held = _draw(groups, share, np.random.default_rng(seed))
        if not held.any():
            raise DataError(
                f"{self.name}: nothing can be held out of {len(self)} examples when every class "
                "keeps at least one; add examples"
            )
        return self.take(~held), replace(self.take(held), test=None)

    def counts(self) -> dict[str, int]:
        """Return how many examples each class has, in class order; empty where there are none.

        Examples:
            >>> import numpy as np
            >>> Examples("few", np.ones((2, 1)), np.array([1, 1]), ("a", "b"), "").counts()
            {'a': 0, 'b': 2}
        """
        if self.classes is None:
            return {}
        return dict(zip(self.classes, np.bincount(self.y, minlength=len(self.classes)).tolist()))


def _draw(groups: Array, share: float, rng: np.random.Generator) -> Array:
    """Return a mask (N,) that is true for about `share` of every group, never for all of one."""
    sizes = np.bincount(groups)
    wanted = share * sizes
    takes = np.floor(wanted).astype(np.int64)
    # The halves and thirds of examples that flooring left over go to the largest remainders, so
    # that the whole share comes out right even where every class is small.
    left = min(max(round(share * len(groups)), 1), len(groups)) - int(takes.sum())
    takes[np.argsort(takes - wanted, kind="stable")[: max(left, 0)]] += 1
    takes = np.minimum(takes, np.maximum(sizes - 1, 0))
    held = np.zeros(len(groups), bool)
    for group, take in enumerate(takes):
        members = np.flatnonzero(groups == group)
        held[rng.permutation(members)[:take]] = True
    return held


def _check_inputs(examples: Examples) -> None:
    name, x, y = examples.name, examples.x, examples.y
    if x.ndim not in (2, IMAGE_DIMS):
        raise DataError(
            f"{name}: inputs have the shape (N, features) or (N, C, H, W), got {x.shape}"
        )
    if x.dtype.kind not in "uif":
        raise DataError(f"{name}: inputs are numbers, got an array of {x.dtype}")
    if y.ndim != 1 or len(x) != len(y):
        raise DataError(
            f"{name}: one answer is due for each of {len(x)} inputs, got the shape {y.shape}"
        )
    if examples.columns and x.shape[1:] != (len(examples.columns),):
        raise DataError(
            f"{name}: {len(examples.columns)} column names do not fit inputs of shape {x.shape[1:]}"
        )
    gaps = examples.recipe.gaps if examples.recipe is not None else ()
    if gaps and len(gaps) != x.shape[1]:
        raise DataError(f"{name}: a recipe of {len(gaps)} features does not fit {x.shape[1]}")
    _check_finite(name, "x", x, gaps)


def _check_finite(name: str, what: str, values: Array, gaps: tuple[bool, ...] = ()) -> None:
    """Refuse what is not finite, but for NaN in columns that may have gaps."""
    if values.dtype.kind != "f":
        return
    begin = 0
    for block in blocks_of(values):
        wrong = ~np.isfinite(block)
        if any(gaps):
            wrong &= ~(np.array(gaps) & np.isnan(block))
        if wrong.any():
            break
        begin += len(block)
    else:
        return
    row, *place = map(int, np.argwhere(wrong)[0])
    where = (begin + row, *place)
    raise DataError(
        f"{name}: {what} holds {values[where]} in row {where[0]} (from 0); replace it or leave "
        "the row out"
    )


def _numbers(name: str, y: Array) -> Array:
    if y.dtype.kind not in "uif":
        raise DataError(f"{name}: answers are numbers, got an array of {y.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, which is an error
        numbers = y.astype(np.float32, copy=False)
    _check_finite(name, "y", numbers)
    return numbers


def _check_labels(examples: Examples, classes: tuple[str, ...]) -> None:
    name, y = examples.name, examples.y
    if not classes or len(set(classes)) != len(classes):
        raise DataError(f"{name}: every class needs a name of its own, got {classes}")
    if y.dtype.kind not in "ui":
        raise DataError(f"{name}: labels are whole numbers, got an array of {y.dtype}")
    outside = np.flatnonzero((y < 0) | (y >= len(classes)))
    if outside.size:
        row = int(outside[0])
        raise DataError(
            f"{name}: labels outside the classes: row {row} (from 0) holds {y[row]}, but the "
            f"{len(classes)} classes are numbered 0 to {len(classes) - 1}"
        )


def _check_test(examples: Examples, test: Examples) -> None:
    if test.x.shape[1:] != examples.x.shape[1:]:
        raise DataError(
            f"{examples.name}: inputs have the shape {examples.x.shape[1:]}, those of the test "
            f"part {test.x.shape[1:]}"
        )
    if test.classes != examples.classes:
        raise DataError(f"{examples.name}: the test part has other classes than the rest")
