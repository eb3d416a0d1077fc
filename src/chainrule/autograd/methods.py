"""What can be computed with a tensor, as operators and methods with PyTorch's names (floor 2).

The class is a table. A method is an op, straight to the door; or a composite, or a function of
`functions` where PyTorch's way to call says more: whatever takes the tensor first is one as it is.
Their mathematics, kinks and ties are in their own docstrings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import functions, sampling, selection, sparse
from chainrule.errors import OptionError

__all__ = ["Methods"]

Method = Callable[..., Any]


def _operator(op: ops.Op) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The method for an operator, straight to the door, and that for a tensor on its right."""

    def method(self: Any, other: Any) -> Any:
        try:
            return ops.run(op, (self, other), {})
        except OptionError:
            if getattr(other, "is_sparse", False):  # it knows how to go on the right of a tensor
                return NotImplemented
            raise

    def reflected(self: Any, other: Any) -> Any:
        return ops.run(op, (other, self), {})

    return _described(method, op), reflected


def _described(method: Method, op: ops.Op) -> Method:
    """`method` with the name of the op, and the first line of what is said about it."""
    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = (op.__doc__ or "").partition("\n")[0]
    return method


def _of_one(op: ops.Op) -> Method:
    """The method that does `op` to the tensor."""

    def method(self: Any) -> Any:
        return ops.run(op, (self,), {})

    return _described(method, op)


def _of_two(op: ops.Op) -> Method:
    """The method that does `op` to the tensor and another value."""
    return _operator(op)[0]


def _with_options(op: ops.Op) -> Method:
    """The method that does `op`, which takes more than values."""

    def method(self: Any, *args: Any, **attrs: Any) -> Any:
        return op(self, *args, **attrs)

    return _described(method, op)


def _logical(logical: ops.Op, bitwise: ops.Op) -> tuple[Method, Method]:
    """The operator that is logical among truth values and goes bit by bit among integers."""

    def method(self: Any, other: Any) -> Any:
        return ops.run(logical if _is_truth(self, other) else bitwise, (self, other), {})

    def reflected(self: Any, other: Any) -> Any:
        return ops.run(logical if _is_truth(self, other) else bitwise, (other, self), {})

    return method, reflected


def _is_no_number(other: object) -> bool:
    """Whether nothing is compared entry by entry: `x == None` is false, as in PyTorch."""
    return other is None or isinstance(other, str)


def _is_truth(*values: Any) -> bool:
    return all(
        isinstance(v, bool) or np.dtype(getattr(v, "dtype", np.int64)).kind == "b" for v in values
    )


class Methods:  # noqa: PLW1641  # Tensor has the hash
    """The operators and methods that have an op behind them."""

    array: ops.Array

    # --- operators ------------------------------------------------------------------------------

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __floordiv__, __rfloordiv__ = _operator(ops.floor_divide)
    __mod__, __rmod__ = _operator(ops.remainder)
    __pow__, __rpow__ = _operator(ops.pow)
    __lshift__, __rlshift__ = _operator(ops.bitwise_left_shift)
    __rshift__, __rrshift__ = _operator(ops.bitwise_right_shift)
    __and__, __rand__ = _logical(ops.logical_and, ops.bitwise_and)
    __or__, __ror__ = _logical(ops.logical_or, ops.bitwise_or)
    __xor__, __rxor__ = _logical(ops.logical_xor, ops.bitwise_xor)

    def __matmul__(self, other: Any) -> Any:
        try:
            return ops.matmul(self, other)
        except OptionError:
            if getattr(other, "is_sparse", False):
                return NotImplemented
            raise

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    def __neg__(self) -> Any:
        return ops.neg(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops.abs(self)

    def __invert__(self) -> Any:
        return (ops.logical_not if _is_truth(self) else ops.bitwise_not)(self)

    def __eq__(self, other: object) -> Any:
        return NotImplemented if _is_no_number(other) else ops.eq(self, other)

    def __ne__(self, other: object) -> Any:
        return NotImplemented if _is_no_number(other) else ops.ne(self, other)

    def __lt__(self, other: Any) -> Any:
        return ops.lt(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.le(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.gt(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.ge(self, other)

    # --- arithmetic -----------------------------------------------------------------------------

    add = functions.add
    sub = subtract = functions.sub
    mul = multiply = _of_two(ops.mul)
    div = divide = true_divide = functions.div
    floor_divide = _of_two(ops.floor_divide)
    remainder = _of_two(ops.remainder)
    fmod = _of_two(ops.fmod)
    pow = _of_two(ops.pow)
    float_power = ops.float_power
    hypot = _of_two(ops.hypot)
    addcmul = ops.addcmul
    addcdiv = ops.addcdiv
    lerp = ops.lerp
    ldexp = ops.ldexp
    frexp = ops.frexp
    nextafter = _of_two(ops.nextafter)
    gcd = _of_two(ops.gcd)
    lcm = _of_two(ops.lcm)
    bitwise_and = _of_two(ops.bitwise_and)
    bitwise_or = _of_two(ops.bitwise_or)
    bitwise_xor = _of_two(ops.bitwise_xor)
    bitwise_not = _of_one(ops.bitwise_not)
    bitwise_left_shift = _of_two(ops.bitwise_left_shift)
    bitwise_right_shift = _of_two(ops.bitwise_right_shift)

    # --- comparison and choice ------------------------------------------------------------------

    eq = _of_two(ops.eq)
    ne = not_equal = _of_two(ops.ne)
    lt = less = _of_two(ops.lt)
    le = less_equal = _of_two(ops.le)
    gt = greater = _of_two(ops.gt)
    ge = greater_equal = _of_two(ops.ge)
    equal = functions.equal
    isclose = ops.isclose
    allclose = functions.allclose
    isin = ops.isin
    logical_and = _of_two(ops.logical_and)
    logical_or = _of_two(ops.logical_or)
    logical_xor = _of_two(ops.logical_xor)
    logical_not = _of_one(ops.logical_not)
    maximum = _of_two(ops.maximum)
    minimum = _of_two(ops.minimum)
    fmax = ops.fmax
    fmin = ops.fmin
    clamp = clip = ops.clamp
    heaviside = ops.heaviside
    copysign = ops.copysign
    masked_fill = ops.masked_fill

    def where(self, condition: Any, other: Any) -> Any:
        """Return self where `condition` holds, other elsewhere."""
        return ops.where(condition, self, other)

    clamp_min = functions.clamp_min
    clamp_max = functions.clamp_max

    # --- functions of one variable --------------------------------------------------------------

    abs = absolute = _of_one(ops.abs)
    neg = negative = _of_one(ops.neg)
    positive = __pos__
    sign = sgn = _of_one(ops.sign)
    signbit = _of_one(ops.signbit)
    square = _of_one(ops.square)
    sqrt = _of_one(ops.sqrt)
    rsqrt = _of_one(ops.rsqrt)
    reciprocal = _of_one(ops.reciprocal)
    exp = _of_one(ops.exp)
    exp2 = _of_one(ops.exp2)
    expm1 = _of_one(ops.expm1)
    log = _of_one(ops.log)
    log1p = _of_one(ops.log1p)
    log2 = _of_one(ops.log2)
    log10 = _of_one(ops.log10)
    logaddexp = _of_two(ops.logaddexp)
    logaddexp2 = ops.logaddexp2
    xlogy = ops.xlogy
    logit = ops.logit
    sin = _of_one(ops.sin)
    cos = _of_one(ops.cos)
    tan = _of_one(ops.tan)
    asin = arcsin = _of_one(ops.asin)
    acos = arccos = _of_one(ops.acos)
    atan = arctan = _of_one(ops.atan)
    atan2 = arctan2 = _of_two(ops.atan2)
    sinh = _of_one(ops.sinh)
    cosh = _of_one(ops.cosh)
    tanh = _of_one(ops.tanh)
    asinh = arcsinh = _of_one(ops.asinh)
    acosh = arccosh = _of_one(ops.acosh)
    atanh = arctanh = _of_one(ops.atanh)
    sinc = ops.sinc
    deg2rad = ops.deg2rad
    rad2deg = ops.rad2deg
    erf = _of_one(ops.erf)
    erfc = _of_one(ops.erfc)
    erfinv = _of_one(ops.erfinv)
    lgamma = _of_one(ops.lgamma)
    digamma = _of_one(ops.digamma)
    mvlgamma = ops.multigammaln
    igamma = _of_two(ops.gammainc)
    igammac = _of_two(ops.gammaincc)
    i0 = _of_one(ops.i0)
    sigmoid = _of_one(ops.sigmoid)
    relu = _of_one(ops.relu)
    softmax = functions.softmax
    log_softmax = functions.log_softmax
    floor = _of_one(ops.floor)
    ceil = _of_one(ops.ceil)
    round = functions.round
    trunc = fix = _of_one(ops.trunc)
    frac = ops.frac
    nan_to_num = ops.nan_to_num
    isnan = _of_one(ops.isnan)
    isfinite = _of_one(ops.isfinite)
    isinf = ops.isinf
    isposinf = ops.isposinf
    isneginf = ops.isneginf
    isreal = ops.isreal

    def polygamma(self, n: int) -> Any:
        """Return the n-th derivative of `digamma`."""
        return ops.polygamma(n, self)

    # --- reductions -----------------------------------------------------------------------------

    sum = functions.sum
    mean = functions.mean
    prod = functions.prod
    nansum = functions.nansum
    nanmean = functions.nanmean
    var = functions.var
    std = functions.std
    cov = ops.cov
    corrcoef = ops.corrcoef
    norm = functions.norm
    dist = ops.dist
    logsumexp = functions.logsumexp
    amax = functions.amax
    amin = functions.amin
    aminmax = ops.aminmax
    max = functions.max
    min = functions.min
    argmax = functions.argmax
    argmin = functions.argmin
    all = functions.all
    any = functions.any
    count_nonzero = functions.count_nonzero
    histc = ops.histc
    histogram = ops.histogram
    bincount = selection.bincount

    bernoulli = sampling.bernoulli
    multinomial = sampling.multinomial

    # --- order and runs -------------------------------------------------------------------------

    argsort = functions.argsort
    sort = functions.sort
    msort = ops.msort
    topk = ops.topk
    kthvalue = ops.kthvalue
    median = functions.median
    nanmedian = ops.nanmedian
    mode = ops.mode
    quantile = ops.quantile
    nanquantile = ops.nanquantile
    unique = selection.unique
    unique_consecutive = selection.unique_consecutive
    cumsum = functions.cumsum
    cumprod = functions.cumprod
    cummax = ops.cummax
    cummin = ops.cummin
    logcumsumexp = _with_options(ops.logcumsumexp)
    diff = ops.diff

    # --- shape ----------------------------------------------------------------------------------

    reshape = functions.reshape
    view = functions.view
    view_as = reshape_as = functions.view_as
    permute = functions.permute
    transpose = swapaxes = swapdims = functions.transpose
    movedim = moveaxis = ops.movedim
    t = functions.t
    adjoint = functions.adjoint
    expand = functions.expand
    expand_as = functions.expand_as
    broadcast_to = _with_options(ops.broadcast_to)
    unsqueeze = functions.unsqueeze
    squeeze = functions.squeeze
    flatten = functions.flatten
    unflatten = functions.unflatten
    ravel = functions.ravel
    flip = functions.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    rot90 = ops.rot90
    roll = ops.roll
    repeat = functions.repeat
    repeat_interleave = selection.repeat_interleave
    tile = functions.tile
    unfold = ops.sliding
    as_strided = ops.as_strided
    sum_to_size = functions.sum_to_size
    clone = _of_one(ops.clone)
    contiguous = functions.contiguous
    to_sparse = sparse.to_sparse

    @property
    def T(self) -> Any:  # noqa: N802  # PyTorch's name
        """All dimensions in reverse order."""
        return ops.permute(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Any:  # noqa: N802  # PyTorch's name
        """The last two dimensions exchanged."""
        return ops.matrix_transpose(self)

    @property
    def H(self) -> Any:  # noqa: N802  # PyTorch's name
        """The transpose of a matrix, which has no imaginary part to turn round."""
        return functions.t(self)

    mH = mT  # noqa: N815  # PyTorch's name

    # --- parts ----------------------------------------------------------------------------------

    split = functions.split
    split_with_sizes = functions.split
    chunk = ops.chunk
    tensor_split = ops.tensor_split
    hsplit = ops.hsplit
    vsplit = ops.vsplit
    dsplit = ops.dsplit
    narrow = functions.narrow
    select = ops.select
    unbind = ops.unbind
    diagonal = ops.diagonal
    diag = ops.diag
    diag_embed = ops.diag_embed
    diagflat = ops.diagflat
    tril = ops.tril
    triu = ops.triu
    trace = ops.trace

    # --- places ---------------------------------------------------------------------------------

    gather = ops.gather
    scatter = functions.scatter
    scatter_add = ops.scatter_add
    scatter_reduce = ops.scatter_reduce
    index_select = ops.index_select
    index_add = ops.index_add
    index_copy = ops.index_copy
    index_fill = ops.index_fill
    index_reduce = ops.index_reduce
    index_put = functions.index_put
    take = ops.take
    take_along_dim = ops.take_along_dim
    put = ops.put
    masked_select = selection.masked_select
    masked_scatter = ops.masked_scatter
    select_scatter = ops.select_scatter
    slice_scatter = ops.slice_scatter
    diagonal_scatter = ops.diagonal_scatter
    nonzero = selection.nonzero
    argwhere = selection.argwhere

    # --- products and matrices ------------------------------------------------------------------

    matmul = functions.matmul
    mm = ops.mm
    bmm = ops.bmm
    mv = ops.mv
    dot = vdot = ops.dot
    inner = ops.inner
    outer = ger = ops.outer
    kron = ops.kron
    cross = functions.cross
    addmm = ops.addmm
    addmv = ops.addmv
    addr = ops.addr
    addbmm = ops.addbmm
    baddbmm = ops.baddbmm
    inverse = _of_one(ops.inverse)
    pinverse = ops.pinv
    det = _of_one(ops.det)
    logdet = ops.logdet
    slogdet = ops.slogdet
    cholesky = ops.cholesky
    cholesky_solve = ops.cholesky_solve
    cholesky_inverse = ops.cholesky_inverse
    qr = functions.qr
    svd = functions.svd
    matrix_power = ops.matrix_power
    matrix_exp = _of_one(ops.matrix_exp)

    # --- questions ------------------------------------------------------------------------------

    is_complex = functions.is_complex
    is_nonzero = functions.is_nonzero
    is_same_size = functions.is_same_size
    is_signed = functions.is_signed
    conj = conj_physical = resolve_conj = resolve_neg = functions.conj

    @property
    def real(self) -> Any:
        """The tensor itself: there is no imaginary part."""
        return self

    angle = functions.angle
    renorm = functions.renorm
