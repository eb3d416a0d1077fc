"""The process of one contender: it says when it is ready, and runs a round whenever it is told to.

The parent writes a line for each round; what comes back is a line of JSON each. Whatever libraries
print goes to the standard error instead, so that it cannot come between.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Literal, TextIO

from bench.contender import Absent, Contender
from bench.contenders import contender
from bench.workloads import Workload, open_saved


def main(name: str, described: str, folder: str, threads: str) -> None:
    """Serve one contender until the parent hangs up."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    workload = _workload(json.loads(described))
    try:
        racer, first = _made(name, workload, Path(folder), int(threads))
    except Absent as why:
        _say(replies, {"absent": str(why)})
        return
    _say(replies, first)
    for _ in sys.stdin:
        _say(replies, {"seconds": _round(racer), "loss": racer.loss()})
    _say(replies, {"memory": memory("VmHWM")})


def memory(line: Literal["VmHWM", "VmRSS"]) -> float:
    """Return the bytes that this process holds, or has held at most; NaN where nobody counts."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            found = next(text for text in lines if text.startswith(line))
    except (OSError, StopIteration):
        return float("nan")
    return 1024 * float(found.split()[1])


def _workload(fields: dict[str, Any]) -> Workload:
    return Workload(**{**fields, "sizes": tuple(fields["sizes"])})


def _made(
    name: str, workload: Workload, folder: Path, threads: int
) -> tuple[Contender, dict[str, float]]:
    """The contender, and what making it and its first round took, compilation and all."""
    kind = contender(name)
    for module in kind.needs:
        try:
            importlib.import_module(module)
        except ImportError:
            raise Absent(f"{module} is not installed") from None
    data = open_saved(folder)
    held = memory("VmRSS")
    begun = time.perf_counter()
    racer = kind(workload, data, threads)
    made = time.perf_counter() - begun
    return racer, {"held": held, "made": made, "first": _round(racer), "loss": racer.loss()}


def _round(racer: Contender) -> float:
    racer.begin()
    begun = time.perf_counter()
    racer.run()
    return time.perf_counter() - begun


def _say(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
