"""Whole numbers, and quotients without a fraction, in registers (floor 2).

Bits, shifts, division rounded down with what it leaves, and what a floating-point number is made
of; every case comes out as in NumPy, division by 0 and shifts by too much included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.formulas.maths import kind
from chainrule.plan.formulas.registers import Register, Unsupported

__all__ = ["WHOLE"]

Rule: TypeAlias = Callable[..., Register]


def _number(x: float, like: Register) -> Register:
    return like.writer.number(x, like.dtype)


# --- bits -----------------------------------------------------------------------------------------


def _shifted_left(a: Register, b: Register) -> Register:
    return _shift(a, b, lambda by: a << by, _number(0, a))


def _shifted_right(a: Register, b: Register) -> Register:
    far = a.lt(0).select(_number(-1, a), 0) if a.dtype.kind == "i" else _number(0, a)
    return _shift(a, b, lambda by: a >> by, far)


def _shift(
    a: Register, b: Register, shift: Callable[[Register], Register], far: Register
) -> Register:
    """A shift by b bits, and what comes of one by as many as there are, or by fewer than none."""
    if a.dtype.kind not in "iu":
        raise Unsupported(f"shifts of {a.dtype}")
    fits = b.compare("", "ult", 8 * a.dtype.itemsize)
    return fits.select(shift(fits.select(b, 0)), far)


def _inverted(x: Register) -> Register:
    return x ^ (True if x.dtype.kind == "b" else -1)


# --- division rounded down ------------------------------------------------------------------------


def _floor_divide(a: Register, b: Register) -> Register:
    return _real_quotient(a, b) if a.dtype.kind == "f" else _whole_quotient(a, b)[0]


def _remainder(a: Register, b: Register) -> Register:
    return _real_rest(a, b)[0] if a.dtype.kind == "f" else _whole_quotient(a, b)[1]


def _fmod(a: Register, b: Register) -> Register:
    if a.dtype.kind == "f":
        return a.writer.call("fmod" + "f" * (a.dtype.itemsize == 4), a, b)
    return _truncated(a, b)[1]


def _truncated(a: Register, b: Register) -> tuple[Register, Register]:
    """The quotient rounded towards 0 and the rest; both are 0 where b is."""
    signed = a.dtype.kind == "i"
    if a.dtype.kind not in "iu":
        raise Unsupported(f"quotients of {a.dtype}")
    # By -1 the smallest number overflows, and the processor with it: 0 - a wraps around.
    odd = b.eq(0) | b.eq(-1) if signed else b.eq(0)
    safe = odd.select(_number(1, b), b)
    q = a.writer.binary("div" if signed else "udiv", a, safe)
    rest = odd.select(_number(0, a), a - q * safe)
    if signed:
        q = b.eq(-1).select(-a, q)
    return b.eq(0).select(_number(0, a), q), rest


def _whole_quotient(a: Register, b: Register) -> tuple[Register, Register]:
    q, rest = _truncated(a, b)
    if a.dtype.kind == "u":
        return q, rest
    below = rest.ne(0) & (rest ^ b).lt(0)
    return below.select(q - 1, q), below.select(rest + b, rest)


def _real_rest(a: Register, b: Register) -> tuple[Register, Register]:
    """What division rounded down leaves, with the sign of b; and what fmod does."""
    rest = _fmod(a, b)
    below = rest.lt(0) ^ b.lt(0)
    signed = a.writer.intrinsic("copysign", _number(0, a), b)
    found = rest.ne(0).select(below.select(rest + b, rest), signed)
    return b.eq(0).select(rest, found), rest


def _real_quotient(a: Register, b: Register) -> Register:
    w, rest = a.writer, _fmod(a, b)
    q = (a - rest) / b
    q = (rest.ne(0) & (rest.lt(0) ^ b.lt(0))).select(q - 1, q)
    down = w.intrinsic("floor", q)
    down = (q - down).gt(0.5).select(down + 1, down)
    nothing = w.intrinsic("copysign", _number(0, a), a / b)
    return b.eq(0).select(a / b, q.eq(0).select(nothing, down))


# --- what a number is made of ---------------------------------------------------------------------


def _hypot(a: Register, b: Register) -> Register:
    """The square root of a^2 + b^2, without overflow on the way."""
    w = a.writer
    a, b = w.intrinsic("fabs", a), w.intrinsic("fabs", b)
    large, small = a.gt(b).select(a, b), a.gt(b).select(b, a)
    ratio = small / large.eq(0).select(_number(1, a), large)
    y = large * w.intrinsic("sqrt", ratio * ratio + 1)
    y = (a.ne(a) | b.ne(b)).select(a + b, y)
    return (a.eq(math.inf) | b.eq(math.inf)).select(_number(math.inf, a), y)


def _next_after(a: Register, b: Register) -> Register:
    """The number next to a on the way to b."""
    bits = a.bits(kind(a).whole)
    away = a.lt(b) ^ a.lt(0)
    y = away.select(bits + 1, bits - 1).bits(a.dtype)
    tiny: Any = np.finfo(a.dtype).smallest_subnormal
    y = a.eq(0).select(a.writer.intrinsic("copysign", _number(float(tiny), a), b), y)
    y = a.eq(b).select(b, y)
    return (a.ne(a) | b.ne(b)).select(a + b, y)


def _has_sign(x: Register) -> Register:
    if x.dtype.kind != "f":
        return x.lt(0)
    return x.bits(kind(x).whole).lt(0)


def _exponent(x: Register) -> Register:
    """The e for which |x| / 2^e is from 0.5 up to 1; 0 of what has none."""
    real, w = kind(x), x.writer
    size = w.intrinsic("fabs", x)
    small = size.lt(2.0 ** (1 - real.bias))
    lift = real.digits + 2
    bits = small.select(size * 2.0**lift, size).bits(real.whole)
    e = (bits >> real.digits) - (real.bias - 1)
    e = small.select(e - lift, e)
    none = size.eq(0) | (size.lt(math.inf) ^ True)
    return none.select(w.number(0, real.whole), e)


def _of_reals(rule: Rule) -> Rule:
    """A rule for float and double alone."""

    def found(*xs: Register) -> Register:
        if xs[0].dtype.kind != "f" or xs[0].dtype.itemsize not in (4, 8):
            raise Unsupported(f"this function of {xs[0].dtype}")
        return rule(*xs)

    return found


# Each with NumPy's function of the same meaning, which says to what dtypes the arguments are cast.
WHOLE: dict[str, tuple[Any, Rule]] = {
    "bitwise_and": (np.bitwise_and, lambda a, b: a & b),
    "bitwise_or": (np.bitwise_or, lambda a, b: a | b),
    "bitwise_xor": (np.bitwise_xor, lambda a, b: a ^ b),
    "bitwise_not": (np.bitwise_not, _inverted),
    "bitwise_left_shift": (np.left_shift, _shifted_left),
    "bitwise_right_shift": (np.right_shift, _shifted_right),
    "floor_divide": (np.floor_divide, _floor_divide),
    "remainder": (np.remainder, _remainder),
    "fmod": (np.fmod, _fmod),
    "hypot": (np.hypot, _of_reals(_hypot)),
    "nextafter": (np.nextafter, _of_reals(_next_after)),
    "signbit": (np.signbit, _has_sign),
    "bit_exponent": (np.sqrt, _of_reals(_exponent)),
}
