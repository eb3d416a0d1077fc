"""The model of a step among many ranks: what must hold of it, whatever the numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from chainrule.distributed.scaling import (
    WAYS,
    Bucket,
    Cluster,
    Counts,
    Job,
    Network,
    buckets,
    counts,
    fit_line,
    fit_network,
    overlapped,
    strong,
    weak,
    worthwhile,
)

RANKS = [1, 2, 3, 4, 6, 8, 64, 1000, 1024]
CABLE = Network(latency=1e-4, bandwidth=1e8)
MEMORY = Network(latency=1e-6, bandwidth=1e10, work=1.0)
JOB = Job(
    rows=64,
    fixed=0.002,
    row=0.0005,
    update=0.001,
    buckets=(Bucket(1e6, 0.3), Bucket(2e6, 0.6), Bucket(5e5, 1.0)),
)
ONE = Job(rows=64, fixed=0.002, row=0.0005, update=0.001, buckets=(Bucket(4e6, 1.0),))


# --- exchanges ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_one_rank_sends_nothing(way):
    assert counts(way, 1) == Counts(0, 0, 0)
    assert CABLE.all_reduce(1e6, 1, way) == 0
    assert CABLE.halves(1e6, 1) == (0, 0)


@pytest.mark.parametrize("ranks", RANKS[1:])
def test_no_way_sends_or_adds_less_than_a_ring(ranks):
    ring = counts("ring", ranks)
    assert ring.sent == pytest.approx(2 * (ranks - 1) / ranks)
    assert ring.added == pytest.approx((ranks - 1) / ranks)
    for way in WAYS:
        assert counts(way, ranks).added >= ring.added - 1e-12
    # Doubling sends an array once where two ranks are all, as a ring does; a tree never less.
    assert all(counts(way, ranks).sent >= ring.sent - 1e-12 for way in WAYS)


@pytest.mark.parametrize("ranks", [2, 4, 8, 64, 1024])
def test_messages_of_powers_of_two(ranks):
    rounds = int(math.log2(ranks))
    assert [counts(way, ranks).messages for way in ("ring", "halving", "doubling", "tree")] == [
        2 * (ranks - 1),
        2 * rounds,
        rounds,
        2 * rounds,
    ]


@pytest.mark.parametrize("way", ["halving", "doubling"])
def test_ranks_beyond_a_power_of_two_send_their_arrays_before_and_get_them_after(way):
    among, more = counts(way, 4), counts(way, 6)
    assert more == (among.messages + 2, among.sent + 2, among.added + 1)


@pytest.mark.parametrize("way", ["ring", "halving"])
@pytest.mark.parametrize("ranks", RANKS)
def test_both_halves_are_the_whole(way, ranks):
    whole = CABLE.all_reduce(3e6, ranks, way)
    assert sum(CABLE.halves(3e6, ranks, way)) == pytest.approx(whole)


@pytest.mark.parametrize("ranks", RANKS[1:])
def test_the_quickest_way_is_taken(ranks):
    for n in (8, 1e4, 1e7):
        each = [CABLE.all_reduce(n, ranks, way) for way in WAYS]
        assert CABLE.all_reduce(n, ranks) == min(each)
    assert CABLE.all_reduce(8, 1024) < CABLE.all_reduce(8, 1024, "ring") / 50


@pytest.mark.parametrize("way", WAYS)
def test_adding_takes_its_time(way):
    slow = Network(latency=0.0, bandwidth=math.inf, adding=1e6)
    assert slow.all_reduce(1e6, 8, way) == pytest.approx(counts(way, 8).added)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"way: expected 'ring', .*got 'star'"):
        counts("star", 4)
    with pytest.raises(ValueError, match="way: expected 'ring', 'halving', got 'tree'"):
        CABLE.halves(1e6, 4, "tree")
    with pytest.raises(ValueError, match="ranks: expected at least 1, got 0"):
        counts("ring", 0)
    with pytest.raises(ValueError, match="work is a share"):
        Network(1e-4, 1e8, work=2.0)
    with pytest.raises(ValueError, match="latency of at least 0"):
        Network(-1e-4, 1e8)
    with pytest.raises(ValueError, match="at least one rank and one core"):
        Cluster(CABLE, ranks=0)


# --- clusters -----------------------------------------------------------------------------------


def test_machines_of_one_rank_are_a_flat_network():
    for ranks in RANKS:
        assert Cluster(CABLE).all_reduce(1e6, ranks) == CABLE.all_reduce(1e6, ranks)


def test_one_machine_uses_the_network_inside_alone():
    nested = Cluster(CABLE, MEMORY, ranks=8)
    assert nested.all_reduce(1e6, 8) == MEMORY.all_reduce(1e6, 8)
    assert nested.work(8) == 1
    assert nested.work(9) == 0


def test_a_card_carries_every_byte_once_for_all_ranks_of_a_machine():
    nested = Cluster(CABLE, Network(0.0, math.inf), ranks=8)
    assert nested.all_reduce(1e6, 32) == pytest.approx(CABLE.all_reduce(1e6, 4))


def test_more_ranks_than_cores_take_turns():
    crowded = Cluster(CABLE, MEMORY, ranks=4, cores=2)
    assert [crowded.turns(ranks) for ranks in (1, 2, 3, 4, 8)] == [1, 1, 1.5, 2, 2]
    assert weak(ONE, crowded, 4).computing == pytest.approx(2 * weak(ONE, crowded, 1).computing)
    # Copies in memory are work of the cores, what goes over the cable is not.
    assert crowded.all_reduce(1e6, 4) == pytest.approx(2 * MEMORY.all_reduce(1e6, 4))


# --- steps --------------------------------------------------------------------------------------


def test_one_rank_pays_for_nothing_but_its_work():
    for predict in (weak, strong):
        found = predict(JOB, Cluster(CABLE), 1)
        assert found.exchange == found.tail == 0
        assert found.hidden == 1
        assert found.seconds == pytest.approx(0.002 + 64 * 0.0005 + 0.001)


@pytest.mark.parametrize("ranks", RANKS[1:])
def test_one_bucket_at_the_end_is_the_closed_form(ranks):
    n, a, b = 4e6, CABLE.latency, CABLE.bandwidth
    exchange = 2 * (ranks - 1) * a + 2 * (ranks - 1) / ranks * n / b
    found = weak(ONE, Cluster(CABLE), ranks, "ring")
    assert found.seconds == pytest.approx(0.002 + 64 * 0.0005 + exchange + 0.001)
    assert found.hidden == pytest.approx(0)


def test_exchanges_hide_where_computing_takes_long():
    long = replace(JOB, row=1.0, buckets=JOB.buckets[:2])
    found = weak(long, Cluster(CABLE), 64)
    assert found.exchange > 0
    assert found.tail == 0
    assert found.hidden == 1


def test_the_last_bucket_never_hides():
    long = replace(JOB, row=1.0)
    found = weak(long, Cluster(CABLE), 64)
    assert found.tail == pytest.approx(CABLE.all_reduce(5e5, 64))


def test_exchanges_that_are_work_of_the_core_hide_nowhere():
    found = weak(JOB, Cluster(Network(1e-4, 1e8, work=1.0)), 8)
    assert found.tail == pytest.approx(found.exchange)


@pytest.mark.parametrize(("work", "end"), [(0.0, 8.0), (0.5, 9.0), (1.0, 10.0)])
def test_buckets_wait_for_the_wire_and_the_wire_for_buckets(work, end):
    # Forward 1, back 4; the first is ready after 1 of it and takes 2, the second after 4, 3.
    # At half speed the way back has done 2 of its 4 when the first exchange ends, at 4.
    assert overlapped(1, 4, ready=[0.25, 1.0], exchanges=[2, 3], work=work) == pytest.approx(end)


def test_a_bucket_that_is_ready_waits_until_the_wire_is_free():
    assert overlapped(0, 4, ready=[0.25, 0.5], exchanges=[10, 1], work=0) == pytest.approx(12)


def in_small_steps(forward, back, ready, exchanges, work, tick=1e-4):
    """The same, moment by moment."""
    now, gone, running, waiting = forward, 0.0, 0.0, list(zip(ready, exchanges, strict=True))
    while gone < back - 1e-9 or running > 1e-9 or waiting:
        if running <= 1e-9 and waiting and gone >= waiting[0][0] * back - 1e-9:
            running = waiting.pop(0)[1]
        gone = min(back, gone + tick * ((1 - work) if running > 1e-9 else 1))
        running -= tick
        now += tick
    return now


@pytest.mark.parametrize("work", [0.0, 0.3, 1.0])
def test_the_events_are_those_of_a_clock_that_ticks(work):
    given = (0.11, 0.5, [0.1, 0.15, 0.7, 1.0], [0.07, 0.2, 0.01, 0.05], work)
    assert overlapped(*given) == pytest.approx(in_small_steps(*given), abs=2e-3)


@pytest.mark.parametrize("predict", [weak, strong])
@pytest.mark.parametrize("sharded", [False, True])
def test_slower_networks_make_no_step_quicker(predict, sharded):
    def seconds(latency, bandwidth):
        cluster = Cluster(Network(latency, bandwidth))
        return [predict(JOB, cluster, ranks, sharded=sharded).seconds for ranks in RANKS]

    pairs = [(1e-6, 1e10), (1e-5, 1e10), (1e-5, 1e9), (1e-3, 1e9), (1e-3, 1e7)]
    times = [seconds(*pair) for pair in pairs]
    for quick, slow in pairwise(times):
        assert all(x <= y for x, y in zip(quick, slow, strict=True))
        assert sum(slow) > sum(quick)


def test_strong_scaling_shares_the_rows_and_not_what_is_fixed():
    found = strong(JOB, Cluster(CABLE), 16)
    assert found.rows == 4
    assert found.computing == pytest.approx(0.002 + 4 * 0.0005)


def test_a_sharded_update_takes_its_share_and_nothing_of_the_gathering_hides():
    whole, shared = weak(ONE, Cluster(CABLE), 8), weak(ONE, Cluster(CABLE), 8, sharded=True)
    assert shared.update == pytest.approx(whole.update / 8)
    assert shared.exchange == pytest.approx(CABLE.all_reduce(4e6, 8, "halving"))
    early = replace(ONE, row=1.0, buckets=(Bucket(4e6, 0.1),))
    assert weak(early, Cluster(CABLE), 8).tail == 0
    found = weak(early, Cluster(CABLE), 8, sharded=True)
    assert found.tail == pytest.approx(CABLE.halves(4e6, 8)[1])


def test_buckets_keep_every_byte_and_their_order():
    sizes, ready = [5, 50, 20, 30, 90, 10], [0.9, 0.1, 0.3, 0.2, 0.5, 1.0]
    found = buckets(sizes, ready, cap=100)
    assert found == (Bucket(100, 0.3), Bucket(95, 0.9), Bucket(10, 1.0))
    assert sum(bucket.volume for bucket in found) == sum(sizes)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("least", [0.9, 0.5, 0.2])
def test_up_to_how_many_ranks_is_where_efficiency_falls(shared, least):
    cluster = Cluster(Network(2e-5, 5e8))
    predict = strong if shared else weak
    alone = predict(JOB, cluster, 1)
    found = worthwhile(JOB, cluster, least, shared=shared, most=4096)
    assert predict(JOB, cluster, found).efficiency(alone) >= least
    if found < (64 if shared else 4096):
        assert predict(JOB, cluster, 2 * found).efficiency(alone) < least


def test_no_more_ranks_share_rows_than_there_are():
    free = Cluster(Network(0.0, math.inf))
    assert worthwhile(replace(JOB, fixed=0.0, update=0.0), free, 0.99, shared=True) == 64


def test_efficiency_is_rows_a_second_of_a_rank():
    cluster = Cluster(CABLE)
    alone, each, together = weak(JOB, cluster, 1), weak(JOB, cluster, 8), strong(JOB, cluster, 8)
    assert alone.efficiency(alone) == 1
    assert each.efficiency(alone) == pytest.approx(alone.seconds / each.seconds)
    assert together.efficiency(alone) == pytest.approx(alone.seconds / (8 * together.seconds))


def test_a_slowed_job_takes_as_much_longer_whatever_its_rows():
    slow = JOB.slowed(2.5)
    for rows in (0, 1, 64):
        assert slow.computing(rows) == pytest.approx(2.5 * JOB.computing(rows))
    assert slow.update == pytest.approx(2.5 * JOB.update)
    assert slow.buckets == JOB.buckets


# --- fits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [*WAYS, None])
def test_a_fit_finds_the_network_that_made_the_times(way):
    true = Network(latency=3e-4, bandwidth=8e8)
    points = [(ranks, n) for ranks in (2, 4, 6) for n in (8, 1e3, 1e5, 1e6, 1e7)]
    ranks, sizes = zip(*points, strict=True)
    seconds = [true.all_reduce(n, p, way) for p, n in points]
    found = fit_network(ranks, sizes, seconds, way)
    assert found.latency == pytest.approx(true.latency)
    assert found.bandwidth == pytest.approx(true.bandwidth)


def test_a_fit_has_no_number_below_zero():
    assert fit_line([1, 1], [1, 2], [2.0, 1.0])[1] == 0
    assert fit_line([1, 1], [1, 4], [1.0, 8.0])[0] == 0


def test_a_fit_takes_two_points_or_more():
    with pytest.raises(ValueError, match="two measurements or more"):
        fit_network([2], [8], [1e-3])
    with pytest.raises(ValueError, match="times above 0"):
        fit_network([2, 2], [8, 16], [1e-3, 0.0])
