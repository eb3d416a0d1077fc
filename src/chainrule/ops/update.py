"""The steps of the optimisers: operations that change arguments of theirs in place (floor 1).

Whatever may change from one step to the next comes in an array, so that a recorded step can be
replayed: the state, the count of steps, and the numbers that a person or a schedule turns (learning
rate, momentum, decay). Those last may be plain numbers where nobody turns them. What is fixed for
good is an attribute. The results are PyTorch's.

The bodies go through a large array a piece at a time: ten passes over what the cache holds take
less time than ten passes over memory. What they compute on the way goes to memory for one piece,
which each thread keeps from step to step.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend.arrays import is_gpu
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Shape, broadcast_shape, primitive, quiet, same_shape

# A 0-d array, or a number that will not change.
Number: TypeAlias = Any

# Which arguments each operation changes. A compiler asks this before it reorders anything.
CHANGED: dict[str, tuple[int, ...]] = {
    "assign": (0,),
    "increment": (0,),
    "sgd_step": (0, 2),
    "adam_step": (0, 2, 3, 4),
    "rmsprop_step": (0, 2, 3, 4),
    "adagrad_step": (0, 2),
}

# Elements to a piece. Of the powers of two from 8,192 to 131,072 the quickest for Adam on arrays of
# 260,000 to 4,000,000 float32, or within a few percent of it.
PIECE = 65536
# Up to so many, new memory is had sooner than that which is kept is found.
SMALL = 8192


def _in_pieces(advance: Callable[..., None], *arrays: Array) -> None:
    """Call `advance` on the arrays, or, if they are large, on the same rows of each in turn."""
    size = arrays[0].size
    if size <= PIECE or is_gpu(arrays[0]):  # what is in pieces for the caches of a processor
        advance(*arrays)
        return
    if all(a.flags.c_contiguous for a in arrays):
        arrays = tuple(a.reshape(-1) for a in arrays)
    count = len(arrays[0])
    rows = max(1, PIECE * count // size)
    for i in range(0, count, rows):
        advance(*(a[i : i + rows] for a in arrays))


class _Kept(threading.local):
    """The memory of a thread, by number and dtype."""

    def __init__(self) -> None:
        self.memory: dict[tuple[int, np.dtype[Any]], Array] = {}


_kept = _Kept()


def _scratch(x: Array, number: int = 0) -> Array:
    """An array like x with anything in it; large ones of one number are in the same memory."""
    if x.size <= SMALL or is_gpu(x):
        return np.empty_like(x)
    memory = _kept.memory.get((number, x.dtype))
    if memory is None or memory.size < x.size:
        memory = _kept.memory[number, x.dtype] = np.empty(x.size, x.dtype)
    return memory[: x.size].reshape(x.shape)


def _assigned_shape(x: Shape, value: Shape = (), **_attrs: Any) -> Shape:
    if broadcast_shape(x, value) != x:
        raise ShapeError(f"what has shape {value} cannot be put into shape {x}")
    return x


def _step_shape(remembered: int) -> Callable[..., Shape]:
    """After x and g come so many arrays of what is remembered, (0,) where an option needs none."""

    def shape(x: Shape, g: Shape, *others: Shape, **_attrs: Any) -> Shape:
        check_gradient(x, g)
        for state in others[:remembered]:
            if state not in (x, (0,)):
                raise ShapeError(
                    f"what is remembered of a parameter of shape {x} cannot have shape {state}"
                )
        return x

    return shape


def _step_cost(flops: int) -> Callable[..., Cost]:
    """So many operations per element of x; every array is read, and all but g written."""

    def cost(x: Shape, *others: Shape, **_attrs: Any) -> Cost:
        read = sum(math.prod(s) for s in (x, *others))
        return Cost(flops * math.prod(x), 2 * read - math.prod(x))

    return cost


def check_gradient(x: Shape, g: Shape) -> None:
    """Let a gradient pass that has the shape of its parameter.

    Raises:
        ShapeError: it has another.
    """
    # In place, NumPy would spread a smaller gradient over the parameter without a word.
    if x != g:
        raise ShapeError(f"the gradient has shape {g}, the parameter {x}; they must be equal")


def _decayed(x: Array, g: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient, uphill if asked, with that of the penalty weight_decay / 2 |x|^2 added."""
    if not weight_decay:
        return np.negative(g, out=_scratch(x, 1)) if maximize else g
    penalty = np.multiply(x, weight_decay, out=_scratch(x, 1))
    penalised: Array = (np.subtract if maximize else np.add)(penalty, g, out=penalty)
    return penalised


def _move_towards(average: Array, g: Array, share: float, scratch: Array) -> None:
    """Add share (g - average) to `average`."""
    np.subtract(g, average, out=scratch)
    scratch *= share
    average += scratch


def _move_towards_square(average: Array, g: Array, kept: float, scratch: Array) -> None:
    """Make `average` kept average + (1 - kept) g^2."""
    np.multiply(g, g, out=scratch)
    scratch *= 1 - kept
    average *= kept
    average += scratch


@primitive(kind="update", shape=_assigned_shape)
def assign(x: Array, value: Array) -> Array:
    """x becomes `value`, broadcast, in x's own dtype.

    Raises:
        ShapeError: `value` cannot be broadcast to x.

    Examples:
        >>> x = np.zeros(2)
        >>> assign(x, 3.0)
        array([3., 3.])
    """
    np.copyto(x, value, casting="unsafe")
    return x


@primitive(kind="update", shape=same_shape, arity=1)
def increment(x: Array, amount: float = 1.0) -> Array:
    """x += amount: how steps are counted.

    Examples:
        >>> step = np.array(1.0)
        >>> increment(step)
        array(2.)
    """
    x += amount
    return x


@primitive(kind="update", shape=_step_shape(1), cost=_step_cost(6), arity=7)
@quiet
def sgd_step(
    x: Array,
    g: Array,
    momentum_buffer: Array,
    lr: Number,
    momentum: Number = 0.0,
    dampening: Number = 0.0,
    weight_decay: Number = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr v with v = momentum v + (1 - dampening) g.

    With `nesterov`, x -= lr (g + momentum v). I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On
    the importance of initialization and momentum in deep learning", ICML 2013.

    Args:
        x: the parameter, changed.
        g: its gradient.
        momentum_buffer: v, changed; unused without momentum.
        lr: learning rate.
        momentum: share of v kept.
        dampening: share of g left out of v.
        weight_decay: adds weight_decay x to g.
        nesterov: look ahead along v.
        maximize: go uphill.

    Raises:
        ShapeError: x, g and what is remembered differ in shape.

    Examples:
        >>> x, v = np.array([1.0]), np.zeros(1)
        >>> for _ in range(2):
        ...     x = sgd_step(x, np.array([2.0]), v, 0.1, momentum=0.5)
        >>> x, v
        (array([0.5]), array([3.]))
    """
    check_gradient(x.shape, g.shape)
    rate, kept, decay = float(lr), float(momentum), float(weight_decay)
    taken = 1 - float(dampening)

    def advance(x: Array, g: Array, v: Array) -> None:
        g, scratch = _decayed(x, g, decay, maximize), _scratch(x)
        if kept:
            v *= kept
            v += g if taken == 1 else np.multiply(g, taken, out=scratch)
            g = np.add(g, np.multiply(v, kept, out=scratch), out=scratch) if nesterov else v
        x -= np.multiply(g, rate, out=scratch)

    _in_pieces(advance, x, g, momentum_buffer)
    return x


@primitive(kind="update", shape=_step_shape(3), cost=_step_cost(14), arity=10)
@quiet
def adam_step(
    x: Array,
    g: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array,
    lr: Number,
    step: Number,
    betas: Any = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    amsgrad: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr m' / (sqrt(v') + eps), m and v running means of g and g^2, ' their correction.

    m' = m / (1 - beta1^t), v' = v / (1 - beta2^t). D. P. Kingma and J. Ba, "Adam: a method for
    stochastic optimization", ICLR 2015. With `decoupled`, x shrinks by lr weight_decay x first
    (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019); with
    `amsgrad`, v' is the largest v so far, corrected (S. J. Reddi, S. Kale and S. Kumar, "On the
    convergence of Adam and beyond", ICLR 2018).

    Args:
        x: the parameter, changed.
        g: its gradient.
        exp_avg: m, changed.
        exp_avg_sq: v, changed.
        max_exp_avg_sq: the largest v, changed; unused without `amsgrad`.
        lr: learning rate.
        step: t, steps taken, this one included.
        betas: how much of m and of v is kept, two numbers.
        eps: keeps the quotient finite.
        weight_decay: strength of the decay.
        amsgrad: never let v shrink.
        decoupled: decay x itself rather than through g.
        maximize: go uphill.

    Raises:
        ShapeError: x, g and what is remembered differ in shape.

    Examples:
        >>> x = np.array([1.0])
        >>> m, v, top = np.zeros((3, 1))
        >>> adam_step(x, np.array([2.0]), m, v, top, 0.1, 1.0).round(6)
        array([0.9])
    """
    check_gradient(x.shape, g.shape)
    rate, t, decay = float(lr), float(step), float(weight_decay)
    beta1, beta2 = float(betas[0]), float(betas[1])
    # lr m' / (sqrt(v') + eps) = size m / (sqrt(v) + floor): one pass less over the array.
    root = math.sqrt(1 - beta2**t)
    size, floor = rate * root / (1 - beta1**t), float(eps) * root

    def advance(x: Array, g: Array, m: Array, v: Array, largest: Array) -> None:
        g = _decayed(x, g, 0.0 if decoupled else decay, maximize)
        if decoupled and decay:
            x *= 1 - rate * decay
        scratch = _scratch(x)
        _move_towards(m, g, 1 - beta1, scratch)
        _move_towards_square(v, g, beta2, scratch)
        np.sqrt(np.maximum(largest, v, out=largest) if amsgrad else v, out=scratch)
        scratch += floor
        np.divide(m, scratch, out=scratch)
        scratch *= size
        x -= scratch

    _in_pieces(advance, x, g, exp_avg, exp_avg_sq, max_exp_avg_sq)
    return x


@primitive(kind="update", shape=_step_shape(3), cost=_step_cost(13), arity=10)
@quiet
def rmsprop_step(
    x: Array,
    g: Array,
    square_avg: Array,
    momentum_buffer: Array,
    grad_avg: Array,
    lr: Number,
    alpha: Number = 0.99,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    momentum: Number = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr g / (sqrt(v) + eps), v a running mean of g^2 (less that of g, squared, if centered).

    T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", Coursera, 2012; centered: A. Graves,
    "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.

    Args:
        x: the parameter, changed.
        g: its gradient.
        square_avg: v, changed.
        momentum_buffer: changed; unused without momentum.
        grad_avg: running mean of g, changed; unused unless centered.
        lr: learning rate.
        alpha: how much of v is kept.
        eps: keeps the quotient finite.
        weight_decay: adds weight_decay x to g.
        momentum: share of the last step kept.
        centered: divide by the deviation rather than the root mean square.
        maximize: go uphill.

    Raises:
        ShapeError: x, g and what is remembered differ in shape.

    Examples:
        >>> x = np.array([1.0])
        >>> v, b, m = np.zeros((3, 1))
        >>> rmsprop_step(x, np.array([2.0]), v, b, m, 0.01).round(6)
        array([0.9])
    """
    check_gradient(x.shape, g.shape)
    rate, kept, decay = float(lr), float(momentum), float(weight_decay)
    share, floor = float(alpha), float(eps)

    def advance(x: Array, g: Array, v: Array, b: Array, mean: Array) -> None:
        g = _decayed(x, g, decay, maximize)
        scratch = _scratch(x)
        _move_towards_square(v, g, share, scratch)
        if centered:
            _move_towards(mean, g, 1 - share, scratch)
            np.multiply(mean, mean, out=scratch)
            np.subtract(v, scratch, out=scratch)
        np.sqrt(scratch if centered else v, out=scratch)
        scratch += floor
        np.divide(g, scratch, out=scratch)
        if kept:
            b *= kept
            b += scratch
        np.multiply(b if kept else scratch, rate, out=scratch)
        x -= scratch

    _in_pieces(advance, x, g, square_avg, momentum_buffer, grad_avg)
    return x


@primitive(kind="update", shape=_step_shape(1), cost=_step_cost(7), arity=8)
@quiet
def adagrad_step(
    x: Array,
    g: Array,
    sum_sq: Array,
    lr: Number,
    step: Number,
    lr_decay: Number = 0.0,
    weight_decay: Number = 0.0,
    eps: Number = 1e-10,
    maximize: bool = False,
) -> Array:
    """x -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s the sum of all g^2 so far.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011.

    Args:
        x: the parameter, changed.
        g: its gradient.
        sum_sq: s, changed.
        lr: learning rate.
        step: t, steps taken, this one included.
        lr_decay: how fast the rate falls.
        weight_decay: adds weight_decay x to g.
        eps: keeps the quotient finite.
        maximize: go uphill.

    Raises:
        ShapeError: x, g and what is remembered differ in shape.

    Examples:
        >>> x = np.array([1.0])
        >>> adagrad_step(x, np.array([2.0]), np.zeros(1), 0.1, 1.0).round(6)
        array([0.9])
    """
    check_gradient(x.shape, g.shape)
    decay, floor = float(weight_decay), float(eps)
    rate = float(lr) / (1 + (float(step) - 1) * float(lr_decay))

    def advance(x: Array, g: Array, s: Array) -> None:
        g = _decayed(x, g, decay, maximize)
        scratch = np.multiply(g, g, out=_scratch(x))
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += floor
        np.divide(g, scratch, out=scratch)
        scratch *= rate
        x -= scratch

    _in_pieces(advance, x, g, sum_sq)
    return x
