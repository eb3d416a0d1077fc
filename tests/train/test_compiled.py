"""The compiled step against eager, over whole runs of every kind: NumPy to the last bit, native to
rounding."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.clip import clip_grad_norm_
from chainrule.optim import lr_scheduler

STEPS = 20


def mlp(*between):
    return nn.Sequential(nn.Linear(6, 16), *between, nn.ReLU(), nn.Linear(16, 3))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


def batches(shape=(6,), classes=3, rows=8, dtype=np.float32):
    rng = np.random.default_rng(1)
    return [
        (
            cr.from_numpy(rng.normal(size=(rows, *shape)).astype(dtype)),
            cr.from_numpy(rng.integers(0, classes, rows)),
        )
        for _ in range(STEPS)
    ]


def sgd(**options):
    return lambda parameters: optim.SGD(parameters, lr=0.1, **options)


OPTIMIZERS = {
    "sgd": sgd(),
    "momentum": sgd(momentum=0.9),
    "nesterov": sgd(momentum=0.9, nesterov=True),
    "dampening": sgd(momentum=0.9, dampening=0.5),
    "decay": sgd(weight_decay=0.1),
    "adam": lambda parameters: optim.Adam(parameters, lr=0.01),
    "amsgrad": lambda parameters: optim.Adam(parameters, lr=0.01, amsgrad=True),
    "adamw": lambda parameters: optim.AdamW(parameters, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda parameters: optim.RMSprop(parameters, lr=0.01),
    "centered": lambda parameters: optim.RMSprop(parameters, momentum=0.5, centered=True),
    "adagrad": lambda parameters: optim.Adagrad(parameters, lr=0.05),
}

NETWORKS = {
    "mlp": (mlp, (6,)),
    "tanh": (lambda: nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3)), (6,)),
    "dropout": (lambda: mlp(nn.Dropout(0.3)), (6,)),
    "batch norm": (lambda: mlp(nn.BatchNorm1d(16)), (6,)),
    "layer norm": (lambda: mlp(nn.LayerNorm(16)), (6,)),
    "gelu": (lambda: mlp(nn.GELU()), (6,)),
    "convolution": (convolutional, (1, 4, 4)),
}


class Job:
    """A network, its optimiser, and the step that a person would write."""

    def __init__(self, network=mlp, optimizer=OPTIMIZERS["adam"], loss=None, clip=None):
        cr.manual_seed(3)
        self.model = network()
        self.optimizer = optimizer(self.model.parameters())
        self.loss = loss or nn.CrossEntropyLoss()
        self.clip = clip

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        if self.clip:
            clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return loss

    def state(self):
        tensors = [*self.model.state_dict().values()]
        tensors += [v for s in self.optimizer.state.values() for v in s.values()]
        return [np.array(t.detach().numpy()) for t in tensors]


def run(job, step, data, after=lambda job: None):
    """The losses of all steps, and what the job's tensors hold afterwards."""
    losses = []
    for x, y in data:
        losses.append(step(x, y).item())
        after(job)
    return losses, job.state()


@pytest.fixture(params=["numpy", "native"])
def executor(request, tmp_path_factory, monkeypatch):
    """The name of each executor in turn."""
    if request.param == "native":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))
    return request.param


def assert_as_eager(executor, make, data, after=lambda job: None):
    eager = make()
    expected, arrays = run(eager, eager.step, data, after)
    job = make()
    quick = cr.compile(job.step, executor=executor)
    found, same = run(job, quick, data, after)
    assert quick.program is not None, "it was never recorded"
    rtol = 0 if executor == "numpy" else 1e-3
    np.testing.assert_allclose(found, expected, rtol=rtol)
    assert np.isfinite(found).all()
    assert len(set(found)) > 1
    for a, b in zip(arrays, same, strict=True):
        np.testing.assert_allclose(a, b, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(executor, name):
    assert_as_eager(executor, lambda: Job(optimizer=OPTIMIZERS[name]), batches())


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(executor, name):
    network, shape = NETWORKS[name]
    # Not Adam, which makes steps of what is nothing but rounding: a bias before batch norm.
    assert_as_eager(executor, lambda: Job(network, sgd(momentum=0.9)), batches(shape))


def soft(y):
    return nn.functional.one_hot(y, 3).float() * 0.8 + 0.1


# What a person's loss may be made of: outputs o (8, 3), labels y (8,).
LOSSES = {
    "ignoring": lambda o, y: nn.CrossEntropyLoss(ignore_index=1)(o, y),
    "smoothed": lambda o, y: nn.CrossEntropyLoss(label_smoothing=0.1)(o, y),
    "soft": lambda o, y: nn.CrossEntropyLoss()(o, soft(y)),
    "likelihood": lambda o, y: nn.NLLLoss()(o.log_softmax(1), y),
    "margin": lambda o, y: nn.MultiMarginLoss()(o, y),
    "squares": lambda o, y: nn.MSELoss()(o, soft(y)),
    "huber": lambda o, y: nn.HuberLoss()(o, soft(y)),
    "yes or no": lambda o, y: nn.BCEWithLogitsLoss()(o, soft(y)),
    "probabilities": lambda o, y: nn.BCELoss()(o.sigmoid(), soft(y)),
    "divergence": lambda o, y: nn.KLDivLoss(reduction="batchmean")(o.log_softmax(1), soft(y)),
    "gathered": lambda o, y: -o.log_softmax(1).gather(1, y.unsqueeze(1)).mean(),
    "indexed": lambda o, y: -o.log_softmax(1)[cr.arange(8), y].mean(),
    "largest": lambda o, y: o.max(1)[0].mean() + o.topk(2, 1)[0].mean() + o.sort(1)[0][:, 0].mean(),
    "spread": lambda o, y: o.std() + o.var(0).mean() + o.norm(),
    "where": lambda o, y: cr.where(o > 0, o, o * 0.1).mean() + o.masked_fill(o > 0, -1.0).mean(),
    "joined": lambda o, y: cr.cat([o, o * 2], 1).mean() + cr.stack([o, o]).square().mean(),
    "products": lambda o, y: cr.einsum("ij,ij->i", o, o).mean() + (o @ cr.eye(3)).mean(),
    "running sum": lambda o, y: o.cumsum(1).abs().mean() * cr.linspace(0, 1, 3).mean(),
    "slope of a slope": lambda o, y: cr.autograd.grad((o**2).mean(), o, create_graph=True)[
        0
    ].norm(),
    "shuffled": lambda o, y: (o[cr.randperm(8)] * cr.randint(0, 3, (8, 3))).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(executor, name):
    assert_as_eager(executor, lambda: Job(optimizer=sgd(), loss=LOSSES[name]), batches())


def test_clipping(executor):
    assert_as_eager(executor, lambda: Job(clip=0.1), batches())


def test_smoothed_and_weighted_labels(executor):
    weight = cr.tensor([1.0, 2.0, 0.5])
    loss = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
    assert_as_eager(executor, lambda: Job(loss=loss), batches())


def test_schedule_outside_of_the_step(executor):
    def make():
        job = Job(optimizer=OPTIMIZERS["momentum"])
        job.schedule = lr_scheduler.OneCycleLR(job.optimizer, max_lr=0.2, total_steps=STEPS)
        return job

    assert_as_eager(executor, make, batches(), after=lambda job: job.schedule.step())


def test_learning_rate_set_by_hand(executor):
    def after(job):
        job.optimizer.param_groups[0]["lr"] *= 0.9

    assert_as_eager(executor, lambda: Job(), batches(), after)


def test_another_batch_size_at_the_end_of_an_epoch(executor):
    data = [(x[:5], y[:5]) if i % 4 == 3 else (x, y) for i, (x, y) in enumerate(batches())]
    assert_as_eager(executor, lambda: Job(), data)
