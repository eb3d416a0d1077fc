"""`Module`: something with parameters that computes (floor 3).

A module's parameters, buffers and submodules are simply its attributes of those kinds, in the order
in which they were set; there is no second registry. What goes wrong in a module is reported with
its path in the network.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Self

import numpy as np

from chainrule.autograd import Tensor, as_tensor, zeros
from chainrule.backend.devices import available, device, names_device
from chainrule.errors import ChainruleError, OptionError, did_you_mean
from chainrule.nn.hooks import KINDS, Handle, Hook, called
from chainrule.nn.misuse import misuse
from chainrule.nn.state import Keys, loaded, saved
from chainrule.ops.core import LISTENERS, SETTINGS, tell
from chainrule.ops.scope import enter

__all__ = ["Buffer", "Module", "Parameter"]


class Parameter(Tensor):
    """A tensor that belongs to a module and is to be learned.

    Args:
        data: the initial values; an array or tensor is shared, not copied.
        requires_grad: whether it wants a gradient.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Parameter(ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        self.array = as_tensor(data).array
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer:
    """A tensor that, set as an attribute of a module, is registered as a buffer there.

    Args:
        data: the values.
        persistent: whether it is part of `state_dict`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> module = Module()
        >>> module.mask = Buffer(ones(2))
        >>> module.state_dict()["mask"]
        tensor([1., 1.])
    """

    def __init__(self, data: Any, *, persistent: bool = True) -> None:
        self.data = data
        self.persistent = persistent


class Parts(MutableMapping[str, Any]):
    """A view of a module's parts of one kind, by name: what `_modules` and the like are."""

    def __init__(self, module: Module, kind: str) -> None:
        self._module = module
        self._kind = kind

    def __getitem__(self, name: str) -> Any:
        return dict(self._module._own(self._kind))[name]

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)

    def __delitem__(self, name: str) -> None:
        delattr(self._module, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._module._own(self._kind))

    def __len__(self) -> int:
        return len(list(self._module._own(self._kind)))


class Parameters(Iterator[Parameter]):
    """The parameters of a module, one after the other, once.

    Attributes:
        module: whose they are.
        begun: whether somebody has asked for one already.
    """

    def __init__(self, module: Module, recurse: bool) -> None:
        self.module = module
        self.begun = False
        self._named = module.named_parameters(recurse=recurse)

    def __next__(self) -> Parameter:
        self.begun = True
        return next(self._named)[1]


def _device_wished(*wishes: Any) -> device | None:
    """The device among what `Module.to` was given, if there is one."""
    for wish in wishes:
        if isinstance(wish, Tensor):
            return wish.device
        if not isinstance(wish, bool) and names_device(wish):
            return available(wish)
    return None


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
        own = [name for kind in type(self).__mro__[:-2] for name in vars(kind)]
        raise NotImplementedError(
            f"{type(self).__name__} has no forward(self, x); write one"
            + did_you_mean("forward", own)
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        entry = enter("module", self) if LISTENERS else None
        hooks = self.__dict__.get("_hooks")
        try:
            if hooks is None:
                y = self.forward(*args, **kwargs)
            else:
                y = called(self, hooks, args, kwargs)
            if entry is not None:
                tell("left", entry, y)
        except ChainruleError as error:
            self._locate(error)
            raise
        except (TypeError, AttributeError) as error:
            sentence = misuse(self, args, kwargs)
            if sentence is None:
                raise
            self._locate(sentence)
            raise sentence from error
        finally:
            if entry is not None:
                entry.leave()
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
        if isinstance(value, Buffer):
            self.register_buffer(name, value.data, value.persistent)
            return
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
        self.__dict__.setdefault("_persistent", {})[name] = persistent

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set the attribute `name` to a parameter, or to `None`."""
        if param is not None and not isinstance(param, Parameter):
            raise OptionError(
                f"{name} is to be a Parameter, got {type(param).__name__}; put nn.Parameter(...) "
                "around it, or use register_buffer"
            )
        self._set_part(name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set the attribute `name` to a module, or to `None`."""
        if module is not None and not isinstance(module, Module):
            raise OptionError(f"{name} is to be a module, got {type(module).__name__}")
        self._set_part(name, module)

    register_module = add_module

    @property
    def _modules(self) -> Parts:
        return Parts(self, "module")

    @property
    def _parameters(self) -> Parts:
        return Parts(self, "parameter")

    @property
    def _buffers(self) -> Parts:
        return Parts(self, "buffer")

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        buffers = self.__dict__.get("_persistent", {})
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
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module and all below it, parents first."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self._own("module"):
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(memo, path, remove_duplicate)

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
        return Parameters(self, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield every buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it."""
        return (m for _, m in self.named_modules())

    def children(self) -> Iterator[Module]:
        """Yield the modules directly in this one."""
        return (m for _, m in self.named_children())

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, children first, and return this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def get_submodule(self, target: str) -> Module:
        """Return the module at a path such as `"encoder.0"`; the empty path is this one.

        Raises:
            AttributeError: there is none.
        """
        module: Module = self
        for name in target.split(".") if target else ():
            found = getattr(module, name)
            if not isinstance(found, Module):
                raise AttributeError(f"{name!r} in {target!r} is not a module")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path; with `strict` there has to be one already.

        Raises:
            AttributeError: the path leads nowhere.
        """
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and name not in parent._modules:
            raise AttributeError(f"there is no module at {target!r}")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a path such as `"0.weight"`.

        Raises:
            AttributeError: there is none.
        """
        found: Parameter = self._part(target, "parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a path such as `"1.running_mean"`.

        Raises:
            AttributeError: there is none.
        """
        found: Tensor = self._part(target, "buffer")
        return found

    def _part(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        found = dict(self.get_submodule(path)._own(kind))
        if name not in found:
            raise AttributeError(f"there is no {kind} {target!r}" + did_you_mean(name, found))
        return found[name]

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
        """Move parameters, gradients and buffers to another device or dtype, in place.

        The parameters stay the objects they are, so an optimiser goes on with them; move the
        module before its first step, for what is remembered of a parameter is made beside it.
        Integers among the buffers are moved and keep their dtype.

        Args:
            *args: as `Tensor.to` takes them: device, dtype, both, or a tensor.
            **kwargs: likewise.

        Raises:
            OptionError: a device that is not available, or a dtype that is not a floating-point
                one.
        """
        if not zeros((), device="cpu").to(*args, **kwargs).is_floating_point():
            raise OptionError("a module is converted to a floating-point dtype, not to integers")
        where = _device_wished(*args, *kwargs.values())
        for tensor in (*self.parameters(), *self.buffers()):
            wish = (args, kwargs) if tensor.is_floating_point() else ((where or tensor.device,), {})
            converted = tensor.detach().to(*wish[0], **wish[1])
            if converted is tensor:  # its numbers are still to come
                continue
            tensor.array = converted.array
            if tensor.grad is not None:
                tensor.grad = tensor.grad.detach().to(*args, **kwargs)
        return self

    def type(self, dst_type: Any) -> Self:
        """Convert to a dtype."""
        return self.to(dst_type)

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Convert to float16."""
        return self.to(np.float16)

    def bfloat16(self) -> Self:
        """Refuse.

        Raises:
            OptionError: NumPy has no such numbers.
        """
        raise OptionError("there is no bfloat16 here; .half() converts to float16")

    def cpu(self) -> Self:
        """Move it into the processor's memory; see `to`."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move it to a GPU, the one of that number or the current one; see `to`.

        Raises:
            OptionError: there is none.
        """
        return self.to("cuda" if device is None else device)

    def to_empty(self, *, device: Any = None, recurse: bool = True) -> Self:
        """Move it to a device; its numbers stay as they are."""
        return self.to(device=device)

    def share_memory(self) -> Self:
        """Return the module itself: threads share it as it is."""
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: it is whole steps that `chainrule.compile` makes quicker."""

    # --- state ----------------------------------------------------------------------------------

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Return parameters and buffers by path, sharing their memory.

        Args:
            destination: a mapping to be added to.
            prefix: put before every path.
            keep_vars: whether to give the parameters themselves, not their numbers alone.

        Examples:
            >>> from chainrule import nn
            >>> list(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        return saved(self, OrderedDict() if destination is None else destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Keys:
        """Copy values into the parameters and buffers of the same path.

        Nothing is changed unless everything fits.

        Args:
            state_dict: arrays or tensors by path.
            strict: whether the paths must be exactly those of this module.
            assign: whether the parameters take over the arrays, and with them their dtype, instead
                of copying.

        Returns:
            The paths that were missing and those that were not expected.

        Raises:
            DataError: being strict, paths are missing or not expected; or a value is no number.
            ShapeError: a value has another shape.
        """
        return loaded(self, state_dict, strict, assign)

    def get_extra_state(self) -> Any:
        """Return what else belongs to the state; a module that has such a thing writes its own.

        Raises:
            NotImplementedError: this one has not.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned.

        Raises:
            NotImplementedError: this module keeps none.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no extra state")

    # --- hooks and looks ------------------------------------------------------------------------

    def _hook(self, when: str, hook: Hook, **options: Any) -> Handle:
        hooks = self.__dict__.setdefault("_hooks", {kind: {} for kind in KINDS})
        SETTINGS.changes += 1
        return Handle(hooks[when], hook, **options)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> Handle:
        """Call `hook(module, args, y)` after each forward; what it returns replaces y.

        Args:
            hook: the function; `hook(module, args, kwargs, y)` if `with_kwargs`.
            prepend: whether it comes before the others.
            with_kwargs: whether it is given the keyword arguments.
            always_call: whether it is called, with `None` for y, also if forward fails.
        """
        options = {"prepend": prepend, "with_kwargs": with_kwargs, "always_call": always_call}
        return self._hook("after", hook, **options)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before each forward; what it returns replaces args.

        Args:
            hook: the function; `hook(module, args, kwargs)`, to return a pair, if `with_kwargs`.
            prepend: whether it comes before the others.
            with_kwargs: whether it is given the keyword arguments.
        """
        return self._hook("before", hook, prepend=prepend, with_kwargs=with_kwargs)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` on the way back.

        Both are tuples with a gradient, or `None`, for each tensor that went in or came out; a
        tuple that the hook returns replaces `grad_input`.
        """
        return self._hook("after_back", hook, prepend=prepend)

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` before going back; what it returns replaces them."""
        return self._hook("before_back", hook, prepend=prepend)

    def register_state_dict_pre_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, prefix, keep_vars)` before the state is taken."""
        return self._hook("save", hook)

    def register_state_dict_post_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, state_dict, prefix, metadata)` on the state; it may change it."""
        return self._hook("saved", hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, state_dict, prefix, ...)` before a state is loaded; it may change it.

        The further arguments are PyTorch's: metadata, strict, and lists of missing keys, unexpected
        keys and errors, all empty here.
        """
        return self._hook("load", hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, keys)` after a state is loaded, with the keys that did not match."""
        return self._hook("loaded", hook)

    def extra_repr(self) -> str:
        """Return what the module's line in `repr` says in brackets."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr()
        children = self._children_shown()
        if not children and "\n" not in own:
            return f"{self._get_name()}({own})"
        inside = "\n".join([*own.splitlines(), *children]).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {inside}\n)"

    def _get_name(self) -> str:
        return type(self).__name__

    def _children_shown(self) -> list[str]:
        """What `repr` says of each child."""
        return [f"({name}): {child!r}" for name, child in self._own("module")]

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not there: better a near name than a bare refusal. What Python
        # itself asks for, as copying does, is not a person's slip.
        near = "" if name.startswith("__") else did_you_mean(name, dir(self))
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{near}")
