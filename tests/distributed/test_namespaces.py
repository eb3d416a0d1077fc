"""The bench's machines that are not there: what their switch does, and that a delay is a delay."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from bench import namespaces
from bench.switch import CARD, Switch

DELAY, OFTEN = 0.02, 5
PROGRAM = f"""
import time
import numpy as np
from mpi4py import MPI
ranks, x = MPI.COMM_WORLD, np.ones(1)
ranks.Allreduce(MPI.IN_PLACE, x)
begun = time.perf_counter()
for _ in range({OFTEN}):
    ranks.Allreduce(MPI.IN_PLACE, x)
if ranks.rank == 0:
    print(ranks.size, x[0], time.perf_counter() - begun)
"""


def frame(card: int, size: int) -> bytes:
    """So many bytes for a card."""
    return (CARD + bytes([card])).ljust(size, b".")


@pytest.fixture
def pipes():
    """A switch between three cards, and what each of them sends and has got."""
    inward, outward = zip(*(os.pipe2(os.O_NONBLOCK) for _ in range(3)), strict=True)
    got, given = zip(*(os.pipe2(os.O_NONBLOCK) for _ in range(3)), strict=True)
    yield inward, outward, got, given
    for file in (*inward, *outward, *got, *given):
        os.close(file)


def test_a_wire_carries_one_frame_at_a_time():
    switch = Switch([])
    switch.sending, switch.receiving, switch.rate = [0.0] * 3, [0.0] * 3, 100.0
    assert switch.wires(0, 1, 50, now=10.0) == pytest.approx(10.5)
    assert switch.wires(0, 1, 50, now=10.1) == pytest.approx(11.0)  # behind the first
    assert switch.wires(2, 1, 50, now=10.9) == pytest.approx(11.5)  # where both arrive
    assert switch.wires(2, 0, 50, now=20.0) == pytest.approx(20.5)  # wires that are free
    # Who receives may send at the same time.
    assert switch.wires(1, 2, 50, now=20.0) == pytest.approx(20.5)


def test_who_waits_for_a_busy_receiver_can_send_to_others():
    switch = Switch([])
    switch.sending, switch.receiving, switch.rate = [0.0] * 3, [0.0, 50.0, 0.0], 100.0
    assert switch.wires(0, 1, 50, now=10.0) == pytest.approx(50.5)
    assert switch.wires(0, 2, 50, now=10.0) == pytest.approx(11.0)


def test_frames_go_to_their_address_in_their_order_after_the_delay(pipes):
    inward, outward, got, given = pipes
    switch = Switch(list(inward))
    switch.delay = 5.0
    for size in (60, 61):
        os.write(outward[0], frame(2, size))
        switch.take(0, now=1.0)
    switch.cards = list(given)
    assert switch.give(now=5.9) == pytest.approx(0.1)
    assert switch.give(now=6.0) is None
    assert os.read(got[2], 1000) == frame(2, 60) + frame(2, 61)
    with pytest.raises(BlockingIOError):
        os.read(got[1], 1000)


def test_a_frame_for_everybody_goes_to_all_others(pipes):
    inward, outward, got, given = pipes
    switch = Switch(list(inward))
    os.write(outward[1], b"\xff" * 60)
    switch.take(1, now=0.0)
    switch.cards = list(given)
    switch.give(now=0.0)
    assert [os.read(got[card], 1000) for card in (0, 2)] == [b"\xff" * 60] * 2
    with pytest.raises(BlockingIOError):
        os.read(got[1], 1000)


def test_ranks_in_namespaces_wait_for_the_network():
    pytest.importorskip("mpi4py", reason="ranks talk by MPI, and mpi4py is not installed")
    refused = namespaces.why_not()
    if refused:
        pytest.skip(f"no namespaces: {refused}")
    with namespaces.machines(2) as machines:
        names = list(machines.names)
        machines.set(delay=DELAY, rate=1e8)
        run = subprocess.run(
            machines.launch([sys.executable, "-c", PROGRAM], 2),
            env={**os.environ, **namespaces.OVER_THE_CARD},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    # No rank has a sum before the other's number has come; it may be one behind the other.
    size, total, seconds = map(float, run.stdout.split())
    assert (size, total) == (2, 2 ** (OFTEN + 1))
    assert seconds >= (OFTEN - 1) * DELAY
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert not any(name in left.stdout for name in names)


def test_what_fails_inside_leaves_no_namespace():
    refused = namespaces.why_not()
    if refused:
        pytest.skip(f"no namespaces: {refused}")
    names: list[str] = []

    def failing():
        with namespaces.machines(2) as machines:
            names.extend(machines.names)
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        failing()
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert len(names) == 2
    assert not any(name in left.stdout for name in names)


def test_why_there_are_none_is_said(monkeypatch):
    monkeypatch.setattr(namespaces.os, "geteuid", lambda: 1000)
    assert namespaces.why_not() == "network namespaces are made by root alone"
