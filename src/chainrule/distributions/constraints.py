"""Constraints: where the parameters and the values of a distribution may lie (floor 3).

A constraint has `check(value)`, true where the value satisfies it, on arrays and tensors alike; of
`event_dim` dimensions at the end that count together the verdict is one. Those without arguments
are there as objects in lower case: `positive`, `simplex`, `real`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops

__all__ = [
    "Constraint",
    "boolean",
    "cat",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]


class Constraint:
    """Where values may lie.

    Attributes:
        event_dim: how many dimensions at the end are judged together.
        is_discrete: whether the values are countable.

    Examples:
        >>> positive.check(np.array([1.0, 0.0]))
        array([ True, False])
        >>> interval(0, 1)
        Interval(lower_bound=0, upper_bound=1)
    """

    event_dim: Any = 0
    is_discrete: Any = False

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        raise NotImplementedError(f"{type(self).__name__} has no check(self, value); write one")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# --- those that depend on other parameters ------------------------------------------------------


class Dependent(Constraint):
    """A constraint that depends on other parameters, or on the object: not known beforehand."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> Dependent:
        return Dependent(is_discrete=is_discrete, event_dim=event_dim)


class dependent_property(property, Dependent):  # noqa: N801  # PyTorch's name
    """A property of a distribution that gives a constraint, as its `support` may be.

    Args:
        fget: the method; without it, what is returned decorates one.
        is_discrete: whether the values are countable.
        event_dim: how many dimensions at the end are judged together.
    """

    def __init__(
        self,
        fget: Callable[[Any], Constraint] | None = None,
        *,
        is_discrete: bool = False,
        event_dim: int = 0,
    ) -> None:
        property.__init__(self, fget)
        Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fget: Any = None, **known: Any) -> Any:
        """Decorate a method."""
        return type(self)(fget, is_discrete=self.is_discrete, event_dim=self.event_dim)


def is_dependent(constraint: Any) -> bool:
    """Say whether a constraint depends on what is not known beforehand."""
    return isinstance(constraint, Dependent)


# --- numbers ------------------------------------------------------------------------------------


def _whole(value: Any) -> Any:
    return value % 1 == 0


class Real(Constraint):
    """Any number, but not NaN."""

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return value == value  # noqa: PLR0124  # NaN differs from itself


class Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (value == 0) | (value == 1)


@dataclass(frozen=True)
class IntegerInterval(Constraint):
    """Whole numbers from one bound to the other, both included."""

    lower_bound: Any
    upper_bound: Any

    is_discrete = True

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return _whole(value) & (value >= self.lower_bound) & (value <= self.upper_bound)


@dataclass(frozen=True)
class IntegerGreaterThan(Constraint):
    """Whole numbers from a bound on, which is included."""

    lower_bound: Any

    is_discrete = True

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return _whole(value) & (value >= self.lower_bound)


@dataclass(frozen=True)
class GreaterThan(Constraint):
    """Above a bound."""

    lower_bound: Any

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return value > self.lower_bound


@dataclass(frozen=True)
class GreaterThanEq(Constraint):
    """A bound, or above."""

    lower_bound: Any

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return value >= self.lower_bound


@dataclass(frozen=True)
class LessThan(Constraint):
    """Below a bound."""

    upper_bound: Any

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return value < self.upper_bound


@dataclass(frozen=True)
class Interval(Constraint):
    """From one bound to the other, both included."""

    lower_bound: Any
    upper_bound: Any

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (value >= self.lower_bound) & (value <= self.upper_bound)


@dataclass(frozen=True)
class HalfOpenInterval(Constraint):
    """From one bound to the other, without the upper one."""

    lower_bound: Any
    upper_bound: Any

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (value >= self.lower_bound) & (value < self.upper_bound)


# --- vectors and matrices -----------------------------------------------------------------------


class Simplex(Constraint):
    """Numbers of 0 or more that add up to 1."""

    event_dim = 1

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (value >= 0).all(-1) & (abs(value.sum(-1) - 1) < 1e-6)


class OneHot(Constraint):
    """A single 1 among zeros."""

    event_dim = 1
    is_discrete = True

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


@dataclass(frozen=True)
class Multinomial(Constraint):
    """Whole numbers of 0 or more that add up to a bound."""

    upper_bound: Any

    is_discrete = True
    event_dim = 1

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (value >= 0).all(-1) & (value.sum(-1) == self.upper_bound)


class Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        shape = np.shape(getattr(value, "array", value))
        return np.full(shape[:-2], shape[-2] == shape[-1])


class Symmetric(Square):
    """Matrices equal to their transpose, but for rounding."""

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        near = ops.isclose(value, ops.matrix_transpose(value), atol=1e-6)
        return near.all(-1).all(-1) & super().check(value)


class LowerTriangular(Square):
    """Matrices with zeros above the diagonal."""

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return (ops.tril(value) == value).all(-1).all(-1)


class LowerCholesky(LowerTriangular):
    """Lower triangular matrices whose diagonal is above 0."""

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return super().check(value) & (ops.diagonal(value, dim1=-2, dim2=-1) > 0).all(-1)


class PositiveDefinite(Symmetric):
    """Symmetric matrices whose eigenvalues are above 0."""

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        return super().check(value) & (ops.eigvalsh(value) > 0).all(-1)


# --- constraints of constraints -----------------------------------------------------------------


@dataclass(frozen=True)
class IndependentConstraint(Constraint):
    """A constraint whose verdicts over the last dimensions count together."""

    base_constraint: Constraint
    reinterpreted_batch_ndims: int

    @property
    def is_discrete(self) -> Any:
        """Whether the values are countable."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> Any:
        """How many dimensions at the end are judged together."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        found = self.base_constraint.check(value)
        for _ in range(self.reinterpreted_batch_ndims):
            found = found.all(-1)
        return found

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint}, {self.reinterpreted_batch_ndims})"


class Parts(Constraint):
    """One constraint for each part of a value along a dimension.

    Args:
        cseq: the constraints.
        dim: the dimension.
        lengths: of the parts; 1 each if not given, and then the dimension itself goes.
    """

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.cseq = list(cseq)
        self.dim = dim
        self.lengths = lengths
        self.event_dim = max(c.event_dim for c in self.cseq)
        self.is_discrete = any(c.is_discrete for c in self.cseq)

    def check(self, value: Any) -> Any:
        """Return where `value` satisfies the constraint."""
        if self.lengths is None:
            verdicts = [c.check(v) for c, v in zip(self.cseq, ops.unbind(value, self.dim))]
            return ops.stack(verdicts, self.dim)
        parts = ops.split(value, list(self.lengths), self.dim)
        return ops.cat([c.check(v) for c, v in zip(self.cseq, parts)], self.dim)


def cat(cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> Parts:
    """The constraint on parts that lie one after another along `dim`."""
    return Parts(cseq, dim, [1] * len(cseq) if lengths is None else lengths)


def stack(cseq: Sequence[Constraint], dim: int = 0) -> Parts:
    """The constraint on values that are stacked along `dim`."""
    return Parts(cseq, dim)


dependent = Dependent()
real = Real()
boolean = Boolean()
positive = GreaterThan(0.0)
nonnegative = GreaterThanEq(0.0)
unit_interval = Interval(0.0, 1.0)
nonnegative_integer = IntegerGreaterThan(0)
positive_integer = IntegerGreaterThan(1)
independent = IndependentConstraint
real_vector = independent(real, 1)
simplex = Simplex()
one_hot = OneHot()
multinomial = Multinomial
square = Square()
symmetric = Symmetric()
lower_triangular = LowerTriangular()
lower_cholesky = LowerCholesky()
positive_definite = PositiveDefinite()
interval = Interval
half_open_interval = HalfOpenInterval
integer_interval = IntegerInterval
greater_than = GreaterThan
greater_than_eq = GreaterThanEq
less_than = LessThan
