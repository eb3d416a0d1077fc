"""The machine: what it is, how busy it is, and what it can do at most.

Run as a program it measures, with the threads its environment allows, how many operations a second
a large matrix product reaches and how many bytes a second come from memory.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click
import numpy as np

LIBRARIES = (
    "chainrule",
    "numpy",
    "llvmlite",
    "torch",
    "jax",
    "scikit-learn",
    "onnxruntime",
    "micrograd",
)


def facts() -> dict[str, str]:
    """Return what the machine is and which libraries it has."""
    import chainrule

    found = {"processor": _processor(), "system": platform.platform(terse=True)}
    found["Python"] = platform.python_version()
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found | {"chainrule": chainrule.__version__}


def load_average() -> float:
    """Return how many processes have wanted to run in the last minute; NaN where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def limits(environment: dict[str, str]) -> dict[str, float]:
    """Return `flops` and `bytes` a second, measured in a process with that environment."""
    command = [sys.executable, "-m", "bench.machine"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


@contextmanager
def kept_busy(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Let so many processes do nothing, as fast as they can, inside the block."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(count)]
    try:
        yield others
    finally:
        for other in others:
            other.kill()
            other.wait()


def _processor() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {cores} cores"


def _best(work: Callable[[], Any], repeats: int = 12) -> float:
    """The least seconds that `work` takes."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def _measured() -> dict[str, float]:
    n = 1024
    a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
    product = np.empty_like(a)
    long = np.ones(2**26, np.float32)  # 256 MiB, more than any cache
    return {
        "flops": 2 * n**3 / _best(lambda: np.matmul(a, b, out=product)),
        "bytes": long.nbytes / _best(lambda: np.dot(long, long), repeats=6),
    }


if __name__ == "__main__":
    click.echo(json.dumps(_measured()))
