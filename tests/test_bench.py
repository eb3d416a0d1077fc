"""The bench: every contender that is here comes to the same loss, and what it found can be read.

Nothing is timed: that is what the bench itself is for.
"""

from __future__ import annotations

import dataclasses
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from bench import __main__ as command
from bench import compile as compiling
from bench import measure
from bench.contender import Absent
from bench.contenders import CONTENDERS, contender
from bench.losses import measured_loss
from bench.measure import Result, Spread, race
from bench.networks import NETWORKS, network
from bench.optimizers import OPTIMIZERS
from bench.picture import picture
from bench.record import Race, Run
from bench.report import page, ratio, results
from bench.workloads import WORKLOADS, Workload, load, open_saved, save, shortened
from click.testing import CliRunner

import chainrule as cr
from chainrule import nn

DIGITS = dataclasses.replace(
    WORKLOADS["digits"], data="digits", rows=48, sizes=(64, 8, 10), steps=6, batch=8, tolerance=1e-4
)


def tiny(name: str, sizes: tuple[int, ...], batch: int, data: str = "digits") -> Workload:
    """A workload of the table with four small batches of what comes with the package."""
    changed = {"data": data, "rows": 4 * batch, "sizes": sizes, "steps": 4, "batch": batch}
    return dataclasses.replace(WORKLOADS[name], **changed)


TINY = {
    "full batch": shortened(WORKLOADS["rectangles"], 5 / 300),
    "batches": DIGITS,
    "two classes": shortened(WORKLOADS["moons"], 6 / 200),
    "inference": dataclasses.replace(DIGITS, task="infer", rows=4, steps=1, batch=None),
    "convnet": tiny("convnet", (16, 2, 3, 8, 10), 8),
    "transformer": tiny("transformer", (65, 8, 12, 2, 2), 3, "sonnets"),
    "lstm": tiny("lstm", (65, 8, 6), 3, "sonnets"),
    "resnet": tiny("resnet", (16, 2, 10), 8),
    "vae": tiny("vae", (64, 9, 3), 8),
    "gru": tiny("gru", (8, 8, 6, 10), 8),
    "convnet inference": dataclasses.replace(
        WORKLOADS["convnet-one"], data="digits", rows=3, sizes=(16, 2, 3, 8, 10), steps=2
    ),
    "scalars": dataclasses.replace(WORKLOADS["scalars"], rows=4, sizes=(2, 3, 1)),
}
PAIRS = [
    pytest.param(name, workload, id=f"{name} {title}")
    for name in CONTENDERS
    for title, workload in TINY.items()
    if contender(name).suits(workload) and name != "torch-compile"  # which compiles for a minute
]

each_workload = pytest.mark.parametrize("workload", TINY.values(), ids=TINY)


@pytest.fixture(autouse=True)
def _threads_as_they_are(monkeypatch):
    monkeypatch.setattr(cr, "set_num_threads", lambda n: None)


def made(name: str, workload: Workload):
    """A contender at its start, or a skipped test where it is absent."""
    kind = contender(name)
    for module in kind.needs:
        pytest.importorskip(module)
    try:
        racer = kind(workload, load(workload), threads=1)
    except Absent as why:
        pytest.skip(str(why))
    racer.begin()
    return racer


def judge(workload: Workload):
    """Whose loss the others have to come to: by hand, where somebody has written that."""
    if workload.task == "scalars":
        return made("scalars-eager", workload)
    return made("numpy" if workload.network == "mlp" else "eager", workload)


# --- contenders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "workload"), PAIRS)
def test_every_contender_comes_to_the_same_loss_again_and_again(name, workload):
    expected = judge(workload)
    expected.run()
    racer = made(name, workload)
    for _ in range(2):
        racer.begin()
        racer.run()
        # Codes drawn by other generators make another loss.
        rel = 2e-3 if workload.network == "vae" else 1e-4
        assert racer.loss() == pytest.approx(expected.loss(), rel=rel)


@each_workload
def test_training_lowers_the_loss(workload):
    racer = judge(workload)
    before = racer.loss()
    racer.run()
    assert racer.loss() < before or workload.task == "infer"


def test_every_contender_has_a_name_of_its_own_and_a_workload_in_the_table():
    kinds = [contender(name) for name in CONTENDERS]
    assert len({kind.label for kind in kinds}) == len(kinds)
    assert all(any(kind.suits(workload) for workload in WORKLOADS.values()) for kind in kinds)


def test_losses_are_those_of_the_library():
    from chainrule.nn import functional as F

    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    told = measured_loss("cross_entropy", scores, None, labels)
    assert told == pytest.approx(F.cross_entropy(cr.tensor(scores), cr.tensor(labels)).item())
    again = measured_loss("letters", scores[None], None, labels[None])  # one row of five letters
    assert again == pytest.approx(told)
    chance, zeros_and_ones = rng.normal(size=(5, 1)), rng.integers(0, 2, (5, 1)).astype(float)
    told = measured_loss("bce", chance, None, zeros_and_ones)
    same = F.binary_cross_entropy_with_logits(cr.tensor(chance), cr.tensor(zeros_and_ones))
    assert told == pytest.approx(same.item())


def test_loss_of_an_autoencoder_is_that_of_the_distributions():
    from chainrule.distributions import Bernoulli, Normal, kl_divergence

    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (3, 4)).astype(float)
    scores, mean, spread = (rng.normal(size=(3, n)) for n in (4, 2, 2))
    pixels = Bernoulli(logits=cr.tensor(scores)).log_prob(cr.tensor(x)).sum()
    codes = Normal(cr.tensor(mean), cr.tensor(np.exp(spread / 2)))
    apart = kl_divergence(codes, Normal(cr.zeros(3, 2).double(), cr.ones(3, 2).double())).sum()
    told = measured_loss("elbo", (scores, mean, spread), x, None)
    assert told == pytest.approx((apart - pixels).item() / 3)


def test_a_run_is_in_training_also_after_its_loss_was_measured():
    racer = made("eager", TINY["resnet"])
    racer.begin()
    before = racer.loss()
    assert racer.model.training
    racer.run()
    assert racer.model[1].num_batches_tracked.item() == 4
    assert racer.loss() != before
    racer.begin()
    assert racer.loss() == before


# --- workloads ----------------------------------------------------------------------------------


def test_data_are_the_same_for_every_process(tmp_path):
    data = load(DIGITS)
    save(data, tmp_path)
    again = open_saved(tmp_path)
    assert [len(field) for field in again] == [len(field) for field in data]
    assert list(data.weights) == list(again.weights) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for one, other in zip(
        (*data[:3], *data.weights.values()), (*again[:3], *again.weights.values())
    ):
        np.testing.assert_array_equal(one, other)


def test_every_row_is_in_one_batch():
    assert sorted(load(DIGITS).order.reshape(-1)) == list(range(DIGITS.rows))


def test_work_of_a_network():
    steps_rows = 6 * 8
    forward, back = 2 * (64 * 8 + 8 * 10), 2 * (64 * 8 + 8 * 10) + 2 * 8 * 10
    assert DIGITS.flops == steps_rows * (forward + back)
    assert TINY["inference"].flops == 4 * forward
    assert DIGITS.moved == 0  # it stays in a cache
    assert WORKLOADS["digits-full"].moved == 100 * 41_000 * 784 * 4
    assert WORKLOADS["convnet"].moved == 0


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "mlp"])
def test_products_are_those_that_the_modules_do(name):
    found = network(TINY[name])
    model, total = found.module(cr), 0

    def seen(module, _, y):
        """Of a layer: every weight is used once for each output of a channel."""
        nonlocal total
        y = y[0] if isinstance(y, tuple) else y
        channels = y.shape[1] if isinstance(module, nn.Conv2d) else y.shape[-1]
        weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
        total += 2 * weights * y.numel() // channels

    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.LSTM | nn.GRU):
            module.register_forward_hook(seen)
    model(cr.from_numpy(load(TINY[name]).x[:1]))
    attention = 2 * (2 * 2 * 12 * (1 + 8) * 8 // 2) if name == "transformer" else 0
    assert sum(found.products()) == total + attention
    assert found.flops == 3 * sum(found.products()) - found.products()[0]


@each_workload
def test_inputs_have_the_shape_that_the_network_says(workload):
    assert load(workload).x.shape == (workload.rows, *network(workload).row)


def test_every_network_and_optimiser_is_in_the_table():
    assert {workload.network for workload in WORKLOADS.values()} == set(NETWORKS)
    assert {workload.optimizer for workload in WORKLOADS.values()} == set(OPTIMIZERS)


def test_the_next_letter_is_wanted():
    data = load(TINY["lstm"])
    np.testing.assert_array_equal(data.x[:, 1:], data.y[:, :-1])


def test_fewer_steps_are_told_of_the_same_unit():
    whole = WORKLOADS["digits"]
    tenth = shortened(whole, 0.1)
    assert (tenth.steps, tenth.rows) == (94, 94 * 64)
    assert tenth.flops / tenth.units == pytest.approx(whole.flops / whole.units)


# --- the race -----------------------------------------------------------------------------------


def test_a_race_in_processes_of_their_own():
    names = ["numpy", "eager", "micrograd"]
    found = race(DIGITS, names, threads=1, rounds=2)
    assert [result.name for result in found] == ["numpy", "eager"]  # the third does scalars
    for result in found:
        assert len(result.seconds) == 2
        assert result.agrees
        assert result.memory > 1e6 or math.isnan(result.memory)


def test_a_contender_that_fails_is_named_with_its_last_words():
    impossible = dataclasses.replace(DIGITS, optimizer="none")
    (found,) = race(impossible, ["eager"], threads=1, rounds=1)
    assert found.absent == "it failed: KeyError: 'none'"


def test_another_loss_is_not_ranked():
    close, far = result("eager", [1.0], loss=1.00005), result("torch", [0.5], loss=1.1)
    measure.judge(DIGITS, [result("numpy", [2.0], loss=1.0), close, far])
    assert close.ranked
    assert not far.ranked


def test_the_judge_is_not_one_of_ours():
    ours, peer, other = (result(name, [1.0], loss=1.0) for name in ("eager", "torch", "jax"))
    ours.loss = 1.1
    measure.judge(DIGITS, [ours, peer, other])
    assert [each.agrees for each in (ours, peer, other)] == [False, True, True]


def test_others_are_kept_busy_no_longer_than_asked():
    with command.machine.kept_busy(2) as others:
        assert [other.poll() for other in others] == [None, None]
    assert all(other.poll() is not None for other in others)


# --- what it says -------------------------------------------------------------------------------


def result(name: str, times: list[float], loss: float = 1.0, **more) -> Result:
    kind = contender(name)
    return Result(name, kind.label, kind.ours, "", times, loss, 0.1, 0.2, 1e8, **more)


@pytest.fixture
def run():
    """Two races in which nobody ran."""
    limits = {"flops": 1e9, "bytes": 1e9}
    eager, torch = result("eager", [1e-3, 2e-3, 2e-3]), result("torch", [3e-3, 4e-3, 8e-3])
    wrong = result("sklearn", [1e-6, 1e-6, 1e-6], loss=3.0, agrees=False)
    missing = Result("jax", "JAX, jit", ours=False, absent="jax is not installed")
    races = [
        Race(DIGITS, 1, limits, [eager, torch, wrong, missing]),
        Race(TINY["two classes"], 2, limits, [eager, torch]),
    ]
    return Run({"processor": "one"}, "today", (1.0, 2.0), "python -m bench", races)


def test_ratios_are_taken_round_by_round(run):
    first = run.races[0]
    assert first.ours().name == "eager"
    assert first.best().name == "torch"  # the quicker one has another loss
    assert first.best().ratio(first.ours()) == Spread(2.5, 3.0, 3.5)
    assert ratio(Spread(2.5, 3.0, 3.5)) == "3.00 (2.50 to 3.50)"


def test_least_time_is_the_longer_of_work_and_memory(run):
    race = run.races[0]
    assert race.least() == DIGITS.flops / 1e9
    race.limits = {"flops": 1e30, "bytes": 1e9}
    race.workload = WORKLOADS["digits-full"]
    assert race.least() == race.workload.moved / 1e9


def test_report(run):
    text = results(run)
    assert "## One thread" in text
    assert "## 2 threads" in text
    assert "3.00 (2.50 to 3.50)" in text
    assert "another loss" in text
    assert "JAX, jit: jax is not installed" in text
    shown = page(run)
    assert "bench.svg" in shown
    assert "python -m bench" in shown


def test_picture_has_a_dot_for_each_library_that_counts(run):
    drawn = picture(run)
    root = ET.fromstring(str(drawn))
    lanes = root.findall(".//{http://www.w3.org/2000/svg}g/{http://www.w3.org/2000/svg}title")
    assert [lane.text for lane in lanes] == ["PyTorch: 3 times as long"]
    assert "PyTorch 3" in drawn.description


def test_what_was_found_is_kept(run, tmp_path):
    run.write(tmp_path / "results.json")
    assert results(Run.read(tmp_path / "results.json")) == results(run)


def test_command(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "moons", TINY["two classes"])
    monkeypatch.setattr(command.machine, "limits", lambda _: {"flops": 1e9, "bytes": 1e9})
    written = []
    monkeypatch.setattr(command, "write", written.append)
    said = CliRunner().invoke(
        command.main, ["moons", "-c", "numpy", "--threads", "1", "--rounds", "1", "--no-keep"]
    )
    assert said.exit_code == 0, said.output
    assert "NumPy by hand" in said.output
    assert not written


def test_command_that_measures_compiling(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "digits", DIGITS)
    said = CliRunner().invoke(compiling.main, ["digits", "-c", "numpy,micrograd", "--rounds", "1"])
    assert said.exit_code == 0, said.output
    title, head, line = said.output.splitlines()
    assert title == DIGITS.title
    assert head.split() == ["anew", "from", "the", "cache", "memory", "beyond", "imports"]
    assert line.split()[:3] == ["NumPy", "by", "hand"]


def test_eager_steps_are_no_part_of_compiling():
    eager, ours = result("eager", [0.6, 0.6]), result("compiled", [0.1], held=9e7)
    assert ours.ready == pytest.approx(0.1 + 0.2 - 0.1)
    assert compiling.eager_steps(DIGITS, [ours, eager]) == pytest.approx(3 * 0.6 / DIGITS.steps)
    assert compiling.eager_steps(DIGITS, [ours]) == 0
    assert compiling.line(ours, ours, 0.05, 0.15).split()[2:] == [
        *["150", "ms", "50.0", "ms"],
        *["95", "MiB", "10", "MiB"],
    ]


def test_command_names_what_there_is():
    said = CliRunner().invoke(command.main, ["-c", "tensorflow"])
    assert said.exit_code == 2
    assert "no contender 'tensorflow'; there are numpy, " in said.output
