"""What an exchange costs: messages, bytes and additions of the known ways to sum arrays (floor 4).

A message of n bytes takes a + n / b seconds, with the latency a and the bandwidth b; a rank sends
and receives at the same time, and pairs do not disturb each other. That is the model of Thakur,
Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH" (2005), and
the ways are theirs; that no rank can send less than in a ring is shown by Patarasuk and Yuan,
"Bandwidth optimal all-reduce algorithms for clusters of workstations" (2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["WAYS", "Cluster", "Counts", "Network", "counts", "fit_line", "fit_network"]

ROUNDS = 20  # of a fit in which each point chooses anew which way is the quickest


class Counts(NamedTuple):
    """What each rank does in an exchange.

    Attributes:
        messages: one after the other.
        sent: bytes, in multiples of the array's.
        added: bytes that are added to others, in the same multiples.
    """

    messages: float
    sent: float
    added: float

    def then(self, messages: float, sent: float, added: float) -> Counts:
        """Return what is done when so much follows."""
        return Counts(self.messages + messages, self.sent + sent, self.added + added)


NOTHING = Counts(0, 0, 0)


# --- the ways to sum, and their halves ----------------------------------------------------------


def _ring_halves(ranks: int) -> tuple[Counts, Counts]:
    """Pieces go round: each rank hands on sums of pieces, and then whole pieces."""
    share = (ranks - 1) / ranks
    return Counts(ranks - 1, share, share), Counts(ranks - 1, share, 0)


def _halving_halves(ranks: int) -> tuple[Counts, Counts]:
    """Partners twice as near each time exchange half as much, and then all of that backwards."""
    among, folded = _power(ranks)
    share = (among - 1) / among
    rounds = among.bit_length() - 1
    scatter, gather = Counts(rounds, share, share), Counts(rounds, share, 0)
    return (scatter.then(1, 1, 1), gather.then(1, 1, 0)) if folded else (scatter, gather)


def _ring(ranks: int) -> Counts:
    scatter, gather = _ring_halves(ranks)
    return scatter.then(*gather)


def _halving(ranks: int) -> Counts:
    scatter, gather = _halving_halves(ranks)
    return scatter.then(*gather)


def _doubling(ranks: int) -> Counts:
    """Partners twice as far each time exchange all they have."""
    among, folded = _power(ranks)
    rounds = among.bit_length() - 1
    found = Counts(rounds, rounds, rounds)
    return found.then(2, 2, 1) if folded else found


def _tree(ranks: int) -> Counts:
    """Sums go up a binary tree to one rank, and the result down again."""
    rounds = math.ceil(math.log2(ranks))
    return Counts(2 * rounds, 2 * rounds, rounds)


def _power(ranks: int) -> tuple[int, bool]:
    """The power of two that is not more than the ranks, and whether it is less.

    The ranks beyond it hand their arrays to others before, and get the sums after.
    """
    among = 1 << (ranks.bit_length() - 1)
    return among, among < ranks


# By name, what a rank does to sum an array with all others.
WAYS: Mapping[str, Callable[[int], Counts]] = MappingProxyType(
    {"ring": _ring, "halving": _halving, "doubling": _doubling, "tree": _tree}
)
# The two that consist of halves: sums of pieces first, each with one rank, then whole pieces.
HALVES: Mapping[str, Callable[[int], tuple[Counts, Counts]]] = MappingProxyType(
    {"ring": _ring_halves, "halving": _halving_halves}
)


def counts(way: str, ranks: int) -> Counts:
    """Return what each rank does to sum an array with all others.

    Among P ranks, a power of two; beyond one, the ranks left over take two messages more:

        ring:      2 (P - 1) messages, 2 (P - 1) / P sent, (P - 1) / P added
        halving:   2 log2 P messages, 2 (P - 1) / P sent, (P - 1) / P added (Rabenseifner)
        doubling:  log2 P messages, log2 P sent, log2 P added
        tree:      2 log2 P messages, 2 log2 P sent, log2 P added

    Args:
        way: "ring", "halving", "doubling" or "tree".
        ranks: how many, P.

    Returns:
        Messages one after the other, and bytes sent and added in multiples of the array's.

    Raises:
        ValueError: there is no such way, or no rank.

    Examples:
        >>> counts("ring", 4)
        Counts(messages=6, sent=1.5, added=0.75)
        >>> counts("tree", 4)
        Counts(messages=4, sent=4, added=2)
    """
    _checked(ranks)
    if way not in WAYS:
        raise ValueError(f"way: expected {', '.join(map(repr, WAYS))}, got {way!r}")
    return WAYS[way](ranks) if ranks > 1 else NOTHING


def _checked(ranks: int) -> None:
    if ranks < 1:
        raise ValueError(f"ranks: expected at least 1, got {ranks}")


# --- networks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """What carries messages between ranks.

    Args:
        latency: seconds that a message takes beside its bytes, a.
        bandwidth: bytes a second that a rank sends while it receives as many, b.
        adding: bytes a second that a rank adds to others; no time by default, which is right for
            a bandwidth that was fitted to sums.
        work: the share of an exchange's time for which the rank's own core is busy with it, so
            that it cannot compute: 1 where processors copy, 0 where cards do everything.

    Examples:
        >>> ethernet = Network(latency=1e-4, bandwidth=125e6)
        >>> round(ethernet.all_reduce(4e6, ranks=8), 4)
        0.0566
        >>> round(ethernet.all_reduce(4e6, ranks=8, way="ring"), 4)
        0.0574
    """

    latency: float
    bandwidth: float
    adding: float = math.inf
    work: float = 0.0

    def __post_init__(self) -> None:
        if self.latency < 0 or self.bandwidth <= 0 or self.adding <= 0:
            raise ValueError(
                f"Network: expected a latency of at least 0 s, and bandwidth and adding above 0 "
                f"bytes/s, got {self.latency}, {self.bandwidth} and {self.adding}"
            )
        if not 0 <= self.work <= 1:
            raise ValueError(f"Network: work is a share from 0 to 1, got {self.work}")

    def seconds(self, n: float, done: Counts) -> float:
        """Return messages * a + sent * n / b + added * n / adding.

        Args:
            n: bytes of the array.
            done: what each rank does.

        Returns:
            Seconds.

        Examples:
            >>> Network(latency=1.0, bandwidth=10.0).seconds(20, Counts(3, 1.5, 0.5))
            6.0
        """
        carried = done.sent * n / self.bandwidth + done.added * n / self.adding
        return done.messages * self.latency + carried

    def all_reduce(self, n: float, ranks: int, way: str | None = None) -> float:
        """Return the seconds in which all ranks have the sum of their arrays.

        Args:
            n: bytes of the array.
            ranks: how many.
            way: a name in `WAYS`; the quickest of them if not given.

        Returns:
            Seconds; 0 for one rank.

        Raises:
            ValueError: there is no such way, or no rank.

        Examples:
            >>> network = Network(latency=1.0, bandwidth=1.0)
            >>> network.all_reduce(8, ranks=4, way="ring")
            18.0
            >>> network.all_reduce(8, ranks=1)
            0.0
        """
        return min(self.seconds(n, counts(each, ranks)) for each in ([way] if way else WAYS))

    def halves(self, n: float, ranks: int, way: str | None = None) -> tuple[float, float]:
        """Return the seconds until each rank has the sum of its piece, and from then to all pieces.

        A sharded optimiser updates its piece in between.

        Args:
            n: bytes of the whole array.
            ranks: how many.
            way: "ring" or "halving"; the quicker one if not given.

        Returns:
            Seconds of the reduce-scatter and of the all-gather.

        Raises:
            ValueError: that way has no halves, or there is no rank.

        Examples:
            >>> Network(latency=1.0, bandwidth=1.0).halves(8, ranks=4, way="ring")
            (9.0, 9.0)
        """
        _checked(ranks)
        if way is not None and way not in HALVES:
            raise ValueError(f"way: expected {', '.join(map(repr, HALVES))}, got {way!r}")
        if ranks == 1:
            return 0.0, 0.0
        both = [HALVES[each](ranks) for each in ([way] if way else HALVES)]
        return min(((self.seconds(n, s), self.seconds(n, g)) for s, g in both), key=sum)

    def busier(self, times: float) -> Network:
        """Return the network when a core has so many ranks to serve.

        The share of an exchange that is work of the cores takes so many times as long.

        Args:
            times: ranks for each core; less than 1 counts as 1.

        Returns:
            Another network.

        Examples:
            >>> Network(latency=1.0, bandwidth=12.0, work=1.0).busier(2)
            Network(latency=2.0, bandwidth=6.0, adding=inf, work=1.0)
        """
        slower = 1 + self.work * (max(1.0, times) - 1)
        return replace(
            self,
            latency=slower * self.latency,
            bandwidth=self.bandwidth / slower,
            adding=self.adding / slower,
        )


@dataclass(frozen=True)
class Cluster:
    """Machines of several cores, with a network inside of each and one between them.

    Ranks fill one machine after the other. An array is summed inside of each machine so that every
    rank has the sum of its piece; ranks with the same piece sum between machines, all at the same
    time over the machine's one card; then pieces are gathered inside. Where a machine has more
    ranks than cores, they take turns: what is work of the cores goes more slowly.

    Args:
        between: the network between machines.
        inside: the network inside a machine; `between` if not given.
        ranks: of one machine.
        cores: of one machine, that ranks compute on; as many as ranks if not given.

    Examples:
        >>> memory, cable = Network(1e-6, 1e10), Network(1e-4, 1e9)
        >>> flat, nested = Cluster(cable), Cluster(cable, memory, ranks=4)
        >>> round(1e3 * flat.all_reduce(4e6, ranks=16), 2)
        8.3
        >>> round(1e3 * nested.all_reduce(4e6, ranks=16), 2)
        7.0
    """

    between: Network
    inside: Network | None = None
    ranks: int = 1
    cores: int | None = None

    def __post_init__(self) -> None:
        if self.ranks < 1 or (self.cores is not None and self.cores < 1):
            raise ValueError(
                f"Cluster: expected at least one rank and one core a machine, got {self.ranks} and "
                f"{self.cores}"
            )

    def work(self, ranks: int) -> float:
        """Return the share of an exchange for which a rank's core is busy with it.

        Args:
            ranks: in all machines together.

        Returns:
            That of the network inside where one machine is enough, else of the one between.

        Examples:
            >>> memory, cable = Network(1e-6, 1e10, work=1.0), Network(1e-4, 1e9)
            >>> cluster = Cluster(cable, memory, ranks=4)
            >>> cluster.work(4), cluster.work(8)
            (1.0, 0.0)
        """
        return (self.inside or self.between).work if ranks <= self.ranks else self.between.work

    def turns(self, ranks: int) -> float:
        """Return how many ranks each core of a full machine has to serve, at least 1.

        Args:
            ranks: in all machines together.

        Returns:
            The factor by which computing slows down.

        Examples:
            >>> Cluster(Network(1e-4, 1e9), ranks=4, cores=2).turns(4)
            2.0
        """
        _checked(ranks)
        here = min(ranks, self.ranks)
        return max(1.0, here / (self.cores or here))

    def all_reduce(self, n: float, ranks: int, way: str | None = None) -> float:
        """Return the seconds in which all ranks have the sum of their arrays.

        Args:
            n: bytes of the array.
            ranks: in all machines together.
            way: a name in `WAYS` for the network between, or inside of one machine; the quickest
            if not given.

        Returns:
            Seconds; 0 for one rank.

        Examples:
            >>> Cluster(Network(1.0, 1.0), ranks=4).all_reduce(8, ranks=1)
            0.0
        """
        inside, between, here, machines = self._levels(ranks)
        if machines == 1:
            return inside.all_reduce(n, here, way)
        return sum(inside.halves(n, here)) + between.all_reduce(n, machines, way)

    def halves(self, n: float, ranks: int, way: str | None = None) -> tuple[float, float]:
        """Return the seconds until each rank has the sum of its piece, and from then to all pieces.

        Args:
            n: bytes of the whole array.
            ranks: in all machines together.
            way: "ring" or "halving" for the network between; the quicker one if not given.

        Returns:
            Seconds of the reduce-scatter and of the all-gather.

        Examples:
            >>> Cluster(Network(1.0, 1.0)).halves(8, ranks=4, way="ring")
            (9.0, 9.0)
        """
        inside, between, here, machines = self._levels(ranks)
        first, second = inside.halves(n, here), between.halves(n, machines, way)
        return first[0] + second[0], first[1] + second[1]

    def _levels(self, ranks: int) -> tuple[Network, Network, int, int]:
        """Both networks as busy as they are, the ranks of a machine, and the machines."""
        turns = self.turns(ranks)
        inside, between = (net.busier(turns) for net in (self.inside or self.between, self.between))
        return inside, between, min(ranks, self.ranks), math.ceil(ranks / self.ranks)


# --- fitting ------------------------------------------------------------------------------------


def fit_network(
    ranks: Sequence[int],
    sizes: Sequence[float],
    seconds: Sequence[float],
    way: str | Sequence[str] | None = None,
) -> Network:
    """Return the network that explains measured all-reduces best.

    Least squares of relative errors, for latency and 1 / bandwidth; neither is below zero. Without
    a way, each point takes the one that is quickest in the network found so far, until none takes
    another.

    Args:
        ranks: of each measurement.
        sizes: bytes of the array.
        seconds: that it took.
        way: a name in `WAYS`, or one for each measurement; the quickest for each if not given.

    Returns:
        A network whose bandwidth has the additions in it.

    Raises:
        ValueError: fewer than two measurements, or numbers of them that differ.

    Examples:
        >>> true = Network(latency=5e-5, bandwidth=1e9)
        >>> sizes = [1e3, 1e5, 1e7]
        >>> times = [true.all_reduce(n, ranks=4) for n in sizes]
        >>> found = fit_network([4, 4, 4], sizes, times)
        >>> f"{found.latency:.3g} s, {found.bandwidth:.3g} bytes/s"
        '5e-05 s, 1e+09 bytes/s'
    """
    if not len(ranks) == len(sizes) == len(seconds) >= 2:
        raise ValueError(
            f"fit_network: expected two measurements or more, each with ranks, size and seconds, "
            f"got {len(ranks)}, {len(sizes)} and {len(seconds)}"
        )
    chosen: list[str] = []
    ways = [way or "ring"] * len(ranks) if way is None or isinstance(way, str) else list(way)
    network = Network(0.0, 1.0)
    for _ in range(ROUNDS):
        if ways == chosen:
            break
        chosen = ways
        done = [counts(each, p) for each, p in zip(ways, ranks, strict=True)]
        messages = [each.messages for each in done]
        carried = [each.sent * n for each, n in zip(done, sizes, strict=True)]
        network = _network(*fit_line(messages, carried, seconds))
        if way is None:
            ways = [_quickest(network, n, p) for n, p in zip(sizes, ranks, strict=True)]
    return network


def _network(latency: float, a_byte: float) -> Network:
    return Network(latency, 1 / a_byte if a_byte else math.inf)


def _quickest(network: Network, n: float, ranks: int) -> str:
    return min(WAYS, key=lambda way: network.seconds(n, counts(way, ranks)))


def fit_line(first: ArrayLike, second: ArrayLike, seconds: ArrayLike) -> tuple[float, float]:
    """Return u and v, neither below zero, for which first * u + second * v is next to seconds.

    Least squares of relative errors: sum of ((first u + second v) / seconds - 1)^2.

    Args:
        first: of each measurement, how often it does what takes u.
        second: the same for v.
        seconds: that each took.

    Returns:
        u and v.

    Raises:
        ValueError: a time is not above zero.

    Examples:
        >>> u, v = fit_line([1, 1, 1], [10, 20, 40], [12.0, 22.0, 42.0])
        >>> round(u, 6), round(v, 6)
        (2.0, 1.0)
    """
    times: NDArray[np.float64] = np.asarray(seconds, float)
    if not (times > 0).all():
        raise ValueError(f"seconds: expected times above 0, got {times.min()}")
    columns = np.stack([np.asarray(first, float), np.asarray(second, float)], axis=1)
    columns /= times[:, None]
    u, v = np.linalg.lstsq(columns, np.ones(len(times)), rcond=None)[0].tolist()
    if u < 0:
        return 0.0, _alone(columns[:, 1])
    return (_alone(columns[:, 0]), 0.0) if v < 0 else (u, v)


def _alone(column: NDArray[np.float64]) -> float:
    """The factor that brings one column next to 1."""
    return float(column.sum() / (column**2).sum())
