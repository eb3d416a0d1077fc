"""Modules made of modules (floor 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chainrule.errors import OptionError
from chainrule.nn.module import Module

__all__ = ["ModuleList", "Sequential"]


class _Row(Module):
    """Modules in a row, named "0", "1", ... or by the keys of a mapping."""

    def _set(self, modules: Iterable[tuple[str, Any]]) -> None:
        for name, module in modules:
            if not isinstance(module, Module):
                what = module.__name__ if isinstance(module, type) else type(module).__name__
                hint = f"; did you mean {what}()?" if isinstance(module, type) else ""
                if isinstance(module, (list, tuple)):
                    hint = "; put a star before it, to pass what is in it"
                raise OptionError(
                    f"{type(self).__name__} takes modules, got {what} at {name}{hint}"
                )
            self.add_module(name, module)

    def _named_row(self) -> list[tuple[str, Module]]:
        # The same module may stand in a row more than once.
        return list(self._own("module"))

    def _row(self) -> list[Module]:
        return [module for _, module in self._named_row()]

    def __len__(self) -> int:
        return len(self._row())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._row())

    def __getitem__(self, i: int | slice) -> Any:
        row = self._named_row()
        return type(self)._of(row[i]) if isinstance(i, slice) else row[i][1]

    def __setitem__(self, i: int, module: Module) -> None:
        self._set([(self._named_row()[i][0], module)])

    @classmethod
    def _of(cls, row: list[tuple[str, Module]]) -> Any:
        raise NotImplementedError

    def append(self, module: Module) -> Any:
        """Add a module at the end, and return this one."""
        names = {name for name, _ in self._named_row()}
        free = next(str(n) for n in range(len(self), 2 * len(self) + 1) if str(n) not in names)
        self._set([(free, module)])
        return self


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
    def _of(cls, row: list[tuple[str, Module]]) -> Sequential:
        return cls(dict(row))

    def forward(self, x: Any) -> Any:
        """Return x after every module in turn."""
        for module in self._row():
            x = module(x)
        return x


class ModuleList(_Row):
    """A list of modules whose parameters belong to the module it is set on.

    Args:
        modules: the modules.

    Examples:
        >>> from chainrule import nn
        >>> len(nn.ModuleList([nn.Linear(2, 3), nn.ReLU()]))
        2
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._set((str(i), m) for i, m in enumerate(modules))

    @classmethod
    def _of(cls, row: list[tuple[str, Module]]) -> ModuleList:
        return cls(module for _, module in row)
