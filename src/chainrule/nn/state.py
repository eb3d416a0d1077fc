"""The state of a module: parameters and buffers by path, taken and put back (floor 3).

A module comes in as it is; what it is made of is found by its own methods, so that this file knows
no class of module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chainrule.autograd import Tensor, no_grad
from chainrule.backend.arrays import as_array
from chainrule.backend.devices import beside
from chainrule.errors import CallError, DataError, ShapeError, did_you_mean
from chainrule.ops import assign

__all__ = ["Keys", "loaded", "saved"]

_EXTRA = "_extra_state"


class Keys(NamedTuple):
    """What `load_state_dict` found amiss and, not being strict, let pass."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


def _hooks(module: Any, when: str) -> list[Any]:
    return list(vars(module).get("_hooks", {}).get(when, {}).values())


def _has_extra(module: Any) -> bool:
    """Whether its class, and not the base of all, says what else there is to keep."""
    return type(module).get_extra_state.__module__ != "chainrule.nn.module"


def _parts(module: Any) -> Iterator[tuple[str, Any]]:
    """The parameters of one module, then its persistent buffers, by name."""
    yield from module._own("parameter")
    persistent = vars(module).get("_persistent", {})
    yield from ((name, value) for name, value in module._own("buffer") if persistent[name])


def _paths(module: Any) -> Iterator[tuple[str, Any]]:
    """Every module below, also where it stands a second time, and its path with a dot after it."""
    for path, child in module.named_modules(remove_duplicate=False):
        yield (f"{path}." if path else ""), child


def saved(module: Any, into: dict[str, Any], prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Put the state of `module` into a mapping and return it."""
    modules = list(_paths(module))
    for path, child in modules:
        for hook in _hooks(child, "save"):
            hook(child, prefix + path, keep_vars)
    for path, child in modules:
        for name, value in _parts(child):
            into[prefix + path + name] = value if keep_vars else value.detach()
        if _has_extra(child):
            into[prefix + path + _EXTRA] = child.get_extra_state()
    for path, child in reversed(modules):
        for hook in _hooks(child, "saved"):
            hook(child, into, prefix + path, {})
    return into


def loaded(module: Any, state: Mapping[str, Any], strict: bool, assigned: bool) -> Keys:
    """Put a state into `module`: all of it, or, if something does not fit, nothing."""
    if not isinstance(state, Mapping):
        raise CallError(
            f"load_state_dict takes what state_dict() returned, got {type(state).__name__}"
            + ("; put .state_dict() behind it" if hasattr(state, "state_dict") else "")
        )
    modules = list(_paths(module))
    if any(_hooks(child, "load") for _, child in modules):
        state = dict(state)
        for path, child in modules:
            for hook in _hooks(child, "load"):
                hook(child, state, path, {}, strict, [], [], [])
    own = {path + name: value for path, child in modules for name, value in _parts(child)}
    extra = {path + _EXTRA: child for path, child in modules if _has_extra(child)}
    expected = {**own, **extra}
    keys = Keys([n for n in expected if n not in state], [n for n in state if n not in expected])
    if strict and any(keys):
        raise DataError(_keys_sentence(type(module).__name__, *keys, expected))
    values = {name: _fitting(name, v, own[name]) for name, v in state.items() if name in own}
    with no_grad():
        for name, value in values.items():
            if assigned:
                own[name].data = value
            else:
                assign(own[name], beside(value, own[name].array))
    for name, child in extra.items():
        if name in state:
            child.set_extra_state(state[name])
    for _, child in modules:
        for hook in _hooks(child, "loaded"):
            hook(child, keys)
    return keys


def _fitting(name: str, given: Any, own: Any) -> Any:
    """The array in `given`, also if it is a parameter of this library or of PyTorch."""
    if isinstance(given, Tensor):
        value = given.array
    else:
        value = as_array(given.detach() if hasattr(given, "detach") else given)
    if value.dtype.kind not in "fiub":
        raise DataError(f"{name} holds {value.dtype} in the state dict, not numbers")
    if hasattr(own, "materialize"):  # a lazy layer's, which takes the shape that comes
        own.materialize(value.shape, value.dtype)
    if value.shape != tuple(own.shape):
        raise ShapeError(
            f"{name} has shape {value.shape} in the state dict and "
            f"{tuple(own.shape)} in the module; was it saved from another network?"
        )
    return value


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
