"""Random numbers from explicit generators, counted rather than chained (floor 1).

The state of a generator is an array of two 64-bit integers, (key, counter); drawing advances the
counter. The number at a place in the sequence is a fixed mixing of key and place (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the SplitMix64 finaliser), so
a block of numbers can be made in any order, by any executor, and be the same to the last bit.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule.backend.arrays import module_of, to_host
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops.core import Array, Cost, Shape, Value, checked, composite, primitive, quiet
from chainrule.ops.elementwise import cast, div, log1p, lt, mul, neg
from chainrule.ops.order import searched
from chainrule.ops.reduce import cumsum, topk
from chainrule.ops.shape import narrow

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
    z = _bits_at(state, module_of(state).arange(count, dtype=np.uint64))
    state[1] += np.uint64(count)
    return z


def _bits_at(state: Array, at: Array) -> Array:
    """The numbers of 64 random bits so many places on; `at` is used up."""
    key, counter = state
    at += counter + np.uint64(1)
    at *= _GOLDEN
    at += key
    return _mixed(at)


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
    y *= y.dtype.type(2.0**-digits)
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
        return module_of(state).zeros(shape, dtype=dtype)
    return _kept(_bits(state, math.prod(shape)), p, dtype).reshape(shape)


def _kept(bits: Array, p: float, dtype: Any) -> Array:
    y = (bits >= np.uint64(min(round(p * 2.0**64), (1 << 64) - 1))).astype(dtype)
    y *= y.dtype.type(1 / (1 - p))
    return y


def mask_at(place: Array, at: Array, p: float, dtype: Any) -> Array:
    """What `random_mask` draws so many places on from a place, which stays where it is.

    Examples:
        >>> state = new_state(0)
        >>> some = mask_at(state, np.array([3, 4]), 0.5, np.float32)
        >>> bool((some == random_mask(state, shape=(5,), p=0.5)[3:]).all())
        True
    """
    if p >= 1:
        return np.zeros_like(at, dtype=dtype)
    return _kept(_bits_at(place, at.astype(np.uint64)), p, dtype)


def _a_place(_state: Shape, *, count: int) -> Shape:
    return (2,)


@primitive(kind="random", shape=_a_place, cost=lambda _state, **_attrs: Cost(0, 4), arity=1)
def random_place(state: Array, count: int) -> Array:
    """Where a generator stands, which then skips `count` numbers: they are drawn from that place.

    Examples:
        >>> state = new_state(0)
        >>> place = random_place(state, count=7)
        >>> int(state[1] - place[1])
        7
    """
    place = state.copy()
    state[1] += np.uint64(count)
    return place


@primitive(kind="random", shape=_drawn, cost=_draw_cost, arity=1)
def random_permutation(state: Array, shape: Shape) -> Array:
    """The numbers 0 to n - 1 in random order, n = shape[0].

    Examples:
        >>> sorted(random_permutation(new_state(0), shape=(4,)).tolist())
        [0, 1, 2, 3]
    """
    return np.argsort(_bits(state, shape[0]), kind="stable")


@composite
def bernoulli(p: Value, *, state: Array) -> Value:
    """1 with probability p, else 0, in the dtype of p.

    Examples:
        >>> bernoulli(np.array([0.0, 1.0]), state=new_state(0))
        array([0., 1.])
    """
    return cast(lt(random_uniform(state, shape=tuple(p.shape), dtype=p.dtype), p), dtype=p.dtype)


@composite
def multinomial(p: Value, num_samples: int, replacement: bool = False, *, state: Array) -> Value:
    """Numbers of entries, drawn with probabilities in proportion to p.

    With replacement by inversion. Without, in a race: entry i arrives after an exponential time of
    rate p_i, and those who arrive first are taken (P. S. Efraimidis and P. G. Spirakis, "Weighted
    random sampling with a reservoir", Information Processing Letters 97, 2006).

    Args:
        p: (n,) or (m, n), not negative.
        num_samples: how many to draw, from each row.
        replacement: whether an entry can be drawn again.
        state: of the generator to draw from.

    Returns:
        int64 of shape (num_samples,) or (m, num_samples).

    Raises:
        DataError: a negative or infinite p, or too few that are not 0.

    Examples:
        >>> multinomial(np.array([0.0, 3.0, 0.0]), 2, True, state=new_state(0))
        array([1, 1])
    """
    if len(p.shape) not in (1, 2) or not p.shape[-1]:
        raise ShapeError(f"multinomial takes probabilities (n,) or (m, n), got {tuple(p.shape)}")
    if num_samples < 1:
        raise OptionError(f"multinomial draws one sample or more, got {num_samples}")
    checked(partial(_can_be_drawn, count=1 if replacement else num_samples), p)
    if not replacement:
        uniform = random_uniform(state, shape=tuple(p.shape), dtype=np.dtype(np.float64))
        arrival = div(neg(log1p(neg(uniform))), cast(p, dtype=np.float64))
        return topk(arrival, num_samples, largest=False).indices
    shape = (*p.shape[:-1], num_samples)
    uniform = random_uniform(state, shape=shape, dtype=np.dtype(np.float64))
    reached = cumsum(cast(p, dtype=np.float64), dim=-1)
    last = narrow(reached, -1, p.shape[-1] - 1, 1)
    return searched(div(reached, last), uniform, right=True)


def _can_be_drawn(p: Array, count: int) -> None:
    if not np.all(np.isfinite(p)) or np.any(p < 0):
        raise DataError("multinomial's probabilities must be 0 or more, and finite")
    least = min([count, *to_host(np.count_nonzero(p, axis=-1)).reshape(-1).tolist()])
    if least < count:
        raise DataError(
            f"multinomial draws {count} different entries, but a row has {least} that are not 0; "
            "use replacement=True, or fewer samples"
        )


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
