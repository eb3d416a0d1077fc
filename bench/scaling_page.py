"""What `bench.scaling` found, as text: `bench/SCALING.md`, measurements beside predictions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from bench import foresight
from bench.report import seconds
from chainrule.distributed.scaling import Cluster, Job, Network, worthwhile

__all__ = ["page"]

Found = dict[str, Any]


def page(found: Found) -> str:
    """The page that is kept."""
    about = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    before, after = found["load"]
    sections = [
        "# Many ranks: predictions beside measurements",
        f"`python -m bench.scaling`, {found['date']}, on {about}. {before:.1f} processes wanted to "
        f"run when it began, {after:.1f} when it ended, its own among them.",
        "Ranks have one thread each. Times are medians of rounds in which variants take turns, "
        "each that of the slowest rank. The network in memory and the one between namespaces are "
        "fitted to exchanges between two ranks, each workload to steps of one rank alone; "
        "everything else is foretold from these by `chainrule.distributed.scaling`. Errors are "
        "(predicted - measured) / measured.",
        *_memory(found),
        *_cards(found),
        *_trained(found),
        *_drawn_out(found),
    ]
    return "\n\n".join(sections) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def beside(predicted: float, measured: float) -> list[str]:
    """A measured time, what was predicted, and the error."""
    return [seconds(measured), seconds(predicted), percent(error(predicted, measured))]


def error(predicted: float, measured: float) -> float:
    """By what share the prediction is too long."""
    return predicted / measured - 1


def percent(share: float) -> str:
    """A share with its sign."""
    return f"{100 * share:+.0f} %"


def middle(errors: Sequence[float]) -> str:
    """What is told of many errors."""
    sizes = sorted(abs(each) for each in errors)
    return (
        f"Of {len(sizes)} predictions the middle one is {100 * statistics.median(sizes):.0f} % "
        f"off, the worst {100 * sizes[-1]:.0f} %."
    )


def _told(network: Network) -> str:
    return f"a = {seconds(network.latency)}, b = {network.bandwidth / 1e6:,.0f} MB/s"


# --- exchanges ----------------------------------------------------------------------------------

EACH = ["measured", "predicted", "error"]


def _memory(found: Found) -> list[str]:
    network = foresight.memory(found)
    two, four = found["memory"]["2"], found["memory"]["4"]
    rows, errors = [], []
    for (n, first), (_, second) in zip(two, four, strict=True):
        pairs = [
            (network.busier(ranks / found["cores"]).all_reduce(n, ranks, foresight.way(n)), t)
            for ranks, t in ((2, first), (4, second))
        ]
        rows.append([f"{n:,} bytes", *(cell for pair in pairs for cell in beside(*pair))])
        errors += [error(*pair) for pair in pairs]
    return [
        "## A sum over all ranks, in shared memory",
        f"Fitted: {_told(network)}. Four ranks on {found['cores']} cores are expected to take "
        f"{max(1.0, 4 / found['cores']):g} times as long for each message.",
        table(["", *(f"{p} ranks: {each}" for p in (2, 4) for each in EACH)], rows),
        middle(errors),
    ]


def _cards(found: Found) -> list[str]:
    if found["why not"]:
        return [
            "## Between network namespaces",
            f"Nothing was measured between namespaces: {found['why not']}.",
        ]
    cards = foresight.cards(found)
    sections = [
        "## A sum over all ranks, between network namespaces",
        f"Fitted without limits: {_told(cards)}. The delay is added to a, and b is the set rate if "
        "that is less. Beside what was set stands what a fit to these measurements alone finds.",
    ]
    errors = []
    for ranks in sorted({each["ranks"] for each in found["cards"]}):
        rows = []
        for each in (one for one in found["cards"] if one["ranks"] == ranks):
            turns = max(1.0, ranks / found["cores"])
            network = foresight.limited(cards, each["delay"], each["rate"], turns)
            own = foresight.fitted(ranks, each["times"], 0.0)
            for n, took in each["times"]:
                guess = network.all_reduce(n, ranks, foresight.way(n))
                rows.append([_where(each), f"{n:,}", *beside(guess, took), ""])
                errors.append(error(guess, took))
            rows[-len(each["times"])][-1] = _told(own)
        sections += [
            f"### {ranks} ranks",
            table(["network", "bytes", *EACH, "a fit to these alone"], rows),
        ]
    return [*sections, middle(errors)]


def _where(one: Found) -> str:
    if one["delay"] is None:
        return "shared memory"
    if one["rate"] is None:
        return "no limits"
    return f"{1e3 * one['delay']:g} ms, {one['rate'] / 125e3:,.0f} Mbit/s"


# --- steps --------------------------------------------------------------------------------------


def _trained(found: Found) -> list[str]:
    overlapped = any(one["caps"] for one in found["steps"])
    return [*_steps(found), *(_hidden(found) if overlapped else []), *_throughput(found)]


def _name(one: Found) -> list[str]:
    return [f"{one['workload']}, {one['way']}", _where(one), str(one["ranks"]), f"{one['rows']}"]


NAMES = ["workload", "where", "ranks", "rows each"]


def _steps(found: Found) -> list[str]:
    rows, errors = [], []
    for one in found["steps"]:
        step = foresight.step(found, one, None)
        pairs = [
            (step.computing + step.update, one["alone"]),
            (step.seconds, one["by hand"]),
        ]
        rows.append([*_name(one), *(cell for pair in pairs for cell in beside(*pair))])
        errors.append(error(*pairs[1]))
    return [
        "## Steps",
        "First without an exchange, all ranks at the same time; then with one exchange of all "
        "gradients between the way back and the update.",
        table([*NAMES, *(f"{what}: {e}" for what in ("without", "with") for e in EACH)], rows),
        middle(errors),
    ]


def _hidden(found: Found) -> list[str]:
    rows, errors = [], []
    for one in found["steps"]:
        for cap in one["caps"]:
            step = foresight.step(found, one, cap)
            alone, whole, exchange = one["alone"], one[f"with {cap}"], one[f"exchange {cap}"]
            hidden = 1 - (whole - alone) / exchange
            rows.append(
                [
                    *_name(one),
                    f"{cap:g}",
                    *beside(step.seconds, whole),
                    *beside(step.exchange, exchange),
                    f"{100 * hidden:.0f} %",
                    f"{100 * step.hidden:.0f} %",
                ]
            )
            errors.append(error(step.seconds, whole))
    return [
        "## What is hidden behind the way back",
        "`DistributedDataParallel` exchanges buckets of so many MiB while the way back goes on; "
        "with 25 each of these networks has one. Hidden is what a step takes less than a step "
        "without the exchange and the exchange by itself, as a share of the exchange; below zero, "
        "both disturb each other.",
        table(
            [
                *NAMES,
                "MiB",
                *(f"step: {e}" for e in EACH),
                *(f"exchange: {e}" for e in EACH),
                "hidden",
                "predicted",
            ],
            rows,
        ),
        middle(errors),
    ]


# --- throughput ---------------------------------------------------------------------------------


def _throughput(found: Found) -> list[str]:
    rows = []
    for name, told in found["jobs"].items():
        if name not in found["threads"]:
            continue
        cells = [told["rows"] / told["whole"]]
        for scaling in ("weak", "strong"):
            for ranks in (2, 4):
                one = _one(found, name, scaling, ranks)
                took = one[f"with {one['caps'][0]}"] if one["caps"] else one["by hand"]
                cells.append(ranks * one["rows"] / took)
        cells.append(told["rows"] / found["threads"][name])
        rows.append([name.replace(" ", ", "), *(f"{cell:,.0f}" for cell in cells)])
    return [
        "## Rows a second",
        "In shared memory; ranks have one thread each. The batch of the workload is every rank's, "
        "or shared by all.",
        table(
            [
                "workload",
                "1 rank",
                "2 ranks",
                "4 ranks",
                "2 ranks share a batch",
                "4 ranks share a batch",
                "1 process, 2 threads",
            ],
            rows,
        ),
    ]


def _one(found: Found, name: str, scaling: str, ranks: int) -> Found:
    workload, way = name.split()
    return next(
        one
        for one in found["steps"]
        if (one["workload"], one["way"], one["scaling"], one["ranks"], one["delay"])
        == (workload, way, scaling, ranks, None)
    )


# --- drawn out ----------------------------------------------------------------------------------

MOST = 1024  # ranks beyond which nothing is drawn


def _drawn_out(found: Found) -> list[str]:
    places = foresight.places(found)
    rows = []
    for name in foresight.drawn_out(found):
        job = foresight.job(found, name, "compiled", 25.0)
        counted = [
            _most(job, cluster, shared) for shared in (False, True) for cluster in places.values()
        ]
        alone = job.computing(job.rows) + job.update
        rows.append([name, f"{job.rows:g}", seconds(alone), f"{job.volume / 1e6:.2f} MB", *counted])
    short = [place.partition(",")[0] for place in places]
    return [
        "## Up to how many ranks",
        "In powers of two, the most ranks of which each does at least half of what one rank alone "
        "does, predicted for compiled steps in three networks: "
        + "; ".join(places)
        + ". First when every rank has the workload's batch, then when ranks share it.",
        table(
            [
                "workload",
                "batch",
                "step alone",
                "gradients",
                *(f"own batch: {place}" for place in short),
                *(f"shared batch: {place}" for place in short),
            ],
            rows,
        ),
    ]


def _most(job: Job, cluster: Cluster, shared: bool) -> str:
    ranks = worthwhile(job, cluster, shared=shared, most=MOST)
    return f"{ranks:,}" if ranks < MOST else f"{MOST:,} and more"
