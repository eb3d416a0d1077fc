"""Invertible maps between values, and how they stretch: for distributions made of others (floor 3).

A `Transform` t has `t(x)`, `t.inv(y)` and `t.log_abs_det_jacobian(x, y)`, the logarithm of how
densities are divided on the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import as_tensor
from chainrule.distributions import constraints
from chainrule.distributions.constraints import Constraint
from chainrule.distributions.distribution import add_up
from chainrule.errors import OptionError, ShapeError

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "ComposeTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]


class Transform:
    """A map of values; a subclass writes `_call`, `_inverse` and `log_abs_det_jacobian`.

    Args:
        cache_size: 1 to keep the last pair of x and y, so that `inv(t(x))` is x to the last digit
            and costs nothing; 0 to keep none.

    Attributes:
        domain: where x lies.
        codomain: where y lies.
        bijective: whether there is one x for each y.
        sign: 1 or -1 for a map of numbers that rises or falls.

    Raises:
        OptionError: another size.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> t = ExpTransform()
        >>> round(t.inv(t(tensor(2.0))).item(), 4)
        2.0
    """

    bijective: Any = False
    domain: Any = constraints.real
    codomain: Any = constraints.real

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise OptionError(f"cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._cached: tuple[Any, Any] | None = None

    @property
    def inv(self) -> Any:
        """The map back."""
        return Inverse(self)

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        raise NotImplementedError(f"{self!r} neither rises nor falls throughout")

    @property
    def event_dim(self) -> int:
        """How many dimensions at the end are mapped together."""
        return max(self.domain.event_dim, self.codomain.event_dim)

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the map with another size of cache."""
        out = object.__new__(type(self))
        vars(out).update(vars(self), _cache_size=cache_size, _cached=None)
        return out

    def __call__(self, x: Any) -> Any:
        """Return y."""
        if self._cached is not None and self._cached[0] is x:
            return self._cached[1]
        y = self._call(x)
        self._keep(x, y)
        return y

    def _inv_call(self, y: Any) -> Any:
        if self._cached is not None and self._cached[1] is y:
            return self._cached[0]
        x = self._inverse(y)
        self._keep(x, y)
        return x

    def _keep(self, x: Any, y: Any) -> None:
        if self._cache_size:
            self._cached = (x, y)

    def _call(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _call(self, x); write one")

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        return tuple(shape)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._same(other)

    def _same(self, other: Any) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Inverse(Transform):
    """The map back of another."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.inverted = transform

    @property
    def inv(self) -> Any:
        """The map itself."""
        return self.inverted

    @property
    def domain(self) -> Any:
        """Where x lies."""
        return self.inverted.codomain

    @property
    def codomain(self) -> Any:
        """Where y lies."""
        return self.inverted.domain

    @property
    def bijective(self) -> Any:
        """Whether there is one x for each y."""
        return self.inverted.bijective

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        return self.inverted.sign

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the map with another size of cache."""
        return Inverse(self.inverted.with_cache(cache_size))

    def __call__(self, x: Any) -> Any:
        """Return y."""
        return self.inverted._inv_call(x)

    def _inv_call(self, y: Any) -> Any:
        return self.inverted(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return -self.inverted.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return self.inverted.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        return self.inverted.forward_shape(shape)

    def _same(self, other: Any) -> bool:
        return self.inverted == other.inverted

    def __repr__(self) -> str:
        return f"{self.inverted!r}.inv"


# --- maps of numbers ----------------------------------------------------------------------------


class Rising(Transform):
    """A map of numbers that rises throughout."""

    bijective = True
    sign = 1


class ExpTransform(Rising):
    """y = e^x."""

    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return x.exp()

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return x


class PowerTransform(Transform):
    """y = x^exponent, of positive numbers.

    Args:
        exponent: not 0.
        cache_size: 1 to keep the last pair of x and y.
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = as_tensor(exponent)

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        return self.exponent.sign()

    def _call(self, x: Any) -> Any:
        return x**self.exponent

    def _inverse(self, y: Any) -> Any:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return (self.exponent * y / x).abs().log()

    def _same(self, other: Any) -> bool:
        return bool((self.exponent == other.exponent).all())


class SigmoidTransform(Rising):
    """y = 1 / (1 + e^-x)."""

    codomain = constraints.unit_interval

    def _call(self, x: Any) -> Any:
        info = np.finfo(x.dtype)
        return x.sigmoid().clamp(float(info.tiny), 1 - float(info.eps))

    def _inverse(self, y: Any) -> Any:
        info = np.finfo(y.dtype)
        y = y.clamp(float(info.tiny), 1 - float(info.eps))
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return -ops.softplus(-x) - ops.softplus(x)


class SoftplusTransform(Rising):
    """y = ln(1 + e^x)."""

    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return ops.softplus(x)

    def _inverse(self, y: Any) -> Any:
        return (-((-y).expm1())).log() + y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return -ops.softplus(-x)


class TanhTransform(Rising):
    """y = tanh x; with `cache_size=1` also where y is 1 to the last digit."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Any) -> Any:
        return x.tanh()

    def _inverse(self, y: Any) -> Any:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|, exact also where y is 1 to the last digit."""
        return 2 * (math.log(2) - x - ops.softplus(-2 * x))


class AbsTransform(Transform):
    """y = |x|; back to the one that is not negative."""

    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return x.abs()

    def _inverse(self, y: Any) -> Any:
        return y


class AffineTransform(Transform):
    """y = loc + scale x.

    Args:
        loc: what is added.
        scale: what is multiplied by.
        event_dim: how many dimensions at the end count together.
        cache_size: 1 to keep the last pair of x and y.
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim
        together = constraints.independent(constraints.real, event_dim)
        self.domain = self.codomain = together if event_dim else constraints.real

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        return ops.sign(self.scale)

    def _call(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        stretch = ops.log(abs(as_tensor(self.scale, dtype=x.dtype)))
        return add_up(stretch.expand(*x.shape), self._event_dim)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return np.broadcast_shapes(tuple(shape), np.shape(self.loc), np.shape(self.scale))

    inverse_shape = forward_shape

    def _same(self, other: Any) -> bool:
        pairs = ((self.loc, other.loc), (self.scale, other.scale))
        return all(bool(np.all(np.asarray(a) == np.asarray(b))) for a, b in pairs)


class CumulativeDistributionTransform(Rising):
    """y = the probability that a distribution gives to at most x.

    Args:
        distribution: of numbers, with `cdf`, `icdf` and `log_prob`.
        cache_size: 1 to keep the last pair of x and y.
    """

    codomain = constraints.unit_interval

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """Where x lies."""
        return self.distribution.support

    def _call(self, x: Any) -> Any:
        return self.distribution.cdf(x)

    def _inverse(self, y: Any) -> Any:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        return self.distribution.log_prob(x)


# --- maps of vectors and matrices ---------------------------------------------------------------


class SoftmaxTransform(Transform):
    """y = e^x over its sum; back to ln y, one of many."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Any) -> Any:
        return x.softmax(-1)

    def _inverse(self, y: Any) -> Any:
        return y.log()


class StickBreakingTransform(Transform):
    """Of K - 1 numbers K that add up to 1: each takes a part of what the former have left."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _offset(self, count: int, dtype: Any) -> Any:
        return as_tensor(np.log(np.arange(count, 0, -1)).astype(dtype))

    def _call(self, x: Any) -> Any:
        z = (x - self._offset(x.shape[-1], x.dtype)).sigmoid()
        left = (1 - z).cumprod(-1)
        return ops.pad(z, (0, 1), value=1) * ops.pad(left, (1, 0), value=1)

    def _inverse(self, y: Any) -> Any:
        taken = y[..., :-1]
        left = (1 - taken.cumsum(-1)).clamp(min=float(np.finfo(y.dtype).tiny))
        return taken.log() - left.log() + self._offset(taken.shape[-1], y.dtype)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        x = x - self._offset(x.shape[-1], x.dtype)
        return (-x + ops.log_sigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(Transform):
    """The lower triangle of a matrix, e to the power of its diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return ops.tril(x, -1) + ops.diag_embed(ops.diagonal(x, dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Any) -> Any:
        return ops.tril(y, -1) + ops.diag_embed(ops.diagonal(y, dim1=-2, dim2=-1).log())


class ReshapeTransform(Transform):
    """Events of another shape.

    Args:
        in_shape: of x.
        out_shape: of y, with as many elements.
        cache_size: 1 to keep the last pair of x and y.

    Raises:
        ShapeError: the numbers of elements differ.
    """

    bijective = True

    def __init__(
        self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ShapeError(
                f"in_shape {self.in_shape} and out_shape {self.out_shape} have different numbers "
                "of elements"
            )
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Any) -> Any:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Any) -> Any:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|: 0."""
        return as_tensor(np.zeros(x.shape[: x.ndim - len(self.in_shape)], x.dtype))

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return (*shape[: len(shape) - len(self.in_shape)], *self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        return (*shape[: len(shape) - len(self.out_shape)], *self.in_shape)

    def _same(self, other: Any) -> bool:
        return (self.in_shape, self.out_shape) == (other.in_shape, other.out_shape)


# --- maps of maps -------------------------------------------------------------------------------


class IndependentTransform(Transform):
    """A map whose last batch dimensions count together.

    Args:
        base_transform: the map.
        reinterpreted_batch_ndims: how many of them.
        cache_size: 1 to keep the last pair of x and y.
    """

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        return self.base_transform.sign

    def _call(self, x: Any) -> Any:
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|."""
        found = self.base_transform.log_abs_det_jacobian(x, y)
        return add_up(found, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ComposeTransform(Transform):
    """Maps one after another.

    Args:
        parts: the first to be done first.
        cache_size: 1 to keep the last pair of x and y of each.
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__()
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    @property
    def domain(self) -> Any:
        """Where x lies."""
        if not self.parts:
            return constraints.real
        return _grown(self.parts[0].domain, self._dims(self.parts[::-1], back=True))

    @property
    def codomain(self) -> Any:
        """Where y lies."""
        if not self.parts:
            return constraints.real
        return _grown(self.parts[-1].codomain, self._dims(self.parts, back=False))

    def _dims(self, parts: Sequence[Transform], back: bool) -> int:
        """How many dimensions count together after all parts, at one end or at the other."""
        ends = [(p.codomain, p.domain) if back else (p.domain, p.codomain) for p in parts]
        dims = ends[0][0].event_dim
        for near, far in ends:
            dims = max(dims, near.event_dim) + far.event_dim - near.event_dim
        return int(dims)

    @property
    def bijective(self) -> Any:
        """Whether there is one x for each y."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """1 where the map rises, -1 where it falls."""
        return math.prod(part.sign for part in self.parts)

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the maps with another size of cache."""
        return ComposeTransform([part.with_cache(cache_size) for part in self.parts])

    def __call__(self, x: Any) -> Any:
        """Return y."""
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y: Any) -> Any:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the logarithm of |dy / dx|: the sum over the maps."""
        dims, total = self.domain.event_dim, 0.0
        for part in self.parts:
            y = part(x)
            total = total + add_up(part.log_abs_det_jacobian(x, y), dims - part.domain.event_dim)
            dims += part.codomain.event_dim - part.domain.event_dim
            x = y
        return total if self.parts else ops.mul(x, 0.0)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of y for that of x."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Return the shape of x for that of y."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return tuple(shape)

    def _same(self, other: Any) -> bool:
        return self.parts == other.parts

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts!r})"


def _grown(constraint: Constraint, dims: int) -> Constraint:
    """`constraint` over so many dimensions together."""
    more = dims - constraint.event_dim
    return constraints.independent(constraint, more) if more else constraint


identity_transform = ComposeTransform([])
