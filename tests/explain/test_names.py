"""What is imported when first used keeps its name, whatever files have been imported before."""

from __future__ import annotations

import subprocess
import sys


def test_functions_are_not_lost_to_files_of_their_name():
    program = """
import importlib
from types import ModuleType
from chainrule import explain
for file in set(explain._LATER.values()):
    importlib.import_module(f"chainrule.explain.{file}")
found = [getattr(explain, name) for name in explain.__all__]
assert found
assert not any(isinstance(thing, ModuleType) for thing in found), found
assert set(explain._LATER) == set(explain.__all__)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
