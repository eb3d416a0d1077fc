"""What estimators are given, X in any of its forms, as the numbers of a network (floor 5).

Arrays, frames and sparse matrices go through scikit-learn's own checks. Categories become whole
numbers by a `Recipe`; `nn.Columns` makes vectors of them, and puts means where numbers are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from chainrule.data.tables.recipe import Recipe
from chainrule.errors import OptionError, did_you_mean
from chainrule.ops import Array

__all__ = ["Inputs", "dense", "rows_of"]

_FLOATS = (np.float64, np.float32)

# A sparse matrix up to this many bytes is unfolded at once; beyond, batch by batch.
_ROOM = 2**28


class Inputs:
    """How X is read; found when an estimator is fitted, and the same from then on.

    Args:
        categorical: "from_dtype", the names or numbers of columns, a mask, or `None`.
        missing: whether numbers may be NaN.
        any_shape: whether X may have more than two dimensions.

    Attributes:
        sizes: of each column 0 for numbers or how many categories; empty if all is numbers.
        gaps: of each column whether numbers are missing.
    """

    def __init__(self, categorical: Any, missing: bool, any_shape: bool = False) -> None:
        self.categorical, self.missing, self.any_shape = categorical, missing, any_shape
        self.sizes: tuple[int, ...] = ()
        self.gaps: tuple[bool, ...] = ()
        self._columns: list[int] = []
        self._recipe: Recipe | None = None
        self._fill = np.zeros(0)

    def first(self, estimator: Any, X: Any, y: Any, numeric_y: bool) -> tuple[Any, Array]:
        """Learn from X how to read it, and return it and y."""
        if self.categorical is not None:
            X, y = validate_data(estimator, X, y, skip_check_array=True)
            self._columns = _chosen(X, self.categorical)
        if not self._columns:
            return self._numbers_first(estimator, X, y, numeric_y)
        y = check_array(y, ensure_2d=False, dtype="numeric" if numeric_y else None, input_name="y")
        check_consistent_length(X, y)
        cells = self._cells(X)
        self._recipe = Recipe.of(cells, categorical=list(cells))
        found = self._joined(estimator, X, cells)
        sizes = np.zeros(found.shape[1], int)
        sizes[self._columns] = self._recipe.sizes
        self._found(found, sizes)
        return self._filled(found), y

    def _numbers_first(self, estimator: Any, X: Any, y: Any, numeric_y: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            estimator, X, y, multi_output=True, y_numeric=numeric_y, **self._checks()
        )
        if self.missing and not sparse.issparse(X) and np.isnan(X).any():
            self._found(X, np.zeros(X.shape[1], int))
        return X, y

    def again(self, estimator: Any, X: Any) -> Any:
        """Return X as a network takes it."""
        if not self._columns:
            return self._filled(validate_data(estimator, X, reset=False, **self._checks()))
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return self._filled(self._joined(estimator, X, self._cells(X)))

    def again_with(self, estimator: Any, X: Any, y: Any, numeric_y: bool) -> tuple[Any, Array]:
        """Return X and y of further data."""
        X = self.again(estimator, X)
        y = check_array(
            y,
            ensure_2d=False,
            dtype="numeric" if numeric_y else None,
            accept_sparse="csr",
            input_name="y",
            estimator=estimator,
        )
        check_consistent_length(X, y)
        return X, y

    def _checks(self) -> dict[str, Any]:
        return {
            "accept_sparse": ["csr", "csc"],
            "dtype": _FLOATS,
            "allow_nd": self.any_shape,
            "ensure_all_finite": "allow-nan" if self.missing else True,
        }

    def _cells(self, X: Any) -> dict[str, Any]:
        """The columns of categories, by name or by number."""
        found = {}
        for i in self._columns:
            column = _safe_indexing(X, i, axis=1)
            name = str(X.columns[i]) if hasattr(X, "columns") else f"column {i}"
            found[name] = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
        return found

    def _joined(self, estimator: Any, X: Any, cells: dict[str, Any]) -> Array:
        """Numbers, and the numbers of categories, in the order of the columns."""
        width = X.shape[1]
        numeric = [i for i in range(width) if i not in self._columns]
        assert self._recipe is not None
        codes = self._recipe.encode(cells)
        numbers = np.empty((len(codes), 0))
        if numeric:
            checks = {**self._checks(), "accept_sparse": False, "allow_nd": False}
            numbers = check_array(_safe_indexing(X, numeric, axis=1), estimator=estimator, **checks)
        found = np.empty((len(codes), width), numbers.dtype)
        found[:, numeric] = numbers
        found[:, self._columns] = codes
        return found

    def _found(self, X: Array, sizes: Array) -> None:
        """Keep what columns are like, and the mean of each."""
        missing = np.isnan(X)
        self.sizes = tuple(int(n) for n in sizes)
        self.gaps = tuple(bool(gap) for gap in missing.any(axis=0) & (sizes == 0))
        known = np.where(missing, 0, X).sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
        self._fill = np.where(self.gaps, np.nan, known)

    def _filled(self, X: Any) -> Any:
        """Put the mean where a number is missing in a column in which none was before."""
        if not self.missing or sparse.issparse(X) or not np.isnan(X).any():
            return X
        fill = self._fill if self.sizes else np.zeros(X.shape[1])
        return np.where(np.isnan(X), fill, X).astype(X.dtype)


def _chosen(X: Any, categorical: Any) -> list[int]:
    """The numbers of the columns that are categories.

    Raises:
        OptionError: there is no such column.
    """
    if isinstance(categorical, str):
        if categorical != "from_dtype":
            raise OptionError(
                "categorical_features must be 'from_dtype', a list of columns, a mask or None, "
                f"got {categorical!r}"
            )
        return _by_dtype(X)
    names = [str(name) for name in X.columns] if hasattr(X, "columns") else []
    width = X.shape[1] if hasattr(X, "shape") else len(X[0])
    listed = list(categorical)
    if len(listed) == width and all(isinstance(one, (bool, np.bool_)) for one in listed):
        return [i for i, one in enumerate(listed) if one]
    found = []
    for one in listed:
        if isinstance(one, str):
            if one not in names:
                raise OptionError(
                    f"categorical_features names {one!r}, and X has no such column"
                    + did_you_mean(one, names)
                )
            found.append(names.index(one))
        elif isinstance(one, (int, np.integer)) and -width <= one < width:
            found.append(int(one) % width)
        else:
            raise OptionError(f"categorical_features holds {one!r}; X has columns 0 to {width - 1}")
    return sorted(set(found))


def _by_dtype(X: Any) -> list[int]:
    """Which columns of a frame are neither numbers nor truth values; of an array, none."""
    if not hasattr(X, "columns"):
        return []
    dtypes = list(X.dtypes)
    return [i for i, dtype in enumerate(dtypes) if not _is_number(dtype)]


def _is_number(dtype: Any) -> bool:
    if hasattr(dtype, "is_numeric"):  # of polars
        return bool(dtype.is_numeric()) or "Boolean" in str(dtype)
    return getattr(dtype, "kind", "O") in "biufc"


def dense(X: Any) -> Array | None:
    """Return X as a contiguous array, or nothing where it is sparse and too large for that."""
    if not sparse.issparse(X):
        return np.ascontiguousarray(X)
    if X.shape[0] * X.shape[1] * X.dtype.itemsize > _ROOM:
        return None
    return np.ascontiguousarray(X.toarray())


def rows_of(X: Any, size: int) -> Iterator[Array]:
    """Return X piece by piece, each an array of at most so many rows."""
    for i in range(0, max(X.shape[0], 1), size):
        piece = X[i : i + size]
        yield np.ascontiguousarray(piece.toarray() if sparse.issparse(piece) else piece)
