"""The dropout family: elements or channels left out by chance (floor 1, composites).

Each draws from the state of a generator, given as an array, and returns x as it is when it is not
training.
"""

from __future__ import annotations

from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import Array, Value, composite
from chainrule.ops.elementwise import add, cast, gt, mul
from chainrule.ops.random import random_mask

# What SELU tends to far to the left: -1.0507... times 1.6732...
_FLOOR = -1.7580993408473766


def _channels(x: Value) -> tuple[int, ...]:
    """The shape of a number for each channel of each image of x (N, C, ...)."""
    if len(x.shape) < 2:
        raise ShapeError(f"expected images (N, C, ...), got shape {tuple(x.shape)}")
    return (*x.shape[:2], *[1] * (len(x.shape) - 2))


def _active(p: float, training: bool) -> bool:
    if not 0 <= p <= 1:
        raise OptionError(f"dropout's probability must be between 0 and 1, got {p}")
    return training and p > 0


@composite
def feature_dropout(x: Value, p: float = 0.5, training: bool = True, *, state: Array) -> Value:
    """x with each channel of each image set to 0 with probability p, the others times 1 / (1 - p).

    J. Tompson and others, "Efficient object localization using convolutional networks", CVPR 2015.

    Args:
        x: (N, C, ...).
        p: 0 to 1.
        training: if not, x is returned as it is.
        state: of the generator to draw from.

    Examples:
        >>> from chainrule.ops import new_state
        >>> feature_dropout(np.ones((1, 2, 3)), 1.0, state=new_state(0)).sum()
        np.float64(0.0)
    """
    if not _active(p, training):
        return x
    return mul(x, random_mask(state, shape=_channels(x), p=p, dtype=x.dtype))


def _alpha(x: Value, p: float, shape: tuple[int, ...], state: Array) -> Value:
    kept = cast(gt(random_mask(state, shape=shape, p=p, dtype=x.dtype), 0.0), dtype=x.dtype)
    if p == 1:
        return mul(x, kept)
    scale = ((_FLOOR**2 * p + 1) * (1 - p)) ** -0.5
    # The floor where x is left out, and both moved so that mean 0 and variance 1 remain.
    shift = mul(add(kept, -1.0), -_FLOOR * scale)
    return add(mul(x, mul(kept, scale)), add(shift, -_FLOOR * scale * p))


@composite
def alpha_dropout(x: Value, p: float = 0.5, training: bool = True, *, state: Array) -> Value:
    """x with elements set to the floor of SELU with probability p, mean 0 and variance 1 kept.

    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks",
    NeurIPS 2017.

    Args:
        x: any shape.
        p: 0 to 1.
        training: if not, x is returned as it is.
        state: of the generator to draw from.

    Examples:
        >>> from chainrule.ops import new_state
        >>> alpha_dropout(np.ones(2), 0.5, training=False, state=new_state(0))
        array([1., 1.])
    """
    return _alpha(x, p, tuple(x.shape), state) if _active(p, training) else x


@composite
def feature_alpha_dropout(
    x: Value, p: float = 0.5, training: bool = True, *, state: Array
) -> Value:
    """`alpha_dropout` of whole channels of x (N, C, ...).

    Examples:
        >>> from chainrule.ops import new_state
        >>> feature_alpha_dropout(np.ones((1, 2)), 0.0, state=new_state(0))
        array([[1., 1.]])
    """
    return _alpha(x, p, _channels(x), state) if _active(p, training) else x
