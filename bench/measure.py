"""The race: a process for each contender, rounds that take turns, and the spread of what comes.

While one runs all others wait at their pipes, so whatever else the machine does meets them alike;
a ratio is taken within each round, and its median and quartiles over the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

from bench.contenders import contender
from bench.workloads import Workload, load, save

ROOT = Path(__file__).parent.parent
FEWEST = 3  # rounds, however long they take
REST = 0.05  # seconds in which the threads of the last one stop spinning


class Spread(NamedTuple):
    """The middle of several numbers, and where its middle half begins and ends."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return quartiles and median.

    Examples:
        >>> spread([4.0, 1.0, 2.0, 3.0, 5.0])
        Spread(low=2.0, median=3.0, high=4.0)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass
class Result:
    """What one contender did.

    Attributes:
        name: of the contender.
        label: in tables.
        ours: whether it is chainrule.
        absent: why it did not take part; empty if it did.
        seconds: of each round.
        loss: after the last one.
        made: seconds for making it: conversion, compilation ahead of the first round.
        first: seconds of its first round, which is not among the others.
        memory: the most bytes its process held.
        held: the bytes it held when all was imported and nothing made.
        agrees: whether its loss is that of the first other contender, or our own first.
    """

    name: str
    label: str
    ours: bool
    absent: str = ""
    seconds: list[float] = field(default_factory=list)
    loss: float = float("nan")
    made: float = float("nan")
    first: float = float("nan")
    memory: float = float("nan")
    held: float = float("nan")
    agrees: bool = True

    @property
    def taken(self) -> float:
        """The most bytes that its process took after the imports."""
        return self.memory - self.held

    @property
    def ready(self) -> float:
        """Seconds for making it and for its first round, beyond those of a later one."""
        return self.made + self.first - spread(self.seconds).median

    @property
    def ranked(self) -> bool:
        """Whether its times count."""
        return bool(self.seconds) and self.agrees

    def ratio(self, ours: Result) -> Spread:
        """How many times as long as `ours` it took, round by round."""
        return spread([a / b for a, b in zip(self.seconds, ours.seconds)])


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a process that may use so many threads."""
    one = "true" if threads > 1 else "false"
    limits = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), str(threads)
    )
    flags = f"--xla_cpu_multi_thread_eigen={one} intra_op_parallelism_threads={threads}"
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **limits, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}


class _Racer:
    """A contender's process and its pipes."""

    def __init__(
        self, name: str, workload: Workload, folder: Path, threads: int, more: Mapping[str, str]
    ) -> None:
        kind = contender(name)
        self.result = Result(name, kind.label, kind.ours)
        self.errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as it lives
        described = json.dumps(asdict(workload))
        command = ["-m", "bench.worker", name, described, str(folder), str(threads)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**environment(threads), **more},
            text=True,
        )
        self._take(self._reply())

    def round(self) -> None:
        """Let it run once."""
        if self.result.absent:
            return
        self._input().write("run\n")
        self._input().flush()
        self._take(self._reply())

    def close(self) -> Result:
        """Hang up, and return what it did."""
        self._input().close()
        if not self.result.absent:
            self._take(self._reply())
        self.process.wait()
        self._output().close()
        self.errors.close()
        return self.result

    def _input(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def _output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def _reply(self) -> dict[str, Any]:
        line = self._output().readline()
        if line:
            reply: dict[str, Any] = json.loads(line)
            return reply
        self.errors.seek(0)
        last = [text.strip() for text in self.errors if text.strip()][-1:]
        return {"absent": f"it failed: {last[0]}" if last else "it ended without a word"}

    def _take(self, reply: dict[str, Any]) -> None:
        if "seconds" in reply:
            self.result.seconds.append(reply.pop("seconds"))
        for name, value in reply.items():
            setattr(self.result, name, value)


def race(
    workload: Workload,
    names: Sequence[str],
    threads: int,
    *,
    rounds: int = 9,
    budget: float = 60.0,
    say: Callable[[str], None] = lambda line: None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> list[Result]:
    """Run the contenders that do such workloads, in turns.

    Args:
        workload: what is run.
        names: of contenders; the first other than ours that takes part judges the losses.
        threads: how many each may use.
        rounds: of all contenders.
        budget: seconds after which, but for a few rounds, no further one begins.
        say: is told who is on the start line.
        more: what their environment has besides.

    Returns:
        What each did, in the order of `names`.
    """
    suitable = [name for name in names if contender(name).suits(workload)]
    with tempfile.TemporaryDirectory() as folder:
        save(load(workload), Path(folder))
        racers = []
        for name in suitable:
            say(f"{workload.name}, {threads} threads: {name}")
            racers.append(_Racer(name, workload, Path(folder), threads, more))
        begun = time.perf_counter()
        for i in range(rounds):
            if i >= FEWEST and time.perf_counter() - begun > budget:
                break
            for racer in racers:
                racer.round()
                time.sleep(REST)
        results = [racer.close() for racer in racers]
    return judge(workload, results)


def judge(workload: Workload, results: list[Result]) -> list[Result]:
    """Mark those whose loss is another than that of the first who is not one of ours."""
    there = sorted((r for r in results if not r.absent), key=lambda r: r.ours)
    judge = there[0].loss if there else float("nan")
    for result in results:
        result.agrees = abs(result.loss - judge) <= workload.tolerance * abs(judge)
    return results
