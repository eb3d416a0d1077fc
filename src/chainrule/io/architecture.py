"""A network as a plain description, and back (floor 4; knows the classes of `chainrule.nn`).

A description is JSON: the name of a class of `chainrule.nn` and its arguments. Layers keep each
argument as an attribute of the same name, so writing one needs no table; reading one only ever
makes classes of that list, so a file from outside can name nothing else.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import Generator, Tensor
from chainrule.errors import ChainruleError, DataError, OptionError, did_you_mean

__all__ = ["build", "describe"]

_ROWS: dict[str, type[nn.Module]] = {
    "Sequential": nn.Sequential,
    "ModuleList": nn.ModuleList,
    "Ensemble": nn.Ensemble,
}
_DEEPEST = 64  # modules within modules
# Sizes of windows, which are no sizes of weights: a padding alone can make an image enormous.
_WINDOWS = (
    *("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"),
    *("size", "scale_factor", "upscale_factor"),
)
_LARGEST_WINDOW = 1024


class _Blank(Generator):
    """Draws nothing: layers made with it hold place-holders until their weights are loaded."""

    def __init__(self) -> None:
        self.state = None  # type: ignore[assignment]


def describe(module: nn.Module) -> dict[str, Any]:
    """Return the architecture of a network as plain data.

    Args:
        module: layers of `chainrule.nn`, in `Sequential`, `ModuleList` and `Ensemble`.

    Raises:
        DataError: a module of another class, which no description can stand for.

    Examples:
        >>> describe(nn.Sequential(nn.Linear(2, 3), nn.Flatten()))["modules"]["0"]
        {'type': 'Linear', 'in_features': 2, 'out_features': 3, 'bias': True}
    """
    kind = type(module).__name__
    if _ROWS.get(kind) is type(module):
        # A module that stands in a row twice is described twice: what comes back computes the same.
        children = {_checked(name): describe(child) for name, child in module._own("module")}
        return {"type": kind, **_arguments_of(module), "modules": children}
    if _LAYERS.get(kind) is not type(module):
        raise DataError(
            f"a {kind} is not a layer of chainrule.nn, so a file cannot describe it; save its "
            "state_dict() instead, and load it into the class it came from"
        )
    return {"type": kind, **_arguments_of(module)}


def _checked(name: str) -> str:
    """A module's name, if it is one that can be set: `Module` keeps underscores for itself."""
    if name.startswith("_"):
        raise DataError(f"{name!r} cannot name a module in a description: it begins with _")
    return name


def _hints(kind: type[nn.Module]) -> dict[str, Any]:
    """The arguments that describe a layer, with the types that its signature gives them."""
    if kind.__init__ is object.__init__:
        return {}
    hints = get_type_hints(kind.__init__)
    apart = {"generator", "return", "device", "dtype", "process_group", "args", "kwargs"}
    if kind in _ROWS.values():
        apart.add("modules")  # each is described by itself
    return {n: hint for n, hint in hints.items() if n not in apart and not n.startswith("_")}


def _is_plain(hint: Any) -> bool:
    """Whether what a signature asks for can be written as JSON."""
    inner = get_args(hint)
    plain = hint in (Any, int, float, bool, str, type(None))
    return all(v is ... or _is_plain(v) for v in inner) if inner else plain


# Containers and bases, which are no layers by themselves.
_APART = {"ModuleDict", "ParameterDict", "ParameterList", "RNNBase", "RNNCellBase"}
# Those whose arguments are numbers, words and the like; others hold modules or functions.
_LAYERS: dict[str, type[nn.Module]] = {
    name: value
    for name, value in vars(nn).items()
    if name in nn.__all__
    and isinstance(value, type)
    and issubclass(value, nn.Module)
    and value is not nn.Module
    and name not in {*_ROWS, *_APART}
    and not name.startswith("Lazy")
    and "Loss" not in name
    and all(map(_is_plain, _hints(value).values()))
}


def _returned(name: str, value: Any) -> Any:
    """The argument, unless it asks for a second output, which no layer behind could take."""
    if name == "return_indices" and value:
        raise DataError("a layer with return_indices=True cannot be described: it has two outputs")
    return value


def _arguments_of(module: nn.Module) -> dict[str, Any]:
    return {name: _argument_of(module, name) for name in _hints(type(module))}


def _argument_of(module: nn.Module, name: str) -> Any:
    value = _returned(name, getattr(module, name))
    if name == "bias" and not isinstance(value, bool):
        return value is not None
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


@ops.quiet
def build(description: Any, limit: int) -> nn.Module:
    """Return the network that a description stands for, its weights yet to be loaded.

    Args:
        description: what `describe` made, from a file that is not trusted.
        limit: how many numbers the weights file holds; the network may have no more.

    Raises:
        DataError: it is not such a description.

    Examples:
        >>> build(describe(nn.Linear(2, 3)), limit=9)
        Linear(in_features=2, out_features=3, bias=True)
    """
    return _Builder(limit).module(description)


class _Builder:
    """Makes modules, and adds up the numbers that they hold: memory is taken for no more."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def module(self, description: Any, depth: int = 0) -> nn.Module:
        if depth > _DEEPEST:
            raise DataError(f"the description nests modules more than {_DEEPEST} deep")
        if not isinstance(description, Mapping) or not isinstance(description.get("type"), str):
            raise DataError("the description of the network must name the type of every layer")
        kind = description["type"]
        if kind in _ROWS:
            return self._row(_ROWS[kind], description, depth)
        if kind not in _LAYERS:
            raise DataError(
                f"the description names an unknown layer {kind!r:.40}"
                + did_you_mean(kind, (*_ROWS, *_LAYERS))
            )
        layer = self._layer(_LAYERS[kind], {k: v for k, v in description.items() if k != "type"})
        self.held += sum(t.numel() for t in (*layer.parameters(), *layer.buffers()))
        if self.held > self.limit:
            raise DataError(
                f"the description asks for more weights than the {self.limit:,} numbers in the "
                "weights file; the two do not belong together"
            )
        return layer

    def _row(self, kind: type[nn.Module], given: Mapping[str, Any], depth: int) -> nn.Module:
        modules = given.get("modules")
        if not isinstance(modules, Mapping):
            raise DataError(f"a {kind.__name__} in the description must list its modules by name")
        row = self._layer(kind, {k: v for k, v in given.items() if k not in ("type", "modules")})
        for name in modules.keys() & _hints(kind).keys():
            raise DataError(f"{name!r} is an argument of {kind.__name__} and cannot name a module")
        for name, description in modules.items():
            try:
                row.add_module(_checked(name), self.module(description, depth + 1))
            except OptionError as error:
                raise DataError(f"the description is not valid: {error}") from None
        return row

    def _layer(self, kind: type[nn.Module], given: Mapping[str, Any]) -> nn.Module:
        arguments: dict[str, Any] = {}
        hints = _hints(kind)
        for name, value in given.items():
            if name not in hints:
                raise DataError(
                    f"{kind.__name__} in the description has an unknown argument {name!r:.40}"
                )
            arguments[name] = tuple(value) if isinstance(value, list) else _returned(name, value)
            largest = _LARGEST_WINDOW if name in _WINDOWS else max(self.limit, 1 << 16)
            if not _fits(arguments[name], hints[name]) or _is_over(arguments[name], largest):
                raise DataError(
                    f"{kind.__name__}.{name} in the description cannot be {value!r:.40}"
                )
        if "generator" in inspect.signature(kind.__init__).parameters:
            arguments["generator"] = _Blank()
        try:
            layer = kind(**arguments)
        except (ChainruleError, TypeError, ValueError) as error:
            raise DataError(f"{kind.__name__} in the description is not valid: {error}") from None
        if "generator" in vars(layer):  # what it draws later, in training, is drawn in earnest
            layer.generator = None
        return layer


def _is_over(value: Any, largest: int) -> bool:
    """Whether a size, or what several make together, is larger than it may be."""
    if isinstance(value, tuple):
        whole = [v for v in value if isinstance(v, int)]
        return len(value) > largest or abs(math.prod(whole)) > largest
    return isinstance(value, (int, float)) and abs(value) > largest


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from JSON is of the type that a signature asks for."""
    if hint is Any:  # one number, or one for each channel
        return all(_fits(v, float) for v in (value if isinstance(value, tuple) else (value,)))
    if hint is float:
        return type(value) in (int, float)
    inner = get_args(hint)
    if not inner:
        return type(value) is hint
    if get_origin(hint) in (tuple, Sequence):
        return isinstance(value, tuple) and all(_fits(v, inner[0]) for v in value)
    return any(_fits(value, one) for one in inner)
