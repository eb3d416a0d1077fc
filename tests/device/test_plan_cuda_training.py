"""Training steps compiled for a GPU: what eager does on the processor, in few launches."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ChainruleError, OptionError
from chainrule.nn import functional as F
from chainrule.ops.core import Finite, checked
from device.emulator import build
from device.standin.launches import MACHINE
from plan.workloads import classes, normal

pytestmark = pytest.mark.skipif(build.COMPILER is None, reason="there is no g++")


class Mlp(nn.Module):
    """Digits, as in the README."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x, y):
        return F.cross_entropy(self.body(x), y)


class Net(nn.Module):
    """Two convolutions with a norm and pooling."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(24, 5)),
        )

    def forward(self, x, y):
        return F.cross_entropy(self.body(x), y)


class Transformer(nn.Module):
    """Tokens, one layer, and the next tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(16, 11)

    def forward(self, x, y):
        z = self.out(self.layer(self.embedding(x)))
        return F.cross_entropy(z.reshape(-1, 11), y.reshape(-1))


def tokens(*shape):
    return np.random.default_rng(1).integers(0, 11, shape)


CASES = {
    "mlp": (Mlp, lambda p: optim.Adam(p, lr=1e-2), lambda: (normal(16, 20), classes(16, 10))),
    "net": (
        Net,
        lambda p: optim.SGD(p, lr=1e-2, momentum=0.9),
        lambda: (normal(8, 1, 12, 12), classes(8, 5)),
    ),
    "transformer": (
        Transformer,
        lambda p: optim.SGD(p, lr=0.1),
        lambda: (tokens(3, 7), tokens(3, 7)[::-1].copy()),
    ),
}


def training(name, device, compiled, steps=10):
    """The losses, the parameters afterwards, and the step."""
    make, optimizer, batch = CASES[name]
    cr.manual_seed(0)
    model = make().to(device)
    optimizer = optimizer(model.parameters())
    x, y = (cr.tensor(a).to(device) for a in batch())

    def step(x, y):
        optimizer.zero_grad()
        loss = model(x, y)
        loss.backward()
        optimizer.step()
        return loss

    run = cr.compile(step) if compiled else step
    losses = [run(x, y).item() for _ in range(steps)]
    return losses, [p.detach().cpu().numpy() for p in model.parameters()], run


def executor(run):
    """What carries out the latest plan of a compiled step."""
    return run._kinds.latest()._run


@pytest.mark.parametrize("name", CASES)
def test_ten_steps_are_those_of_eager_on_the_processor(gpu, name):
    losses, parameters, _ = training(name, "cpu", False)
    found, moved, run = training(name, "cuda", True)
    np.testing.assert_allclose(found, losses, rtol=2e-5)
    for a, b in zip(moved, parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)
    plan = executor(run)
    assert [s.graph for s in plan.stretches] == [True], "the whole step is one graph"
    assert plan.kernels < len(run.program) / 3
    assert "one graph" in repr(run)


def wrong(device, compiled):
    """A step whose labels are looked at on the way, after five good ones."""
    cr.manual_seed(0)
    model = nn.Linear(4, 3).to(device)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    x = cr.tensor(normal(2, 3, 4)).to(device)

    def step(x, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).reshape(-1, 3), labels.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    run = cr.compile(step) if compiled else step
    good, bad = ([[0, 1, 2], [2, 1, 0]], [[0, 1, 2], [2, 7, 0]])
    for _ in range(5):
        run(x, cr.tensor(good).to(device))
    with pytest.raises(ChainruleError) as error:
        run(x, cr.tensor(bad).to(device))
    loss = run(x, cr.tensor(good).to(device)).item()
    return str(error.value), loss, model.weight.detach().cpu().numpy()


def test_a_label_that_is_none_is_refused_in_the_same_words_and_nothing_has_changed(gpu):
    expected, found = wrong("cpu", False), wrong("cuda", True)
    assert found[0] == expected[0]
    assert "label 7" in found[0]
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-5)


def test_labels_among_the_arguments_are_looked_at_with_one_question(gpu):
    def refused(device, compiled):
        cr.manual_seed(0)
        model = nn.Linear(4, 3).to(device)
        x = cr.tensor(normal(6, 4)).to(device)

        def step(x, labels):
            return F.cross_entropy(model(x), labels)

        run = cr.compile(step) if compiled else step
        good, bad = (cr.tensor(y).to(device) for y in ([0, 1, 2, 0, 1, 2], [0, 1, 2, -4, 1, 2]))
        with cr.no_grad():
            for _ in range(5):
                run(x, good)
            before = MACHINE.copies
            run(x, good)
            asked = MACHINE.copies - before
            with pytest.raises(ChainruleError) as error:
                run(x, bad)
            run(x, good)
        return str(error.value), asked

    sentence, asked = refused("cuda", True)
    assert sentence == refused("cpu", False)[0]
    if gpu.__name__ != "cupy":  # the stand-in counts
        assert asked == 1


def test_a_loss_that_is_not_a_number_is_refused_before_the_parameters_change(gpu):
    w = cr.tensor([1.0, 2.0]).to("cuda").requires_grad_()
    optimizer = optim.SGD([w], lr=0.1)

    def refuse(loss):
        raise ChainruleError(f"the loss is {loss}")

    def step(x):
        optimizer.zero_grad()
        loss = (w * x).log().sum()
        checked(Finite(refuse), loss)
        loss.backward()
        optimizer.step()
        return loss

    run = cr.compile(step)
    for _ in range(4):
        run(cr.tensor([1.0, 2.0]).to("cuda"))
    before = w.detach().cpu().numpy()
    with pytest.raises(ChainruleError, match="the loss is nan"):
        run(cr.tensor([-1.0, 2.0]).to("cuda"))
    assert (w.detach().cpu().numpy() == before).all()
    run(cr.tensor([1.0, 2.0]).to("cuda"))
    assert (w.detach().cpu().numpy() != before).all()


def test_dropout_is_eagers_on_the_gpu(gpu):
    def losses(compiled):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1)).to("cuda")
        optimizer = optim.RMSprop(model.parameters(), lr=1e-2)
        x = cr.tensor(normal(9, 6)).to("cuda")

        def step(x):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = cr.compile(step) if compiled else step
        return [run(x).item() for _ in range(8)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-5)


def test_a_learning_rate_that_a_schedule_turns_is_followed(gpu):
    def weights(device, compiled):
        w = cr.tensor([1.0, -2.0]).to(device).requires_grad_()
        optimizer = optim.SGD([w], lr=0.5)
        schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

        def step():
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

        run = cr.compile(step) if compiled else step
        for _ in range(9):
            run()
            schedule.step()
        return w.detach().cpu().numpy()

    np.testing.assert_allclose(weights("cuda", True), weights("cpu", False), rtol=1e-6)


def test_many_steps_one_by_one_and_gradients_that_stay(gpu):
    total = cr.zeros(2).to("cuda")
    w = cr.ones(2).to("cuda").requires_grad_()

    @cr.compile
    def step(x):
        total.add_(x.sum(0))
        (w * x).sum().backward()
        return x.mean()

    x = cr.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).to("cuda")
    assert step.many(x, rows=[[0, 1], [2, 2]]).cpu().tolist() == [2.5, 5.5]
    assert step.many(x, steps=4).cpu().tolist() == [3.5] * 4
    assert total.cpu().tolist() == [50, 66]
    assert w.grad.cpu().tolist() == [50, 66]


def test_a_module_is_compiled_for_prediction(gpu):
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)).to("cuda")
    quick, x = cr.compile(model), cr.tensor(normal(5, 3)).to("cuda")
    with cr.no_grad():
        expected = model(x).cpu().numpy()
        for _ in range(5):
            np.testing.assert_allclose(quick(x).cpu().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_an_executor_is_for_one_place(gpu):
    x = cr.ones(3)
    step = cr.compile(lambda x: x.exp(), executor="cuda")
    step(x)
    step(x)
    with pytest.raises(OptionError, match="nothing that this step keeps is on one"):
        step(x)
    for name in ("numpy", "native"):
        step = cr.compile(lambda x: x.exp(), executor=name)
        step(x.to("cuda"))
        step(x.to("cuda"))
        with pytest.raises(OptionError, match="on a GPU; use executor"):
            step(x.to("cuda"))


def test_a_step_is_profiled_and_leaves_everything_as_it_was(gpu):
    _, _, run = training("mlp", "cuda", True, steps=5)
    _, _, batch = CASES["mlp"]
    x, y = (cr.tensor(a).to("cuda") for a in batch())
    before = run(x, y).item()
    profile = run.profile(x, y, runs=2)
    assert len(profile.parts) == len(profile.seconds)
    assert "matrix_product" in repr(profile)
    assert run(x, y).item() < before
