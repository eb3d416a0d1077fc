"""Assertions about tensors, for a person's tests (floor 3).

`assert_close` takes what `torch.testing.assert_close` takes and raises an `AssertionError` that
says what differs, how much and where. How close is close enough depends on the format.

Examples:
    >>> from chainrule.autograd import tensor
    >>> assert_close(tensor([1.0, 2.0]), tensor([1.0, 2.0]))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError

__all__ = ["assert_allclose", "assert_close"]

# Relative and absolute tolerance by format, as in PyTorch; whole numbers and truth values are equal
# or not.
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


@dataclass(frozen=True)
class Terms:
    """On what terms two things count as close."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_dtype: bool
    check_stride: bool
    msg: str | Callable[[str], str] | None
    where: str = ""

    def fail(self, sentence: str) -> AssertionError:
        """The error with this sentence, or with the words that the person gave."""
        found = f"{self.where}: {sentence}" if self.where else sentence
        words = self.msg(found) if callable(self.msg) else self.msg
        return AssertionError(words or found)

    def inside(self, key: object) -> Terms:
        """The same terms for one part."""
        return replace(self, where=f"{self.where}[{key!r}]")

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        """The relative and the absolute one; of two formats the wider."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        usual = [TOLERANCES.get(np.dtype(d).name, (0.0, 0.0)) for d in dtypes]
        return max(r for r, _ in usual), max(a for _, a in usual)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise unless |actual - expected| <= atol + rtol |expected| everywhere.

    Sequences and mappings are compared part by part. There is one device and one layout, so
    `check_device` and `check_layout` find nothing.

    Args:
        actual: a tensor, an array, a number, None, or sequences or mappings of them.
        expected: what it should be.
        allow_subclasses: whether the one may be of a subclass of the other's type.
        rtol: the relative tolerance; with `atol`, or by the format: 1.3e-6 for float32.
        atol: the absolute tolerance; 1e-5 for float32.
        equal_nan: whether NaN is close to NaN.
        check_device: for PyTorch's sake.
        check_dtype: whether the formats must be the same.
        check_layout: for PyTorch's sake.
        check_stride: whether the strides must be the same.
        msg: the words to fail with, or a function that gives them for those it would fail with.

    Raises:
        AssertionError: they are not close, or differ in kind, shape or format.
        OptionError: only one of rtol and atol is given.

    Examples:
        >>> assert_close([1.0, 2.0], [1.0, 2.5])
        Traceback (most recent call last):
        AssertionError: [1]: 2.0 is not close to 2.5: they differ by 0.5, 3.5e-07 is allowed
    """
    if (rtol is None) != (atol is None):
        raise OptionError("rtol and atol must be given together, or neither of them")
    kinds = type(actual), type(expected)
    if not allow_subclasses and kinds[0] is not kinds[1]:
        raise AssertionError(f"got {kinds[0].__name__}, expected exactly {kinds[1].__name__}")
    _compare(actual, expected, Terms(rtol, atol, equal_nan, check_dtype, check_stride, msg))


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Raise unless the numbers are close, whatever their format: the old spelling.

    Examples:
        >>> assert_allclose(np.ones(2), np.ones(2, dtype=np.float32))
    """
    words = msg or None
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=words
    )


def _compare(actual: Any, expected: Any, terms: Terms) -> None:
    if isinstance(actual, (str, bytes)) or isinstance(expected, (str, bytes)):
        raise TypeError(f"assert_close compares numbers, got {actual!r:.40} and {expected!r:.40}")
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _compare_mappings(actual, expected, terms)
    elif isinstance(actual, Sequence) and isinstance(expected, Sequence):
        if len(actual) != len(expected):
            raise terms.fail(f"{len(actual)} parts, expected {len(expected)}")
        for i, (a, b) in enumerate(zip(actual, expected)):
            _compare(a, b, terms.inside(i))
    elif actual is None or expected is None:
        if actual is not expected:
            raise terms.fail(f"got {actual!r:.60}, expected {expected!r:.60}")
    elif isinstance(actual, (int, float)) and isinstance(expected, (int, float)):
        _compare_numbers(actual, expected, terms)
    else:
        _compare_arrays(actual, expected, terms)


def _compare_mappings(actual: Any, expected: Any, terms: Terms) -> None:
    missing, extra = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    if missing or extra:
        shown = (f"{list(keys)}" for keys in (missing, extra))
        raise terms.fail("the keys differ: missing {}, not expected {}".format(*shown))
    for key in expected:
        _compare(actual[key], expected[key], terms.inside(key))


def _compare_numbers(actual: Any, expected: Any, terms: Terms) -> None:
    kinds = [type(v).__name__ for v in (actual, expected)]
    if terms.check_dtype and kinds[0] != kinds[1]:
        raise terms.fail(f"{actual!r} is of type {kinds[0]}, expected {kinds[1]}")
    rtol, atol = terms.tolerances(*(np.asarray(v).dtype for v in (actual, expected)))
    if not np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=terms.equal_nan):
        raise terms.fail(
            f"{actual!r} is not close to {expected!r}: they differ by "
            f"{abs(actual - expected):.6g}, {atol + rtol * abs(expected):.2g} is allowed"
        )


def _compare_arrays(actual: Any, expected: Any, terms: Terms) -> None:
    a, b = (to_host(v.array if isinstance(v, Tensor) else v) for v in (actual, expected))
    for array, given in ((a, actual), (b, expected)):
        if array.dtype.kind not in "fiubc":
            raise TypeError(f"assert_close compares numbers, got {type(given).__name__}")
    if a.shape != b.shape:
        raise terms.fail(f"the shape is {a.shape}, expected {b.shape}")
    if terms.check_dtype and a.dtype != b.dtype:
        raise terms.fail(f"the dtype is {a.dtype}, expected {b.dtype}")
    if terms.check_stride and a.strides != b.strides:
        raise terms.fail(f"the strides are {a.strides} bytes, expected {b.strides}")
    rtol, atol = terms.tolerances(a.dtype, b.dtype)
    close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=terms.equal_nan)
    if not close.all():
        raise terms.fail(_difference(a, b, ~close, rtol, atol))


def _difference(a: Any, b: Any, wrong: Any, rtol: float, atol: float) -> str:
    """How many elements are off, and where the most."""
    with np.errstate(all="ignore"):
        wide = np.abs(np.subtract(a, b, dtype=np.float64))
        relative = wide / np.abs(b.astype(np.float64))
    far = tuple(map(int, np.unravel_index(_most(wide, wrong), a.shape)))
    rel = tuple(map(int, np.unravel_index(_most(relative, wrong), a.shape)))
    return (
        f"{np.count_nonzero(wrong):,} of {wrong.size:,} elements are not close "
        f"({np.count_nonzero(wrong) / wrong.size:.1%}); the largest absolute difference is "
        f"{wide[far]:.6g} at index {far}, {atol:g} is allowed; the largest relative one is "
        f"{relative[rel]:.6g} at index {rel}, {rtol:g} is allowed"
    )


def _most(difference: Any, wrong: Any) -> Any:
    """Where the difference is largest among those that are off; NaN is larger than all."""
    return np.argmax(np.where(wrong, np.where(np.isnan(difference), np.inf, difference), -1))
