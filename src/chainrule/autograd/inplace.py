"""Changing a tensor in place: assignment, the operators with `=`, the methods with `_` (floor 2).

Every one computes as the method without `_` does, and the tensor takes the result over. Where
nothing is being recorded the numbers are written into the memory that is there. Where something is,
the tensor takes the memory and the history of the result, for its old numbers may be needed by the
gradients of others; but if views see the same memory, it is written too, as in PyTorch, and the
history of the tensor that they are views of goes through the change.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.generator import Generator, state_of
from chainrule.autograd.methods import Methods
from chainrule.autograd.tape import Traced, is_grad_enabled, mark_changed, wrap
from chainrule.backend.arrays import as_array, is_gpu, module_of
from chainrule.backend.devices import beside, device_of
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.ops.core import constant, peek
from chainrule.ops.transfer import transfer

__all__ = ["InPlace"]

Method = Callable[..., Any]


def _changing(method: Method) -> Method:
    """The method that does in place what `method` does."""

    @functools.wraps(method, updated=())
    def change(self: InPlace, *args: Any, **kwargs: Any) -> Any:
        return self._become(method(self._unchanged(), *args, **kwargs))

    change.__name__ = change.__qualname__ = f"{method.__name__}_"
    first = (method.__doc__ or "").partition("\n")[0]
    change.__doc__ = f"In place: {first[:1].lower()}{first[1:]}"
    return change


def _operator(method: Method) -> Method:
    def change(self: InPlace, other: Any) -> Any:
        return self._become(method(self._unchanged(), other))

    return change


def _turning(method: Method) -> Method:
    """The method that makes the tensor the view of itself that `method` gives."""
    change = _changing(method)

    @functools.wraps(change, updated=())
    def turn(self: InPlace, *args: Any, **kwargs: Any) -> Any:
        return self._turn(method(self, *args, **kwargs))

    return turn


class InPlace(Methods, Traced):
    """What changes a tensor."""

    # --- taking a result over -------------------------------------------------------------------

    def _tracked(self, *others: Any) -> bool:
        wants = any(isinstance(v, Traced) and v.needs_grad for v in (self, *others))
        return wants and is_grad_enabled()

    def _unchanged(self) -> Any:
        """The tensor, or a copy if its memory may be written while gradients need the numbers."""
        shared = self.base is not None or self.shared
        return ops.clone(self) if shared and is_grad_enabled() else self

    def _become(self, result: Any) -> Any:
        """Take over the numbers, and under recording the history, of `result`."""
        self._check_holds(result)
        if not self._tracked(result):
            ops.assign(self.array, result.array)
            mark_changed(self)
            return self
        self._check_no_leaf()
        if result.array.dtype != self.array.dtype:
            result = ops.cast(result, dtype=self.array.dtype)
        if self.base is None and not self.shared:
            self.array = result.array
        else:
            result = self._written(result)
        self.node, self.needs_grad = result.node, result.needs_grad
        return self

    def _written(self, result: Any) -> Any:
        """Write `result` where all views see it, and return what has the history that is new."""
        root = self.base
        if root is None:
            ops.assign(self.array, result.array)
            mark_changed(self)
            return result
        root = _put_back(root, self.way, result)
        ops.assign(self.array, result.array)
        mark_changed(self)
        self.base.node, self.base.needs_grad = root.node, root.needs_grad  # type: ignore[union-attr]
        self.catch_up()
        return self

    def _check_holds(self, result: Any) -> None:
        own, new = self.array, result.array
        if new.shape != own.shape:
            raise ShapeError(
                f"an in-place operation cannot change shape {own.shape} to {new.shape}"
            )
        if not np.can_cast(new.dtype, own.dtype, "same_kind"):
            raise OptionError(
                f"an in-place operation cannot turn {own.dtype} into {new.dtype}; "
                "make a new tensor, or convert this one first"
            )
        if not (_is_apart(own) if is_gpu(own) else own.flags.writeable):
            raise OptionError(
                "this tensor cannot be changed in place: several of its elements lie in one place "
                "of memory, as after expand(), or its memory is read-only; use .clone() first"
            )

    def _check_no_leaf(self) -> None:
        for t, what in ((self, "a leaf"), (self.base, "a view of a leaf")):
            if t is not None and t.node is None and t.needs_grad:
                raise GradientError(
                    f"{what} that wants a gradient cannot be changed in place while operations "
                    "are being recorded; do it inside no_grad(), or on a copy"
                )

    def _turn(self, result: Any) -> Any:
        """Become `result`, which is a view of this tensor in another shape."""
        if self._tracked():
            self._check_no_leaf()
        if self.base is not None:
            self.way, self.seen = result.way, result.seen
        self.array, self.node = result.array, result.node
        return self

    # --- assignment -----------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        static, arrays = ops.split_key(forward_only(key), self.array.shape)
        if not isinstance(value, (Traced, np.ndarray)) and not is_gpu(value):
            value = constant(module_of(self.array).asarray(value, dtype=self.array.dtype))
        elif not value.ndim:  # a single number may come from anywhere
            value = transfer(value, to=device_of(self.array))
        if self._tracked(value):
            self._become(ops.index_put(self, value, *arrays, key=static))
        else:
            self._put(static, arrays, value.array if isinstance(value, Traced) else value)
            mark_changed(self)

    def _put(self, static: tuple[Any, ...], arrays: list[Any], value: ops.Array) -> None:
        """Put `value` at a key, in place and through the door."""
        if arrays or any(isinstance(k, bool) for k in static):
            indices = [peek(a) for a in arrays]
            ops.assign(self.array, ops.index_put(self.array, value, *indices, key=static))
        else:
            # With `...` a single element is a view too.
            whole = static if Ellipsis in static else (*static, Ellipsis)
            hole = ops.slice(self.array, key=whole)
            if value.ndim > hole.ndim:  # leading dimensions of size 1 do not count
                value = ops.reshape(value, shape=value.shape[value.ndim - hole.ndim :])
            ops.assign(hole, value)

    # --- operators ------------------------------------------------------------------------------

    __iadd__ = _operator(Methods.__add__)
    __isub__ = _operator(Methods.__sub__)
    __imul__ = _operator(Methods.__mul__)
    __itruediv__ = _operator(Methods.__truediv__)
    __ifloordiv__ = _operator(Methods.__floordiv__)
    __imod__ = _operator(Methods.__mod__)
    __ipow__ = _operator(Methods.__pow__)
    __iand__ = _operator(Methods.__and__)
    __ior__ = _operator(Methods.__or__)
    __ixor__ = _operator(Methods.__xor__)
    __ilshift__ = _operator(Methods.__lshift__)
    __irshift__ = _operator(Methods.__rshift__)

    # --- arithmetic -----------------------------------------------------------------------------

    add_ = _changing(Methods.add)
    sub_ = subtract_ = _changing(Methods.sub)
    mul_ = multiply_ = _changing(Methods.mul)
    div_ = divide_ = true_divide_ = _changing(Methods.div)
    floor_divide_ = _changing(Methods.floor_divide)
    remainder_ = _changing(Methods.remainder)
    fmod_ = _changing(Methods.fmod)
    pow_ = _changing(Methods.pow)
    float_power_ = _changing(Methods.float_power)
    hypot_ = _changing(Methods.hypot)
    addcmul_ = _changing(Methods.addcmul)
    addcdiv_ = _changing(Methods.addcdiv)
    lerp_ = _changing(Methods.lerp)
    ldexp_ = _changing(Methods.ldexp)
    nextafter_ = _changing(Methods.nextafter)
    gcd_ = _changing(Methods.gcd)
    lcm_ = _changing(Methods.lcm)
    bitwise_and_ = _changing(Methods.bitwise_and)
    bitwise_or_ = _changing(Methods.bitwise_or)
    bitwise_xor_ = _changing(Methods.bitwise_xor)
    bitwise_not_ = _changing(Methods.bitwise_not)
    bitwise_left_shift_ = _changing(Methods.bitwise_left_shift)
    bitwise_right_shift_ = _changing(Methods.bitwise_right_shift)

    # --- comparison and choice ------------------------------------------------------------------

    eq_ = _changing(Methods.eq)
    ne_ = not_equal_ = _changing(Methods.ne)
    lt_ = less_ = _changing(Methods.lt)
    le_ = less_equal_ = _changing(Methods.le)
    gt_ = greater_ = _changing(Methods.gt)
    ge_ = greater_equal_ = _changing(Methods.ge)
    logical_and_ = _changing(Methods.logical_and)
    logical_or_ = _changing(Methods.logical_or)
    logical_xor_ = _changing(Methods.logical_xor)
    logical_not_ = _changing(Methods.logical_not)
    clamp_ = clip_ = _changing(Methods.clamp)
    clamp_min_ = _changing(Methods.clamp_min)
    clamp_max_ = _changing(Methods.clamp_max)
    heaviside_ = _changing(Methods.heaviside)
    copysign_ = _changing(Methods.copysign)

    # --- functions of one variable --------------------------------------------------------------

    abs_ = absolute_ = _changing(Methods.abs)
    neg_ = negative_ = _changing(Methods.neg)
    sign_ = sgn_ = _changing(Methods.sign)
    square_ = _changing(Methods.square)
    sqrt_ = _changing(Methods.sqrt)
    rsqrt_ = _changing(Methods.rsqrt)
    reciprocal_ = _changing(Methods.reciprocal)
    exp_ = _changing(Methods.exp)
    exp2_ = _changing(Methods.exp2)
    expm1_ = _changing(Methods.expm1)
    log_ = _changing(Methods.log)
    log1p_ = _changing(Methods.log1p)
    log2_ = _changing(Methods.log2)
    log10_ = _changing(Methods.log10)
    xlogy_ = _changing(Methods.xlogy)
    logit_ = _changing(Methods.logit)
    sin_ = _changing(Methods.sin)
    cos_ = _changing(Methods.cos)
    tan_ = _changing(Methods.tan)
    asin_ = arcsin_ = _changing(Methods.asin)
    acos_ = arccos_ = _changing(Methods.acos)
    atan_ = arctan_ = _changing(Methods.atan)
    atan2_ = arctan2_ = _changing(Methods.atan2)
    sinh_ = _changing(Methods.sinh)
    cosh_ = _changing(Methods.cosh)
    tanh_ = _changing(Methods.tanh)
    asinh_ = arcsinh_ = _changing(Methods.asinh)
    acosh_ = arccosh_ = _changing(Methods.acosh)
    atanh_ = arctanh_ = _changing(Methods.atanh)
    sinc_ = _changing(Methods.sinc)
    deg2rad_ = _changing(Methods.deg2rad)
    rad2deg_ = _changing(Methods.rad2deg)
    erf_ = _changing(Methods.erf)
    sigmoid_ = _changing(Methods.sigmoid)
    relu_ = _changing(Methods.relu)
    floor_ = _changing(Methods.floor)
    ceil_ = _changing(Methods.ceil)
    round_ = _changing(Methods.round)
    trunc_ = fix_ = _changing(Methods.trunc)
    frac_ = _changing(Methods.frac)
    nan_to_num_ = _changing(Methods.nan_to_num)
    cumsum_ = _changing(Methods.cumsum)
    cumprod_ = _changing(Methods.cumprod)
    tril_ = _changing(Methods.tril)
    triu_ = _changing(Methods.triu)

    # --- places ---------------------------------------------------------------------------------

    masked_fill_ = _changing(Methods.masked_fill)
    masked_scatter_ = _changing(Methods.masked_scatter)
    scatter_ = _changing(Methods.scatter)
    scatter_add_ = _changing(Methods.scatter_add)
    scatter_reduce_ = _changing(Methods.scatter_reduce)
    index_add_ = _changing(Methods.index_add)
    index_copy_ = _changing(Methods.index_copy)
    index_fill_ = _changing(Methods.index_fill)
    index_put_ = _changing(Methods.index_put)
    index_reduce_ = _changing(Methods.index_reduce)
    put_ = _changing(Methods.put)

    # --- products -------------------------------------------------------------------------------

    addmm_ = _changing(Methods.addmm)
    addmv_ = _changing(Methods.addmv)
    addr_ = _changing(Methods.addr)
    addbmm_ = _changing(Methods.addbmm)
    baddbmm_ = _changing(Methods.baddbmm)

    # --- shape ----------------------------------------------------------------------------------

    squeeze_ = _turning(Methods.squeeze)
    unsqueeze_ = _turning(Methods.unsqueeze)
    transpose_ = swapaxes_ = swapdims_ = _turning(Methods.transpose)
    t_ = _turning(Methods.t)

    # --- known numbers --------------------------------------------------------------------------

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Take over the numbers of `src`, broadcast, in place."""
        value = src if isinstance(src, Traced) else wrap(constant(as_array(src)))
        value = transfer(value, to=device_of(self.array))
        cast = ops.cast(value, dtype=self.array.dtype)
        return self._become(ops.broadcast_to(cast, shape=self.array.shape))

    def fill_(self, value: Any) -> Any:
        """Put `value` everywhere, in place."""
        number = value.item() if hasattr(value, "item") else value
        made = module_of(self.array)
        full = made.full(self.array.shape, number, dtype=self.array.dtype)
        return self._become(wrap(constant(full)))

    def zero_(self) -> Any:
        """Put 0 everywhere, in place."""
        return self.fill_(0)

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Any:
        """Put `fill_value` on the main diagonal, in place; with `wrap` again below it."""
        mask = np.zeros(self.array.shape, bool)
        np.fill_diagonal(mask, True, wrap=wrap)
        where = beside(constant(mask), self.array)
        return self._become(ops.masked_fill(self._unchanged(), where, fill_value))

    # --- random numbers -------------------------------------------------------------------------

    def _spread(self, generator: Generator | None) -> ops.Array:
        """Numbers evenly spread over [0, 1), as many as there are elements."""
        dtype = self.array.dtype if self.array.dtype.kind == "f" else np.dtype(np.float64)
        return _drawn(ops.random_uniform, generator, self.array, dtype)

    def _take(self, numbers: ops.Array) -> Any:
        return self._become(wrap(as_array(ops.cast(numbers, dtype=self.array.dtype))))

    def normal_(
        self, mean: float = 0, std: float = 1, *, generator: Generator | None = None
    ) -> Any:
        """Put numbers of the normal distribution with that mean and standard deviation."""
        drawn = _drawn(ops.random_normal, generator, self.array, self.array.dtype)
        return self._take(ops.add(ops.mul(drawn, std), mean))

    def uniform_(
        self, low: float = 0, to: float = 1, *, generator: Generator | None = None, **bounds: float
    ) -> Any:
        """Put numbers evenly spread over [low, to); `low` may be called `from`."""
        low = _from(low, bounds)
        return self._take(ops.add(ops.mul(self._spread(generator), to - low), low))

    def random_(
        self,
        low: int = 0,
        to: int | None = None,
        *,
        generator: Generator | None = None,
        **bounds: int,
    ) -> Any:
        """Put whole numbers from `low` (or `from`) to `to` - 1; one number alone is `to`."""
        low = _from(low, bounds)
        if to is None and low:
            low, to = 0, low
        end = _most(self.array.dtype) + 1 if to is None else to
        if end <= low:
            raise OptionError(f"random_ needs from < to, got {low} and {end}")
        unit = _drawn(ops.random_uniform, generator, self.array, np.dtype(np.float64))
        below = ops.minimum(ops.floor(ops.mul(unit, end - low)), math.nextafter(end - low, 0))
        return self._take(ops.add(below, low))

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
        """Put 1 with probability `p`, else 0."""
        chance = p.array if isinstance(p, Traced) else p
        return self._take(ops.lt(self._spread(generator), chance))

    def exponential_(self, lambd: float = 1, *, generator: Generator | None = None) -> Any:
        """Put numbers of the exponential distribution with rate `lambd`."""
        return self._take(ops.div(ops.log1p(ops.neg(self._spread(generator))), -lambd))

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Any:
        """Put how many trials it takes until one succeeds, each with probability `p`."""
        tries = ops.div(ops.log1p(ops.neg(self._spread(generator))), math.log1p(-p))
        return self._take(ops.maximum(ops.ceil(tries), 1.0))

    def cauchy_(
        self, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
    ) -> Any:
        """Put numbers of the Cauchy distribution."""
        angle = ops.mul(ops.sub(self._spread(generator), 0.5), math.pi)
        return self._take(ops.add(ops.mul(ops.tan(angle), sigma), median))

    def log_normal_(
        self, mean: float = 1, std: float = 2, *, generator: Generator | None = None
    ) -> Any:
        """Put numbers whose logarithm has that mean and standard deviation."""
        drawn = _drawn(ops.random_normal, generator, self.array, self.array.dtype)
        return self._take(ops.exp(ops.add(ops.mul(drawn, std), mean)))


def _is_apart(array: Any) -> bool:
    """Whether every element of an array on a GPU, whose views all can be written, has a place."""
    return all(step or size == 1 for size, step in zip(array.shape, array.strides))


def _drawn(
    op: ops.Op, generator: Generator | None, like: ops.Array, dtype: np.dtype[Any]
) -> ops.Array:
    """Numbers for an array of this shape, drawn where it is unless a generator draws elsewhere."""
    drawn = as_array(op(state_of(generator, like), shape=like.shape, dtype=dtype))
    return beside(drawn, like)


def _from(low: Any, bounds: dict[str, Any]) -> Any:
    """The lower bound, which PyTorch calls by a word that Python keeps to itself."""
    unknown = bounds.keys() - {"from"}
    if unknown:
        raise OptionError(f"there is no argument {min(unknown)!r}; the bounds are 'from' and 'to'")
    return bounds.get("from", low)


def _most(dtype: np.dtype[Any]) -> int:
    """The largest whole number up to which a dtype has all of them."""
    if dtype.kind == "b":
        return 1
    return 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _put_back(root: Any, way: Any, value: Any) -> Any:
    """The tensor `root` with `value` in that part of it which is seen by the view."""
    places = constant(module_of(root).arange(root.array.size).reshape(root.array.shape))
    for op, attrs in way:
        places = op(places, **attrs)
    flat = ops.put(root, constant(as_array(places)), value)
    return ops.reshape(flat, shape=root.array.shape)


def forward_only(key: Any) -> Any:
    """`key`, unless a slice in it goes backwards.

    Raises:
        OptionError: one does.
    """
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, slice) and k.step is not None and k.step <= 0:
            raise OptionError(
                f"a slice of a tensor goes forwards, got step {k.step}; use x.flip(dim) first"
            )
    return key
