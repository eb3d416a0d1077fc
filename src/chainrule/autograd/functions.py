"""Functions with PyTorch's ways to call them, where these say more than the op (floor 2).

Each is both a function of the library (`cr.sum(x, 0)`) and a method (`x.sum(0)`). The mathematics
is the op's. Some also take NumPy's words, as PyTorch's do: `axis` for `dim`, `keepdims` for
`keepdim`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import selection
from chainrule.autograd.tape import Traced
from chainrule.backend.arrays import module_of
from chainrule.backend.dtypes import as_dtype
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import broadcast_shape, constant, normal_dim

_WORDS = {"axis": "dim", "keepdims": "keepdim"}


def worded(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which also takes NumPy's words for its arguments, and `input` for its first."""

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if "input" in kwargs:
                args = (kwargs.pop("input"), *args)
            kwargs = {_WORDS.get(name, name): value for name, value in kwargs.items()}
        return function(*args, **kwargs)

    return call


def sizes_of(shape: Sequence[Any]) -> tuple[int, ...]:
    """Sizes given one by one, `x.view(2, 3)`, or as one list, `x.view((2, 3))`."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    return tuple(int(n) for n in shape)


def _as(x: Any, dtype: Any) -> Any:
    return x if dtype is None else ops.cast(x, dtype=as_dtype(dtype))


# --- arithmetic ---------------------------------------------------------------------------------


def add(x: Any, other: Any, *, alpha: float = 1) -> Any:
    """x + alpha other."""
    return ops.add(x, other if alpha == 1 else ops.mul(other, alpha))


def sub(x: Any, other: Any, *, alpha: float = 1) -> Any:
    """x - alpha other."""
    return ops.sub(x, other if alpha == 1 else ops.mul(other, alpha))


def rsub(x: Any, other: Any, *, alpha: float = 1) -> Any:
    """other - alpha x."""
    return sub(other, x, alpha=alpha)


def div(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """x / other; with `rounding_mode` "trunc" without its fraction, with "floor" rounded down.

    Raises:
        OptionError: another word.

    Examples:
        >>> div(np.array([7.0, -7.0]), 2, rounding_mode="trunc")
        array([ 3., -3.])
    """
    if rounding_mode is None:
        return ops.div(x, other)
    if rounding_mode == "floor":
        return ops.floor_divide(x, other)
    if rounding_mode != "trunc":
        raise OptionError(f"rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    rest = ops.fmod(x, other)
    if np.dtype(rest.dtype).kind == "f":
        return ops.trunc(ops.div(x, other))
    return ops.floor_divide(ops.sub(x, rest), other)


def round(x: Any, *, decimals: int = 0) -> Any:
    """The nearest number of so many `decimals`, halves to the even one.

    Examples:
        >>> round(np.array([1.26, 17.0]), decimals=1)
        array([ 1.3, 17. ])
    """
    if not decimals:
        return ops.round(x)
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    if decimals > 0:
        return ops.div(ops.round(ops.mul(x, scale)), scale)
    return ops.mul(ops.round(ops.div(x, scale)), scale)


def where(condition: Any, x: Any = None, other: Any = None) -> Any:
    """x where `condition` holds, other elsewhere; of a condition alone the places where it does.

    Examples:
        >>> where(np.array([True, False]), 1.0, 2.0)
        array([1., 2.])
        >>> where(np.array([False, True]))
        (array([1]),)
    """
    if x is None and other is None:
        return selection.nonzero(condition, as_tuple=True)
    return ops.where(condition, x, other)


def allclose(
    x: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Return whether all elements are close: |x - other| <= atol + rtol |other|.

    Examples:
        >>> allclose(np.array([1.0]), np.array([1.0 + 1e-9]))
        True
    """
    return bool(ops.all(ops.isclose(x, other, rtol, atol, equal_nan)))


def equal(x: Any, other: Any) -> bool:
    """Return whether both have one shape and the same elements.

    Examples:
        >>> equal(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
        True
    """
    return tuple(x.shape) == tuple(other.shape) and bool(ops.all(ops.eq(x, other)))


def clamp_min(x: Any, min: Any) -> Any:
    """x, not below `min`."""
    return ops.clamp(x, min=min)


def clamp_max(x: Any, max: Any) -> Any:
    """x, not above `max`."""
    return ops.clamp(x, max=max)


def positive(x: Any) -> Any:
    """x as it is."""
    return x


def chain_matmul(*matrices: Any) -> Any:
    """The product of matrices, in the order that takes the least work."""
    return ops.multi_dot(matrices)


# --- reductions ---------------------------------------------------------------------------------


@worded
def sum(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over `dim`, or of all elements; in `dtype` if given."""
    return ops.sum(_as(x, dtype), dim=dim, keepdim=keepdim)


@worded
def mean(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim`, or of all elements; in `dtype` if given."""
    return ops.mean(_as(x, dtype), dim=dim, keepdim=keepdim)


@worded
def prod(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product over `dim`, or of all elements; in `dtype` if given."""
    return ops.prod(_as(x, dtype), dim=dim, keepdim=keepdim)


@worded
def nansum(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of what is not NaN; in `dtype` if given."""
    return ops.nansum(_as(x, dtype), dim, keepdim)


@worded
def nanmean(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean of what is not NaN; in `dtype` if given."""
    return ops.nanmean(_as(x, dtype), dim, keepdim)


@worded
def cumsum(x: Any, dim: int, *, dtype: Any = None) -> Any:
    """Running sums along `dim`; in `dtype` if given."""
    return ops.cumsum(_as(x, dtype), dim=dim)


@worded
def cumprod(x: Any, dim: int, *, dtype: Any = None) -> Any:
    """Running products along `dim`; in `dtype` if given."""
    return ops.cumprod(_as(x, dtype), dim=dim)


def spread(measure: Callable[..., Any]) -> Callable[..., Any]:
    """A measure of spread as PyTorch calls it: `unbiased`, also as only number, for `correction`.

    Examples:
        >>> spread(ops.var)(np.array([1.0, 3.0]), unbiased=False)
        np.float64(1.0)
    """

    @functools.wraps(measure, updated=())
    def call(
        x: Any,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = int(unbiased)
        return measure(x, dim=dim, correction=correction, keepdim=keepdim)

    return worded(call)


var = spread(ops.var)
std = spread(ops.std)
var_mean = spread(ops.var_mean)
std_mean = spread(ops.std_mean)


@worded
def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The p-norm over `dim`; "fro" is that of 2, "nuc" the sum of a matrix's singular values.

    Examples:
        >>> norm(np.array([3.0, 4.0]))
        np.float64(5.0)
    """
    x = _as(x, dtype)
    if p == "nuc":
        return ops.matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
    return ops.norm(x, 2 if p is None or p == "fro" else p, dim, keepdim)


all = worded(ops.all)
any = worded(ops.any)
max = worded(ops.max)
min = worded(ops.min)
amax = worded(ops.amax)
amin = worded(ops.amin)
argmax = worded(ops.argmax)
argmin = worded(ops.argmin)
median = worded(ops.median)
logsumexp = worded(ops.logsumexp)
count_nonzero = worded(ops.count_nonzero)
sort = worded(ops.sort)
softmax = worded(ops.softmax)
log_softmax = worded(ops.log_softmax)
squeeze = worded(ops.squeeze)
unsqueeze = worded(ops.unsqueeze)
cat = worded(ops.cat)
stack = worded(ops.stack)
flatten = worded(ops.flatten)
matmul = worded(ops.matmul)


@worded
def argsort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that sort along `dim`; equal elements always keep their order."""
    return ops.argsort(x, dim=dim, descending=descending)


# --- shape --------------------------------------------------------------------------------------


def reshape(x: Any, *each: Any, shape: Sequence[int] = ()) -> Any:
    """The same elements in another shape; one size may be -1."""
    return ops.reshape(x, shape=sizes_of(each or shape))


def view(x: Any, *shape: Any) -> Any:
    """The same elements, in the same memory where possible, in another shape, or in another dtype.

    Examples:
        >>> view(np.arange(4), 2, -1)
        array([[0, 1],
               [2, 3]])
    """
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer, tuple, list, Traced)):
        raise OptionError(
            f"view({shape[0]}) would read the same bytes as other numbers, which is not supported; "
            "use .to(dtype) to convert them"
        )
    return ops.reshape(x, shape=sizes_of(shape))


def view_as(x: Any, other: Any) -> Any:
    """The same elements in the shape of `other`."""
    return ops.reshape(x, shape=tuple(other.shape))


def permute(x: Any, *each: Any, dims: Sequence[int] = ()) -> Any:
    """The dimensions in another order."""
    return ops.permute(x, dims=sizes_of(each or dims))


def t(x: Any) -> Any:
    """The transpose of a matrix; a vector as it is."""
    if len(x.shape) > 2:
        raise ShapeError(f"t() takes at most 2 dimensions, got shape {tuple(x.shape)}")
    return ops.transpose(x) if len(x.shape) == 2 else x


def adjoint(x: Any) -> Any:
    """The last two dimensions exchanged."""
    return ops.matrix_transpose(x)


def expand(x: Any, *shape: Any) -> Any:
    """Repeated without copying along dimensions of size 1 and new ones; -1 keeps a size."""
    wanted = sizes_of(shape)
    own = (-1,) * (len(wanted) - len(x.shape)) + tuple(x.shape)
    full = tuple(n if m == -1 else m for m, n in zip(wanted, own))
    return ops.broadcast_to(x, shape=full)


def expand_as(x: Any, other: Any) -> Any:
    """Expanded to the shape of `other`."""
    return ops.broadcast_to(x, shape=tuple(other.shape))


def sum_to_size(x: Any, *size: Any) -> Any:
    """Summed over what broadcasting `size` to the own shape would repeat."""
    return ops.sum_to(x, shape=sizes_of(size))


def flip(x: Any, *each: Any, dims: Sequence[int] = ()) -> Any:
    """A copy in reverse order along `dims`."""
    return ops.clone(ops.flip(x, dim=sizes_of(each or dims)))


def repeat(x: Any, *each: Any, repeats: Sequence[int] = ()) -> Any:
    """Laid side by side, so many times along each dimension."""
    return ops.repeat(x, sizes_of(each or repeats))


def tile(x: Any, *each: Any, dims: Sequence[int] = ()) -> Any:
    """Laid side by side, so many times along each of the last dimensions."""
    return ops.tile(x, sizes_of(each or dims))


def ravel(x: Any) -> Any:
    """All elements in a row."""
    return ops.flatten(x)


def unflatten(x: Any, dim: int, *each: Any, sizes: Sequence[int] = ()) -> Any:
    """Dimension `dim` as several."""
    return ops.unflatten(x, dim, sizes_of(each or sizes))


def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    """Pieces of a size, or of the listed sizes, along `dim`."""
    return ops.split(x, split_size_or_sections, dim)


def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged."""
    return ops.transpose(x, dim0, dim1)


def type_as(x: Any, other: Any) -> Any:
    """The numbers in the dtype of `other`."""
    return ops.cast(x, dtype=other.dtype)


def detach(x: Any) -> Any:
    """The same numbers without their history."""
    return x.detach()


def contiguous(x: Any) -> Any:
    """The same numbers in one stretch of memory."""
    if x.array.flags.c_contiguous:
        return x
    # A copy keeps the order in memory; what is flattened has none but its own.
    return ops.reshape(ops.reshape(x, shape=(math.prod(x.shape),)), shape=tuple(x.shape))


def cross(x: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along `dim`, or along the first dimension of size 3."""
    if dim is None:
        found = [d for d, n in enumerate(x.shape) if n == 3]
        if not found:
            raise ShapeError(f"cross needs a dimension of size 3, got shape {tuple(x.shape)}")
        dim = found[0]
    return ops.cross(x, other, dim)


def qr(x: Any, some: bool = True) -> Any:
    """x = Q R; Q is square unless `some`."""
    return ops.results.qr(*ops.qr(x, "reduced" if some else "complete"))


def svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """x = U diag(S) V^T; U and V are square unless `some`."""
    u, s, vh = ops.svd(x, full_matrices=not some)
    if not compute_uv:
        u, vh = u * 0, vh * 0
    return ops.results.svd(u, s, ops.matrix_transpose(vh))


def narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    """`length` entries along `dim`, from `start` on.

    Raises:
        ShapeError: there are not so many.
    """
    size, first = x.shape[dim], int(start)
    first = first + size if first < 0 else first
    if length < 0 or not 0 <= first <= size - length:
        raise ShapeError(
            f"narrow of {length} entries from {int(start)} on along dim {dim}, which has {size}"
        )
    return ops.narrow(x, dim, first, length)


def scatter(
    x: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Any:
    """A copy with `src`, or one `value`, written, added or multiplied where `index` says.

    Raises:
        OptionError: another word for `reduce` than "add" or "multiply".

    Examples:
        >>> scatter(np.zeros(3), 0, np.array([2, 0]), value=5.0)
        array([5., 0., 5.])
    """
    source = value if src is None else src
    if reduce is None:
        return ops.scatter(x, dim, index, source)
    words = {"add": "sum", "multiply": "prod"}
    if reduce not in words:
        raise OptionError(f"scatter's reduce must be 'add' or 'multiply', got {reduce!r}")
    if not hasattr(source, "shape"):
        source = constant(module_of(x).full(tuple(index.shape), source, dtype=x.dtype))
    return ops.scatter_reduce(x, dim, index, source, words[reduce])


def index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """A copy of x in which x[indices] = values, or, accumulating, with them added there.

    Examples:
        >>> index_put(np.zeros(3), (np.array([2, 2]),), np.array([5.0, 6.0]), accumulate=True)
        array([ 0.,  0., 11.])
    """
    static, arrays = ops.split_key(tuple(indices), tuple(x.shape))
    if not accumulate:
        return ops.index_put(x, values, *arrays, key=static)
    hole = ops.index(x, *arrays, key=static)
    full = ops.broadcast_to(values, shape=tuple(hole.shape))
    return ops.add(x, ops.unindex(full, *arrays, key=static, shape=tuple(x.shape)))


# --- questions ----------------------------------------------------------------------------------


def is_tensor(thing: Any) -> bool:
    """Return whether `thing` is a tensor."""
    return isinstance(thing, Traced)


def numel(x: Any) -> int:
    """Return the number of elements."""
    return int(np.prod(x.shape, dtype=int))


def is_floating_point(x: Any) -> bool:
    """Return whether the numbers are floating-point ones."""
    return np.dtype(x.dtype).kind == "f"


def is_complex(x: Any) -> bool:
    """Return whether the numbers are complex: never, here."""
    return np.dtype(x.dtype).kind == "c"


def is_nonzero(x: Any) -> bool:
    """Return whether the one element is not 0."""
    return bool(x != 0)


def is_same_size(x: Any, other: Any) -> bool:
    """Return whether both have one shape."""
    return tuple(x.shape) == tuple(other.shape)


def is_signed(x: Any) -> bool:
    """Return whether the dtype has numbers below 0."""
    return np.dtype(x.dtype).kind in "if"


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape in which all meet.

    Examples:
        >>> broadcast_shapes((2, 1), (3,))
        (2, 3)
    """
    return broadcast_shape(*(sizes_of((shape,)) for shape in shapes))


# --- numbers without an imaginary part ------------------------------------------------------------


def conj(x: Any) -> Any:
    """x as it is: there is no imaginary part to turn round."""
    return x


real = conj_physical = resolve_conj = resolve_neg = conj


def angle(x: Any) -> Any:
    """pi where x is below 0, else 0; NaN where it is.

    Examples:
        >>> angle(np.array([-2.0, 3.0])).round(4)
        array([3.1416, 0.    ])
    """
    return ops.where(ops.isnan(x), x, ops.where(ops.lt(x, 0), math.pi, ops.mul(x, 0)))


# --- others -------------------------------------------------------------------------------------


def fill(x: Any, value: Any) -> Any:
    """`value` in the shape and dtype of x.

    Examples:
        >>> fill(np.zeros(2), 3)
        array([3., 3.])
    """
    return ops.where(constant(np.array(True), x), value, x)


def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    """x with those entries along `dim` scaled down whose p-norm is above `maxnorm`.

    Examples:
        >>> renorm(np.array([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0).round(4)
        array([[0.6, 0.8],
               [0.3, 0.4]])
    """
    d = normal_dim(dim, len(x.shape))
    others = tuple(e for e in range(len(x.shape)) if e != d)
    size = ops.norm(x, p, others, keepdim=True)
    scale = ops.div(maxnorm, ops.add(size, 1e-7))
    return ops.where(ops.gt(size, maxnorm), ops.mul(x, scale), x)


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """The places in an array of `shape` that these numbers of elements in a row are.

    Examples:
        >>> unravel_index(np.array([1, 5]), (2, 3))
        (array([0, 1]), array([1, 2]))
    """
    places = []
    for n in reversed(sizes_of((shape,))):
        places.append(ops.remainder(indices, n))
        indices = ops.floor_divide(indices, n)
    return tuple(reversed(places))
