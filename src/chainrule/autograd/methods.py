"""What can be computed with a tensor, as operators and methods with PyTorch's names (floor 2).

Every method is one call of an op; its mathematics, kinks and ties are in the op's own docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError, ShapeError

__all__ = ["Methods"]


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Accept `x.view(2, 3)` and `x.view((2, 3))`."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(int(n) for n in shape[0])
    return tuple(int(n) for n in shape)


def _operator(op: ops.Op) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The method for an operator, straight to the door, and that for a tensor on its right."""

    def method(self: Any, other: Any) -> Any:
        return ops.run(op, (self, other), {})

    def reflected(self: Any, other: Any) -> Any:
        return ops.run(op, (other, self), {})

    return method, reflected


class Methods:  # noqa: PLW1641  # Tensor has the hash
    """The operators and methods that have an op behind them."""

    array: ops.Array

    # --- arithmetic -----------------------------------------------------------------------------

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __floordiv__, __rfloordiv__ = _operator(ops.floor_divide)
    __mod__, __rmod__ = _operator(ops.remainder)
    __pow__, __rpow__ = _operator(ops.pow)

    def __matmul__(self, other: Any) -> Any:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    def __neg__(self) -> Any:
        return ops.neg(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops.abs(self)

    # --- comparison and logic -------------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        return ops.eq(self, other)

    def __ne__(self, other: object) -> Any:
        return ops.ne(self, other)

    def __lt__(self, other: Any) -> Any:
        return ops.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.ge(self, other)

    def __and__(self, other: Any) -> Any:
        return ops.logical_and(_truth(self, "&"), _truth(other, "&"))

    def __or__(self, other: Any) -> Any:
        return ops.logical_or(_truth(self, "|"), _truth(other, "|"))

    def __xor__(self, other: Any) -> Any:
        return ops.logical_xor(_truth(self, "^"), _truth(other, "^"))

    def __invert__(self) -> Any:
        return ops.logical_not(_truth(self, "~"))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def add(self, other: Any, *, alpha: float = 1) -> Any:
        """self + alpha other."""
        return ops.add(self, other if alpha == 1 else ops.mul(other, alpha))

    def sub(self, other: Any, *, alpha: float = 1) -> Any:
        """self - alpha other."""
        return ops.sub(self, other if alpha == 1 else ops.mul(other, alpha))

    def mul(self, other: Any) -> Any:
        """self times other."""
        return ops.mul(self, other)

    def div(self, other: Any) -> Any:
        """self / other."""
        return ops.div(self, other)

    def remainder(self, other: Any) -> Any:
        """self modulo other, with the sign of other."""
        return ops.remainder(self, other)

    def floor_divide(self, other: Any) -> Any:
        """The largest integer not above self / other."""
        return ops.floor_divide(self, other)

    def pow(self, exponent: Any) -> Any:
        """self to the power `exponent`."""
        return ops.pow(self, exponent)

    def neg(self) -> Any:
        """-self."""
        return ops.neg(self)

    def eq(self, other: Any) -> Any:
        """Whether self = other, element by element."""
        return ops.eq(self, other)

    def ne(self, other: Any) -> Any:
        """Whether self differs from other, element by element."""
        return ops.ne(self, other)

    def lt(self, other: Any) -> Any:
        """Whether self < other."""
        return ops.lt(self, other)

    def le(self, other: Any) -> Any:
        """Whether self <= other."""
        return ops.le(self, other)

    def gt(self, other: Any) -> Any:
        """Whether self > other."""
        return ops.gt(self, other)

    def ge(self, other: Any) -> Any:
        """Whether self >= other."""
        return ops.ge(self, other)

    def logical_and(self, other: Any) -> Any:
        """Whether both are nonzero."""
        return ops.logical_and(self, other)

    def logical_or(self, other: Any) -> Any:
        """Whether at least one is nonzero."""
        return ops.logical_or(self, other)

    def logical_xor(self, other: Any) -> Any:
        """Whether exactly one is nonzero."""
        return ops.logical_xor(self, other)

    def logical_not(self) -> Any:
        """Whether self is zero."""
        return ops.logical_not(self)

    def maximum(self, other: Any) -> Any:
        """The larger of two, element by element."""
        return ops.maximum(self, other)

    def minimum(self, other: Any) -> Any:
        """The smaller of two, element by element."""
        return ops.minimum(self, other)

    def where(self, condition: Any, other: Any) -> Any:
        """self where `condition` holds, other elsewhere."""
        return ops.where(condition, self, other)

    def masked_fill(self, mask: Any, value: Any) -> Any:
        """`value` where `mask` holds, self elsewhere."""
        return ops.where(mask, value, self)

    def clip(self, min: float | None = None, max: float | None = None) -> Any:
        """self, not below `min` nor above `max`."""
        return ops.clip(self, min=min, max=max)

    clamp = clip

    # --- functions of one variable --------------------------------------------------------------

    def square(self) -> Any:
        """self squared."""
        return ops.square(self)

    def sqrt(self) -> Any:
        """The square root."""
        return ops.sqrt(self)

    def rsqrt(self) -> Any:
        """One over the square root."""
        return ops.rsqrt(self)

    def reciprocal(self) -> Any:
        """1 / self."""
        return ops.reciprocal(self)

    def exp(self) -> Any:
        """e to the power self."""
        return ops.exp(self)

    def exp2(self) -> Any:
        """2 to the power self."""
        return ops.exp2(self)

    def expm1(self) -> Any:
        """e to the power self, minus 1."""
        return ops.expm1(self)

    def log(self) -> Any:
        """The natural logarithm."""
        return ops.log(self)

    def log1p(self) -> Any:
        """The natural logarithm of 1 + self."""
        return ops.log1p(self)

    def log2(self) -> Any:
        """The logarithm to base 2."""
        return ops.log2(self)

    def log10(self) -> Any:
        """The logarithm to base 10."""
        return ops.log10(self)

    def logaddexp(self, other: Any) -> Any:
        """ln(e^self + e^other)."""
        return ops.logaddexp(self, other)

    def sin(self) -> Any:
        """The sine."""
        return ops.sin(self)

    def cos(self) -> Any:
        """The cosine."""
        return ops.cos(self)

    def tan(self) -> Any:
        """The tangent."""
        return ops.tan(self)

    def asin(self) -> Any:
        """The inverse sine."""
        return ops.asin(self)

    def acos(self) -> Any:
        """The inverse cosine."""
        return ops.acos(self)

    def atan(self) -> Any:
        """The inverse tangent."""
        return ops.atan(self)

    def atan2(self, other: Any) -> Any:
        """The angle of the point (other, self)."""
        return ops.atan2(self, other)

    def sinh(self) -> Any:
        """The hyperbolic sine."""
        return ops.sinh(self)

    def cosh(self) -> Any:
        """The hyperbolic cosine."""
        return ops.cosh(self)

    def tanh(self) -> Any:
        """The hyperbolic tangent."""
        return ops.tanh(self)

    def asinh(self) -> Any:
        """The inverse hyperbolic sine."""
        return ops.asinh(self)

    def acosh(self) -> Any:
        """The inverse hyperbolic cosine."""
        return ops.acosh(self)

    def atanh(self) -> Any:
        """The inverse hyperbolic tangent."""
        return ops.atanh(self)

    def erf(self) -> Any:
        """The error function."""
        return ops.erf(self)

    def sigmoid(self) -> Any:
        """1 / (1 + e^-self)."""
        return ops.sigmoid(self)

    def relu(self) -> Any:
        """The larger of self and 0."""
        return ops.relu(self)

    def softmax(self, dim: int) -> Any:
        """e^self divided by its sum along `dim`."""
        return ops.softmax(self, dim)

    def log_softmax(self, dim: int) -> Any:
        """The logarithm of softmax."""
        return ops.log_softmax(self, dim)

    def abs(self) -> Any:
        """The absolute value."""
        return ops.abs(self)

    def sign(self) -> Any:
        """-1, 0 or 1."""
        return ops.sign(self)

    def floor(self) -> Any:
        """The largest integer not above self."""
        return ops.floor(self)

    def ceil(self) -> Any:
        """The smallest integer not below self."""
        return ops.ceil(self)

    def round(self) -> Any:
        """The nearest integer, halves to the even one."""
        return ops.round(self)

    def trunc(self) -> Any:
        """self without its fraction."""
        return ops.trunc(self)

    def isnan(self) -> Any:
        """Whether an element is NaN."""
        return ops.isnan(self)

    def isfinite(self) -> Any:
        """Whether an element is neither infinite nor NaN."""
        return ops.isfinite(self)

    # --- reductions -----------------------------------------------------------------------------

    def sum(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The sum over `dim`, or of all elements."""
        return ops.sum(self, dim=dim, keepdim=keepdim)

    def mean(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The mean over `dim`, or of all elements."""
        return ops.mean(self, dim=dim, keepdim=keepdim)

    def prod(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The product over `dim`, or of all elements."""
        return ops.prod(self, dim=dim, keepdim=keepdim)

    def var(self, dim: Any = None, correction: int = 1, keepdim: bool = False) -> Any:
        """The variance over `dim`, divided by n - correction."""
        return ops.var(self, dim=dim, correction=correction, keepdim=keepdim)

    def std(self, dim: Any = None, correction: int = 1, keepdim: bool = False) -> Any:
        """The standard deviation over `dim`."""
        return ops.std(self, dim=dim, correction=correction, keepdim=keepdim)

    def norm(self, p: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
        """The p-norm over `dim`."""
        return ops.norm(self, p=p, dim=dim, keepdim=keepdim)

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Any:
        """ln of the sum of e^self over `dim`."""
        return ops.logsumexp(self, dim=dim, keepdim=keepdim)

    def amax(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest over `dim`; ties share the gradient."""
        return ops.amax(self, dim=dim, keepdim=keepdim)

    def amin(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest over `dim`; ties share the gradient."""
        return ops.amin(self, dim=dim, keepdim=keepdim)

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest of all; along `dim` the pair (values, indices)."""
        return ops.max(self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest of all; along `dim` the pair (values, indices)."""
        return ops.min(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Where the largest is."""
        return ops.argmax(self, dim=dim, keepdim=keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Where the smallest is."""
        return ops.argmin(self, dim=dim, keepdim=keepdim)

    def argsort(self, dim: int = -1, descending: bool = False) -> Any:
        """The indices that sort along `dim`."""
        return ops.argsort(self, dim=dim, descending=descending)

    def sort(self, dim: int = -1, descending: bool = False) -> Any:
        """The pair (sorted along `dim`, indices)."""
        return ops.sort(self, dim, descending)

    def topk(self, k: int, dim: int = -1, largest: bool = True) -> Any:
        """The k largest along `dim`: the pair (values, indices)."""
        return ops.topk(self, k, dim, largest)

    def cumsum(self, dim: int) -> Any:
        """Running sums along `dim`."""
        return ops.cumsum(self, dim=dim)

    def all(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Whether all are nonzero."""
        return ops.amin(ops.ne(self, 0), dim=dim, keepdim=keepdim)

    def any(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Whether at least one is nonzero."""
        return ops.amax(ops.ne(self, 0), dim=dim, keepdim=keepdim)

    # --- shape ----------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Any:
        """The same elements in another shape; one size may be -1."""
        return ops.reshape(self, shape=_sizes(shape))

    view = reshape

    def view_as(self, other: Any) -> Any:
        """The same elements in the shape of `other`."""
        return ops.reshape(self, shape=tuple(other.shape))

    def permute(self, *dims: Any) -> Any:
        """The dimensions in another order."""
        return ops.permute(self, dims=_sizes(dims))

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Two dimensions exchanged."""
        return ops.transpose(self, dim0, dim1)

    def t(self) -> Any:
        """The transpose of a matrix; a vector as it is."""
        if self.array.ndim > 2:
            raise ShapeError(f"t() takes at most 2 dimensions, got shape {self.array.shape}")
        return ops.transpose(self) if self.array.ndim == 2 else self

    @property
    def T(self) -> Any:  # noqa: N802  # PyTorch's name
        """All dimensions in reverse order."""
        return ops.permute(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Any:  # noqa: N802  # PyTorch's name
        """The last two dimensions exchanged."""
        return ops.matrix_transpose(self)

    def expand(self, *sizes: Any) -> Any:
        """Repeated without copying along dimensions of size 1 and new ones; -1 keeps a size."""
        wanted = _sizes(sizes)
        own = (-1,) * (len(wanted) - self.array.ndim) + self.array.shape
        shape = tuple(n if m == -1 else m for m, n in zip(wanted, own))
        return ops.broadcast_to(self, shape=shape)

    def expand_as(self, other: Any) -> Any:
        """Expanded to the shape of `other`."""
        return ops.broadcast_to(self, shape=tuple(other.shape))

    def unsqueeze(self, dim: int) -> Any:
        """With a new dimension of size 1."""
        return ops.unsqueeze(self, dim)

    def squeeze(self, dim: Any = None) -> Any:
        """Without dimensions of size 1."""
        return ops.squeeze(self, dim)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """Dimensions from `start_dim` to `end_dim` joined."""
        return ops.flatten(self, start_dim, end_dim)

    def flip(self, *dims: Any) -> Any:
        """In reverse order along `dims`."""
        return ops.flip(self, dim=_sizes(dims))

    def split(self, size: int | Sequence[int], dim: int = 0) -> Any:
        """Pieces of `size`, or of the listed sizes, along `dim`."""
        return ops.split(self, size, dim)

    def chunk(self, chunks: int, dim: int = 0) -> Any:
        """At most `chunks` equal pieces along `dim`."""
        return ops.chunk(self, chunks, dim)

    def narrow(self, dim: int, start: int, length: int) -> Any:
        """`length` elements along `dim`, from `start` on."""
        return ops.narrow(self, dim, start, length)

    def gather(self, dim: int, index: Any) -> Any:
        """The elements along `dim` that `index` names."""
        return ops.gather(self, dim, index)

    def scatter(self, dim: int, index: Any, src: Any) -> Any:
        """A copy with `src` written where `index` says."""
        return ops.scatter(self, dim, index, src)

    def scatter_add(self, dim: int, index: Any, src: Any) -> Any:
        """A copy with `src` added where `index` says."""
        return ops.scatter_add(self, dim, index, src)

    def index_select(self, dim: int, index: Any) -> Any:
        """The entries along `dim` that `index` lists."""
        return ops.index_select(self, dim, index)

    def clone(self) -> Any:
        """A copy, through which gradients flow."""
        return ops.clone(self)

    def contiguous(self) -> Any:
        """The same numbers in one stretch of memory."""
        return self if self.array.flags.c_contiguous else ops.clone(self)

    # --- products -------------------------------------------------------------------------------

    def matmul(self, other: Any) -> Any:
        """The matrix product."""
        return ops.matmul(self, other)

    mm = bmm = mv = matmul

    def dot(self, other: Any) -> Any:
        """The inner product of two vectors."""
        return ops.matmul(self, other)

    def outer(self, other: Any) -> Any:
        """The outer product of two vectors."""
        return ops.outer(self, other)


def _truth(v: Any, symbol: str) -> Any:
    if isinstance(v, bool) or np.dtype(getattr(v, "dtype", np.int64)).kind == "b":
        return v
    got = getattr(v, "dtype", type(v).__name__)
    raise OptionError(
        f"{symbol} combines truth values (dtype bool), got {got}; "
        "compare first, for example (x > 0) & (x < 1)"
    )
