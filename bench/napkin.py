"""Predictions beside measurements: every workload, eager and compiled, with one thread and two.

`python -m bench.napkin` writes what it found to `bench/NAPKIN.md`. Each workload has a process of
its own, in which the environment allows so many threads; it predicts, and then puts the clock
beside it. What the machine can do is measured anew in every round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench.machine import facts, load_average
from bench.measure import environment
from bench.report import seconds as told
from bench.workloads import WORKLOADS, Workload, load

PAGE = Path(__file__).parent / "NAPKIN.md"
WITHIN = 1.3  # the larger of prediction and measurement over the smaller


def predicted(workload: Workload, way: str, threads: int) -> dict[str, float]:
    """Predict a step and measure it, in this process.

    Returns:
        `predicted` and `measured` seconds, `memory` and `held` bytes.
    """
    from chainrule.explain import napkin

    step, args = _step(workload, way, threads)
    found = napkin(step, *args, measure=True)
    assert found.measured is not None
    return {
        "predicted": found.seconds,
        "measured": found.measured.seconds,
        "memory": found.memory.total,
        "held": found.measured.memory,
    }


def _step(workload: Workload, way: str, threads: int) -> tuple[Any, tuple[Any, ...]]:
    """One step of a workload, or one call of inference, with its arguments."""
    from bench.contenders.ours import Eager

    one = replace(workload, rows=workload.rows_a_step, steps=1)
    data = load(one)
    ours = Eager(one, data, threads)
    ours.begin()
    step = ours.model if workload.task == "infer" else ours.step
    args = (ours.x,) if workload.task == "infer" else (ours.x, ours.y)
    return (ours.cr.compile(step) if way == "compiled" else step), args


# --- the table ----------------------------------------------------------------------------------


def measured(name: str, way: str, threads: int, rounds: int, cache: str) -> dict[str, float]:
    """Let a process of its own predict and measure, some times; return the round in the middle."""
    found = []
    for k in range(rounds):
        command = [sys.executable, "-m", "bench.napkin", "--alone", name, way, str(threads)]
        more = {"XDG_CACHE_HOME": str(Path(cache, str(k)))}
        data = os.environ.get("CHAINRULE_DATA")
        run = subprocess.run(
            command,
            env={**environment(threads), **more, **({"CHAINRULE_DATA": data} if data else {})},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(run.stdout))
    found.sort(key=lambda each: each["predicted"] / each["measured"])
    return found[len(found) // 2]


def table(names: tuple[str, ...], threads: int, rounds: int, cache: str) -> list[str]:
    """Rows of the table for so many threads."""
    lines = [
        "| workload | eager: predicted | measured | ratio | compiled: predicted | measured | ratio "
        "| memory, eager: predicted | held |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        ways = {way: measured(name, way, threads, rounds, cache) for way in ("eager", "compiled")}
        cells = [cell for found in ways.values() for cell in _cells(found)]
        held = [f"{ways['eager'][key] / 1e6:.3g} MB" for key in ("memory", "held")]
        lines.append(f"| {name} | {' | '.join([*cells, *held])} |")
        click.echo(lines[-1])
    return lines


def _cells(found: dict[str, float]) -> list[str]:
    ratio = found["predicted"] / found["measured"]
    mark = "" if max(ratio, 1 / ratio) <= WITHIN else " (!)"
    return [told(found["predicted"]), told(found["measured"]), f"{ratio:.2f}{mark}"]


def page(tables: dict[int, list[str]], rounds: int, before: float) -> str:
    """The page that is kept."""
    about = ", ".join(f"{key} {value}" for key, value in facts().items())
    lines = [
        "# Predictions beside measurements",
        "",
        f"`python -m bench.napkin` on {about}. {before:.1f} processes wanted to run when it began, "
        f"{load_average():.1f} when it ended, its own (one at a time) among them.",
        "",
        "Times are of a step, or of one call in inference; predicted by `chainrule.explain.napkin` "
        "from what was measured of the machine just before, with other networks. "
        f"Of {rounds} rounds the one whose ratio is in the middle is shown; (!) marks what is "
        f"further off than a factor of {WITHIN}.",
    ]
    for threads, rows in tables.items():
        counted = "One thread" if threads == 1 else f"{threads} threads"
        lines += ["", f"## {counted}", "", *rows]
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--threads", "-t", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--rounds", default=3, show_default=True, help="The one in the middle is shown.")
@click.option("--keep/--no-keep", default=True, help="Write the page.")
@click.option("--alone", nargs=3, hidden=True)
def main(
    names: tuple[str, ...],
    threads: tuple[int, ...],
    rounds: int,
    keep: bool,
    alone: tuple[str, str, str] | None,
) -> None:
    """Print predictions beside measurements, and keep them in bench/NAPKIN.md."""
    if alone:
        name, way, count = alone
        click.echo(json.dumps(predicted(WORKLOADS[name], way, int(count))))
        return
    names = names or tuple(n for n, w in WORKLOADS.items() if w.task != "scalars")
    before = load_average()
    with tempfile.TemporaryDirectory() as cache:
        tables = {count: table(names, count, rounds, cache) for count in threads}
    if keep:
        PAGE.write_text(page(tables, rounds, before), encoding="utf-8")


if __name__ == "__main__":
    main()
