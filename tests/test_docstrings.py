"""Every example in a docstring runs, every operation has one, and what is public has a docstring.

Examples may use `np`. Operations are objects, not functions; doctest sees through to their bodies,
and the test that asks every operation for an example asks doctest whether it found one.
"""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect

import numpy as np
import pytest

from chainrule import ops
from chainrule.errors import MissingExtraError
from modules import MODULES

OPERATIONS = {**ops.REGISTRY, **ops.COMPOSITES}

each_module = pytest.mark.parametrize(
    "name", [name for name in MODULES if not name.endswith("__main__")]
)


def imported(name):
    """The module, or a skipped test where a library it needs is not installed."""
    try:
        return importlib.import_module(name)
    except (MissingExtraError, ModuleNotFoundError) as error:
        if (error.name or "").startswith("chainrule"):
            raise
        pytest.skip(str(error))


@functools.cache
def docstrings(name):
    """What doctest finds in a module, by the name of the thing."""
    found = doctest.DocTestFinder().find(imported(name), extraglobs={"np": np})
    return {test.name.removeprefix(f"{name}."): test for test in found}


@each_module
def test_examples_run(name):
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    for test in docstrings(name).values():
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def test_every_operation_shows_an_example():
    silent = [
        name
        for name, operation in OPERATIONS.items()
        if name not in (known := docstrings(operation.__module__)) or not known[name].examples
    ]
    assert not silent, (
        f"no example in {', '.join(silent)}: end the docstring with Examples: and >>> ..."
    )


def speaks(thing):
    """Whether it is a function, class or operation, made by `def` or `class` in our source."""
    made = isinstance(thing, ops.Op) or inspect.isfunction(thing) or inspect.isclass(thing)
    return made and "<locals>" not in thing.__qualname__


@each_module
def test_what_is_public_is_there_and_has_a_docstring(name):
    module = imported(name)
    names = getattr(module, "__all__", ())
    missing = [each for each in names if not hasattr(module, each)]
    assert not missing, f"{name}.__all__ names what is not there: {', '.join(missing)}"
    silent = [
        each for each in names if speaks(thing := getattr(module, each)) and not thing.__doc__
    ]
    assert not silent, f"no docstring in {name}: {', '.join(silent)}"
