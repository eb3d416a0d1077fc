"""Functions that a person hangs on a module, to be called when it computes (floor 3).

Hooks before and after `forward` see and may replace arguments and results. Hooks of the way back
see gradients: the tensors that go in, and those that come out, each pass through one node of the
tape, and what hangs on that node sees the gradients of all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

from chainrule import ops
from chainrule.autograd import Tensor, is_grad_enabled, zeros_like
from chainrule.errors import OptionError

__all__ = ["KINDS", "Handle", "Hook", "called"]

Hook: TypeAlias = Callable[..., Any]
Hooks: TypeAlias = dict[str, dict["Handle", Hook]]

# When they are called.
KINDS = ("before", "after", "before_back", "after_back", "save", "saved", "load", "loaded")


class Handle:
    """What registering a hook returns: `remove()`, or the end of a `with` block, takes it away.

    Attributes:
        with_kwargs: whether the hook is given keyword arguments too.
        always_call: whether it is called also if `forward` fails.
    """

    def __init__(
        self,
        hooks: dict[Handle, Hook],
        hook: Hook,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> None:
        self._hooks = hooks
        self.with_kwargs = with_kwargs
        self.always_call = always_call
        others = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def called(module: Any, hooks: Hooks, args: Any, kwargs: Any) -> Any:
    """Return what `module.forward` gives, with all hooks called on the way."""
    try:
        args, kwargs = _before(module, hooks, args, kwargs)
        back = _WayBack(module, hooks) if hooks["before_back"] or hooks["after_back"] else None
        y = module.forward(*(back.into(args) if back else args), **kwargs)
        y = _after(module, hooks, args, kwargs, y)
        return back.out_of(y) if back else y
    except Exception:
        for handle, hook in list(hooks["after"].items()):
            if handle.always_call:
                hook(module, args, *([kwargs] if handle.with_kwargs else []), None)
        raise


def _before(module: Any, hooks: Hooks, args: Any, kwargs: Any) -> tuple[Any, Any]:
    # A hook may remove itself, so the hooks are listed first.
    for handle, hook in list(hooks["before"].items()):
        if handle.with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise OptionError("a hook with_kwargs returns None or a pair (args, kwargs)")
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _after(module: Any, hooks: Hooks, args: Any, kwargs: Any, y: Any) -> Any:
    for handle, hook in list(hooks["after"].items()):
        changed = hook(module, args, *([kwargs] if handle.with_kwargs else []), y)
        y = y if changed is None else changed
    return y


class _WayBack:
    """The hooks of the way back through one call of a module."""

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module = module
        self.hooks = hooks
        self.inputs: list[Tensor] = []  # the numbers of all tensors that go in
        self.wanting: list[int] = []  # those of them that need a gradient
        self.outputs: tuple[Any, ...] = ()  # the gradients of what comes out

    def into(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, those that need a gradient having passed through one node."""
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.inputs = [args[i].detach() for i in places]
        needing = [i for i in places if args[i].requires_grad and is_grad_enabled()]
        self.wanting = [places.index(i) for i in needing]
        return _replaced(args, needing, self._at_inputs)

    def out_of(self, y: Any) -> Any:
        """The result, likewise."""
        several = isinstance(y, (tuple, list))
        outputs = tuple(y) if several else (y,)
        needing = [i for i, v in enumerate(outputs) if isinstance(v, Tensor) and v.requires_grad]
        self.places = needing
        self.width = len(outputs)
        passed = _replaced(outputs, needing, self._at_outputs)
        return type(y)(passed) if several else passed[0]

    def _at_outputs(self, gradients: Sequence[Any]) -> Sequence[Any]:
        found: list[Any] = [None] * self.width
        for i, g in zip(self.places, gradients):
            found[i] = g
        outputs = tuple(found)
        for hook in list(self.hooks["before_back"].values()):
            changed = hook(self.module, outputs)
            if changed is not None:
                outputs = changed if isinstance(changed, tuple) else (changed,)
        self.outputs = outputs
        if not self.wanting:
            for hook in list(self.hooks["after_back"].values()):
                hook(self.module, (None,) * len(self.inputs), outputs)
        return [outputs[i] for i in self.places]

    def _at_inputs(self, gradients: Sequence[Any]) -> Sequence[Any]:
        # As in PyTorch, beside those that need a gradient the others have one of zeros.
        found: list[Any] = [zeros_like(x) for x in self.inputs]
        for i, g in zip(self.wanting, gradients):
            found[i] = g
        inputs = tuple(found)
        for hook in list(self.hooks["after_back"].values()):
            changed = hook(self.module, inputs, self.outputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        return [inputs[i] for i in self.wanting]


def _replaced(
    values: tuple[Any, ...], places: Sequence[int], hook: Callable[[Sequence[Any]], Sequence[Any]]
) -> tuple[Any, ...]:
    """The values, the tensors at `places` having passed through a node that `hook` hangs on."""
    if not places:
        return values
    passed = list(values)
    for i, x in zip(places, _through([values[i] for i in places], hook)):
        passed[i] = x
    return tuple(passed)


def _through(
    tensors: Sequence[Tensor], hook: Callable[[Sequence[Any]], Sequence[Any]]
) -> list[Tensor]:
    """The tensors, by way of one node; `hook` sees their gradients and gives those to use."""
    if len(tensors) == 1:
        only: Tensor = ops.reshape(tensors[0], shape=tensors[0].shape)
        only.register_hook(lambda g: hook([g])[0])
        return [only]
    shapes = [tuple(t.shape) for t in tensors]

    def apart(row: Any) -> list[Any]:
        pieces = ops.split(row, [math.prod(s) for s in shapes])
        return [ops.reshape(piece, shape=s) for piece, s in zip(pieces, shapes)]

    def together(parts: Sequence[Any]) -> Any:
        return ops.concatenate(*(ops.reshape(part, shape=(-1,)) for part in parts))

    row = together(tensors)
    row.register_hook(lambda g: together(hook(apart(g))))
    return apart(row)
