"""The results as text: `bench/RESULTS.md` in full, and `docs/bench.md` for readers of the site."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.measure import Result, Spread
from bench.record import Race, Run

__all__ = ["page", "results", "told"]

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))

HOW = (
    "All contenders take part in one run on one machine, each in a process of its own, and take "
    "turns round by round: the same data, the same first weights, the same batches. A ratio is "
    "taken within a round; given are its median and, in brackets, its quartiles. The loss after "
    "the run is compared with that of NumPy by hand or, where a network is too long for a hand, of "
    "PyTorch; who has another is shown and not ranked. What is compiled is compiled before; the "
    "time for that stands apart."
)
LIMIT = (
    "*Of the limit* compares with what the machine cannot exceed: the operations of "
    "products and convolutions at the speed of a large product, or, for what does not fit into a "
    "cache, the bytes of the inputs at the speed of memory, whichever takes longer; both measured "
    "beside the races."
)


def seconds(value: float) -> str:
    """Return a time to three digits in the unit that suits it.

    Examples:
        >>> seconds(0.0123), seconds(2.5e-6), seconds(0)
        ('12.3 ms', '2.50 µs', '0.00 µs')
    """
    size, unit = next((pair for pair in UNITS if value >= pair[0]), UNITS[-1])
    return f"{_digits(value / size)} {unit}"


def ratio(found: Spread | None) -> str:
    """Return a ratio with its quartiles.

    Examples:
        >>> ratio(Spread(1.9, 2.04, 2.2))
        '2.04 (1.90 to 2.20)'
    """
    if found is None:
        return "–"
    return f"{_digits(found.median)} ({_digits(found.low)} to {_digits(found.high)})"


def mebibytes(value: float) -> str:
    """Return bytes in MiB.

    Examples:
        >>> mebibytes(3 * 2**20), mebibytes(math.nan)
        ('3 MiB', '–')
    """
    return "–" if math.isnan(value) else f"{value / 2**20:.0f} MiB"


def _digits(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def results(run: Run) -> str:
    """Return the whole of `RESULTS.md`."""
    parts = ["# Results", HOW, LIMIT, _facts(run)]
    for threads in run.threads():
        parts.append(f"## {told(threads).capitalize()}")
        parts.append(_summary(run.with_threads(threads)))
        for race in run.with_threads(threads):
            parts += [f"### {race.workload.title}", _race(race)]
    return "\n\n".join(parts) + "\n"


def page(run: Run) -> str:
    """Return the whole of `docs/bench.md`; the picture lies beside it."""
    parts = [
        "# How fast it is",
        "Speed is measured, always as a ratio to what others reach on the same machine in the same "
        "run.",
        "```{image} bench.svg\n:alt: How many times as long as chainrule the others take\n```",
        HOW,
        LIMIT,
    ]
    for threads in run.threads():
        parts += [f"## {told(threads).capitalize()}", _summary(run.with_threads(threads))]
    parts += [
        "## This run",
        _facts(run),
        "All figures, contender by contender, are in `bench/RESULTS.md` in the repository. "
        "`bench/README.md` says what to install; then\n\n```text\npython -m bench\n```",
    ]
    return "\n\n".join(parts) + "\n"


def told(threads: int) -> str:
    """Return a number of threads in words."""
    return "one thread" if threads == 1 else f"{threads} threads"


def _facts(run: Run) -> str:
    before, after = run.load
    machine = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    lines = [f"- `{run.command}`, {run.date}", f"- {machine}"]
    lines.append(
        f"- {before:.1f} processes wanted to run when it began, {after:.1f} when it ended, its own "
        "(one at a time) among them; figures from a busy machine are rough"
    )
    for threads in run.threads():
        limits = next(run.with_threads(threads)).limits
        lines.append(
            f"- {told(threads)}: {limits['flops'] / 1e9:.0f} GFLOP/s in a product, "
            f"{limits['bytes'] / 1e9:.0f} GB/s from memory"
        )
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _summary(races: Iterable[Race]) -> str:
    head = (
        "workload",
        "chainrule",
        "best peer",
        "its time / ours",
        "PyTorch / ours",
        "of the limit",
    )
    return _table(head, [_summed(race) for race in races])


def _summed(race: Race) -> tuple[str, ...]:
    ours, best, pytorch = race.ours(), race.best(), race.named("torch")
    if ours is None:
        return race.workload.title, "–", "–", "–", "–", "–"
    return (
        race.workload.title,
        f"{seconds(race.times(ours).median)} ({_way(ours)})",
        "–" if best is None else f"{seconds(race.times(best).median)} ({best.label})",
        _against(best, ours, race.workload.over_best),
        _against(pytorch, ours, race.workload.over_pytorch),
        _share(race, ours),
    )


def _way(ours: Result) -> str:
    """What of chainrule it was."""
    return ours.label.partition(", ")[2] or "eager"


def _against(peer: Result | None, ours: Result, wanted: float | None) -> str:
    if peer is None:
        return "–"
    told = ratio(peer.ratio(ours))
    return told if wanted is None else f"{told}, wanted {wanted:g}"


def _share(race: Race, result: Result) -> str:
    share = 100 * race.least() / race.times(result).median
    return f"{share:.0f} %" if share >= 1 else f"{share:.2g} %"


def _race(race: Race) -> str:
    ours = race.ours()
    unit = race.workload.unit
    head = (
        "contender",
        unit,
        "quartiles",
        "/ ours",
        "of the limit",
        "before the first round",
        "first round",
        "memory",
        "beyond imports",
        "loss",
    )
    there = [r for r in race.results if not r.absent]
    there.sort(key=lambda r: (not r.agrees, race.times(r).median))
    absent = [f"- {r.label}: {r.absent}" for r in race.results if r.absent]
    parts = [_table(head, [_row(race, r, ours) for r in there])]
    if absent:
        parts.append("Absent:\n\n" + "\n".join(absent))
    return "\n\n".join(parts)


def _row(race: Race, result: Result, ours: Result | None) -> tuple[str, ...]:
    low, median, high = race.times(result)
    compared = "another loss"
    if result.agrees:
        compared = ratio(None if ours is None else result.ratio(ours))
    return (
        f"**{result.label}**" if result is ours else result.label,
        seconds(median),
        f"{seconds(low)} to {seconds(high)}",
        compared,
        _share(race, result),
        seconds(result.made),
        seconds(result.first),
        mebibytes(result.memory),
        mebibytes(result.taken),
        f"{result.loss:.6g}",
    )
