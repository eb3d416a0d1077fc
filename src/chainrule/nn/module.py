"""`Module`: something with parameters that computes (floor 3).

A module's parameters, buffers and submodules are simply its attributes of those kinds, in the order
in which they were set; there is no second registry. What goes wrong in a module is reported with
its path in the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from chainrule.autograd import Tensor, as_tensor, no_grad, zeros
from chainrule.errors import (
    ChainruleError,
    DataError,
    OptionError,
    ShapeError,
    did_you_mean,
)
from chainrule.ops import assign
from chainrule.ops.core import LISTENERS, SETTINGS, tell

__all__ = ["Module", "Parameter"]

Hook: TypeAlias = Callable[..., Any]


class Parameter(Tensor):
    """A tensor that belongs to a module and is to be learned.

    Args:
        data: the initial values; an array or tensor is shared, not copied.
        requires_grad: whether it wants a gradient.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Parameter(ones(2))
        Parameter containing: tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        self.array = as_tensor(data).array
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing: {super().__repr__()}"


class Keys(NamedTuple):
    """What `load_state_dict` found amiss and, not being strict, let pass."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Handle:
    """What registering a hook returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[Handle, Hook], hook: Hook) -> None:
        self._hooks = hooks
        hooks[self] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self, None)


class Module:
    """The base of layers and networks: set parameters and modules as attributes, write `forward`.

    Examples:
        >>> from chainrule import nn
        >>> class Twice(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(2, 2)
        ...
        ...     def forward(self, x):
        ...         return self.layer(self.layer(x))
        >>> [name for name, _ in Twice().named_parameters()]
        ['layer.weight', 'layer.bias']
    """

    training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every module writes its own.

        Raises:
            NotImplementedError: this one has not.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x); write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if LISTENERS:
            tell("module", self)
        hooks = self.__dict__.get("_hooks")
        try:
            if hooks is None:
                return self.forward(*args, **kwargs)
            # A hook may remove itself, so the hooks are listed first.
            for hook in list(hooks["before"].values()):
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
            y = self.forward(*args, **kwargs)
            for hook in list(hooks["after"].values()):
                changed = hook(self, args, y)
                y = y if changed is None else changed
        except ChainruleError as error:
            self._locate(error)
            raise
        return y

    def _locate(self, error: ChainruleError) -> None:
        """Name the path, as seen from here, of the module in which `error` happened."""
        if error.module is None:
            error.module = self
        for name, module in self.named_modules():
            if module is error.module:
                kind = type(module).__name__
                error.where = f"{name} ({kind})" if name else kind
                return

    # --- parts ----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and value is not None and not isinstance(value, Parameter):
            raise OptionError(
                f"{type(self).__name__}.{name} is a parameter, and a {type(value).__name__} in its "
                "place would not be learned; set it to Parameter(...), or change its values with "
                f"{name}.copy_(...) inside no_grad()"
            )
        if before is not value:
            SETTINGS.changes += 1
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        SETTINGS.changes += 1
        object.__delattr__(self, name)

    def _set_part(self, name: str, value: Any) -> None:
        if not name or "." in name or hasattr(type(self), name):
            raise OptionError(
                f"a part of {type(self).__name__} cannot be named {name!r}: names are not empty, "
                "have no dot, and are not those of methods"
            )
        setattr(self, name, value)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Keep `tensor` as part of the state, though it is not learned.

        Args:
            name: the attribute it becomes.
            tensor: a tensor, an array, or `None`.
            persistent: whether it is part of `state_dict`.

        Raises:
            OptionError: the name is taken by a method, or has a dot.
        """
        self._set_part(name, None if tensor is None else as_tensor(tensor))
        self.__dict__.setdefault("_buffers", {})[name] = persistent

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set the attribute `name` to a parameter, or to `None`."""
        self._set_part(name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set the attribute `name` to a module, or to `None`."""
        self._set_part(name, module)

    register_module = add_module

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        buffers = self.__dict__.get("_buffers", {})
        for name, value in vars(self).items():
            if kind == "buffer":
                if name in buffers and value is not None:
                    yield name, value
            elif isinstance(value, Parameter if kind == "parameter" else Module):
                yield name, value

    def _named(
        self, kind: str, prefix: str, recurse: bool, unique: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        everything = self.named_modules(prefix=prefix, remove_duplicate=unique)
        for path, module in everything if recurse else [(prefix, self)]:
            for name, value in module._own(kind):
                if not unique or id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True, memo: set[int] | None = None
    ) -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module and all below it, parents first."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self._own("module"):
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(path, remove_duplicate, memo)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (path, parameter), each parameter once."""
        yield from self._named("parameter", prefix, recurse, remove_duplicate)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, buffer), each buffer once."""
        yield from self._named("buffer", prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for the modules directly in this one, each once."""
        seen: set[int] = set()
        for name, child in self._own("module"):
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield every parameter once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield every buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it."""
        return (m for _, m in self.named_modules())

    def children(self) -> Iterator[Module]:
        """Yield the modules directly in this one."""
        return (m for _, m in self.named_children())

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module, children first, and return this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # --- modes and formats ----------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Make dropout, batch norm and the like behave as in training."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Make dropout, batch norm and the like behave as in use."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Want gradients for all parameters, or for none."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                if LISTENERS:
                    tell("forgotten", p)
                p.grad = None
            else:
                p.grad.zero_()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters, gradients and buffers to another dtype, in place.

        Raises:
            OptionError: another device than "cpu", or a dtype that is not a floating-point one.
        """
        if not zeros(()).to(*args, **kwargs).is_floating_point():
            raise OptionError("a module is converted to a floating-point dtype, not to integers")
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.is_floating_point():
                tensor.array = tensor.detach().to(*args, **kwargs).array
                if tensor.grad is not None:
                    tensor.grad = tensor.grad.detach().to(*args, **kwargs)
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def cpu(self) -> Self:
        """Return the module itself."""
        return self

    # --- state ----------------------------------------------------------------------------------

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self.named_modules(remove_duplicate=False):
            persistent = module.__dict__.get("_buffers", {})
            for kind in ("parameter", "buffer"):
                for name, value in module._own(kind):
                    if kind == "parameter" or persistent[name]:
                        yield (f"{path}.{name}" if path else name), value

    def state_dict(self) -> dict[str, Tensor]:
        """Return parameters and buffers by path, sharing their memory.

        Examples:
            >>> from chainrule import nn
            >>> list(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        return {name: value.detach() for name, value in self._state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Copy values into the parameters and buffers of the same path.

        Nothing is changed unless everything fits.

        Args:
            state_dict: arrays or tensors by path.
            strict: whether the paths must be exactly those of this module.

        Returns:
            The paths that were missing and those that were not expected.

        Raises:
            DataError: being strict, paths are missing or not expected; or a value is no number.
            ShapeError: a value has another shape.
        """
        own = dict(self._state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise DataError(_keys_sentence(type(self).__name__, missing, unexpected, own))
        values = {name: _numbers(v) for name, v in state_dict.items() if name in own}
        for name, value in values.items():
            if value.dtype.kind not in "fiub":
                raise DataError(f"{name} holds {value.dtype} in the state dict, not numbers")
            if value.shape != tuple(own[name].shape):
                raise ShapeError(
                    f"{name} has shape {value.shape} in the state dict and "
                    f"{tuple(own[name].shape)} in the module; was it saved from another network?"
                )
        with no_grad():
            for name, value in values.items():
                assign(own[name], value)
        return Keys(missing, unexpected)

    # --- hooks and looks ------------------------------------------------------------------------

    def _hook(self, when: str, hook: Hook) -> Handle:
        hooks = self.__dict__.setdefault("_hooks", {"before": {}, "after": {}})
        return Handle(hooks[when], hook)

    def register_forward_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, args, y)` after each forward; what it returns replaces y."""
        return self._hook("after", hook)

    def register_forward_pre_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, args)` before each forward; what it returns replaces args."""
        return self._hook("before", hook)

    def extra_repr(self) -> str:
        """Return what the module's line in `repr` says in brackets."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {child!r}" for name, child in self._own("module")]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        inside = "\n".join(children).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)"

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not there: better a near name than a bare refusal.
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}" + did_you_mean(name, dir(self))
        )


def _numbers(v: Any) -> Any:
    """The array in `v`, also if it is a parameter of this library or of PyTorch."""
    return np.asarray(v.detach() if hasattr(v, "detach") else v)


def _keys_sentence(
    kind: str, missing: list[str], unexpected: list[str], own: Mapping[str, Any]
) -> str:
    parts = []
    if missing:
        parts.append(f"{_listed(missing)} missing")
    if unexpected:
        parts.append(f"{_listed(unexpected)} not expected" + did_you_mean(unexpected[0], own))
    return (
        f"the state dict does not fit {kind}: {' and '.join(parts)}; "
        "pass strict=False to load what does fit"
    )


def _listed(names: list[str], most: int = 6) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
