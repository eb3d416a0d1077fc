"""What two or more runs have in common, and in what they differ (floor 4).

Where they were tested on the same examples, they are held against one another example by example:
of two networks that are right equally often one may be right where the other is not.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainrule.errors import DataError, OptionError
from chainrule.explain.telling.words import amount
from chainrule.ops import Array
from chainrule.picture import format_value
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.job.revisit import Visit, visit
from chainrule.train.reporting.reporting import figure_pairs, setting_pairs

__all__ = ["Comparison", "Pair", "Row", "by_chance", "compare"]

_MOST = 12  # runs
_RARE = 1e-3  # below, a chance has no number


class Row(NamedTuple):
    """One thing that is told of every run.

    Attributes:
        name: what it is.
        values: of each run, in words.
        best: which of them is best; `None` where they are alike, or none is better.
    """

    name: str
    values: tuple[str, ...]
    best: int | None = None

    @property
    def differs(self) -> bool:
        """Whether the runs are not alike in it."""
        return len(set(self.values)) > 1


class Pair(NamedTuple):
    """Two runs on the same test examples.

    Attributes:
        first: its number.
        second: likewise.
        only_first: how many examples only the first is right on; of numbers, comes nearer to.
        only_second: likewise.
        chance: how often two that are equally good would differ so much.
    """

    first: int
    second: int
    only_first: int
    only_second: int
    chance: float

    @property
    def chance_text(self) -> str:
        """The chance in words."""
        if self.chance < _RARE:
            return "under 0.1 %"
        return format_value(float(f"{self.chance:.2g}"), percent=True)


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        runs: as they were taken up.
        names: what tells them apart.
        figures: of the tests, and what they took.
        settings: of the jobs.
        missed: `(runs, N)`, by how much each test example was missed: 0 or 1 of classes, the
            distance of numbers; `None` where they were not tested on the same.
        why_not: why there is no `missed`; empty if there is.
    """

    runs: Sequence[Visit]
    names: Sequence[str]
    figures: Sequence[Row]
    settings: Sequence[Row]
    missed: Array | None = field(default=None, repr=False)
    why_not: str = ""

    @property
    def pairs(self) -> list[Pair]:
        """Every two runs, if they were tested on the same examples."""
        if self.missed is None:
            return []
        count = len(self.runs)
        return [_pair(self.missed, i, j) for i in range(count) for j in range(i + 1, count)]

    @property
    def divided(self) -> list[int]:
        """The test examples that divide the runs, those that do so most evenly first."""
        if self.missed is None or not self.runs[0].classes:
            return []
        right = (self.missed == 0).sum(axis=0)
        most = len(self.runs) / 2
        rows = np.flatnonzero((right > 0) & (right < len(self.runs)))
        return [int(row) for row in rows[np.argsort(np.abs(right[rows] - most), kind="stable")]]


def compare(
    folders: Sequence[str], *, data_dir: str | None = None, device: str = "cpu"
) -> Comparison:
    """Take up runs and hold them against one another.

    Args:
        folders: of the runs.
        data_dir: the folder where data sets such as mnist are kept.
        device: where the models answer for the test examples.

    Raises:
        OptionError: fewer than two runs, or too many; or a device that is not available.
        DataError: a folder that is none of a run, or is damaged.
    """
    if not 2 <= len(folders) <= _MOST:
        raise OptionError(f"2 to {_MOST} runs are compared at a time, got {len(folders)}")
    runs = [_visited(folder, data_dir, device) for folder in folders]
    missed, why_not = _missed(runs)
    return Comparison(
        runs, _names(folders), _figures(runs, alike=not why_not), _settings(runs), missed, why_not
    )


def _visited(folder: str, data_dir: str | None, device: str) -> Visit:
    """A run; what is wrong with it is told with its name."""
    try:
        return visit(folder, data_dir=data_dir, device=device)
    except DataError as error:
        told = str(error)
        raise DataError(told if folder in told else f"{folder}: {told}") from None


def by_chance(one: int, other: int) -> float:
    """Return how often a fair coin falls as unevenly as `one` to `other`, or more so.

    The exact sign test, on examples of which one run is right and the other wrong: McNemar's test.

    References:
        McNemar, Note on the Sampling Error of the Difference Between Correlated Proportions, 1947.

    Examples:
        >>> by_chance(0, 5), by_chance(7, 7)
        (0.0625, 1.0)
    """
    n = one + other
    fewer = sum(math.comb(n, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * fewer / 2**n)


def _names(folders: Sequence[str]) -> list[str]:
    """The paths without what they all begin with."""
    paths = [Path(os.path.abspath(folder)) for folder in folders]
    common = Path(os.path.commonpath(paths))
    names = [str(path.relative_to(common)) for path in paths]
    names = [path.name if name == "." else name for name, path in zip(names, paths)]
    return [f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names, start=1)]


# --- rows ---------------------------------------------------------------------------------------


def _figures(runs: Sequence[Visit], *, alike: bool) -> list[Row]:
    rows = [_row("data", [run.name for run in runs])]
    for name in dict.fromkeys(name for run in runs for name in run.figures):
        known = [run.figures.get(name, math.nan) for run in runs]
        told = [dict(figure_pairs(run.figures)).get(name, "–") for run in runs]
        better = max if name != "mae" else min
        rows.append(Row(f"test {name}", tuple(told), _best(known, better) if alike else None))
    parameters = [run.summary.parameters for run in runs]
    rows.append(Row("parameters", tuple(f"{n:,}" for n in parameters), _best(parameters, min)))
    work = [run.summary.forward for run in runs]
    rows.append(Row("multiply-adds", tuple(map(amount, work)), _best(work, min)))
    lengths = [len(run.history) for run in runs]  # 0 of what was put together of several runs
    rows.append(_row("epochs", [f"{n:,}" if n else "–" for n in lengths]))
    rows.append(_row("best epoch", [str(run.history.best_epoch or "–") for run in runs]))
    seconds = [run.seconds if n else math.nan for n, run in zip(lengths, runs)]
    told = [format_seconds(taken) if taken >= 0 else "–" for taken in seconds]
    rows.append(Row("training time", tuple(told), _best(seconds, min)))
    return rows


def _row(name: str, values: Sequence[str]) -> Row:
    return Row(name, tuple(values))


def _best(values: Sequence[float], better: object) -> int | None:
    """The only one that is best."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return None
    best = max(known) if better is max else min(known)
    return list(values).index(best) if known.count(best) == 1 else None


def _settings(runs: Sequence[Visit]) -> list[Row]:
    told = [dict(setting_pairs(run.settings)) for run in runs]
    return [_row(name, [each[name] for each in told]) for name in told[0]]


# --- example by example -------------------------------------------------------------------------


def _missed(runs: Sequence[Visit]) -> tuple[Array | None, str]:
    """By how much each missed each test example, or why that cannot be said."""
    outcomes = [run.outcome for run in runs]
    for run in runs:
        if run.outcome is None:
            return None, f"the data of {run.folder} are not there: {run.missing}"
    found = []
    first = outcomes[0]
    assert first is not None
    for run, outcome in zip(runs, outcomes):
        assert outcome is not None
        test = outcome.test
        same = np.array_equal(test.x, first.test.x, equal_nan=test.x.dtype.kind == "f")
        if not (same and np.array_equal(test.y, first.test.y)):
            return None, f"{runs[0].folder} and {run.folder} were tested on different examples"
        if test.classes is None:
            found.append(np.abs(outcome.outputs.reshape(-1) - test.y))
        else:
            found.append((outcome.outputs.argmax(axis=1) != test.y).astype(np.float32))
    return np.stack(found), ""


def _pair(missed: Array, first: int, second: int) -> Pair:
    one = int((missed[first] < missed[second]).sum())
    other = int((missed[second] < missed[first]).sum())
    return Pair(first, second, one, other, by_chance(one, other))
