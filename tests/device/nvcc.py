"""NVIDIA's compiler, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled(text: str, options: list[str], folder: Path) -> str:
    """Compile a text for a GPU, and return what the compiler says; a test without it is skipped."""
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("there is no nvcc")
    path, made = folder / "text.cu", folder / "made.cubin"
    path.write_text(text)
    run = subprocess.run(
        [compiler, "-std=c++17", *options, "-cubin", str(path), "-o", str(made)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert made.stat().st_size
    return run.stderr
