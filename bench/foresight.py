"""What `chainrule.distributed.scaling` says beforehand of everything that `bench.scaling` measures.

Fitted are the network in memory and the one between namespaces, each to exchanges among two ranks
and nothing else, and each workload's step on one rank alone. All the rest is foretold from these:
more ranks, more ranks than cores, delays and rates, and steps with exchanges in them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from chainrule.distributed.scaling import (
    Bucket,
    Cluster,
    Job,
    Network,
    Step,
    buckets,
    fit_network,
    strong,
    weak,
)

SHORT = 2048  # bytes up to which MPICH exchanges whole arrays, and beyond which halves of them
MEBIBYTE = 2**20

Found = dict[str, Any]


def way(n: float) -> str:
    """The way in which MPICH sums an array of so many bytes."""
    return "doubling" if n <= SHORT else "halving"


# --- networks -----------------------------------------------------------------------------------


def fitted(ranks: int, times: list[tuple[int, float]], work: float) -> Network:
    """The network that explains exchanges among so many ranks."""
    sizes, seconds = zip(*times, strict=True)
    ways = [way(n) for n in sizes]
    found = fit_network([ranks] * len(sizes), sizes, seconds, ways)
    return Network(found.latency, found.bandwidth, work=work)


def memory(found: Found) -> Network:
    """The network inside of this machine: all copying is done by the cores."""
    return fitted(2, found["memory"]["2"], work=1.0)


def cards(found: Found) -> Network:
    """The network between namespaces when nothing is delayed: packets are the cores' work too."""
    free = next(each for each in found["cards"] if each["ranks"] == 2 and each["rate"] is None)
    return fitted(2, free["times"], work=1.0)


def limited(cards: Network, delay: float, rate: float | None, turns: float) -> Network:
    """The network between namespaces with a delay and a rate, on cores that take turns.

    The cores' part of an exchange goes on while the wire is busy, so the slower of both counts.
    """
    free = cards.busier(turns)
    bandwidth = min(free.bandwidth, rate or math.inf)
    return Network(free.latency + delay, bandwidth, work=bandwidth / free.bandwidth)


# --- steps --------------------------------------------------------------------------------------


def job(found: Found, workload: str, kind: str, cap: float) -> Job:
    """A workload's step as it was measured on one rank alone.

    Args:
        found: by `bench.scaling`.
        workload: its name.
        kind: "eager" or "compiled".
        cap: mebibytes of a bucket.
    """
    told = found["jobs"][f"{workload} {kind}"]
    rows = told["rows"]
    back = min(told["back"], told["whole"])
    row = min((back - told["few"]) / (rows - told["fewer"]), back / rows)
    return Job(
        rows=rows,
        fixed=back - row * rows,
        row=row,
        update=told["whole"] - back,
        buckets=buckets(told["sizes"], told["ready"], cap * MEBIBYTE),
        forward=told["forward"],
    )


def step(found: Found, one: Found, cap: float | None) -> Step:
    """What is foretold of a measured step.

    Args:
        found: by `bench.scaling`.
        one: of its steps.
        cap: mebibytes of a bucket; `None` for one exchange after the way back.
    """
    ranks, cores = one["ranks"], found["cores"]
    alone = job(found, one["workload"], one["way"], cap or math.inf)
    if cap is None:
        alone = replace(alone, buckets=(Bucket(alone.volume, 1.0),))
    size = alone.volume / len(alone.buckets)
    predict = strong if one["scaling"] == "strong" else weak
    if one["delay"] is None:
        machine = Cluster(memory(found), ranks=ranks, cores=cores)
        return predict(alone, machine, ranks, way(size))
    # Each namespace is a machine to the model, but they share this one's cores.
    turns = max(1.0, ranks / cores)
    network = limited(cards(found), one["delay"], one["rate"], turns)
    return predict(alone.slowed(turns), Cluster(network), ranks, way(size))


# --- beyond what can be measured here -----------------------------------------------------------

MEMORY = "shared memory, as here, a core for each rank"
ETHERNET = "Ethernet, 1 Gbit/s, 0.1 ms"
INFINIBAND = "InfiniBand, 100 Gbit/s, 2 µs"
SMALL = 0.25  # mebibytes of a bucket, so that there are several


def places(found: Found) -> dict[str, Cluster]:
    """The networks for which steps are drawn out; cards do everything by themselves."""
    return {
        MEMORY: Cluster(memory(found)),
        ETHERNET: Cluster(Network(1e-4, 125e6)),
        INFINIBAND: Cluster(Network(2e-6, 12.5e9)),
    }


def drawn_out(found: Found) -> list[str]:
    """The workloads whose compiled step was measured on one rank."""
    return [name.split()[0] for name in found["jobs"] if name.endswith(" compiled")]
