"""What a run of the bench found, as it is kept in `bench/results.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import Result, Spread, spread
from bench.workloads import Workload

__all__ = ["Race", "Run"]


@dataclass
class Race:
    """One workload with one number of threads.

    Attributes:
        workload: what was run, as it was run: perhaps with fewer steps.
        threads: how many.
        limits: operations and bytes a second that the machine reached with as many.
        results: of every contender.
    """

    workload: Workload
    threads: int
    limits: dict[str, float]
    results: list[Result]

    def ours(self) -> Result | None:
        """Return the quickest of chainrule's contenders."""
        return _quickest([r for r in self.results if r.ours])

    def best(self) -> Result | None:
        """Return the quickest of the peers."""
        return _quickest(self.peers())

    def peers(self) -> list[Result]:
        """Return the others whose times count."""
        return [r for r in self.results if not r.ours and r.ranked]

    def named(self, name: str) -> Result | None:
        """Return what a contender did, if it took part and its times count."""
        return next((r for r in self.results if r.name == name and r.ranked), None)

    def times(self, result: Result) -> Spread:
        """Return the seconds of the unit in which the workload is told."""
        return Spread(*(seconds / self.workload.units for seconds in spread(result.seconds)))

    def least(self) -> float:
        """Return the seconds of a unit below which this machine cannot come."""
        flops = self.workload.flops / self.limits["flops"]
        return max(flops, self.workload.moved / self.limits["bytes"]) / self.workload.units


@dataclass
class Run:
    """Everything that one call of the command found.

    Attributes:
        machine: what it is, and its libraries with their versions.
        date: when it ended.
        load: how many processes wanted to run, before and after.
        command: what was typed.
        races: all of them.
    """

    machine: dict[str, str]
    date: str
    load: tuple[float, float]
    command: str
    races: list[Race] = field(default_factory=list)

    def with_threads(self, threads: int) -> Iterator[Race]:
        """Yield the races with so many threads."""
        return (race for race in self.races if race.threads == threads)

    def threads(self) -> list[int]:
        """Return the numbers of threads there are."""
        return sorted({race.threads for race in self.races})

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Run:
        """Return what `write` kept."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        races = [_race(one) for one in kept.pop("races")]
        return cls(**{**kept, "load": tuple(kept["load"]), "races": races})


def _race(kept: dict[str, Any]) -> Race:
    workload = {**kept["workload"], "sizes": tuple(kept["workload"]["sizes"])}
    results = [Result(**result) for result in kept["results"]]
    return Race(Workload(**workload), kept["threads"], kept["limits"], results)


def _quickest(results: Sequence[Result]) -> Result | None:
    ranked = [r for r in results if r.ranked]
    return min(ranked, key=lambda r: spread(r.seconds).median) if ranked else None
