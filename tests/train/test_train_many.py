"""`fit` with many steps in one call, against `fit` step by step: the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import DataLoader, Subset, TensorDataset
from chainrule.errors import ChainruleError
from chainrule.optim import lr_scheduler
from chainrule.train import fit
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.ahead import Ahead
from chainrule.train.metrics.classes import accuracy

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.course import Course

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (203, 4)).astype(np.uint8)
Y = (X.sum(axis=1) > 500).astype(np.int64)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def calls(monkeypatch):
    """How many steps were asked for in each call that takes many."""
    found = []
    init = Course.__init__

    def counted(course, table, places, steps):
        found.append(steps)
        init(course, table, places, steps)

    monkeypatch.setattr(Course, "__init__", counted)
    return found


def network():
    cr.manual_seed(0)
    return nn.Sequential(
        *(nn.Normalize(128.0, 64.0), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()),
        *(nn.Dropout(0.1), nn.Linear(8, 2)),
    )


class Eyes(Callback):
    """Sees every step, which therefore are taken one by one."""

    def on_step_end(self, run):
        assert run.step


SCHEDULES = {
    "none": lambda optimizer: None,
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=60),
    "to nothing": lambda optimizer: lr_scheduler.LinearLR(
        optimizer, start_factor=1.0, end_factor=0.0, total_iters=70
    ),
    "cycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=104),
    "two": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.ConstantLR(optimizer, 0.1), lr_scheduler.ExponentialLR(optimizer, 0.9)],
        milestones=[10],
    ),
}


def trained(single, schedule="none", data=None, **options):
    """A network after training, with all that training leaves."""
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    plan = SCHEDULES[schedule](optimizer)
    data = data or (X, Y)
    history = fit(
        model,
        data() if callable(data) else data,
        optimizer=optimizer,
        schedule=plan,
        compile=True,
        callbacks=[Eyes()] if single else [],
        **{"epochs": 4, "batch_size": 8, "progress": False, **options},
    )
    left = [np.array(v.numpy()) for v in model.state_dict().values()]
    left += [np.array(v.numpy()) for s in optimizer.state.values() for v in s.values()]
    numbers = [dict(group, params=None) for group in optimizer.param_groups]
    return history, left, numbers, plan and plan.state_dict()


def assert_same(quick, single):
    for a, b in zip(quick[1], single[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert quick[0]["loss"] == single[0]["loss"]
    assert quick[0]["learning_rate"] == single[0]["learning_rate"]
    np.testing.assert_allclose(quick[0]["accuracy"], single[0]["accuracy"], rtol=1e-12)
    assert quick[2:] == single[2:]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule(schedule, calls):
    single = trained(True, schedule)
    assert not calls
    assert_same(trained(False, schedule), single)
    assert sum(calls) > 3 * 20  # of 4 x 25 whole batches


@pytest.mark.parametrize(
    "options",
    [
        {"max_grad_norm": 0.5},
        {"batch_size": 203},
        {"batch_size": 500},
        {"validation": (X[:50], Y[:50])},
        {"metrics": {"own": lambda outputs, y: outputs[:, 0].std(), "accuracy": accuracy}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_option(options):
    assert_same(trained(False, **options), trained(True, **options))


LOADERS = {
    "in order": lambda: DataLoader(TensorDataset(X, Y), 8),
    "whole batches": lambda: DataLoader(TensorDataset(X, Y), 8, shuffle=True, drop_last=True),
    "of a generator": lambda: DataLoader(
        TensorDataset(X, Y), 8, shuffle=True, generator=cr.Generator().manual_seed(3)
    ),
    "a part": lambda: DataLoader(Subset(TensorDataset(X, Y), range(-1, -199, -2)), 8),
    "a part of a part": lambda: DataLoader(
        Subset(Subset(TensorDataset(X, Y), range(5, 200)), range(190)),
        *(8, True),
        generator=cr.Generator().manual_seed(3),
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_loaders_that_are_arrays(name, calls):
    data = LOADERS[name]
    assert_same(trained(False, data=data), trained(True, data=data))
    assert calls


OTHERS = {
    "collated": lambda: DataLoader(
        TensorDataset(X, Y), 8, collate_fn=lambda samples: cr.data.default_collate(samples)
    ),
    "joined": lambda: DataLoader(cr.data.ConcatDataset([TensorDataset(X, Y)] * 2), 8),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_loaders_are_asked_for_each_batch(name, calls):
    data = OTHERS[name]
    assert_same(trained(False, data=data), trained(True, data=data))
    assert not calls


def test_a_schedule_of_ones_own_is_called_after_each_step(calls):
    class Own(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    SCHEDULES["own"] = Own
    try:
        assert_same(trained(False, "own"), trained(True, "own"))
    finally:
        del SCHEDULES["own"]
    assert not calls


def test_a_bad_loss_ends_the_run_where_it_comes(calls):
    data = X.astype(np.float32)
    data[8 * 17 + 3, 1] = np.inf
    left = []
    for single in (True, False):
        model = nn.Sequential(nn.Linear(4, 2))
        for k, p in enumerate(model.parameters()):
            p.array[...] = 0.001 * k
        optimizer = optim.SGD(model.parameters(), lr=0.001)
        schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)
        with pytest.raises(ChainruleError) as caught:
            fit(
                model,
                DataLoader(TensorDataset(data, Y), 8),
                optimizer=optimizer,
                schedule=schedule,
                compile=True,
                callbacks=[Eyes()] if single else [],
                progress=False,
            )
        left.append(
            (
                # Which example it is, is known where the order of the rows is.
                str(caught.value).replace(", example 139 of the data", ""),
                [p.tolist() for p in model.parameters()],
                schedule.state_dict(),
                optimizer.param_groups[0]["lr"],
            )
        )
    assert left[0] == left[1]
    assert "in epoch 1, step 18: x is inf at index (3, 1) of the batch; take" in left[0][0]
    assert left[0][3] == pytest.approx(0.000166772, rel=1e-5)
    assert calls


def test_callbacks_that_need_not_see_each_step(calls):
    steps = []

    class Glance(Callback):
        each_step = False

        def on_step_end(self, run):
            steps.append((run.step, run.seen))

    fit(network(), (X, Y), compile=True, epochs=3, batch_size=8, callbacks=[Glance()])
    assert steps[-1] == (78, 609)
    assert len(steps) < 40
    assert calls


def test_labels_outside_of_the_classes_are_refused():
    bad = Y.copy()
    bad[150] = 2
    for callbacks in ([], [Eyes()]):
        with pytest.raises(ChainruleError, match="label 2 at index 6 is outside"):
            fit(
                network(),
                DataLoader(TensorDataset(X, bad), 8),
                compile=True,
                callbacks=callbacks,
                progress=False,
            )


def test_a_schedule_goes_back_when_steps_end_early():
    def both():
        sgd = optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0, momentum=0.5)
        return sgd, lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=20)

    (sgd, schedule), (other, plain) = both(), both()
    for done in (5, 0, 3, 7):
        ahead = Ahead(sgd, schedule, 7)
        assert [len(t.values) for t in ahead.tables] == [7, 7]
        assert ahead.tables[0].values[0] == sgd.param_groups[0]["lr"]
        ahead.finish(done)
        for _ in range(done):
            plain.step()
        assert schedule.state_dict() == plain.state_dict()
        assert dict(sgd.param_groups[0], params=0) == dict(other.param_groups[0], params=0)


class Words(nn.Module):
    """Numbers of words, looked up and read by a layer of sequences."""

    def __init__(self, layer):
        super().__init__()
        self.table, self.layer, self.out = nn.Embedding(9, 8), layer, nn.Linear(8, 2)

    def forward(self, x):
        y = self.layer(self.table(x))
        return self.out((y[0] if isinstance(y, tuple) else y).mean(dim=1))


IMAGES = RNG.standard_normal((96, 1, 8, 8)).astype(np.float32)
WORDS = RNG.integers(0, 9, (96, 5))
NETWORKS = {
    "images": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.2), nn.Linear(36, 2)),
        ),
        IMAGES,
    ),
    "lstm": (lambda: Words(nn.LSTM(8, 8, batch_first=True)), WORDS),
    "gru": (lambda: Words(nn.GRU(8, 8, batch_first=True)), WORDS),
    "attention": (lambda: Words(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)), WORDS),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_every_kind(name, calls):
    make, x = NETWORKS[name]

    def losses(callbacks):
        cr.manual_seed(0)
        given = DataLoader(TensorDataset(x, Y[:96]), 8)
        options = {"callbacks": callbacks, "compile": True, "progress": False, "epochs": 3}
        return fit(make(), given, max_grad_norm=1.0, **options)["loss"]

    single = losses([Eyes()])
    assert not calls
    assert losses([]) == single
    assert calls
