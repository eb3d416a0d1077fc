"""Parameters seen through functions: a weight that is always symmetric, of norm 1, ... (floor 3).

`module.parametrizations[name]` holds what the weight is computed from, and the modules that compute
it one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.autograd import Tensor, no_grad
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.containers import ModuleDict, ModuleList
from chainrule.nn.module import Module, Parameter
from chainrule.nn.utils.computed import compute, given_class, part_of, restore

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]


class _Cache:
    """What has been computed inside `cached()`, and how many such blocks we are in."""

    def __init__(self) -> None:
        self.depth = 0
        self.found: dict[tuple[int, str], Any] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the block, however often it is asked for.

    Examples:
        >>> with cached():
        ...     pass
    """
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.found.clear()


class ParametrizationList(ModuleList):
    """The modules that compute a tensor, and what they compute it from.

    Args:
        modules: called one after another, the first with all originals.
        original: the tensor before there were any.

    Attributes:
        original: what the tensor is computed from; or `original0`, `original1`, ... if the first
            module's `right_inverse` gives several.
    """

    def __init__(self, modules: list[Module], original: Tensor) -> None:
        super().__init__(modules)
        self.is_tensor = True
        self.ntensors = 1
        with no_grad():
            value: Any = original
            for module in reversed(modules):
                value = _inverse(module, value)
        several = isinstance(value, (tuple, list))
        self.is_tensor, self.ntensors = not several, len(value) if several else 1
        for name, part in zip(self._names(), value if several else [value]):
            self._keep(name, original, part)

    def _keep(self, name: str, original: Tensor, part: Tensor) -> None:
        """Set an original: a parameter if the tensor was one, itself if nothing has changed it."""
        if not isinstance(original, Parameter):
            self.register_buffer(name, part)
        elif part is original:
            self.register_parameter(name, original)
        else:
            wants = original.requires_grad and part.is_floating_point()
            self.register_parameter(name, Parameter(part.detach().clone(), requires_grad=wants))

    def _names(self) -> list[str]:
        if self.is_tensor:
            return ["original"]
        return [f"original{i}" for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that `value` is computed from them, if the modules can."""
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                found = _inverse(module, found)
            parts = [found] if self.is_tensor else list(found)
            for name, part in zip(self._names(), parts, strict=True):
                own = getattr(self, name)
                if own.shape != part.shape:
                    raise ShapeError(
                        f"{name} has shape {tuple(own.shape)}, and cannot become one of "
                        f"{tuple(part.shape)}"
                    )
                own.copy_(part)

    def forward(self) -> Any:
        """Compute the tensor."""
        first, *rest = self
        value = first(*(getattr(self, name) for name in self._names()))
        for module in rest:
            value = module(value)
        return value


def _inverse(module: Module, value: Any) -> Any:
    """What `module` would compute `value` from; itself, if it does not say."""
    if not hasattr(type(module), "right_inverse"):
        return value
    return module.right_inverse(value)


def _lists(module: Module) -> Any:
    return vars(module).get("parametrizations")


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let `module.tensor_name` be computed by a module from what it was before.

    Args:
        module: that has the tensor.
        tensor_name: of a parameter or buffer.
        parametrization: called with the tensor, or with what its `right_inverse` gives for it.
        unsafe: whether to leave out the check that shape and dtype stay as they are.

    Returns:
        The module.

    Raises:
        OptionError: there is no such tensor.
        ShapeError: what is computed has another shape or dtype.

    Examples:
        >>> from chainrule import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu().T
        >>> layer = register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
    """
    parametrization.train(module.training)
    before: Any = getattr(module, tensor_name, None)
    if is_parametrized(module, tensor_name):
        found = _lists(module)[tensor_name]
        with no_grad():
            value = _inverse(parametrization, before)
        if isinstance(value, tuple) and not unsafe:
            raise OptionError("only a tensor's first parametrization may have several originals")
        found.right_inverse(value)
        found.append(parametrization)
    else:
        original = part_of(module, tensor_name)
        found = ParametrizationList([parametrization], original)
        if _lists(module) is None:
            module.parametrizations = ModuleDict()
        compute(module, tensor_name, _getter(tensor_name), _putter(tensor_name), "Parametrized")
        module.parametrizations[tensor_name] = found
    if not unsafe:
        with no_grad():
            value = found()
        if value.shape != before.shape or value.dtype != before.dtype:
            raise ShapeError(
                f"{tensor_name} has shape {tuple(before.shape)} and dtype {before.dtype}; what "
                f"{type(parametrization).__name__} makes of it has shape {tuple(value.shape)} and "
                f"dtype {value.dtype}, which needs unsafe=True"
            )
    return module


def _getter(name: str) -> Any:
    def get(module: Module) -> Any:
        parts = _lists(module)[name]
        if not _cache.depth:
            return parts()
        key = id(module), name
        if key not in _cache.found:
            _cache.found[key] = parts()
        return _cache.found[key]

    return get


def _putter(name: str) -> Any:
    return lambda module, value: _lists(module)[name].right_inverse(value)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Say whether a module has parametrized tensors, or one of that name."""
    found = _lists(module)
    return bool(found) if tensor_name is None else found is not None and tensor_name in found


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrized tensor an ordinary one again.

    Args:
        module: that has the tensor.
        tensor_name: its name.
        leave_parametrized: whether it keeps the value that is computed, or goes back to what it was
            computed from.

    Returns:
        The module.

    Raises:
        OptionError: it is not parametrized, or cannot go back because it has several originals.
    """
    if not is_parametrized(module, tensor_name):
        raise OptionError(f"{tensor_name!r} of {type(module).__name__} is not parametrized")
    found = _lists(module)[tensor_name]
    first = getattr(found, found._names()[0])
    if not leave_parametrized and not found.is_tensor:
        raise OptionError(f"{tensor_name!r} has several originals; leave it parametrized")
    with no_grad():
        value = found().detach().clone() if leave_parametrized else first
    if isinstance(first, Parameter) and not isinstance(value, Parameter):
        value = Parameter(value, requires_grad=first.requires_grad)
    del module.parametrizations[tensor_name]
    restore(module, tensor_name, value)
    if not _lists(module):
        del module.parametrizations
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """Return the class of a module before it had parametrized tensors."""
    return given_class(module)
