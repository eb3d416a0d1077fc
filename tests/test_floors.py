"""Imports go down: the table of floors, and the source of every module held against it.

A package imports what is on lower floors, never a neighbour on its own, and nothing imports in a
circle. Imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent

# From the lowest floor up. Packages that are planned are here too.
FLOORS = [
    ("errors", "files"),
    ("scalar", "draw", "backend"),
    ("ops", "init"),
    ("kernels",),
    ("layers", "tensor", "plan"),
    ("nn", "optim", "data"),
    ("train", "explain", "io", "distributed"),
    ("estimator", "sklearn", "playground", "cli"),
    ("__main__",),
]

# What a floor does not see although it is below, and the neighbour that one may see.
UNSEEN = {
    1: {"files"} - {"files"},
    2: {"scalar", "draw", "files"},
    3: {"scalar", "draw", "files"},
    4: {"scalar", "draw"},
    5: {"layers", "plan"},
}
NEIGHBOURS = {"train": {"io"}}


def allowed(package: str) -> set[str]:
    """The packages that `package` may import besides itself."""
    floor = next((i for i, names in enumerate(FLOORS) if package in names), None)
    assert floor is not None, f"chainrule.{package} is on no floor: put it on one in FLOORS"
    below = {name for names in FLOORS[:floor] for name in names}
    return (below - UNSEEN.get(floor, set())) | NEIGHBOURS.get(package, set())


# --- reading the source -------------------------------------------------------------------------


def name_of(path: Path) -> str:
    """The dotted name of the module in a file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
MODULES = pytest.mark.parametrize("module", SOURCES)


def imports(module: str) -> set[str]:
    """The modules of ours that `module` imports, wherever in its text."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            named = {f"{source}.{alias.name}" for alias in node.names}
            # `from package import module` is about the module, `from module import name` is not.
            found.update(named & SOURCES.keys() or {source})
            found.update({source} if named - SOURCES.keys() else ())
    return {name for name in found if name.split(".")[0] == "chainrule"} - {module}


def absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that a `from` names, dots and all."""
    if not node.level:
        return node.module or ""
    is_package = SOURCES[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def package_of(module: str) -> str:
    """The package that a module belongs to: the name under chainrule, empty for chainrule itself."""
    return ".".join(module.split(".")[1:2])
