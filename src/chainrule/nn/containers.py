"""Modules and parameters in rows and by name (floor 3).

What a container holds are its attributes, as with any module: in a row they are named "0", "1", ...
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self

from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.nn.module import Module, Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _checked(holder: Module, name: str, module: Any) -> Any:
    """`module`, if it is one, or nothing in a list; if not, a sentence that says what to do."""
    if isinstance(module, Module) or (module is None and isinstance(holder, ModuleList)):
        return module
    what = module.__name__ if isinstance(module, type) else type(module).__name__
    hint = f"; did you mean {what}()?" if isinstance(module, type) else ""
    if isinstance(module, (list, tuple)):
        hint = "; put a star before it, to pass what is in it"
    raise OptionError(f"{type(holder).__name__} takes modules, got {what} at {name}{hint}")


class _Row(Module):
    """Modules in a row, named "0", "1", ... or by the keys of a mapping."""

    def _set(self, modules: Iterable[tuple[str, Any]]) -> None:
        for name, module in modules:
            self.add_module(name, _checked(self, name, module))

    def _named_row(self) -> list[tuple[str, Module]]:
        # The same module may stand in a row more than once.
        return list(self._own("module"))

    def _row(self) -> list[Module]:
        return [module for _, module in self._named_row()]

    def _place(self, i: Any) -> int:
        """An index, negative from the end, as one from the front."""
        place = operator.index(i)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} is outside of {len(self)} modules")
        return place % len(self)

    def _become(self, modules: Iterable[Any]) -> None:
        """Hold these modules instead, named "0", "1", ...; if one is none, all stays as it was."""
        row = [_checked(self, str(i), module) for i, module in enumerate(modules)]
        for name, _ in self._named_row():
            delattr(self, name)
        self._set((str(i), module) for i, module in enumerate(row))

    def __len__(self) -> int:
        return len(self._row())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._row())

    def __getitem__(self, i: Any) -> Any:
        row = self._named_row()
        return type(self)._of(row[i]) if isinstance(i, slice) else row[self._place(i)][1]

    def __setitem__(self, i: Any, module: Module) -> None:
        self._set([(self._named_row()[self._place(i)][0], module)])

    def __delitem__(self, i: Any) -> None:
        row = self._row()
        del row[i if isinstance(i, slice) else self._place(i)]
        self._become(row)

    @classmethod
    def _of(cls, row: list[tuple[str, Module]]) -> Any:
        raise NotImplementedError

    def append(self, module: Module) -> Self:
        """Add a module at the end, and return this one."""
        names = {name for name, _ in self._named_row()}
        start = len(names)
        free = next(str(n) for n in range(start, 2 * start + 1) if str(n) not in names)
        self._set([(free, module)])
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`, and return this one."""
        row = self._row()
        row.insert(index, module)
        self._become(row)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end, and return this one.

        Raises:
            OptionError: they are not in a list or the like.
        """
        if not isinstance(modules, Iterable):
            raise OptionError(f"extend takes a list of modules, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Any:
        """Take the module at a place out, and return it."""
        module = self[key]
        del self[key]
        return module

    def __add__(self, other: Iterable[Module]) -> Self:
        joined: Self = type(self)._of([(str(i), m) for i, m in enumerate((*self, *other))])
        return joined

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)


class Sequential(_Row):
    """One module after another: the output of each is the input of the next.

    Args:
        modules: the modules, or one mapping from names to modules.

    Raises:
        OptionError: something that is no module.

    Examples:
        >>> from chainrule import nn
        >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            self._set(modules[0].items())
        else:
            self._set((str(i), m) for i, m in enumerate(modules))

    @classmethod
    def _of(cls, row: list[tuple[str, Module]]) -> Any:
        return cls(dict(row))

    def __mul__(self, times: int) -> Self:
        if times < 1:
            raise OptionError(f"a Sequential is repeated at least once, not {times} times")
        repeated: Self = type(self)._of([(str(i), m) for i, m in enumerate(self._row() * times)])
        return repeated

    __rmul__ = __mul__

    def forward(self, input: Any) -> Any:
        """Return the input after every module in turn."""
        for module in self._row():
            input = module(input)
        return input


class ModuleList(_Row):
    """A list of modules whose parameters belong to the module it is set on.

    Args:
        modules: the modules; `None` leaves a place empty.

    Examples:
        >>> from chainrule import nn
        >>> len(nn.ModuleList([nn.Linear(2, 3), nn.ReLU()]))
        2
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(() if modules is None else modules)

    @classmethod
    def _of(cls, row: list[tuple[str, Module]]) -> Any:
        return cls(module for _, module in row)

    def _named_row(self) -> list[tuple[str, Any]]:
        # A place may be left empty, as `None`.
        return [
            (name, module)
            for name, module in vars(self).items()
            if isinstance(module, Module) or (module is None and name.isdigit())
        ]

    def _children_shown(self) -> list[str]:
        """Like ones that follow one another in one line."""
        lines, place = [], 0
        for shown, alike in groupby(map(repr, self._row())):
            count = len(list(alike))
            many = f"({place}-{place + count - 1}): {count} x {shown}"
            lines.append(many if count > 1 else f"({place}): {shown}")
            place += count
        return lines


class ModuleDict(Module):
    """Modules by name, whose parameters belong to the module it is set on.

    Args:
        modules: a mapping, or pairs of names and modules.

    Examples:
        >>> from chainrule import nn
        >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        >>> choices["tanh"], list(choices)
        (Tanh(), ['relu', 'tanh'])
    """

    def __init__(self, modules: Any = None) -> None:
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, _checked(self, key, module))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in list(self._modules)

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a module out, and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._modules)

    def values(self) -> list[Any]:
        """Return the modules."""
        return [module for _, module in self.items()]

    def items(self) -> list[tuple[str, Any]]:
        """Return names and modules."""
        return list(self._own("module"))

    def update(self, modules: Any) -> None:
        """Set modules by name, from a mapping or from pairs."""
        pairs = modules.items() if hasattr(modules, "items") else modules
        for key, module in pairs:
            self[key] = module


# --- parameters ---------------------------------------------------------------------------------


def _learned(value: Any) -> Any:
    """A tensor as a parameter; anything else as it is."""
    return Parameter(value) if type(value) is Tensor else value


def _line(name: Any, value: Any) -> str:
    """What `repr` says of a thing in a container of parameters."""
    if not isinstance(value, Tensor):
        return f"  ({name}): Object of type: {type(value).__name__}"
    sizes = "x".join(map(str, value.shape))
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({name}): {kind} containing: [{value.dtype} of size {sizes}]"


class ParameterList(Module):
    """A list of parameters that belong to the module it is set on; tensors become parameters.

    Args:
        values: the parameters; anything else may stand among them.

    Examples:
        >>> from chainrule.autograd import ones
        >>> [name for name, _ in ParameterList([ones(2), ones(3)]).named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self._size = 0
        self.extend(() if values is None else values)

    def _place(self, i: Any) -> str:
        place = operator.index(i)
        if not -self._size <= place < self._size:
            raise IndexError(f"index {place} is outside of {self._size} parameters")
        return str(place % self._size)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return type(self)(list(self)[i])
        return getattr(self, self._place(i))

    def __setitem__(self, i: int, value: Any) -> None:
        setattr(self, self._place(i), _learned(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a parameter at the end, and return the list."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add parameters at the end, and return the list.

        Raises:
            OptionError: they are not in a list or the like.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise OptionError(f"extend takes a list of parameters, got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Return a line for each."""
        return "\n".join(_line(i, value) for i, value in enumerate(self))


class ParameterDict(Module):
    """Parameters by name that belong to the module it is set on; tensors become parameters.

    Args:
        parameters: a mapping, or pairs of names and parameters.

    Examples:
        >>> from chainrule.autograd import ones
        >>> named = ParameterDict({"left": ones(2), "right": ones(3)})
        >>> named["right"].shape, "up" in named
        ((3,), False)
    """

    def __init__(self, parameters: Any = None) -> None:
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return vars(self)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, key, _learned(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._keys))

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> Self:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> Self:
        """Return another one with the same parameters."""
        return type(self)(self.items())

    def get(self, key: str, default: Any = None) -> Any:
        """Return a parameter, or `default` if there is none of that name."""
        return vars(self)[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a parameter, which is set to `default` if there is none of that name."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take all parameters out."""
        for key in self:
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a parameter out, and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last parameter out, and return its name and itself."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> Self:
        """Return another one in which every name stands for `default`."""
        return type(self)((key, default) for key in keys)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._keys)

    def values(self) -> list[Any]:
        """Return the parameters."""
        return [self[key] for key in self]

    def items(self) -> list[tuple[str, Any]]:
        """Return names and parameters."""
        return [(key, self[key]) for key in self]

    def update(self, parameters: Any) -> None:
        """Set parameters by name, from a mapping or from pairs."""
        pairs = parameters.items() if hasattr(parameters, "items") else parameters
        for key, value in pairs:
            self[key] = value

    def extra_repr(self) -> str:
        """Return a line for each."""
        return "\n".join(_line(key, value) for key, value in self.items())
