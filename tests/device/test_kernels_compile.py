"""Every text compiled for GPUs, by the compiler that CuPy uses and by nvcc: no GPU is needed.

What the assembler reports is held to bounds: what it keeps in memory for want of registers, and
shared memory.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chainrule import kernels
from chainrule.kernels.launch import text
from device import nvcc, nvrtc
from device.emulator.build import kernels as kernels_in

SOURCES = sorted(p.stem for p in Path(kernels.__file__).parent.glob("*.cu") if p.stem != "common")
# Bytes of one thread that may go to memory for want of registers.
SPILLED = 0
SHARED = 48 << 10
# Architectures by type: the oldest that CuPy 14 knows, and those of data centres since.
KINDS = [("float", 80), ("float", 90), ("double", 70)]
each_source = pytest.mark.parametrize("source", SOURCES)


def report(log: str) -> dict[str, tuple[int, int, int]]:
    """What is reported of each kernel: bytes spilled, registers, bytes of shared memory."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        spilled = [int(n) for n in re.findall(r"(\d+) bytes spill", part)]
        registers = re.search(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        assert registers is not None, part
        name = part.split("'")[0]
        found[name] = (max(spilled), int(registers[1]), int(shared[1]) if shared else 0)
    return found


def hold_to_bounds(source: str, log: str) -> None:
    """Let all kernels of a source be in the report, and keep within the bounds."""
    found = report(log)
    assert set(found) == set(kernels_in(text(source)))
    for name, (spilled, registers, shared) in found.items():
        assert spilled <= SPILLED, f"{name} spills {spilled} bytes"
        assert registers <= 255
        assert shared <= SHARED, f"{name} has {shared} bytes of shared memory"


@each_source
@pytest.mark.parametrize(("real", "number"), KINDS)
def test_by_the_compiler_of_cupy(source, real, number):
    if nvrtc.library() is None:
        pytest.skip("there is no NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    if number not in nvrtc.architectures():
        pytest.skip(f"this NVRTC does not know sm_{number}")
    options = (
        "-std=c++17",
        f"-DREAL={real}",
        f"-arch=sm_{number}",
        "--ptxas-options=-v",
    )
    code, log = nvrtc.compiled(text(source), options)
    assert code
    warned = [line for line in log.splitlines() if "warning" in line]
    assert not [line for line in warned if "deprecated" not in line]  # as old GPUs are
    hold_to_bounds(source, log)


def test_the_compiler_of_cupy_has_no_headers():
    if nvrtc.library() is None:
        pytest.skip("there is no NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    with pytest.raises(nvrtc.TextError, match="could not open source file"):
        nvrtc.compiled("#include <math.h>\n", ())


@each_source
def test_by_nvcc(source, tmp_path):
    options = ["-DREAL=float", "-arch=sm_90", "--ptxas-options=-v"]
    hold_to_bounds(source, nvcc.compiled(text(source), options, tmp_path))
