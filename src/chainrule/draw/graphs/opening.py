"""Which modules of a model are shown with what is in them, and which as one node (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.draw.graphs.words import counted
from chainrule.errors import OptionError, did_you_mean
from chainrule.nn import Module

__all__ = ["Opening", "fitted", "heading", "parameter_count"]


@dataclass(frozen=True)
class Opening:
    """What is open.

    Attributes:
        depth: how deep modules are opened: 0 shows the whole as one node.
        collapse: paths of modules that stay closed.
        expand: paths of modules that are opened at any depth; a layer too, into its operations.
    """

    depth: int
    collapse: Collection[str] = ()
    expand: Collection[str] = ()

    def shuts(self, module: Module, path: str) -> bool:
        """Say whether a module is one node: one that is closed, or a layer."""
        if path in self.collapse:
            return True
        if any(f"{name}.".startswith(f"{path}." if path else "") for name in self.expand):
            return False
        inner = any(True for _ in module.children())
        return _level(path) >= self.depth or (bool(path) and not inner)


def fitted(
    model: Module,
    show: Callable[[Opening], Any],
    *,
    depth: int | None = None,
    collapse: Sequence[str] = (),
    expand: Sequence[str] = (),
    limit: int = 200,
) -> tuple[Any, str]:
    """Open the modules of `model` as deep as is wanted, or as deep as there is room for.

    Args:
        model: the outermost module.
        show: returns what is shown with an opening; its length is the number of nodes.
        depth: how deep; as deep as `limit` allows if not given.
        collapse: paths of modules that stay closed.
        expand: paths of modules that are opened at any depth.
        limit: nodes.

    Returns:
        What is shown, and a line about the model that says so if something had to be closed.

    Raises:
        OptionError: a path that the model has not.
    """
    paths = [path for path, _ in model.named_modules(remove_duplicate=False)]
    for path in (*collapse, *expand):
        if path not in paths:
            raise OptionError(f"the model has no module {path!r}{did_you_mean(path, paths)}")
    deepest = 1 + max(_level(path) for path in paths)
    level = deepest if depth is None else min(depth, deepest)
    shown = show(Opening(level, collapse, expand))
    while depth is None and level and len(shown) > limit:
        level -= 1
        shown = show(Opening(level, collapse, expand))
    if depth is not None or level == deepest:
        return shown, heading(model)
    closed = f"modules below level {level} are" if level else "the whole is"
    return shown, (
        f"{heading(model)}; {closed} closed to stay within {limit:,} nodes: depth= and expand= "
        "open more"
    )


def heading(model: Module) -> str:
    """Return its name and size."""
    return f"{type(model).__name__}: {counted(parameter_count(model), 'parameter')}"


def parameter_count(model: Module) -> int:
    """Return how many numbers its parameters are, learned or not."""
    return sum(math.prod(p.shape) for p in model.parameters())


def _level(path: str) -> int:
    return path.count(".") + 1 if path else 0
