"""Every layer of `nn` in C gives the layer's own numbers, or says why there is no C for it.

All layers are compiled together, as every name in a file begins with that of its network.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.export.c.source import c_source
from export.layers import REFUSED, ROWS, WRITTEN, Case, close

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc) is installed")
FLAGS = [
    "-std=c99",
    "-pedantic",
    "-Wshadow",
    "-O0",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-shared",
    "-fPIC",
]


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """All layers, compiled."""
    folder = tmp_path_factory.mktemp("c")
    cases = {str(row): Case(row, f"row{k}") for k, row in enumerate(WRITTEN)}
    texts = [c_source(c.call, *c.inputs, name=c.name) for c in cases.values()]
    source, built = folder / "layers.c", folder / "layers.so"
    source.write_text("\n".join(texts), encoding="ascii")
    subprocess.run([COMPILER, *FLAGS, source, "-o", built, "-lm"], check=True)
    return ctypes.CDLL(str(built)), cases


def pointers(arrays):
    return [a.ctypes.data_as(ctypes.c_void_p) for a in arrays]


@needs_compiler
@pytest.mark.parametrize("row", WRITTEN, ids=str)
def test_the_numbers_of_the_layer(row, library):
    built, cases = library
    case = cases[str(row)]
    expected = case.expected()
    found = [np.empty_like(y, order="C") for y in expected]
    given = [np.ascontiguousarray(x) for x in case.inputs]
    getattr(built, f"{case.name}_predict")(*pointers([*given, *found]))
    for a, b in zip(found, expected, strict=True):
        close(a, b)


@pytest.mark.parametrize("row", [row for row in ROWS if str(row) in REFUSED], ids=str)
def test_what_has_no_c_says_so(row):
    case = Case(row, "refused")
    with pytest.raises(DataError, match=REFUSED[str(row)]):
        c_source(case.call, *case.inputs)
