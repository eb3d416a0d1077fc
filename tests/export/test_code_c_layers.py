"""Every layer of `nn` in C gives the layer's own numbers, or says why there is no C for it.

All layers are compiled together, as every name in a file begins with that of its network.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from chainrule import from_numpy, nn, no_grad
from chainrule.autograd import Tensor
from chainrule.errors import DataError
from chainrule.export.c.source import c_source
from nn.rows import ACTIVATIONS, LAYERS
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc) is installed")
FLAGS = ["-std=c99", "-O0", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]

ROWS = [*LAYERS, *ACTIVATIONS, *SEQUENCES, *WINDOWS]

# What has no C, and a part of the sentence that says so.
REFUSED = {
    "Linear(5, 3) no rows": "without elements",
    "Conv2d(4, 6, 3) no images": "without elements",
    "Embedding(7, 3) no indices": "without elements",
    "GRU(4, 3) no sequences": "without elements",
    # Vectors that are too long are shortened where they lie.
    "Embedding(6, 3, max_norm=0.7)": "assign of Embedding",
    "Embedding(6, 3, padding_idx=2, max_norm=1.0, norm_type=1.0)": "assign of Embedding",
    "EmbeddingBag(6, 3, max_norm=0.7)": "assign of EmbeddingBag",
}


WRITTEN = [row for row in ROWS if str(row) not in REFUSED]


class Case:
    """A layer, what it is called with, and its answers."""

    def __init__(self, row, name):
        self.row, self.name = row, name
        rng = row.rng()
        self.module = row.build(nn, lambda a: from_numpy(single(a))).eval()
        for value in self.module.state_dict().values():
            if value.is_floating_point():
                value.copy_(from_numpy(rng.uniform(0.2, 1.0, tuple(value.shape)).astype("f4")))
        self.inputs = [single(draw(rng)) for draw in row.inputs]

    def call(self, *xs):
        return self.row.call(self.module, *xs)

    def source(self):
        return c_source(self.call, *self.inputs, name=self.name)

    def expected(self):
        with no_grad():
            return [t.numpy() for t in flat(self.call(*map(from_numpy, self.inputs)))]


def single(a):
    a = np.asarray(a)
    return a.astype(np.float32) if a.dtype.kind == "f" else a


def flat(y):
    if isinstance(y, Tensor):
        return [y]
    return [t for one in y or () for t in flat(one)] if isinstance(y, (tuple, list)) else []


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """All layers, compiled."""
    folder = tmp_path_factory.mktemp("c")
    cases = {str(row): Case(row, f"row{k}") for k, row in enumerate(WRITTEN)}
    texts = [case.source() for case in cases.values()]
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
        finite = np.isfinite(b)
        np.testing.assert_array_equal(a[~finite], b[~finite])
        scale = max(1.0, np.abs(b[finite]).max(initial=0))
        np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("row", [row for row in ROWS if str(row) in REFUSED], ids=str)
def test_what_has_no_c_says_so(row):
    case = Case(row, "refused")
    with pytest.raises(DataError, match=REFUSED[str(row)]):
        case.source()
