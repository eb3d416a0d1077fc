"""The table of cases: a row or more for every operation, for the tests that are asked of all.

The rows are gathered from every module of `rows`. A new operation needs one there; `test_cases.py`
fails, and says so, until it has one.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import rows
from case import Case

MODULES = [importlib.import_module(f"rows.{m.name}") for m in pkgutil.iter_modules(rows.__path__)]

LISTS: list[list[Case]] = [
    found
    for module in MODULES
    for name, found in vars(module).items()
    if name.isupper() and isinstance(found, list)
]

CASES: dict[str, Case] = {row.name: row for found in LISTS for row in found}


def every(condition=lambda case: True):
    """Ask a test of every row for which `condition` holds."""
    found = {name: case for name, case in CASES.items() if condition(case)}
    return pytest.mark.parametrize("case", found.values(), ids=found.keys())


def has_gradient(case: Case) -> bool:
    return bool(case.wanted())


def is_smooth(case: Case) -> bool:
    return has_gradient(case) and case.smooth
