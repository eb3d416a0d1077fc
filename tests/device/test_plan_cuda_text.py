"""The text of a plan's kernels: what C makes of it, by nvcc and by the compiler that CuPy uses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from bench.gpu_counts import table as counted

from chainrule import ops
from chainrule.ops.core import REGISTRY
from chainrule.plan.cuda.executor import prepared
from chainrule.plan.cuda.launches import PRELUDE, numbered
from chainrule.plan.cuda.steps import steps_of
from chainrule.plan.cuda.text import Writer, c_type, literal
from chainrule.plan.formulas.elementwise import TABLE, apply
from chainrule.plan.formulas.registers import Unsupported
from chainrule.plan.passes import simplified
from chainrule.plan.program import Instruction, Program, Value
from chainrule.plan.record import record
from device import nvcc, nvrtc
from plan.test_random_programs import arrays, writing
from plan.workloads import WORKLOADS, begun

# What may be said of a number that nobody reads: an old value that is assigned over, a rate of an
# option that is not taken; that a number without a sign is less than 0.
UNREAD = ("declared but never referenced", "set but never used", "pointless comparison of unsigned")
DTYPES = [np.bool_, np.int8, np.int32, np.uint64, np.int64, np.float32, np.float64]


def of_program(program):
    """The kernels of a program, by name."""
    kernels = [k for step in steps_of(prepared(simplified(program))) for k in step.kernels]
    return numbered(kernels)


def programs():
    """The kernels of all workloads, and of programs drawn at random."""
    found = {}
    for name in WORKLOADS:
        step = begun(name)
        found.update(of_program(record(step.run, step.batch)[1]))
    for seed in range(4):
        given = arrays(seed)
        found.update(of_program(record(writing(seed, given[3:]), given[:3])[1]))
    return found


def elementwise(name, dtype):
    """A kernel of one elementwise operation, or nothing where it has none for this dtype."""
    op, w = REGISTRY[name], Writer()
    dtype = np.dtype(dtype)
    given = [dtype] * op.arity if name != "where" else [np.dtype(bool), dtype, dtype]
    try:
        y = op.forward(*(np.ones(1, d) for d in given))
        args = [w.load(f"p{k}[0]", d) for k, d in enumerate(given)]
        w.store(apply(w, name, args, {}, y.dtype), "out[0]")
        kinds = [*map(c_type, given), c_type(y.dtype)]
    except (Unsupported, TypeError, ValueError):
        return ""
    told = [f"const {kind}* p{k}" for k, kind in enumerate(kinds[:-1])]
    head = f'extern "C" __global__ void {name}_{dtype}({", ".join(told)}, {kinds[-1]}* out) {{'
    return "\n".join([head, *w.lines, "}", ""])


def table():
    texts = [elementwise(name, dtype) for name in TABLE if name in REGISTRY for dtype in DTYPES]
    return "\n".join(texts)


SOURCES = {
    "programs": lambda: "\n".join([PRELUDE, *programs().values()]),
    "the table of formulas": table,
}


def test_the_table_has_a_form_for_nearly_every_operation():
    none = [name for name in TABLE if name in REGISTRY and not elementwise(name, np.float32)]
    assert set(none) <= {"cast", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"} | {
        "bitwise_left_shift",
        "bitwise_right_shift",
    }


@pytest.mark.parametrize("source", SOURCES)
def test_by_nvcc(source, tmp_path):
    options = ["--fmad=false", "-arch=sm_80", "-Xptxas", "-O1"]
    said = nvcc.compiled(SOURCES[source](), options, tmp_path)
    warned = [line for line in said.splitlines() if "warning #" in line]
    assert [line for line in warned if not any(w in line for w in UNREAD)] == []


def test_by_the_compiler_of_cupy():
    if nvrtc.library() is None:
        pytest.skip("there is no NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    step = begun("digits")
    texts = of_program(record(step.run, step.batch)[1])
    options = ("-std=c++17", "--fmad=false", "-arch=sm_80")
    code, _ = nvrtc.compiled("\n".join([PRELUDE, *texts.values()]), options)
    assert code


@pytest.mark.parametrize("number", [0.1, -1e-45, 3.5e38, 1.0, -0.0])
def test_literals_are_exact(number):
    for dtype in (np.float32, np.float64):
        with np.errstate(over="ignore", under="ignore"):
            wanted = dtype(number)
        text = literal(number, np.dtype(dtype))
        if np.isinf(wanted):
            assert text.startswith(("__int_as_float(0x7f8", "__longlong_as_double(0x7ff"))
        else:
            assert dtype(float.fromhex(text.rstrip("f"))).tobytes() == wanted.tobytes()


def test_kernels_of_layers_that_are_alike_are_one():
    x = np.ones((8, 16), np.float32)
    w = [np.ones((16, 16), np.float32) for _ in range(3)]

    def layers(x):
        for each in w:
            x = ops.relu(ops.add(ops.matmul(x, each), 1.0))
        return x

    steps = steps_of(prepared(record(layers, [x])[1]))
    kernels = [k for step in steps for k in step.kernels]
    assert len(kernels) == 3
    assert len(numbered(kernels)) == 1


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_small_integers_wrap_around_without_the_sign_of_int(dtype):
    """65535 * 65535 is more than int has, and C says nothing of what comes then."""
    assert "(unsigned int)" in elementwise("mul", dtype)


def far_away(name, shape, /, **attrs):
    """The text of what is done to 16 numbers that lie behind 2^31 others."""
    x = Value("x0", ((1 << 31) + 16,), np.dtype(np.float32), "input")
    shapes = [(16,), (4, 4), (4, 4), shape]
    end, square, turned, y = (
        Value(f"v{k}", shape, x.dtype, "made") for k, shape in enumerate(shapes)
    )
    instructions = [
        Instruction(REGISTRY["slice"], (x,), {"key": (slice(1 << 31, None),)}, end),
        Instruction(REGISTRY["reshape"], (end,), {"shape": (4, 4)}, square),
        Instruction(REGISTRY["permute"], (square,), {"dims": (1, 0)}, turned),
        Instruction(REGISTRY[name], (turned,), attrs, y),
    ]
    (step,) = steps_of(prepared(Program([x], [], instructions, [y])))
    return "".join(kernel.text for kernel in step.kernels)


def test_what_lies_far_away_is_counted_with_64_bits():
    assert "for (long long e" in far_away("exp", (4, 4))
    assert "for (long long r" in far_away("amax", (4,), dim=1)
    assert far_away("reshape", (16,), shape=(16,)) == "", "the body copies it"


def test_bodies_are_written_in_the_words_of_the_shared_table():
    step = begun("moons")
    text = "\n".join(of_program(record(step.run, step.batch)[1]).values())
    assert "tanhf(" in text, "CUDA's own function stands for the polynomial"
    assert re.search(r"__shfl_xor_sync\(0xffffffffu", text)


def test_the_page_has_the_numbers_that_are_counted():
    page = (Path(__file__).parents[2] / "docs" / "gpu_plan.md").read_text(encoding="utf-8")
    for line in counted():
        assert line in page, "python -m bench.gpu_counts prints the table of docs/gpu_plan.md"
