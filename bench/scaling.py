"""Many ranks: predictions beside measurements, in shared memory and between network namespaces.

`python -m bench.scaling` writes what it found to `bench/scaling.json` and `bench/SCALING.md`. Ranks
are started by `mpiexec` and have one thread each; between namespaces (`namespaces.py`), where they
can be made, delays and rates are set.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from bench import namespaces
from bench.machine import facts, load_average
from bench.measure import environment
from bench.scaling_page import page
from bench.workloads import WORKLOADS
from chainrule.files import replace_text

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "scaling.json", HERE / "SCALING.md"
SIZES = [4, 4096, 65_536, 2**18, 2**20, 2**22]  # bytes of an exchange
RANKS = (2, 4)
STEPS = ("digits", "convnet", "transformer")
WAYS = ("eager", "compiled")
OTHERS = ("digits-wide", "lstm", "resnet", "vae", "gru")  # that are drawn out and not exchanged
CAPS = (25.0, 0.25)  # mebibytes of a bucket: as in PyTorch, and several to a network
MEGABIT, MS = 125_000.0, 1e-3
# One way, in seconds, and bytes a second: first as they come, then limited.
NETWORKS: tuple[tuple[float, float | None], ...] = (
    (0.0, None),
    (0.1 * MS, 1000 * MEGABIT),
    (1 * MS, 1000 * MEGABIT),
    (5 * MS, 1000 * MEGABIT),
    (0.1 * MS, 100 * MEGABIT),
    (1 * MS, 100 * MEGABIT),
)
TRAINED_OVER = (NETWORKS[1], NETWORKS[5])
PATIENCE = 300.0  # seconds after which ranks are said to hang

Found = dict[str, Any]


class Ranks:
    """Starts ranks somewhere, and says what it does.

    Args:
        quick: measure a little of everything.
    """

    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self.begun = time.perf_counter()

    def say(self, line: str) -> None:
        """Tell how far it is."""
        click.echo(f"{time.perf_counter() - self.begun:4.0f} s  {line}", err=True)

    def alone(self, tasks: list[Found], threads: int = 1) -> list[Any]:
        """Let one process do them."""
        return self._run([], tasks, {}, threads)

    def together(self, ranks: int, tasks: list[Found]) -> list[Any]:
        """Let ranks do them that share memory."""
        return self._run([namespaces.mpiexec(), "-n", str(ranks)], tasks, {})

    def apart(self, machines: namespaces.Machines, ranks: int, tasks: list[Found]) -> list[Any]:
        """Let ranks do them in a namespace each."""
        program = self._program(tasks)
        return self._answer(machines.launch(program, ranks), namespaces.OVER_THE_CARD)

    def _run(
        self, launcher: list[str], tasks: list[Found], more: dict[str, str], threads: int = 1
    ) -> list[Any]:
        return self._answer([*launcher, *self._program(tasks)], more, threads)

    def _program(self, tasks: list[Found]) -> list[str]:
        return [sys.executable, "-m", "bench.ranks", json.dumps(tasks), str(int(self.quick))]

    def _answer(self, command: list[str], more: dict[str, str], threads: int = 1) -> list[Any]:
        run = subprocess.run(
            command,
            env={**environment(threads), **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if run.returncode:
            raise click.ClickException(f"The ranks have failed:\n{run.stderr[-3000:]}")
        found: list[Any] = json.loads(run.stdout.splitlines()[-1])
        return found


# --- what is measured ---------------------------------------------------------------------------


def jobs(ranks: Ranks) -> Found:
    """Each workload on one rank alone."""
    wanted = [(name, way) for name in STEPS for way in WAYS]
    wanted += [(name, "compiled") for name in OTHERS]
    tasks = [
        {"kind": "job", "workload": name, "way": way, "rows": WORKLOADS[name].rows_a_step}
        for name, way in wanted
    ]
    found = ranks.alone(tasks)
    return {f"{name} {way}": one for (name, way), one in zip(wanted, found, strict=True)}


def threads(ranks: Ranks, count: int) -> Found:
    """Each workload's step in one process with so many threads."""
    wanted = [(name, way) for name in STEPS for way in WAYS]
    tasks = [
        {"kind": "step", "workload": name, "way": way, "rows": WORKLOADS[name].rows_a_step}
        for name, way in wanted
    ]
    found = ranks.alone(tasks, count)
    return {f"{name} {way}": one for (name, way), one in zip(wanted, found, strict=True)}


def steps(
    count: int, delay: float | None, rate: float | None, caps: tuple[float, ...]
) -> list[Found]:
    """The tasks of so many ranks: each workload with its rows on every rank, or shared."""
    found = []
    for name in STEPS:
        rows = WORKLOADS[name].rows_a_step
        for way in WAYS:
            kinds = [("weak", rows, caps)]
            if delay is None:
                kinds.append(("strong", rows // count, caps[:1]))
            found += [
                {
                    "kind": "shared",
                    "scaling": scaling,
                    "workload": name,
                    "way": way,
                    "rows": each,
                    "caps": list(buckets),
                    "ranks": count,
                    "delay": delay,
                    "rate": rate,
                }
                for scaling, each, buckets in kinds
            ]
    return found


def measure(ranks: Ranks, caps: tuple[float, ...]) -> Found:
    """Everything; between namespaces only where there can be any."""
    exchange = {"kind": "exchanges", "sizes": SIZES}
    found: Found = {"cores": len(os.sched_getaffinity(0)), "cards": [], "steps": []}
    ranks.say("steps on one rank alone")
    found["jobs"] = jobs(ranks)
    ranks.say("two threads")
    found["threads"] = threads(ranks, 2)
    found["memory"] = {}
    for count in RANKS:
        ranks.say(f"{count} ranks in shared memory")
        tasks = steps(count, None, None, caps)
        found["memory"][str(count)], *told = ranks.together(count, [exchange, *tasks])
        found["steps"] += [{**task, **one} for task, one in zip(tasks, told, strict=True)]
    found["why not"] = namespaces.why_not()
    if found["why not"] is None:
        with namespaces.machines(max(RANKS)) as machines:
            for count in RANKS:
                for network in NETWORKS:
                    tasks = steps(count, *network, caps) if network in TRAINED_OVER else []
                    between(ranks, machines, count, network, tasks, found)
    return found


def between(
    ranks: Ranks,
    machines: namespaces.Machines,
    count: int,
    network: tuple[float, float | None],
    tasks: list[Found],
    found: Found,
) -> None:
    """Add what so many ranks find between namespaces, with a delay and a rate."""
    delay, rate = network
    machines.set(delay, rate or float("inf"))
    told = "no limits" if rate is None else f"{1e3 * delay:g} ms, {rate / MEGABIT:g} Mbit/s"
    ranks.say(f"{count} ranks between namespaces, {told}")
    exchange = {"kind": "exchanges", "sizes": SIZES}
    times, *more = ranks.apart(machines, count, [exchange, *tasks])
    found["cards"].append({"ranks": count, "delay": delay, "rate": rate, "times": times})
    found["steps"] += [{**task, **one} for task, one in zip(tasks, more, strict=True)]


@click.command()
@click.option("--quick", is_flag=True, help="A little of everything, to see that it runs.")
@click.option("--by-hand", is_flag=True, help="Exchanges after the way back alone, none during it.")
@click.option("--render", is_flag=True, help="Measure nothing, write the page anew.")
@click.option("--keep/--no-keep", default=True, help="Write what was found.")
def main(quick: bool, by_hand: bool, render: bool, keep: bool) -> None:
    """Measure exchanges and steps of many ranks, and hold predictions against them."""
    if render:
        replace_text(PAGE, page(json.loads(KEPT.read_text(encoding="utf-8"))))
        return
    before = load_average()
    ranks = Ranks(quick)
    found = measure(ranks, () if by_hand else CAPS)
    found["machine"], found["load"] = facts(), (before, load_average())
    found["date"] = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    ranks.say("done")
    click.echo(page(found))
    if keep:
        replace_text(KEPT, json.dumps(found, indent=1) + "\n")
        replace_text(PAGE, page(found))


if __name__ == "__main__":
    main()
