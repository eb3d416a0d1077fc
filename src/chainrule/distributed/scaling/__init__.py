"""The time of a data-parallel step before it is run, on any number of machines (floor 4).

`links` knows what an exchange costs and how its two numbers are fitted, `steps` how exchanges and
the way back share a step. Neither starts a process.
"""

from chainrule.distributed.scaling.links import (
    WAYS,
    Cluster,
    Counts,
    Network,
    counts,
    fit_line,
    fit_network,
)
from chainrule.distributed.scaling.steps import (
    Bucket,
    Job,
    Step,
    buckets,
    overlapped,
    strong,
    weak,
    worthwhile,
)

__all__ = [
    "WAYS",
    "Bucket",
    "Cluster",
    "Counts",
    "Job",
    "Network",
    "Step",
    "buckets",
    "counts",
    "fit_line",
    "fit_network",
    "overlapped",
    "strong",
    "weak",
    "worthwhile",
]
