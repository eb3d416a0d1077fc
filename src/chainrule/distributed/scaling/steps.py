"""A data-parallel step as events: the way back, and exchanges that share its time (floor 4).

Gradients are exchanged in buckets, each as soon as it is full, one after the other, while the way
back goes on: Li and others, "PyTorch distributed: experiences on accelerating data parallel
training" (VLDB 2020). What is not done when the way back ends is the tail; only that costs time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chainrule.distributed.scaling.links import Cluster

__all__ = ["Bucket", "Job", "Step", "buckets", "overlapped", "strong", "weak", "worthwhile"]


class Bucket(NamedTuple):
    """Gradients that are exchanged together.

    Attributes:
        volume: bytes of all of them.
        ready: the share of the way back after which they are there, 0 to 1.
    """

    volume: float
    ready: float


def buckets(sizes: Sequence[float], ready: Sequence[float], cap: float) -> tuple[Bucket, ...]:
    """Return gradients gathered into buckets, in the order in which they come.

    Args:
        sizes: bytes of each gradient.
        ready: the share of the way back after which each is there.
        cap: bytes beyond which a bucket begins anew.

    Returns:
        The buckets; each is ready with the last of its gradients.

    Examples:
        >>> buckets([30, 30, 30], ready=[0.2, 0.5, 1.0], cap=60)
        (Bucket(volume=60, ready=0.5), Bucket(volume=30, ready=1.0))
    """
    found: list[Bucket] = []
    for size, at in sorted(zip(sizes, ready, strict=True), key=lambda pair: pair[1]):
        if found and found[-1].volume + size <= cap:
            found[-1] = Bucket(found[-1].volume + size, at)
        else:
            found.append(Bucket(size, at))
    return tuple(found)


@dataclass(frozen=True)
class Job:
    """What a rank has to do in a step when it is alone.

    Args:
        rows: of the batch.
        fixed: seconds forward and back that do not depend on the rows.
        row: seconds forward and back for each row.
        update: seconds of the optimiser.
        buckets: the gradients.
        forward: the share of `fixed` and `row` that passes before the way back begins.

    Examples:
        >>> job = Job(rows=64, fixed=0.001, row=0.0001, update=0.0005, buckets=(Bucket(4e6, 1.0),))
        >>> round(job.computing(32), 6), job.volume
        (0.0042, 4000000.0)
    """

    rows: float
    fixed: float
    row: float
    update: float
    buckets: tuple[Bucket, ...]
    forward: float = 1 / 3

    @property
    def volume(self) -> float:
        """Bytes of all gradients."""
        return sum(bucket.volume for bucket in self.buckets)

    def computing(self, rows: float) -> float:
        """Return the seconds forward and back of so many rows.

        Args:
            rows: need not be whole.

        Returns:
            fixed + row * rows.

        Examples:
            >>> Job(rows=1, fixed=2.0, row=0.5, update=0.0, buckets=()).computing(4)
            4.0
        """
        return self.fixed + self.row * rows

    def slowed(self, times: float) -> Job:
        """Return the job on a core that does other things too.

        Args:
            times: how much longer everything takes.

        Returns:
            Another job.

        Examples:
            >>> Job(rows=1, fixed=2.0, row=0.5, update=1.0, buckets=()).slowed(2)
            Job(rows=1, fixed=4.0, row=1.0, update=2.0, buckets=(), forward=0.3333333333333333)
        """
        return replace(
            self, fixed=times * self.fixed, row=times * self.row, update=times * self.update
        )


class Step(NamedTuple):
    """A predicted step of one rank.

    Attributes:
        rows: of the rank's own batch.
        computing: seconds forward and back, if nothing came between.
        exchange: seconds of all exchanges, if nothing came between.
        tail: seconds by which exchanges lengthen the step.
        update: seconds of the optimiser.
    """

    rows: float
    computing: float
    exchange: float
    tail: float
    update: float

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return self.computing + self.tail + self.update

    @property
    def hidden(self) -> float:
        """The share of the exchanges' time that costs none; 1 where there is no exchange."""
        return 1 - self.tail / self.exchange if self.exchange else 1.0

    def efficiency(self, alone: Step) -> float:
        """Return the rows a second of this rank by those of a rank alone.

        Args:
            alone: the step of one rank that exchanges nothing.

        Returns:
            (rows / seconds) / (rows alone / seconds alone).

        Examples:
            >>> alone, together = Step(64, 1.0, 0.0, 0.0, 0.0), Step(16, 0.25, 0.5, 0.25, 0.0)
            >>> together.efficiency(alone)
            0.5
        """
        return self.rows / self.seconds * alone.seconds / alone.rows


def overlapped(
    forward: float, back: float, ready: Sequence[float], exchanges: Sequence[float], work: float
) -> float:
    """Return the seconds until the way back and all exchanges are done.

    Exchanges run one at a time, in their order, each from the moment when its bucket is ready or
    the one before has ended. While one runs, the way back goes at 1 - work of its speed.

    Args:
        forward: seconds before the way back begins.
        back: seconds of the way back, undisturbed.
        ready: of each bucket the share of the way back that it waits for, ascending.
        exchanges: seconds of each bucket's exchange.
        work: the share of an exchange for which the core cannot compute, 0 to 1.

    Returns:
        Seconds from the beginning of the step.

    Examples:
        >>> overlapped(1.0, 2.0, ready=[0.5, 1.0], exchanges=[1.0, 1.0], work=0.0)
        4.0
        >>> overlapped(1.0, 2.0, ready=[0.5, 1.0], exchanges=[1.0, 1.0], work=1.0)
        5.0
    """
    now, gone = forward, 0.0  # the clock, and what is done of the way back
    for share, exchange in zip(ready, exchanges, strict=True):
        wait = max(0.0, share * back - gone)
        now, gone = now + wait, gone + wait
        now, gone = now + exchange, min(back, gone + exchange * (1 - work))
    return now + back - gone


def weak(
    job: Job, cluster: Cluster, ranks: int, way: str | None = None, *, sharded: bool = False
) -> Step:
    """Predict a step in which every rank has the job's rows: more ranks, a larger batch.

    Args:
        job: of one rank.
        cluster: what the ranks run on.
        ranks: how many.
        way: in which arrays are summed between machines; the quickest if not given.
        sharded: each rank updates a piece of the weights, and gathers the others'.

    Returns:
        The step.

    Raises:
        ValueError: there is no such way, or no rank.

    Examples:
        >>> from chainrule.distributed.scaling import Network
        >>> job = Job(rows=64, fixed=0.001, row=0.0001, update=0.0005, buckets=(Bucket(4e6, 1.0),))
        >>> ethernet = Cluster(Network(latency=1e-4, bandwidth=125e6))
        >>> alone, many = weak(job, ethernet, 1), weak(job, ethernet, 16)
        >>> f"{1e3 * many.seconds:.1f} ms, efficiency {many.efficiency(alone):.2f}"
        '68.7 ms, efficiency 0.11'
    """
    return _step(job, cluster, ranks, job.rows, way, sharded)


def strong(
    job: Job, cluster: Cluster, ranks: int, way: str | None = None, *, sharded: bool = False
) -> Step:
    """Predict a step in which ranks share the job's rows: more ranks, the same batch.

    Args:
        job: the whole batch, as one rank would do it.
        cluster: what the ranks run on.
        ranks: how many.
        way: in which arrays are summed between machines; the quickest if not given.
        sharded: each rank updates a piece of the weights, and gathers the others'.

    Returns:
        The step.

    Raises:
        ValueError: there is no such way, or no rank.

    Examples:
        >>> from chainrule.distributed.scaling import Network
        >>> job = Job(rows=64, fixed=0.0, row=0.001, update=0.0, buckets=(Bucket(4e3, 1.0),))
        >>> strong(job, Cluster(Network(latency=1e-4, bandwidth=125e6)), 16).computing
        0.004
    """
    return _step(job, cluster, ranks, job.rows / ranks, way, sharded)


def worthwhile(
    job: Job,
    cluster: Cluster,
    least: float = 0.5,
    *,
    shared: bool = False,
    sharded: bool = False,
    most: int = 2**20,
) -> int:
    """Return up to how many ranks, in powers of two, none is less efficient than wanted.

    Args:
        job: of one rank, or of all together.
        cluster: what the ranks run on.
        least: efficiency that is wanted.
        shared: whether ranks share the job's rows, as in `strong`; each has them if not.
        sharded: each rank updates a piece of the weights.
        most: where to stop.

    Returns:
        The last power of two, from 1 to `most`, before the efficiency falls below `least`; no
        more than there are rows to share.

    Examples:
        >>> from chainrule.distributed.scaling import Network
        >>> job = Job(rows=64, fixed=0.001, row=0.0001, update=0.0005, buckets=(Bucket(4e4, 1.0),))
        >>> ethernet = Cluster(Network(latency=1e-4, bandwidth=125e6))
        >>> worthwhile(job, ethernet, 0.8), worthwhile(job, ethernet, shared=True)
        (64, 4)
    """
    predict = strong if shared else weak
    alone = predict(job, cluster, 1)
    ranks, most = 1, min(most, int(job.rows)) if shared else most
    while 2 * ranks <= most:
        if predict(job, cluster, 2 * ranks, sharded=sharded).efficiency(alone) < least:
            break
        ranks *= 2
    return ranks


def _step(
    job: Job, cluster: Cluster, ranks: int, rows: float, way: str | None, sharded: bool
) -> Step:
    """A step of so many rows a rank."""
    job = job.slowed(cluster.turns(ranks))
    computing, update = job.computing(rows), job.update
    ready = [bucket.ready for bucket in job.buckets]
    gathering = 0.0
    if sharded:
        halves = [cluster.halves(bucket.volume, ranks, way) for bucket in job.buckets]
        exchanges = [scatter for scatter, _ in halves]
        gathering = sum(gather for _, gather in halves)
        update /= ranks
    else:
        exchanges = [cluster.all_reduce(bucket.volume, ranks, way) for bucket in job.buckets]
    forward = job.forward * computing
    end = overlapped(forward, computing - forward, ready, exchanges, cluster.work(ranks))
    tail = end - computing + gathering
    return Step(rows, computing, sum(exchanges) + gathering, tail, update)
