"""Predictions: the arithmetic of the three terms, what they are taken from, and how they are told.

Machines are given by their numbers, so that nothing here depends on the one that runs it.
"""

from __future__ import annotations

import re
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.generator import default_generator
from chainrule.errors import OptionError
from chainrule.explain import Machine, napkin
from chainrule.explain.napkin import calibration
from chainrule.explain.napkin.compiled import recorded
from chainrule.explain.napkin.machine import Terms
from chainrule.explain.napkin.pages import Counter, Pages
from chainrule.explain.napkin.samples import Load, Sample
from chainrule.explain.napkin.work import Work, bound_of, joined, shares
from chainrule.nn import functional as F

GIVEN = Machine(overhead=1e-6, flops=1e9, bandwidth=1e9)
WAYS = ["eager", "compiled"]


def network(width=6):
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))


def training(model=None, kind=optim.Adam):
    model = model or network()
    optimizer = kind(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return model, optimizer, step


def batch(rows=8):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 4), np.float32)
    return cr.from_numpy(x), cr.from_numpy(np.arange(rows) % 3)


def taken(way, step):
    return cr.compile(step, executor="numpy") if way == "compiled" else step


# --- the three terms ----------------------------------------------------------------------------


def test_a_linear_layer_by_hand():
    found = napkin(nn.Linear(784, 128, bias=False), cr.zeros(64, 784), machine=GIVEN)
    (work,) = found.works
    assert work.flops == 64 * 128 * 2 * 784
    assert work.moved == 4 * (64 * 784 + 128 * 784 + 64 * 128)
    assert found.seconds == pytest.approx(1e-6 + work.flops / 1e9)
    assert found.bound == "arithmetic"


@pytest.mark.parametrize(
    ("machine", "bound"),
    [
        (Machine(overhead=1.0, flops=1e12, bandwidth=1e12), "overhead"),
        (Machine(overhead=1e-12, flops=1.0, bandwidth=1e12), "arithmetic"),
        (Machine(overhead=1e-12, flops=1e12, bandwidth=1.0), "memory"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_step_is_bound_by(way, machine, bound):
    found = napkin(taken(way, training()[2]), *batch(), machine=machine)
    assert found.bound == bound
    assert found.advice in str(found)


def test_overhead_counts_calls():
    step = training()[2]
    free = Machine(overhead=0.0, flops=1e30, bandwidth=1e30)
    found = napkin(step, *batch(), machine=free.but(overhead=2e-6))
    assert found.seconds == pytest.approx(2e-6 * len(found.works), rel=1e-6)


def test_a_step_is_the_sum_of_its_layers():
    found = napkin(training()[2], *batch(), machine=GIVEN)
    assert {work.path for work in found.works} >= {"0 (Linear)", "1 (ReLU)", "2 (Linear)"}
    assert {work.phase for work in found.works} == {"forward", "backward", "update"}
    assert found.seconds == pytest.approx(sum(work.seconds for work in found.works))
    assert sum(work.seconds for work in joined(found.works)) == pytest.approx(found.seconds)


def test_what_is_longer_of_two_that_overlap_is_kept_when_lines_are_joined():
    one, other = Terms(1.0, 2.0, 3.0), Terms(1.0, 5.0, 1.0)
    works = [Work("", "forward", "add", (2,), 1, 1, terms) for terms in (one, other)]
    (line,) = joined(works)
    assert line.seconds == one.seconds + other.seconds == 10
    assert (line.calls, line.bound) == (2, "arithmetic")
    assert bound_of([works[0]]) == "memory"


def test_what_does_not_overlap_is_added_up():
    works = [Work("", "forward", "add", (2,), 1, 1, Terms(1.0, 2.0, 3.0, overlap=False))] * 2
    (line,) = joined(works)
    assert line.seconds == 2 * works[0].seconds == 12
    assert shares(works) == {"overhead": 2.0, "arithmetic": 4.0, "memory": 6.0}


def test_a_reach_is_that_of_the_sample_most_alike():
    half, whole = Load(1e8, 1e4, 10, 1e8, 1), Load(1e8, 1e8, 10, 1e8, 1)
    tiny = Sample(Load(1, 8, 1, 1e8, 1), 1e-6)
    samples = {
        "matrix_product forward": [tiny, Sample(half, 0.2 + 1e-6), Sample(whole, 0.1 + 1e-6)]
    }
    machine = Machine(1e-6, 1e9, 1e9, samples=samples)
    at_half, at_whole = (machine.terms("matrix_product", "forward", load) for load in (half, whole))
    assert at_half.arithmetic == pytest.approx(0.2, rel=0.05)
    assert at_whole.memory == pytest.approx(0.1, rel=0.05)
    assert at_half.overhead == pytest.approx(1e-6)


def test_an_operation_without_samples_goes_by_others_of_its_kind():
    load = Load(1e6, 1e6, 1e6, 1e6, 1)
    samples = {"exp forward": [Sample(Load(1, 8, 1, 1e6, 1), 1e-6), Sample(load, 1e-6 + 4e-3)]}
    machine = Machine(1e-6, 1e9, 1e9, samples=samples)
    assert machine.terms("tanh", "forward", load).seconds == pytest.approx(4e-3, rel=0.01)


def test_new_pages_are_counted_in_what_they_cost():
    machine = Machine(0.0, 1e9, 1e9, pages=Pages(1e-6, 1e-3))
    small = machine.terms("exp", "forward", Load(0, 0, 0, 0, 1, made=2**20, pages=256))
    huge = machine.terms("exp", "forward", Load(0, 0, 0, 0, 1, made=2**24, pages=8))
    assert (small.pages, huge.pages) == (pytest.approx(256e-6), pytest.approx(8e-3))
    assert small.seconds == small.pages


# --- what if ------------------------------------------------------------------------------------


def test_steps_and_epochs_multiply():
    step, args = training()[2], batch(8)
    found = napkin(step, *args, machine=GIVEN, rows=100, epochs=3)
    assert (found.job.rows, found.job.steps, found.job.epochs) == (8, 13, 3)
    assert found.epoch == pytest.approx(13 * found.seconds)
    assert found.total == pytest.approx(39 * found.seconds)
    assert napkin(step, *args, machine=GIVEN, steps=13).epoch == pytest.approx(found.epoch)


@pytest.mark.parametrize("way", WAYS)
def test_another_batch_is_another_amount_of_work(way):
    def work(**options):
        found = napkin(taken(way, training()[2]), *batch(8), machine=GIVEN, **options)
        return found, sum(w.flops for w in found.works if w.phase == "forward")

    (one, flops), (twice, double) = work(), work(batch=16)
    assert (one.job.rows, twice.job.rows) == (8, 16)
    assert double == pytest.approx(2 * flops, rel=0.01)
    assert twice.memory.arguments == 2 * one.memory.arguments


def test_a_wider_network_is_another_network():
    small, large = (
        napkin(training(network(width))[2], *batch(), machine=GIVEN) for width in (6, 600)
    )
    assert large.seconds > 5 * small.seconds
    assert large.memory.parameters == 4 * (4 * 600 + 600 + 3 * 600 + 3)


def test_a_quicker_machine_is_as_well_used():
    samples = {"linear inference": [Sample(Load(1e8, 1e6, 1e4, 1e6, 1), 0.2)]}
    here = Machine(1e-6, 1e9, 1e9, {2**20: 1e10}, samples)
    twice = here.but(flops=2e9, bandwidth=2e9, overhead=5e-7)
    layer, x = nn.Linear(500, 500), cr.zeros(300, 500)
    slow, quick = (napkin(layer, x, machine=machine).works[0] for machine in (here, twice))
    assert quick.terms.arithmetic == pytest.approx(slow.terms.arithmetic / 2, rel=1e-3)
    assert twice.near == {2**20: 2e10}
    assert "changed" in str(twice)


# --- memory -------------------------------------------------------------------------------------


def test_memory_by_what_it_is_for():
    model, _, step = training()
    memory = napkin(step, *batch(8), machine=GIVEN).memory
    parameters = sum(p.array.nbytes for p in model.parameters())
    counts = 8 * len(list(model.parameters()))  # the steps that Adam counts, float64
    assert memory.arguments == 8 * (4 * 4 + 8)
    assert memory.parameters == parameters
    assert memory.optimizer == 2 * parameters + counts
    assert memory.activations >= 8 * 6 * 4  # the hidden layer's, kept for its derivative
    assert memory.gradients >= parameters
    assert memory.total == sum(vars(memory).values())
    assert memory.workspace == 0


def test_inference_keeps_no_activations():
    memory = napkin(network(), batch()[0], machine=GIVEN).memory
    assert (memory.optimizer, memory.activations) == (0, 0)
    assert memory.gradients >= 8 * 6 * 4  # results, on the way


def test_a_compiled_step_has_one_workspace():
    step = cr.compile(training()[2], executor="numpy")
    memory = napkin(step, *batch(), machine=GIVEN).memory
    for _ in range(4):
        step(*batch())
    assert memory.workspace == step.bytes > 0
    assert memory.activations == memory.gradients == 0


# --- compiled steps -----------------------------------------------------------------------------


def test_a_compiled_step_is_told_by_its_parts():
    step = cr.compile(training()[2], executor="numpy")
    found = napkin(step, *batch(), machine=GIVEN)
    twin = recorded(step, batch())
    assert [work.what for work in found.works[:1]] == ["the call from Python"]
    assert sum(w.flops for w in found.works) == sum(part.flops for part in twin.parts)
    assert {"0 (Linear)", "2 (Linear)"} <= {work.path for work in found.works}
    assert found.job.compiled


def test_machine_code_computes_and_waits_for_memory():
    pytest.importorskip("llvmlite")
    step = cr.compile(training()[2], executor="native")
    found = napkin(step, *batch(), machine=GIVEN)
    assert found.seconds == pytest.approx(1e-6 + sum(w.seconds for w in found.works[1:]))
    for work in found.works[1:]:
        memory, least = work.moved / 1e9, work.flops / 1e9
        # The optimiser counts its steps in float64, with which half as much is done at a time.
        assert memory + least <= work.seconds * 1.000001 <= memory + 2 * least + 1e-12


def test_looking_records_nothing_of_the_persons_own_step():
    step = cr.compile(training()[2], executor="numpy")
    napkin(step, *batch(), machine=GIVEN, measure=True)
    assert "not recorded yet" in repr(step)


# --- nothing is changed -------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_as_if_nobody_had_looked(way, measure):
    def losses(looks):
        cr.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )
        step = taken(way, training(model)[2])
        found = []
        for k in range(6):
            if looks and k in (0, 5):
                napkin(step, *batch(), machine=GIVEN, measure=measure)
            found.append(step(*batch()).item())
        return found

    assert losses(looks=True) == losses(looks=False)


def test_a_module_keeps_its_mode():
    model = network().train()
    napkin(model, batch()[0], machine=GIVEN)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


# --- the clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_the_clock_is_put_beside_every_line(way):
    found = napkin(taken(way, training()[2]), *batch(), machine=GIVEN, measure=True)
    assert found.measured.seconds > 0
    assert found.measured.memory > 0
    assert all(work.measured is not None for work in found.works)
    assert sum(work.measured for work in found.works) >= 0.9 * found.measured.seconds
    assert "measured" in str(found)
    assert "measured" not in str(napkin(training()[2], *batch(), machine=GIVEN))


# --- as text and as a page ----------------------------------------------------------------------


def test_the_arithmetic_is_shown():
    text = str(napkin(nn.Linear(784, 128), cr.zeros(64, 784), machine=GIVEN, steps=10, epochs=2))
    assert "64 x 128 x 1,569 = 12.9 Mflop / 1 Gflop/s = 12.9 ms" in text
    assert "635 kB / 1 GB/s = 635 us" in text
    assert re.search(r"a step .* = 12.9 ms", text)
    assert "an epoch  10 steps x 12.9 ms = 129 ms" in text
    assert "all       2 epochs x 129 ms = 257 ms" in text
    assert "parameters 402 kB" in text


def test_only_so_many_lines_and_the_rest_in_one():
    found = napkin(training()[2], *batch(), machine=GIVEN)
    rows = found.arithmetic(most=3).rows
    assert len(rows) == 4
    assert rows[-1][1] == f"{len(joined(found.works)) - 3} shorter lines"
    assert len(found.arithmetic().rows) == len(joined(found.works))


def test_names_from_outside_are_escaped_in_pages():
    model = nn.Sequential(OrderedDict([("<b>bold</b>", nn.Linear(4, 2))]))
    page = napkin(model, batch()[0], machine=GIVEN)._repr_html_()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page


def test_in_short():
    told = repr(napkin(network(), batch()[0], machine=GIVEN))
    assert re.fullmatch(r"<a step .* us, bound by overhead; all .* us, .*B>", told)


# --- what cannot be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 1, "rows": 1}, "give one of them"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch": -1}, "batch must be at least 1, got -1"),
    ],
)
def test_options_that_make_no_sense(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        napkin(network(), batch()[0], machine=GIVEN, **options)


def test_what_is_no_step():
    with pytest.raises(OptionError, match="takes a function or a module, got int"):
        napkin(3, machine=GIVEN)


def test_an_error_of_the_step_is_let_through_and_nothing_stays_changed():
    model, _, step = training()
    before = [p.detach().numpy().copy() for p in model.parameters()]

    def fails(x, y):
        step(x, y)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        napkin(fails, *batch(), machine=GIVEN)
    for p, was in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.detach().numpy(), was)


# --- calibration --------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A calibration with two small networks, kept in a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = network()

    def infer():
        with cr.no_grad():
            model(batch(2000)[0])

    def steps():
        yield lambda: training()[2](*batch())
        yield infer

    monkeypatch.setattr(calibration, "networks", steps)
    return tmp_path / "chainrule" / "machine"


def test_calibration_tells_of_each_operation_and_phase(quick):
    found = calibration.calibrated()
    assert {"linear forward", "linear inference", "adam_step update", "relu inference"} <= set(
        found["calls"]
    )
    assert all(len(timed) == 6 for each in found["calls"].values() for timed in each)
    assert all(timed[-1] >= 0 for each in found["calls"].values() for timed in each)
    assert min(found["pages"]) > 0


def test_calibration_leaves_chance_as_it_was(quick):
    cr.manual_seed(3)
    before = default_generator.get_state()
    calibration.calibrated()
    np.testing.assert_array_equal(default_generator.get_state(), before)


def test_a_new_page_is_seen_by_the_system():
    pytest.importorskip("resource")
    counter = Counter()
    with cr.ops.watch(counter):
        cr.ops.exp(np.zeros(2**23, np.float32))
    assert len(counter.pages) == 1
    assert counter.pages[0] >= 0


@pytest.mark.parametrize(
    "numbers", [(-1e-6, 1e9, 1e9), (1e-6, 0, 1e9), (1e-6, 1e9, -5.0), (1e-6, float("nan"), 1e9)]
)
def test_a_machine_has_numbers_that_machines_have(numbers):
    with pytest.raises(OptionError, match=r"of a machine is a finite number of at least"):
        Machine(*numbers)
