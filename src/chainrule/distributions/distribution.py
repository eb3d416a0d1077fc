"""What every distribution is: shapes, parameters, samples, and checks in sentences (floor 3).

A tensor that a distribution keeps begins with the dimensions of its batch, and so does every
distribution that it is made of: that is how one `expand` serves them all.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.autograd import Size, Tensor, as_tensor, no_grad
from chainrule.backend.dtypes import get_default_dtype
from chainrule.distributions.constraints import Constraint, is_dependent
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import Within, checked, peek

__all__ = ["Distribution"]


class Distribution:
    """A probability distribution, or a batch of them: the base of all.

    A subclass sets its parameters, calls `super().__init__` and writes `rsample` or `sample`,
    `log_prob`, and what else it knows.

    Args:
        batch_shape: of independent distributions side by side.
        event_shape: of one value.
        validate_args: whether parameters and values are checked; by default they are.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = None
    has_rsample: Any = False
    has_enumerate_support = False
    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Check parameters and values from now on, or not, where nothing else is said."""
        Distribution._validate_args = bool(value)

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = bool(validate_args)
        if self._validate_args:
            self._validate_parameters()

    # --- shapes ---------------------------------------------------------------------------------

    @property
    def batch_shape(self) -> Size:
        """Of independent distributions side by side."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """Of one value."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the distribution, its parameters stretched over a larger batch.

        Args:
            batch_shape: to which the present one broadcasts.
        """
        out = object.__new__(type(self)) if _instance is None else _instance
        shape, own = Size(batch_shape), len(self._batch_shape)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                value = value.expand(*shape, *value.shape[own:])
            elif isinstance(value, Distribution):
                value = value.expand((*shape, *value.batch_shape[own:]))
            vars(out)[name] = value
        out._batch_shape = shape
        return out

    # --- samples and densities ------------------------------------------------------------------

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values of shape `sample_shape` + `batch_shape` + `event_shape`, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters.

        Raises:
            NotImplementedError: there is no such way to draw them.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no rsample: no gradient passes through its values; draw "
            "with sample() and weight log_prob() instead"
        )

    def sample_n(self, n: int) -> Any:
        """Draw n values: the old spelling of `sample((n,))`."""
        warnings.warn("sample_n will be removed. Use .sample((n,)) instead", UserWarning, 2)
        return self.sample((n,))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density, or of the probability, at `value`."""
        raise self._lacks("log_prob")

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        raise self._lacks("cdf")

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`: the inverse of `cdf`."""
        raise self._lacks("icdf")

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        raise self._lacks("entropy")

    def perplexity(self) -> Any:
        """Return e to the `entropy`."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return all values there are, along a first dimension.

        Args:
            expand: over the batch.
        """
        raise self._lacks("enumerate_support")

    # --- moments --------------------------------------------------------------------------------

    @property
    def mean(self) -> Any:
        """The expectation."""
        raise self._lacks("mean")

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        raise self._lacks("mode")

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        raise self._lacks("variance")

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return self.variance.sqrt()

    # --- checks ---------------------------------------------------------------------------------

    def _lacks(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {what}")

    def _validate_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            found = inspect.getattr_static(self, name, None)
            derived = isinstance(found, functools.cached_property)  # from one that was given
            if not derived and not is_dependent(constraint):
                expect(constraint, getattr(self, name), f"{type(self).__name__}'s {name}")

    def _validate_sample(self, value: Any) -> None:
        """Raise, if it is to be checked, on a value that is none of this distribution.

        Raises:
            ShapeError: its shape does not end in the event's, or does not broadcast.
            OptionError: it lies outside of the support.
        """
        if not self._validate_args:
            return
        shape, event = tuple(np.shape(value)), len(self._event_shape)
        if event and shape[-event:] != self._event_shape:
            raise ShapeError(
                f"a value of {type(self).__name__} ends in the dimensions "
                f"{tuple(self._event_shape)}, got shape {shape}"
            )
        ops.core.broadcast_shape(shape, self._extended_shape())
        support = self.support
        if support is not None and not is_dependent(support):
            expect(support, value, f"a value of {type(self).__name__}")

    def __repr__(self) -> str:
        shown = [name for name in self.arg_constraints if name in vars(self)]
        return f"{type(self).__name__}({', '.join(f'{k}: {_brief(vars(self)[k])}' for k in shown)})"


def _brief(value: Any) -> str:
    """A parameter in a representation: the number, or the shape of several."""
    return str(value.array.item()) if value.numel() == 1 else str(tuple(value.shape))


def holds(sentence: str) -> Within:
    """A check that is made again in every run that is recorded: that all are true."""
    return Within(1, 1, partial(_refuse, sentence=sentence))


def _refuse(_valid: ops.Array, sentence: str) -> None:
    raise OptionError(sentence)


def expect(constraint: Constraint, value: Any, what: str) -> None:
    """Raise if `value` does not satisfy `constraint`, now and in every run that is recorded.

    Raises:
        OptionError: it does not; names what it is and shows the first that is wrong.
    """
    with no_grad():
        verdict = constraint.check(value)
    valid, numbers = peek(verdict), peek(value)
    if not valid.all():
        wrong = numbers[~np.broadcast_to(valid, numbers.shape[: valid.ndim])][0]
        raise OptionError(f"{what} must satisfy {constraint!r}, got {wrong.tolist()}")
    if isinstance(verdict, Tensor):
        checked(holds(f"{what} must satisfy {type(constraint).__name__}"), verdict)


class Scalar(Distribution):
    """A distribution of single numbers: its parameters broadcast to the batch."""

    def _set(self, validate_args: bool | None, **parameters: Any) -> None:
        """Keep the parameters, as tensors of one shape, and check them."""
        for name, value in zip(parameters, broadcast_all(*parameters.values())):
            setattr(self, name, value)
            shape = value.shape
        Distribution.__init__(self, shape, (), validate_args)


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """The values as tensors of one shape; numbers go by the tensors in format and device."""
    dtypes = [v.dtype for v in values if isinstance(v, (Tensor, np.ndarray))]
    dtype = next((d for d in dtypes if d.kind == "f"), get_default_dtype())
    tensors = [
        v if isinstance(v, Tensor) and v.dtype.kind == "f" else as_tensor(v, dtype=dtype)
        for v in values
    ]
    where = [t.device for t in sorted(tensors, key=lambda t: not t.ndim) if t.ndim or t.is_cuda]
    tensors = [t if t.ndim or not where else t.to(where[0]) for t in tensors]
    shape = ops.core.broadcast_shape(*(tuple(t.shape) for t in tensors))
    return tuple(t if tuple(t.shape) == shape else t.expand(*shape) for t in tensors)


def one_of(**given: Any) -> str:
    """Return the name of the one that was given.

    Raises:
        OptionError: not exactly one was.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        wanted, got = " and ".join(given), " and ".join(names) or "neither"
        raise OptionError(f"exactly one of {wanted} must be given, got {got}")
    return names[0]


def add_up(value: Any, dims: int) -> Any:
    """Sum over the last `dims` dimensions."""
    return value.sum(tuple(range(-dims, 0))) if dims else value
