"""Operations with a derivative that a person writes: `Function` (floor 2).

A person's `forward` and `backward` take and give tensors. What was computed is one node on the
tape, a `Call`, whatever happened inside. Where `forward` gives several tensors the node gives them
side by side in one vector, of which each is a part; so `backward` gets zeros for one that has not
been used.
"""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.tape import Node, Traced, is_grad_enabled, mark_changed, no_grad, wrap
from chainrule.backend.arrays import module_of
from chainrule.errors import GradientError, ShapeError
from chainrule.ops.core import LISTENERS, Op, Reads, run, same_shape
from chainrule.ops.scope import SCOPE

__all__ = ["Function", "FunctionCtx", "call", "once_differentiable"]

# Gradients of the outputs to those of the inputs, `None` for what has none.
Backward = Callable[..., Sequence[Any]]

_NOTHING_READ = Reads(False, ())


class Call(Node):
    """A node whose derivative is a function from tensors to tensors.

    Attributes:
        backward: that function.
    """

    __slots__ = ("backward",)

    backward: Backward | None

    def through(self, walk: Any, g: Any, wanted: set[int] | None) -> None:
        """Hand the gradients that `backward` makes of `g` to the parents."""
        self.saved()
        assert self.backward is not None
        found = self.backward(g if walk.create_graph else wrap(g))
        for i, (parent, gradient) in enumerate(zip(self.parents, found)):
            if parent is None or gradient is None or (wanted and id(parent) not in wanted):
                continue
            shape, dtype = self.attrs["inputs"][i]
            if gradient.array.shape != shape:
                raise ShapeError(
                    f"backward of {self.op.name} gave a gradient of shape {gradient.array.shape} "
                    f"for input {i} of shape {shape}"
                )
            gradient = ops.cast(gradient, dtype=dtype)
            walk.give(parent, gradient if walk.create_graph else gradient.array, shared=True)

    def release(self) -> None:
        """Let what was saved go."""
        super().release()
        self.xs = None
        self.backward = None


def call(
    name: str,
    backward: Backward,
    inputs: Sequence[Any],
    outputs: Sequence[ops.Array],
    saved: Sequence[ops.Array] = (),
) -> list[Any]:
    """Return `outputs` as tensors that were computed from `inputs`.

    Args:
        name: of the node.
        backward: takes a gradient for each output, gives one, or `None`, for each input.
        inputs: tensors, and whatever else, which gets no gradient.
        outputs: floating-point arrays.
        saved: what `backward` reads, and nobody may change meanwhile.
    """
    parents = [(t.node or t) if isinstance(t, Traced) and t.needs_grad else None for t in inputs]
    single = len(outputs) == 1
    whole = outputs[0] if single else np.concatenate([a.reshape(-1) for a in outputs])
    facts = [(t.array.shape, t.array.dtype) if isinstance(t, Traced) else None for t in inputs]
    op = Op(name, lambda *_xs: None, kind="gather", shape=same_shape)
    node = Call(op, {"inputs": facts}, parents, list(saved), whole, _NOTHING_READ)
    if LISTENERS:
        node.entries = SCOPE.entries
    joined = wrap(whole, node)
    if single:
        node.backward = backward
        return [joined]
    shapes = [a.shape for a in outputs]
    node.backward = lambda g: backward(*_parts(g, shapes))
    return _parts(joined, shapes)


def _parts(joined: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """The pieces, of these shapes, that lie side by side in a vector."""
    pieces = ops.split(joined, [math.prod(shape) for shape in shapes])
    return [ops.reshape(piece, shape=shape) for piece, shape in zip(pieces, shapes)]


class _Kept:
    """A result of an operation, kept by the operation itself: a way from its node to the result."""

    def __init__(self, result: Any) -> None:
        whole = result if result.base is None else result.base
        self._array, self._node, self._way = whole.array, weakref.ref(whole.node), result.way

    def __call__(self) -> Any:
        found = wrap(self._array, self._node())
        for op, attrs in self._way:
            found = run(op, (found,), attrs)
        return found


class FunctionCtx:
    """What `forward` leaves for `backward`: tensors by `save_for_backward`, all else as attributes.

    Attributes:
        needs_input_grad: for each input whether a gradient is wanted.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self._fixed: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs and outputs, or `None`s, for `backward`, which finds them in order."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept."""
        return tuple(t() if isinstance(t, _Kept) else t for t in self._saved)

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The same by its older name."""
        return self.saved_tensors

    def _close(self, outputs: Sequence[Any], results: Sequence[Any]) -> None:
        """Keep outputs without holding on to the node that holds on to this object."""
        by_id = {id(y): t for y, t in zip(outputs, results, strict=True)}
        self._saved = tuple(
            _Kept(by_id[id(t)])
            if id(t) in by_id and by_id[id(t)].node is not None and not _among(t, self._dirty)
            else t
            for t in self._saved
        )

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self._fixed = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that these inputs, which `forward` returns, were changed in place."""
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Accept a wish for `None` instead of zeros, which `backward` gets all the same."""


class Function:
    """An operation whose forward and backward a person writes.

    Subclasses have two static methods: `forward(ctx, *args)`, or `forward(*args)` together with
    `setup_context(ctx, inputs, output)`, and `backward(ctx, *gradients)`, which returns a gradient,
    or `None`, for each argument. The operation is called by `apply`. Gradients are tensors, and
    what `backward` does with them is recorded if they are to be differentiated again.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> class Cube(Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * g
        >>> x = tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; in a subclass."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep in `ctx` what `backward` needs, where `forward` is without `ctx`; in a subclass."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Turn gradients of the results into gradients of the arguments; in a subclass."""
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Perform the operation.

        Raises:
            GradientError: `backward` gives too many or too few gradients, when it is asked.
        """
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Traced) and a.needs_grad for a in args)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        if not (any(ctx.needs_input_grad) and is_grad_enabled()):
            return output
        outputs = output if isinstance(output, (tuple, list)) else (output,)
        tracked = cls._tracked(ctx, args, outputs)
        return tuple(tracked) if isinstance(output, (tuple, list)) else tracked[0]

    @classmethod
    def _tracked(cls, ctx: FunctionCtx, args: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
        """The outputs, those that have a gradient with the operation as their history."""
        fixed = {id(t) for t in ctx._fixed}
        chosen = [
            isinstance(y, Traced) and y.array.dtype.kind == "f" and id(y) not in fixed
            for y in outputs
        ]
        arrays = [y.array for y, has in zip(outputs, chosen) if has]
        if not arrays:
            return list(outputs)
        for t in ctx._dirty:
            if t.needs_grad and t.node is None:
                raise GradientError(f"{cls.__name__} changes a leaf that wants a gradient in place")
        mark_changed(*ctx._dirty)
        saved = [t.array for t in ctx._saved if isinstance(t, Traced)]
        backward = functools.partial(_backward, cls, ctx, _Results(outputs, chosen))
        made = iter(call(f"{cls.__name__}Backward", backward, args, arrays, saved))
        results = [next(made) if has else y for y, has in zip(outputs, chosen)]
        ctx._close(outputs, results)
        return [_taken_over(t, y) if _among(y, ctx._dirty) else t for t, y in zip(results, outputs)]


def _among(thing: Any, things: Sequence[Any]) -> bool:
    return any(thing is other for other in things)


def _taken_over(result: Any, changed: Any) -> Any:
    """The tensor that was changed in place, with the history of the result."""
    changed.node, changed.needs_grad = result.node, result.needs_grad
    return changed


class _Results:
    """The shapes of the outputs, and which of them have gradients."""

    def __init__(self, outputs: Sequence[Any], chosen: Sequence[bool]) -> None:
        zeros = [_later(y) if isinstance(y, Traced) else None for y in outputs]
        self.places = list(zip(zeros, chosen, strict=True))

    def complete(self, gradients: Sequence[Any]) -> list[Any]:
        """The gradients, with zeros for outputs that have none."""
        rest = iter(gradients)
        return [next(rest) if has else zeros and wrap(zeros()) for zeros, has in self.places]


def _later(y: Traced) -> Callable[[], ops.Array]:
    """What makes zeros like y, which it does not hold."""
    return functools.partial(module_of(y).zeros, y.array.shape, y.array.dtype)


def _backward(
    cls: type[Function], ctx: FunctionCtx, results: _Results, *gradients: Any
) -> list[Any]:
    """What a person's `backward` gives, a gradient or `None` for each input."""
    found = cls.backward(ctx, *results.complete(gradients))
    listed = list(found) if isinstance(found, (tuple, list)) else [found]
    count = len(ctx.needs_input_grad)
    if len(listed) < count or any(g is not None for g in listed[count:]):
        raise GradientError(
            f"backward of {cls.__name__} must return a gradient, or None, for each of {count} "
            f"inputs, got {len(listed)}"
        )
    for i, g in enumerate(listed):
        if g is not None and not isinstance(g, Traced):
            raise GradientError(
                f"backward of {cls.__name__} must return tensors or None, got "
                f"{type(g).__name__} for input {i}"
            )
    return listed[:count]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that is not recorded: to differentiate its results is an error.

    Raises:
        GradientError: when they are differentiated.
    """

    def refuse(*_gradients: Any) -> Any:
        raise GradientError(
            "this gradient cannot be differentiated again: its backward is once_differentiable"
        )

    @functools.wraps(backward)
    def call_once(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            found = backward(ctx, *gradients)
        results = found if isinstance(found, (tuple, list)) else (found,)
        if not is_grad_enabled():
            return found
        refused = [_refusing(refuse, g) if isinstance(g, Traced) else g for g in results]
        return tuple(refused) if isinstance(found, (tuple, list)) else refused[0]

    return call_once


def _refusing(refuse: Backward, g: Any) -> Any:
    """The numbers of `g`, as if they had been computed by what refuses to be differentiated."""
    leaf = wrap(g.array)
    leaf.needs_grad = True
    return call("once_differentiable", refuse, [leaf], [g.array])[0]
