"""Imports go down: the table of floors, and the source of every module held against it.

A package imports what is on lower floors, never a neighbour on its own, and nothing imports in a
circle. Imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from modules import MODULES

# From the lowest floor up. Packages that are planned are here too.
FLOORS = [
    ("errors", "files"),
    ("scalar", "picture", "backend", "absent", "later"),
    ("ops", "init"),
    ("kernels",),
    ("layers", "autograd", "plan"),
    ("nn", "optim", "data", "linalg", "special", "distributions", "sparse", "testing"),
    (
        "amp",
        "backends",
        "cuda",
        "xpu",
        "mps",
        "accelerator",
        "jit",
        "hub",
        "fft",
        "version",
    ),
    ("convert", "func", "random", "vision"),
    ("train", "draw", "learn", "explain", "io", "export", "distributed", "utils", "web"),
    ("sklearn", "serve", "onnx", "playground", "cli", "serialization"),
    ("__main__",),
]

# What a floor does not see although it is below, and the neighbour that one may see.
UNSEEN = {2: {"scalar", "picture"}, 3: {"scalar", "picture"}, 5: {"layers", "plan"}}
NEIGHBOURS = {
    "init": {"ops"},
    "optim": {"nn"},
    "explain": {"draw", "io"},
    "train": {"io", "explain", "utils", "distributed"},
    "export": {"io"},
    "cli": {"serve", "playground"},
    "cuda": {"amp"},
    "backends": {"cuda"},
    "accelerator": {"cuda"},
}


def allowed(package: str) -> set[str]:
    """The packages that `package` may import besides itself."""
    floor = next((i for i, names in enumerate(FLOORS) if package in names), None)
    assert floor is not None, f"chainrule.{package} is on no floor: put it on one in FLOORS"
    below = {name for names in FLOORS[:floor] for name in names}
    return (below - UNSEEN.get(floor, set())) | NEIGHBOURS.get(package, set())


# --- reading the source -------------------------------------------------------------------------


TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
each_module = pytest.mark.parametrize("module", MODULES)


def imports(module: str) -> set[str]:
    """The modules of ours that `module` imports, wherever in its text."""
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            named = [f"{source}.{alias.name}" for alias in node.names]
            # `from package import module` means the module, `from module import name` does not.
            found.update(name if name in MODULES else source for name in named)
            if source == "chainrule" and [alias.name for alias in node.names] == ["__version__"]:
                found.discard(source)  # set before anything else happens there
    return {name for name in found if name.split(".")[0] == "chainrule"} - {module}


def absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that a `from` names, dots and all."""
    if not node.level:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def package_of(module: str) -> str:
    """The package that a module belongs to; of chainrule itself none."""
    return ".".join(module.split(".")[1:2])


# --- the floors ---------------------------------------------------------------------------------


@each_module
def test_imports_go_down(module):
    own = package_of(module)
    if not own:
        return
    seen = {package_of(name) for name in imports(module)} - {own}
    assert "" not in seen, f"{module} imports chainrule itself, which is above everything"
    wrong = seen - allowed(own)
    assert not wrong, (
        f"{module} imports chainrule.{', chainrule.'.join(sorted(wrong))}; {own} may import "
        f"{', '.join(sorted(allowed(own)))}"
    )


def test_no_module_imports_itself_in_a_circle():
    graph = {name: imports(name) & MODULES.keys() for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


@each_module
def test_every_module_says_what_it_is(module):
    assert ast.get_docstring(TREES[module]), f"{module} begins without a docstring"


# --- what an import costs -----------------------------------------------------------------------


def third_party(statement: str) -> set[str]:
    """The packages that are loaded, beyond the standard library, after `statement`."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    return {name for name in loaded - sys.stdlib_module_names if not name.startswith("_")}


def test_importing_chainrule_loads_numpy_alone():
    assert third_party("import chainrule") - third_party("import numpy") <= {"chainrule"}
