"""A profile says where time and memory go, changes nothing, and is written as browsers read it."""

from __future__ import annotations

import gc
import json
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain, nn, ops, optim
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.ops.core import LISTENERS, READERS, WATCHERS
from chainrule.train import fit


def network():
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))


def stepper(net):
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def data():
    return cr.linspace(-1, 1, 24).view(4, 6), cr.zeros(4, 2)


@pytest.fixture
def watched():
    """The profile of two steps."""
    step = stepper(network())
    with cr.profile() as p:
        for _ in range(2):
            step(*data())
    return p


def test_it_has_the_name_in_both_places():
    assert cr.profile is explain.profile


# --- time ---------------------------------------------------------------------------------------


def test_operations_are_counted_by_the_trace(watched):
    step = stepper(network())
    seen = explain.trace(lambda: [step(*data()) for _ in range(2)])
    names = [call.op.name for call in seen.calls]
    rows = {row.name: row for row in watched.rows("op")}
    assert {name: rows[name].calls for name in names} == {n: names.count(n) for n in names}
    assert set(rows) - set(names) == {"(Python)"}
    for row in rows.values():
        assert row.seconds == pytest.approx(row.forward + row.backward + row.update)
    assert rows["linear"].forward > 0 == rows["linear"].backward
    assert rows["sgd_step"].update == rows["sgd_step"].seconds > 0
    assert rows["tanh"].made == 2 * 4 * 8 * 4


def test_pieces_follow_one_another(watched):
    ends = np.array([piece.end for piece in watched.pieces])
    starts = np.array([piece.start for piece in watched.pieces])
    assert starts[0] == 0
    np.testing.assert_allclose(starts[1:], ends[:-1], rtol=0, atol=1e-9)
    assert watched.seconds == pytest.approx(ends[-1])
    assert watched.watched > 0
    for by in ("op", "module", "line"):
        rows = watched.rows(by)
        assert sum(row.seconds for row in rows) == pytest.approx(watched.seconds)
        assert [row.seconds for row in rows] == sorted((r.seconds for r in rows), reverse=True)


def test_by_module(watched):
    rows = {row.name: row for row in watched.rows("module")}
    layers = {"0 (Linear)", "1 (Tanh)", "2 (Dropout)", "3 (Linear)"}
    assert set(rows) == {*layers, "Sequential", "SGD", "(no module)"}
    for name in layers:
        assert min(rows[name].forward, rows[name].backward) > 0 == rows[name].update
    assert rows["SGD"].update == rows["SGD"].seconds
    assert rows["Sequential"].calls == 0  # it does nothing but call others
    assert str(watched.by_module()) == str(watched.table("module"))


def test_by_line(watched):
    lines = {row.name: row for row in watched.rows("line")}
    first = stepper.__code__.co_firstlineno
    forward, back, update = (f"test_profiler.py:{first + k}" for k in (5, 6, 7))
    assert {forward, back, update, "(Python)"} <= set(lines)
    assert lines[forward].forward == lines[forward].seconds
    assert lines[back].backward == lines[back].seconds
    assert lines[update].update == lines[update].seconds


def test_time_between_operations_is_pythons():
    net = network()
    with cr.profile() as p:
        time.sleep(0.05)
        y = net(data()[0])
        time.sleep(0.05)
        y.sum()
    rows = {row.name: row for row in p.rows("module")}
    assert rows["(no module)"].seconds > 0.1
    (python,) = (row for row in p.rows("op") if row.name == "(Python)")
    assert 0.1 < python.seconds <= p.seconds
    assert python.calls == 0


def test_watching_is_left_out():
    net, x = network(), data()[0]

    def slow(*_):
        time.sleep(0.01)

    with cr.profile() as p, ops.watch(slow):
        net(x)
    assert p.seconds > 0.01  # of another's watcher this one knows nothing
    start = time.perf_counter()
    with cr.profile() as p:
        for _ in range(20):
            net(x)
    assert p.seconds + p.watched <= time.perf_counter() - start


def test_a_step_that_fails_is_told_of_as_far_as_it_came():
    net = nn.Sequential(nn.Linear(6, 8), nn.Linear(9, 1))
    with pytest.raises(ShapeError), cr.profile() as p:
        net(data()[0])
    assert [piece.call.op.name for piece in p.pieces if piece.call].count("linear") == 1
    assert (len(LISTENERS), len(WATCHERS)) == (0, 0)
    with pytest.raises(OptionError, match="a profile is of one block"):
        p.__enter__()


def test_other_threads_are_not_watched():
    def work():
        cr.ones(3).exp()

    with cr.profile() as p:
        other = threading.Thread(target=work)
        other.start()
        other.join()
        cr.ones(3).sin()
    names = {row.name for row in p.rows("op")}
    assert "sin" in names
    assert "exp" not in names


# --- memory -------------------------------------------------------------------------------------


def test_memory_of_results():
    x = cr.ones(1000)
    with cr.profile() as p:
        a = x.exp()  # 4000 bytes
        b = a.view(10, 100)  # the same
        del a
        c = b * 2  # 8000 at once
        del b
        d = c.sum()
        at_end = p.current
    assert p.peak == 8000
    assert at_end == p.current == 4000 + 4
    made = {row.name: row.made for row in p.rows("op")}
    assert made["exp"] == made["mul"] == 4000
    assert made.get("reshape", 0) == 0
    del c, d


def test_what_the_tape_keeps_is_there_until_the_way_back():
    x = cr.ones(1000, requires_grad=True)
    gc.collect()
    with cr.profile() as p:
        y = x.exp().sin().cos().sum()
        before = p.current
        y.backward()
        after = p.current
    assert before == 2 * 4000 + 4  # what exp and sin gave is read on the way back, not cos
    assert after == 4000 + 4  # the gradient, and the sum


# --- compiled steps -----------------------------------------------------------------------------


def test_a_compiled_step_is_one_block():
    quick, (x, y) = cr.compile(stepper(network()), executor="numpy"), data()
    with cr.profile() as p:
        for _ in range(8):
            quick(x, y)
    rows = {row.name: row for row in p.rows("op")}
    assert rows["(compiled step)"].calls == 8 - 3
    assert rows["(compiling)"].calls == 1
    assert rows["linear"].calls == 2 * 3  # before it was replayed
    kinds = [piece.kind for piece in p.pieces if piece.kind != "python"]
    assert kinds[kinds.index("compile") :] == ["compile"] + ["replay"] * 5
    assert "(compiled step)" in {row.name for row in p.rows("module")}
    assert "a compiled step is one block, of" in str(p)
    assert str(next(iter(quick.parts)))[:10] in str(p)
    again = quick.profile(x, y)
    assert f"of {len(again.parts)} parts" in str(p)


def test_a_compiled_step_that_fails_is_told_of_too():
    quick, (x, y) = cr.compile(stepper(network()), executor="numpy"), data()
    for _ in range(4):
        quick(x, y)

    def refuse(*_):
        raise RuntimeError("no")

    plan = quick._kinds.latest()
    run, plan._run = plan._run, refuse
    with cr.profile() as p:
        with pytest.raises(RuntimeError):
            quick(x, y)
        plan._run = run
        x.exp()
        quick(x, y)
    kinds = [piece.kind for piece in p.pieces if piece.kind != "python"]
    assert kinds == ["replay", "op", "replay"]


def test_many_steps_of_fit_in_one_call():
    pytest.importorskip("llvmlite")
    x, y = cr.randn(64, 6), cr.randn(64, 2)
    with cr.profile() as p:
        fit(network(), (x, y), epochs=6, batch_size=8, progress=False, compile=True)
    rows = {row.name: row for row in p.rows("op")}
    assert rows["(compiled step)"].calls == 6 * 8 - 3
    replays = [piece for piece in p.pieces if piece.kind == "replay"]
    assert max(piece.steps for piece in replays) > 1


def test_watching_changes_no_numbers():
    losses = []
    for watch in (False, True):
        step = stepper(network())
        with cr.profile() if watch else cr.enable_grad():
            losses.append([step(*data()).item() for _ in range(3)])
    assert losses[0] == losses[1]


def test_nothing_is_left_behind():
    before = len(LISTENERS), len(WATCHERS), dict(READERS)
    with cr.profile():
        network()(data()[0]).sum().backward()
    assert (len(LISTENERS), len(WATCHERS), dict(READERS)) == before


# --- how it shows itself ------------------------------------------------------------------------


def test_tables(watched):
    text = str(watched)
    assert text.split("\n", 1)[0].split() == [
        *("op", "calls", "time", "share", "forward", "backward", "update", "made")
    ]
    assert text == str(watched.table("op"))
    assert "besides went to watching" in text
    assert "compiled" not in text
    assert "<table" in watched._repr_html_()
    with pytest.raises(OptionError, match="there is no table 'modules'; use one of op, module"):
        watched.table("modules")
    with cr.profile() as nothing:
        pass
    assert "0 B made" in str(nothing)


def events(p, tmp_path):
    p.export_chrome_trace(tmp_path / "trace.json")
    return json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


def test_the_file_is_in_the_trace_event_format(watched, tmp_path):
    """As published: every event has name, ph, pid, tid; X has ts and dur, C numbers in args."""
    found = events(watched, tmp_path)
    assert {e["ph"] for e in found} == {"M", "X", "C"}
    for e in found:
        assert isinstance(e["name"], str)
        assert e["pid"] == e["tid"] == 1
        if e["ph"] != "M":
            assert e["ts"] >= 0
        if e["ph"] == "X":
            assert e["dur"] >= 0
            assert e["cat"] in ("phase", "module", "optimizer", "op")
        if e["ph"] == "C":
            assert all(isinstance(n, int) for n in e["args"].values())
    assert [e["args"]["name"] for e in found if e["name"] == "process_name"] == ["chainrule"]
    linear = next(e for e in found if e["name"] == "linear")
    assert linear["args"] == {
        "line": f"test_profiler.py:{stepper.__code__.co_firstlineno + 5}",
        "shapes": [[4, 6], [8, 6], [8]],
        "out": [4, 8],
        "dtype": "float32",
        "flops": 2 * 4 * 6 * 8 + 4 * 8,
        "made": 4 * 8 * 4,
    }


def test_slices_lie_inside_of_one_another(watched, tmp_path):
    """Two slices of one thread are apart, or one is inside of the other."""
    slices = [e for e in events(watched, tmp_path) if e["ph"] == "X"]
    spans = [(e["ts"], e["ts"] + e["dur"], e) for e in slices]
    spans.sort(key=lambda s: (s[0], -s[1]))
    inside_of, chains = [], []
    for start, end, e in spans:
        while inside_of and inside_of[-1][0] <= start:
            inside_of.pop()
        assert not inside_of or end <= inside_of[-1][0]
        inside_of.append((end, e))
        chains.append([above["name"] for _, above in inside_of])
    assert ["forward", "Sequential", "1 (Tanh)", "tanh"] in chains
    assert ["update", "SGD", "sgd_step"] in chains
    back = {tuple(chain[:3]) for chain in chains if chain[0] == "backward" and len(chain) > 2}
    assert ("backward", "Sequential", "1 (Tanh)") in back
    calls = [e for e in slices if e["name"] == "0 (Linear)" and e["cat"] == "module"]
    assert len(calls) >= 2 * 2  # of two steps, both ways
    assert len([e for e in slices if e["cat"] == "op"]) == len(
        [piece for piece in watched.pieces if piece.kind == "op"]
    )


def test_a_file_is_written_whole_or_not_at_all(watched, tmp_path):
    with pytest.raises(OSError, match="none"):
        watched.export_chrome_trace(tmp_path / "none" / "trace.json")
    watched.export_chrome_trace(tmp_path / "trace.json")
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_a_compiled_step_in_the_file(tmp_path):
    quick = cr.compile(stepper(network()), executor="numpy")
    with cr.profile() as p:
        for _ in range(5):
            quick(*data())
    names = [e["name"] for e in events(p, tmp_path) if e["ph"] == "X"]
    assert names.count("compiled step") == 2
    assert names.count("compiling") == 1
