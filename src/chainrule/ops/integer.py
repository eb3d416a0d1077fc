"""Operations on whole numbers and truth values, bit by bit or by their divisors (floor 1).

None has a derivative. On truth values `and`, `or`, `xor` and `not` are those of logic.
"""

from __future__ import annotations

import numpy as np

from chainrule.errors import OptionError
from chainrule.ops.core import Array
from chainrule.ops.elementwise import elementwise


def _whole(name: str, *xs: Array) -> None:
    for x in xs:
        kind = np.result_type(x).kind
        if kind not in "iub":
            raise OptionError(
                f"{name} takes integers or truth values, got {np.result_type(x)}; compare first, "
                "for example (x > 0) & (x < 1), or convert with .long()"
            )


@elementwise(None, None)
def bitwise_and(a: Array, b: Array) -> Array:
    """The bits that both have.

    Examples:
        >>> bitwise_and(np.array([12, 5]), 6)
        array([4, 4])
    """
    _whole("bitwise_and", a, b)
    return np.bitwise_and(a, b)


@elementwise(None, None)
def bitwise_or(a: Array, b: Array) -> Array:
    """The bits that at least one has.

    Examples:
        >>> bitwise_or(np.array([12, 5]), 6)
        array([14,  7])
    """
    _whole("bitwise_or", a, b)
    return np.bitwise_or(a, b)


@elementwise(None, None)
def bitwise_xor(a: Array, b: Array) -> Array:
    """The bits that exactly one has.

    Examples:
        >>> bitwise_xor(np.array([12, 5]), 6)
        array([10,  3])
    """
    _whole("bitwise_xor", a, b)
    return np.bitwise_xor(a, b)


@elementwise(None)
def bitwise_not(x: Array) -> Array:
    """Every bit the other way round: -x - 1.

    Examples:
        >>> bitwise_not(np.array([0, 5]))
        array([-1, -6])
    """
    _whole("bitwise_not", x)
    return np.bitwise_not(x)


@elementwise(None, None)
def bitwise_left_shift(a: Array, b: Array) -> Array:
    """a times 2^b.

    Examples:
        >>> bitwise_left_shift(np.array([1, 3]), 2)
        array([ 4, 12])
    """
    _whole("bitwise_left_shift", a, b)
    return np.left_shift(a, b)


@elementwise(None, None)
def bitwise_right_shift(a: Array, b: Array) -> Array:
    """The largest integer not above a / 2^b.

    Examples:
        >>> bitwise_right_shift(np.array([4, -3]), 1)
        array([ 2, -2])
    """
    _whole("bitwise_right_shift", a, b)
    return np.right_shift(a, b)


@elementwise(None, None, flops=20)
def gcd(a: Array, b: Array) -> Array:
    """The greatest common divisor.

    Examples:
        >>> gcd(np.array([12, 7]), 18)
        array([6, 1])
    """
    _whole("gcd", a, b)
    return np.gcd(a, b)


@elementwise(None, None, flops=20)
def lcm(a: Array, b: Array) -> Array:
    """The least common multiple.

    Examples:
        >>> lcm(np.array([4, 7]), 6)
        array([12, 42])
    """
    _whole("lcm", a, b)
    return np.lcm(a, b)
