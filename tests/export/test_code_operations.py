"""Operations by themselves in C and in NumPy: at kinks, at infinity, of whole numbers, of NaN."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from chainrule import ops
from chainrule.export.c.elementwise import EXPRESSIONS
from chainrule.export.c.folds import FOLDS, RUNNING
from chainrule.export.c.source import c_source
from chainrule.export.python.source import python_source

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc) is installed")

SPECIAL = [0.0, -0.0, 0.25, -0.25, 0.5, -0.5, 1.0, -1.0, 2.5, -2.5, 3.0, 30.0, -30.0, 1e30]
REAL = np.array([*SPECIAL, np.inf, -np.inf, np.nan], np.float32)
PAIRS = [np.ascontiguousarray(a) for a in np.meshgrid(REAL, REAL)]
WHOLE = [np.ascontiguousarray(a) for a in np.meshgrid(*[np.arange(-3, 4)] * 2)]
TRUTHS = [np.ascontiguousarray(a) for a in np.meshgrid([True, False], [True, False])]

ATTRS = {"clip": {"min": -0.5, "max": 2.0}, "cast": {"dtype": np.dtype(np.int32)}}
OF_TWO = {
    *("add", "sub", "mul", "div", "pow", "eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum"),
    *("fmod", "hypot", "atan2", "remainder", "logaddexp", "nextafter"),
    *("logical_and", "logical_or", "logical_xor"),
}
# Of whole numbers too, and what is for them alone.
OF_WHOLE = {"add", "sub", "mul", "eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum"}
OF_BITS = {"bitwise_and", "bitwise_or", "bitwise_xor"}
# Beyond the library's accuracy, or C's and NumPy's answers differ by what C leaves open.
LOOSE = {"pow": 2e-6, "lgamma": 3e-5, "erfc": 3e-6}


def cases():
    """What is computed, by name, and of which arrays."""
    rng = np.random.default_rng(0)
    box = rng.normal(size=(3, 4, 5)).astype(np.float32)
    holed = box.copy()
    holed[1, 2] = [np.nan, 1, np.inf, -np.inf, 0]
    found = {}
    for name in EXPRESSIONS:
        op, attrs = ops.REGISTRY[name], ATTRS.get(name, {})
        if name == "where":
            found[name] = (op, attrs, [PAIRS[0] > 0, *PAIRS])
        elif name not in OF_BITS:
            found[name] = (op, attrs, PAIRS if name in OF_TWO else [REAL])
        if name in OF_WHOLE | OF_BITS:
            found[f"{name} whole"] = (op, attrs, WHOLE)
    for name in ("logical_and", "logical_or", "logical_xor", "eq", "where"):
        given = [TRUTHS[0], *TRUTHS] if name == "where" else TRUTHS
        found[f"{name} truths"] = (ops.REGISTRY[name], {}, given)
    for kind in (np.float32, np.int64, np.bool_):
        for other in (np.float32, np.float64, np.int64, np.uint8, np.bool_):
            if (kind, other) != (np.float32, np.uint8):  # below 0 that is anything
                given = np.array([0, 1, 2, 3], kind)
                name = f"cast {kind.__name__} {other.__name__}"
                found[name] = (ops.REGISTRY["cast"], {"dtype": np.dtype(other)}, [given])
    for name in (*FOLDS, *RUNNING):
        op = ops.REGISTRY[name]
        dims = {"one": {"dim": 1}}
        if name in FOLDS and not name.startswith("arg"):
            dims |= {"some": {"dim": (0, 2), "keepdim": True}, "all": {}}
        if name == "sum_to":
            dims = {"some": {"shape": (4, 1)}}
        for what, attrs in dims.items():
            found[f"{name} {what}"] = (op, attrs, [box])
            if not name.startswith("cum"):
                found[f"{name} {what} with holes"] = (op, attrs, [holed])
    for name in ("sum", "prod", "amax", "amin", "argmax", "argmin", "cumsum"):
        found[f"{name} whole"] = (ops.REGISTRY[name], {"dim": 1}, WHOLE[:1])
    return found


CASES = cases()


def called(case):
    op, attrs, given = CASES[case]
    return (lambda *xs: op(*xs, **attrs)), given


def expected(case):
    op, attrs, given = CASES[case]
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*given, **attrs))


def compare(found, case):
    wanted = expected(case)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    if wanted.dtype.kind != "f":
        # A number that is outside of the whole ones becomes anything.
        inside = np.isfinite(CASES[case][2][0]) & (np.abs(CASES[case][2][0]) < 2**31)
        inside = inside if case == "cast" else np.broadcast_to(True, wanted.shape)
        np.testing.assert_array_equal(found[inside], wanted[inside])
        return
    rtol = LOOSE.get(case, 1e-6)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-6, equal_nan=True)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """All cases, compiled."""
    texts = []
    for k, case in enumerate(CASES):
        function, given = called(case)
        texts.append(c_source(function, *given, name=f"case{k}"))
    folder = tmp_path_factory.mktemp("c")
    (folder / "all.c").write_text("\n".join(texts), encoding="ascii")
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command = [COMPILER, *flags, folder / "all.c", "-o", folder / "all.so", "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "all.so"))


@needs_compiler
@pytest.mark.parametrize("case", CASES)
def test_in_c(case, library):
    found = np.empty_like(expected(case))
    arrays = [*CASES[case][2], found]
    function = getattr(library, f"case{list(CASES).index(case)}_predict")
    function(*[a.ctypes.data_as(ctypes.c_void_p) for a in arrays])
    compare(found, case)


@pytest.mark.parametrize("case", [case for case in CASES if case != "lgamma"])
def test_in_numpy(case):
    function, given = called(case)
    space: dict[str, object] = {}
    exec(python_source(function, *given, batch=False), space)
    compare(np.asarray(space["predict"](*given)), case)
