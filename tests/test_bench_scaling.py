"""The bench of many ranks: what it foretells of what it measured, and how that is told."""

from __future__ import annotations

import json

import pytest
from bench import foresight, scaling
from bench.ranks import Training, drawn, gathered
from bench.scaling_page import beside, page
from bench.workloads import WORKLOADS
from click.testing import CliRunner

from chainrule.distributed.scaling import Network

MEMORY = Network(1e-5, 2e9, work=1.0)
CARDS = Network(1e-4, 2e8, work=1.0)
SIZES = [4, 4096, 2**20]
NAMES = ("digits", "convnet", "transformer")


def times(network, ranks):
    """What sums would take if the model were right."""
    return [[n, network.all_reduce(n, ranks, foresight.way(n))] for n in SIZES]


def job(rows):
    return {
        "rows": rows,
        "fewer": rows // 4,
        "whole": 5e-3,
        "back": 4e-3,
        "few": 1.6e-3,
        "forward": 0.4,
        "sizes": [100_000, 300_000, 200_000],
        "ready": [0.2, 0.6, 1.0],
    }


def step(ranks, scaling, delay, rate, name, way):
    rows = 64 // ranks if scaling == "strong" else 64
    return {
        "scaling": scaling,
        "workload": name,
        "way": way,
        "rows": rows,
        "caps": [25.0] if scaling == "strong" else [25.0, 0.25],
        "ranks": ranks,
        "delay": delay,
        "rate": rate,
    }


@pytest.fixture
def found():
    """Measurements by a machine of which the model is right."""
    kept = {
        "machine": {"processor": "an abacus, 2 cores"},
        "load": [0.5, 1.5],
        "date": "2026-01-01 00:00 UTC",
        "cores": 2,
        "memory": {"2": times(MEMORY, 2), "4": times(MEMORY.busier(2), 4)},
        "why not": None,
        "cards": [
            {
                "ranks": ranks,
                "delay": delay,
                "rate": rate,
                "times": times(foresight.limited(CARDS, delay, rate, ranks / 2), ranks),
            }
            for ranks in (2, 4)
            for delay, rate in [(0.0, None), (1e-3, 1.25e7)]
        ],
        "jobs": {f"{name} {way}": job(64) for name in NAMES for way in ("eager", "compiled")},
        "threads": {f"{name} {way}": 4e-3 for name in NAMES for way in ("eager", "compiled")},
        "steps": [
            step(ranks, scaling, delay, rate, name, way)
            for ranks in (2, 4)
            for scaling, delay, rate in [
                ("weak", None, None),
                ("strong", None, None),
                ("weak", 1e-3, 1.25e7),
            ]
            for name in NAMES
            for way in ("eager", "compiled")
        ],
    }
    for one in kept["steps"]:
        told = foresight.step(kept, one, None)
        one["alone"], one["by hand"] = told.computing + told.update, told.seconds
        for cap in one["caps"]:
            told = foresight.step(kept, one, cap)
            one[f"with {cap}"], one[f"exchange {cap}"] = told.seconds, told.exchange
    return json.loads(json.dumps(kept))


def test_networks_are_fitted_to_two_ranks_alone(found):
    for network, true in ((foresight.memory(found), MEMORY), (foresight.cards(found), CARDS)):
        assert network.latency == pytest.approx(true.latency)
        assert network.bandwidth == pytest.approx(true.bandwidth)
        assert network.work == 1


def test_a_limit_counts_where_it_is_less_than_what_the_cores_can_do():
    slow = foresight.limited(CARDS, 1e-3, 1e7, turns=1.0)
    assert (slow.latency, slow.bandwidth, slow.work) == pytest.approx((1.1e-3, 1e7, 0.05))
    crowded = foresight.limited(CARDS, 0.0, 1.5e8, turns=2.0)
    assert (crowded.latency, crowded.bandwidth, crowded.work) == pytest.approx((2e-4, 1e8, 1.0))


def test_a_job_is_a_line_through_two_batches(found):
    made = foresight.job(found, "digits", "eager", 25.0)
    assert (made.fixed, made.row, made.update) == pytest.approx((8e-4, 5e-5, 1e-3))
    assert made.buckets == ((600_000, 1.0),)
    small = foresight.job(found, "digits", "eager", 0.3)
    assert small.buckets == ((100_000, 0.2), (300_000, 0.6), (200_000, 1.0))


def test_no_rows_take_no_less_than_nothing(found):
    found["jobs"]["digits eager"]["few"] = 0.1e-3  # quicker than a quarter of the time
    made = foresight.job(found, "digits", "eager", 25.0)
    assert made.fixed == 0
    assert made.computing(64) == pytest.approx(4e-3)
    found["jobs"]["digits eager"]["whole"] = 3e-3  # quicker with the update than without
    made = foresight.job(found, "digits", "eager", 25.0)
    assert made.computing(64) + made.update == pytest.approx(3e-3)


def test_namespaces_share_the_cores_of_the_machine(found):
    one = step(4, "weak", 1e-3, 1.25e7, "digits", "eager")
    assert foresight.step(found, one, 25.0).computing == pytest.approx(2 * 4e-3)


def test_where_the_model_is_right_the_page_says_so(found):
    told = page(found)
    assert told.count("the middle one is 0 % off, the worst 0 %") == 4
    assert "Fitted: a = 10.0 µs, b = 2,000 MB/s" in told
    assert "| digits, eager | 1 ms, 100 Mbit/s | 4 | 64 |" in told
    assert "Up to how many ranks" in told


def test_the_page_has_every_measurement(found):
    for name in ("alone", "by hand", "with 25.0", "exchange 25.0"):
        assert "-50 %" not in page(found)
        found["steps"][0][name] *= 2
        assert page(found).count("-50 %") == 1
        found["steps"][0][name] /= 2
    assert beside(predicted=3e-3, measured=2e-3) == ["2.00 ms", "3.00 ms", "+50 %"]


def test_what_was_not_overlapped_is_not_told_to_hide(found):
    assert "## What is hidden" in page(found)
    for one in found["steps"]:
        one["caps"] = []
    told = page(found)
    assert "## What is hidden" not in told
    assert "## Rows a second" in told


def test_without_namespaces_the_page_says_why(found):
    found["cards"] = []
    found["why not"] = "network namespaces are made by root alone"
    found["steps"] = [one for one in found["steps"] if one["delay"] is None]
    assert "between namespaces: network namespaces are made by root alone." in page(found)


def test_the_page_is_written_anew_from_what_is_kept(found, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "KEPT", tmp_path / "scaling.json")
    monkeypatch.setattr(scaling, "PAGE", tmp_path / "SCALING.md")
    scaling.KEPT.write_text(json.dumps(found))
    run = CliRunner().invoke(scaling.main, ["--render"])
    assert run.exit_code == 0, run.output
    assert scaling.PAGE.read_text() == page(found)


def test_gradients_come_from_the_last_layer_to_the_first():
    training = Training(WORKLOADS["convnet"], 2, "eager", None)
    found = training.moments()
    assert 0 < found["forward"] < 1
    assert found["ready"][0] == 1  # the images have no gradient: the first layer's come at the end
    assert found["ready"] == sorted(found["ready"], reverse=True)
    assert sum(found["sizes"]) == sum(p.array.nbytes for p in training.inner.parameters())


def test_buckets_of_an_exchange_hold_every_gradient():
    training = Training(WORKLOADS["convnet"], 2, "eager", None)
    whole = sum(p.array.nbytes for p in training.inner.parameters())
    assert gathered(training, 25.0) == [whole]
    assert len(gathered(training, 0.25)) > 1
    assert sum(gathered(training, 0.25)) == whole


@pytest.mark.parametrize("name", ["digits", "convnet", "transformer"])
def test_rows_are_drawn_as_the_network_takes_them(name):
    x, y = drawn(WORKLOADS[name], rows=3)
    assert len(x) == len(y) == 3
    assert (x.dtype.kind, y.dtype.kind) == ("i" if name == "transformer" else "f", "i")
