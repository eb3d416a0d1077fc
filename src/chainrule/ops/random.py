"""Random numbers from explicit generators, counted rather than chained (floor 1).

The state of a generator is an array of two 64-bit integers, (key, counter); drawing advances the
counter. The number at a place in the sequence is a fixed mixing of key and place (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the SplitMix64 finaliser), so
a block of numbers can be made in any order, by any executor, and be the same to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import OptionError
from chainrule.ops.core import Array, Cost, Shape, Value, composite, primitive, quiet
from chainrule.ops.elementwise import mul

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def new_state(seed: int) -> Array:
    """Return the state of a generator for `seed`: uint64 of shape (2,)."""
    key = _mixed(np.array([seed % (1 << 64)], dtype=np.uint64))
    return np.array([key[0], 0], dtype=np.uint64)


def _mixed(z: Array) -> Array:
    z ^= z >> np.uint64(30)
    z *= _MIX_1
    z ^= z >> np.uint64(27)
    z *= _MIX_2
    z ^= z >> np.uint64(31)
    return z


def _bits(state: Array, count: int) -> Array:
    """The next `count` numbers of 64 random bits."""
    key, counter = state
    z = np.arange(int(counter) + 1, int(counter) + 1 + count, dtype=np.uint64)
    z *= _GOLDEN
    z += key
    state[1] += np.uint64(count)
    return _mixed(z)


def _drawn(_state: Shape, *, shape: Shape, **_attrs: Any) -> Shape:
    return tuple(shape)


def _draw_cost(_state: Shape, *, shape: Shape, **_attrs: Any) -> Cost:
    return Cost(10 * math.prod(shape), math.prod(shape))


@primitive(kind="random", shape=_drawn, cost=_draw_cost, arity=1)
def random_uniform(state: Array, shape: Shape, dtype: Any = np.float32) -> Array:
    """Numbers evenly spread over [0, 1), with all the bits that `dtype` can show.

    Examples:
        >>> random_uniform(new_state(0), shape=(3,)).round(3)
        array([0.883, 0.432, 0.026], dtype=float32)
    """
    digits = np.finfo(dtype).nmant + 1
    bits = _bits(state, math.prod(shape)) >> np.uint64(64 - digits)
    y = bits.astype(dtype)
    y *= np.asarray(2.0**-digits, dtype=dtype)
    return y.reshape(shape)


@primitive(kind="random", shape=_drawn, cost=_draw_cost, arity=1)
@quiet
def random_normal(state: Array, shape: Shape, dtype: Any = np.float32) -> Array:
    """Numbers of the standard normal distribution, by Box and Muller's transformation.

    Two uniform numbers u and v give sqrt(-2 ln(1 - u)) times cos and sin of 2 pi v (G. E. P. Box
    and M. E. Muller, "A note on the generation of random normal deviates", 1958).

    Examples:
        >>> random_normal(new_state(0), shape=(4,)).shape
        (4,)
    """
    count = math.prod(shape)
    half = (count + 1) // 2
    u = random_uniform.forward(state, shape=(2, half), dtype=np.float64)
    radius = np.sqrt(-2 * np.log1p(-u[0]))
    angle = (2 * math.pi) * u[1]
    y = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    return y.astype(dtype).reshape(shape)


@primitive(kind="random", shape=_drawn, cost=_draw_cost, arity=1)
def random_mask(state: Array, shape: Shape, p: float, dtype: Any = np.float32) -> Array:
    """1 / (1 - p) with probability 1 - p, else 0: what dropout multiplies by.

    Examples:
        >>> sorted(set(random_mask(new_state(0), shape=(100,), p=0.5).tolist()))
        [0.0, 2.0]
    """
    if p >= 1:
        return np.zeros(shape, dtype=dtype)
    threshold = np.uint64(min(round(p * 2.0**64), (1 << 64) - 1))
    keep = _bits(state, math.prod(shape)) >= threshold
    y = keep.astype(dtype)
    y *= np.asarray(1 / (1 - p), dtype=dtype)
    return y.reshape(shape)


@primitive(kind="random", shape=_drawn, cost=_draw_cost, arity=1)
def random_permutation(state: Array, shape: Shape) -> Array:
    """The numbers 0 to n - 1 in random order, n = shape[0].

    Examples:
        >>> sorted(random_permutation(new_state(0), shape=(4,)).tolist())
        [0, 1, 2, 3]
    """
    return np.argsort(_bits(state, shape[0]), kind="stable")


@composite
def dropout(x: Value, p: float = 0.5, training: bool = True, *, state: Array) -> Value:
    """x with each element set to 0 with probability p, the others scaled by 1 / (1 - p).

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
    neural networks from overfitting", JMLR 15, 2014.

    Args:
        x: any shape.
        p: 0 to 1.
        training: if not, x is returned as it is.
        state: of the generator to draw from.

    Raises:
        OptionError: p is outside 0 to 1.

    Examples:
        >>> dropout(np.ones(4), 0.5, training=False, state=new_state(0))
        array([1., 1., 1., 1.])
    """
    if not 0 <= p <= 1:
        raise OptionError(f"dropout's probability must be between 0 and 1, got {p}")
    if not training or p == 0:
        return x
    return mul(x, random_mask(state, shape=tuple(x.shape), p=p, dtype=x.dtype))
