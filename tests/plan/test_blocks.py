"""Programs cut into blocks of rows: the answers of the whole, and what cannot be cut is left."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, ops, optim
from chainrule.autograd import Tensor
from chainrule.errors import DataError, ShapeError
from chainrule.plan.check import check
from chainrule.plan.many import Each
from chainrule.plan.passes import simplified
from chainrule.plan.passes.blocks import cut
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native import blocked, executor
from chainrule.plan.native.blocked import Blocked, block_size, deal, together
from chainrule.plan.native.executor import Native

ROWS = 203  # 5 blocks of 40 rows, and 3 more


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(blocked, "get_num_threads", lambda: 2)


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def recorded(function, arrays):
    """The program as executors get it."""
    return simplified(record(function, arrays)[1])


def in_blocks(program, folder, size=40):
    """The program in blocks, each part of it checked."""
    whole = cut(program, smallest=0)
    assert whole is not None
    run = Blocked(whole, size, folder)
    for n in {share.size for share in deal(whole.rows, size)}:
        check(whole.block(n))
    check(whole.end(run._parts))
    return run


# --- training -----------------------------------------------------------------------------------


def cross_entropy(over=1, **options):
    return (lambda z, y: nn.functional.cross_entropy(z, y, **options) / over), np.arange(ROWS) % 4


def unequal():
    return {"weight": Tensor(np.array([0.5, 1.0, 2.0, 0.0]))}


LOSSES = {
    "cross entropy": cross_entropy(),
    "sum": cross_entropy(100, reduction="sum"),
    "weighted sum": cross_entropy(100, reduction="sum", **unequal()),
    "smoothed": cross_entropy(label_smoothing=0.1),
    "mse": (nn.functional.mse_loss, draw(ROWS, 4)),
    "bce": (nn.functional.binary_cross_entropy_with_logits, (draw(ROWS, 4) > 0) * 1.0),
    "smooth l1": (nn.functional.smooth_l1_loss, draw(ROWS, 4)),
    "by hand": (lambda z, y: ops.sum(ops.square(z[:, 1:3])) / 700 + ops.mean(y), draw(ROWS)),
}
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "adam": lambda p: optim.Adam(p, lr=1e-2),
}
NETWORKS = {
    "linear": lambda: nn.Linear(6, 4, bias=False),
    "tanh": lambda: nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 4)),
    "relu": lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4), nn.LayerNorm(4)),
    "deep": lambda: nn.Sequential(
        *(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 4))
    ),
}


def training(network, loss, optimizer, penalty=0.0):
    """A step in float64, what it is given, and the parameters that it changes."""
    cr.manual_seed(1)
    model = NETWORKS[network]()
    for p in model.parameters():
        p.array = p.array.astype(np.float64)
    opt = OPTIMIZERS[optimizer](model.parameters())
    criterion, target = LOSSES[loss]

    def step(x, y):
        opt.zero_grad()
        scores = model(Tensor(x))
        value = criterion(scores, Tensor(y))
        if penalty:
            value = value + penalty * sum(ops.sum(p * p) for p in model.parameters())
        value.backward()
        opt.step()
        return [value.array, scores.array]

    batch = draw(ROWS, 6), target
    step(*batch)  # state of the optimiser comes to be
    return step, batch, [p.array for p in model.parameters()]


def assert_learns_the_same(folder, *kind):
    """Steps in blocks are eager steps, in losses, scores and parameters."""
    step, batch, parameters = training(*kind)
    run = in_blocks(recorded(step, batch), folder)
    eager, batch, expected = training(*kind)
    eager(*batch)  # that it is recorded takes one
    for _ in range(5):
        for a, b in zip(run(*batch), eager(*batch), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    for a, b in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_in_blocks_is_eagers(loss, folder):
    assert_learns_the_same(folder, "tanh", loss, "sgd")


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_in_blocks_is_eagers(network, folder):
    assert_learns_the_same(folder, network, "mse", "momentum")


@pytest.mark.parametrize("options", [unequal(), {"ignore_index": 2}], ids=["weights", "ignored"])
def test_a_mean_by_weights_of_the_rows_is_left_whole(options, monkeypatch):
    monkeypatch.setitem(LOSSES, "mean by weights", cross_entropy(**options))
    step, batch, _ = training("tanh", "mean by weights", "sgd")
    assert cut(recorded(step, batch), smallest=0) is None


def test_a_penalty_on_the_weights_comes_once(folder):
    assert_learns_the_same(folder, "tanh", "mse", "adam", 0.01)


def test_rows_may_be_state(folder):
    x, w = draw(ROWS, 3), np.zeros(3)
    x.flags.writeable = w.flags.writeable = True

    def step():
        error = ops.sub(ops.matmul(x, w), 1.0)
        slope = ops.matmul(error, x)
        ops.sgd_step(w, slope, np.zeros(0), 1e-3)
        return ops.mean(ops.square(error))

    run = in_blocks(recorded(step, []), folder)
    x *= 2  # read anew in every run
    before = w.copy()
    error = x @ before - 1.0
    (loss,) = run()
    np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-12)
    np.testing.assert_allclose(w, before - 1e-3 * error @ x, rtol=1e-12)


# --- results ------------------------------------------------------------------------------------


def test_outputs_with_rows_and_totals_together(folder):
    x, w = draw(ROWS, 3), draw(3, 2)

    def function(x):
        y = ops.matmul(x, w)
        return [ops.sum(y, dim=0), ops.relu(y), y, ops.reshape(y, shape=(ROWS, 1, 2)), w]

    run = in_blocks(recorded(function, [x]), folder)
    found = run(x)
    for a, b in zip(found, function(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    again = run(2 * x)
    np.testing.assert_allclose(found[2], x @ w, rtol=1e-12)  # the caller's own
    np.testing.assert_allclose(again[2], 2 * x @ w, rtol=1e-12)


def test_many_runs_are_one_after_another(folder):
    run = in_blocks(recorded(lambda x: ops.mean(x), [draw(ROWS)]), folder)
    stack = draw(3, ROWS)
    np.testing.assert_allclose(run.many(3, [Each(stack)]).outputs[0], stack.mean(1), rtol=1e-12)


def test_what_does_not_fit_is_refused(folder):
    run = in_blocks(recorded(lambda x: ops.mean(x), [draw(ROWS)]), folder)
    with pytest.raises(ShapeError, match="recorded for"):
        run(draw(ROWS + 1))


# --- threads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_threads(threads, folder, monkeypatch):
    monkeypatch.setattr(blocked, "get_num_threads", lambda: threads)
    x, w = draw(ROWS, 3).astype(np.float32), draw(3, 2).astype(np.float32)
    program = recorded(lambda x: ops.sum(ops.exp(ops.matmul(x, w))), [x])
    one = Blocked(cut(program, smallest=0), 7, folder)
    assert len(one._crew) == threads
    monkeypatch.setattr(blocked, "get_num_threads", lambda: 1)
    other = Blocked(cut(program, smallest=0), 7, folder)
    for _ in range(10):
        assert one(x)[0].tobytes() == other(x)[0].tobytes()


def test_nobody_waits_for_a_helper_that_does_not_come():
    busy, done = threading.Event(), []
    blocked._helpers(1).submit(busy.wait)
    try:
        together([{}, {}], [lambda hand: done.append(threading.get_ident())] * 3)
    finally:
        busy.set()
    assert done == [threading.get_ident()] * 3


def test_all_do_their_share():
    meeting = threading.Barrier(2, timeout=60)
    together([{}, {}], [lambda hand: meeting.wait()] * 2)


def test_what_a_helper_raises_is_raised_and_nothing_is_changed(folder):
    w, x, y = np.zeros(3), draw(ROWS, 3), np.zeros(ROWS, int)

    def step(x, y):
        score = ops.cross_entropy(ops.mul(x, w), ops.add(y, 0))
        ops.assign(w, score)
        return score

    run = in_blocks(recorded(step, [x, y]), folder)
    before = w.copy()
    y[-1] = 3
    with pytest.raises(DataError, match="3"):
        run(x, y)
    np.testing.assert_array_equal(w, before)
    y[-1] = 2
    run(x, y)
    assert (w != before).all()


# --- what is not cut ----------------------------------------------------------------------------

STATE = ops.new_state(3)
WEIGHT = draw(3, 3)


def moved_on(x):
    ops.increment(WEIGHT)
    return ops.sum(ops.matmul(x, WEIGHT))


ACROSS = {
    "its mean is taken off": lambda x: ops.sum(ops.abs(ops.sub(x, ops.mean(x, dim=0)))),
    "the largest row": lambda x: ops.amax(x, dim=0),
    "rows in order": lambda x: ops.cumsum(x, dim=0),
    "softmax over rows": lambda x: ops.softmax(x, dim=0),
    "every row with every row": lambda x: ops.matmul(x, ops.transpose(x)),
    "rows turned round": lambda x: ops.flip(x, dim=0),
    "half of the rows": lambda x: ops.slice(x, key=(slice(0, ROWS // 2),)),
    "one row": lambda x: ops.slice(x, key=(0,)),
    "rows mixed": lambda x: ops.reshape(x, shape=(3, ROWS)),
    "rows last": lambda x: ops.transpose(x),
    "random rows": lambda x: ops.mul(x, ops.random_mask(STATE, shape=(ROWS, 3), p=0.5)),
    "weights that have moved on": moved_on,
    "a whole sum": lambda x: ops.sum(ops.matmul(x, ops.add(WEIGHT, ops.mean(x)))),
    "a bias in a sum of rows": lambda x: ops.linear(ops.transpose(x), ops.transpose(x), draw(3)),
}


@pytest.mark.parametrize("name", ACROSS)
def test_what_looks_across_rows_is_left_whole(name):
    assert cut(recorded(ACROSS[name], [draw(ROWS, 3)]), smallest=0) is None


def test_batch_normalisation_is_left_whole():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    x = draw(ROWS, 3).astype(np.float32)
    assert cut(recorded(lambda x: model(Tensor(x)).array, [x]), smallest=0) is None
    model.eval()
    assert cut(recorded(lambda x: model(Tensor(x)).array, [x]), smallest=0)


# --- when it is done ----------------------------------------------------------------------------


def mean_of_products(rows, columns, units):
    x, w = np.zeros((rows, columns), np.float32), np.zeros((units, columns), np.float32)
    return recorded(lambda x: ops.sum(ops.linear(x, w), dim=0), [x])


def test_blocks_fit_into_the_cache_and_are_equal_where_they_can_be():
    whole = cut(mean_of_products(41_000, 784, 10), blocked.LARGE)
    size = block_size(whole)
    assert whole.row_bytes() == 4 * 794
    assert 41_000 % size == 0
    assert blocked.NEAR // 2 < size * whole.row_bytes() <= blocked.NEAR


def test_few_rows_and_wide_ones_are_left_whole(folder):
    assert isinstance(blocked.executor(mean_of_products(400, 784, 10), folder), Native)
    wide = mean_of_products(100, 50_000, 1)
    assert cut(wide, blocked.LARGE)
    assert isinstance(blocked.executor(wide, folder), Native)


def test_many_rows_take_less_memory(folder):
    program = mean_of_products(42_000, 100, 30)
    ours = blocked.executor(program, folder)
    assert isinstance(ours, Blocked)
    assert not ours.foreign
    assert ours.bytes < Native(program, folder).bytes


def test_the_gradient_of_a_block_calls_for_the_rows_of_the_next(folder, monkeypatch):
    texts = []
    compiled = executor.compile_text
    monkeypatch.setattr(
        executor, "compile_text", lambda text, *more: (texts.append(text), compiled(text, *more))[1]
    )
    x, g = draw(ROWS, 32), draw(ROWS, 5)
    program = recorded(lambda x: ops.matmul(ops.transpose(ops.mul(g, 2)), x), [x])
    block = cut(program, smallest=0).block(20)
    Native(block, folder)
    block.notes.clear()
    Native(block, folder)
    assert ["@llvm.prefetch" in text for text in texts] == [True, False]


@pytest.fixture
def made(monkeypatch):
    """What is made blocked from here on, however small."""
    found, init = [], Blocked.__init__
    monkeypatch.setattr(blocked, "LARGE", 1000)
    monkeypatch.setattr(blocked, "NEAR", 2500)

    def kept(self, *args):
        init(self, *args)
        found.append(self)

    monkeypatch.setattr(Blocked, "__init__", kept)
    return found


def losses(executor, made):
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    opt = optim.Adam(model.parameters(), lr=0.05)
    x, y = cr.tensor(draw(400, 3), dtype=np.float32), cr.tensor(np.arange(400) % 2)

    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    quick = cr.compile(step, executor=executor) if executor else step
    return [quick(x, y).item() for _ in range(30)]


def test_a_compiled_step_is_cut(made):
    np.testing.assert_allclose(losses("native", made), losses(None, made), rtol=1e-5)
    assert len(made) == 1
    assert not made[0].foreign


def test_fit_is_cut(made):
    found = []
    for compile in (True, False):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
        rows = data.TensorDataset(
            cr.tensor(draw(400, 3), dtype=np.float32), cr.tensor(np.arange(400) % 2)
        )
        history = cr.fit(
            model,
            data.DataLoader(rows, 400),
            nn.CrossEntropyLoss(),
            optim.SGD(model.parameters(), lr=0.5),
            epochs=12,
            compile=compile,
            progress=False,
        )
        found.append(history)
    assert len(made) == 1
    np.testing.assert_allclose(*[h["loss"] for h in found], rtol=1e-5)
