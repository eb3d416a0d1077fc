"""Functions that a person hangs on an optimiser, called about steps and saving (floor 3)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from chainrule.autograd.tensor import Hold
from chainrule.ops.core import LISTENERS, SETTINGS
from chainrule.ops.scope import enter

__all__ = ["Hooked", "hooked"]

Hook: TypeAlias = Callable[..., Any]


class Hooked:
    """What can be hung on an optimiser; PyTorch's names and arguments."""

    def __init__(self) -> None:
        kinds = ("step", "stepped", "save", "saved", "load", "loaded")
        self._hooks: dict[str, list[Hook]] = {kind: [] for kind in kinds}

    def _hung(self, kind: str, hook: Hook, prepend: bool = False) -> Hold:
        hooks = self._hooks[kind]
        hooks.insert(0 if prepend else len(hooks), hook)
        SETTINGS.changes += 1
        return Hold(hooks, hook)

    def register_step_pre_hook(self, hook: Hook) -> Hold:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return both anew.

        Returns:
            A handle, whose `remove()` takes the hook away.
        """
        return self._hung("step", hook)

    def register_step_post_hook(self, hook: Hook) -> Hold:
        """Call `hook(optimizer, args, kwargs)` after each step.

        Examples:
            >>> from chainrule.autograd import tensor
            >>> from chainrule.optim import SGD
            >>> optimizer = SGD([tensor([0.0], requires_grad=True)])
            >>> handle = optimizer.register_step_post_hook(lambda *_: print("stepped"))
            >>> optimizer.step()
            stepped
            >>> handle.remove()
            >>> optimizer.step()
        """
        return self._hung("stepped", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> Hold:
        """Call `hook(optimizer)` before `state_dict` looks at the optimiser."""
        return self._hung("save", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> Hold:
        """Call `hook(optimizer, state_dict)` with what it found; it may return another one."""
        return self._hung("saved", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> Hold:
        """Call `hook(optimizer, state_dict)` before it is loaded; it may return another one."""
        return self._hung("load", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> Hold:
        """Call `hook(optimizer)` after a state has been loaded."""
        return self._hung("loaded", hook, prepend)

    def _passed(self, kind: str, value: Any) -> Any:
        """Let the hooks of a kind see a value, which each may replace."""
        for hook in self._hooks[kind]:
            replaced = hook(self, value)
            value = value if replaced is None else replaced
        return value


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return `step` of an optimiser with the hooks about it, and told to whoever records."""

    @functools.wraps(step)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        entry = enter("optimizer", self) if LISTENERS else None
        try:
            for hook in self._hooks["step"]:
                replaced = hook(self, args, kwargs)
                args, kwargs = (args, kwargs) if replaced is None else replaced
            result = step(self, *args, **kwargs)
            for hook in self._hooks["stepped"]:
                hook(self, args, kwargs)
        finally:
            if entry is not None:
                entry.leave()
        return result

    return whole
