"""Many steps of a compiled step in one call, against as many calls: the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import CaptureError, ChainruleError, DataError, OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.plan.native.llvm.toolchain import available

STEPS = 40
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 6)).astype(np.uint8)
Y = RNG.integers(0, 3, 60)
ROWS = np.stack([RNG.permutation(60)[:8] for _ in range(STEPS)])

native = pytest.param(
    "native", marks=pytest.mark.skipif(not available(), reason="llvmlite is not installed")
)


@pytest.fixture(params=["numpy", native])
def executor(request, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))
    return request.param


class Training:
    """A network with its step and its data.

    Args:
        executor: of the compiled step.
        layers: make what is in the middle of the network.
        forget: the gradients before each step, rather than make them less after it.
        options: of `compile`.
    """

    def __init__(self, executor, *layers, forget=True, **options):
        cr.manual_seed(0)
        between = [layer() for layer in layers]
        self.model = nn.Sequential(
            nn.Normalize(0.0, 255.0), nn.Linear(6, 16), *between, nn.ReLU(), nn.Linear(16, 3)
        )
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.forget = forget
        self.x, self.y = cr.from_numpy(np.array(X)), cr.from_numpy(np.array(Y))
        self.quick = cr.compile(self.step, executor=executor, **options)

    def step(self, x, y):
        if self.forget:
            self.optimizer.zero_grad()
        outputs = self.model(x)
        loss = F.cross_entropy(outputs, y)
        loss.backward()
        self.optimizer.step()
        if not self.forget:
            for p in self.model.parameters():
                p.grad.mul_(0.5)
        return {"loss": loss, "outputs": [outputs.detach()], "name": "step"}

    def one_by_one(self, rows=ROWS):
        found = [self.quick(self.x[r], self.y[r]) for r in rows]
        return {
            "loss": cr.stack([f["loss"] for f in found]),
            "outputs": [cr.stack([f["outputs"][0] for f in found])],
            "name": "step",
        }

    def memory(self):
        state = [v for s in self.optimizer.state.values() for v in s.values()]
        grads = [p.grad for p in self.model.parameters()]
        return [*self.model.state_dict().values(), *state, *grads]


def same(a, b):
    assert (a is None) == (b is None)
    if a is not None:
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def alike(single, ours, expected, found):
    same(found["loss"], expected["loss"])
    same(found["outputs"][0], expected["outputs"][0])
    assert found["name"] == "step"
    for a, b in zip(ours.memory(), single.memory(), strict=True):
        same(a, b)


LAYERS = {
    "plain": (),
    "dropout": (lambda: nn.Dropout(0.3),),
    "batch norm": (lambda: nn.BatchNorm1d(16),),
    "tanh and dropout": (nn.Tanh, nn.Dropout),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_of_its_own_for_each_step(executor, name):
    single = Training(executor, *LAYERS[name])
    expected = single.one_by_one()
    ours = Training(executor, *LAYERS[name])
    alike(single, ours, expected, ours.quick.many(ours.x, ours.y, rows=ROWS))


def test_in_parts_and_beside_single_calls(executor):
    single, ours = Training(executor), Training(executor)
    expected = single.one_by_one()
    parts = [ours.quick.many(ours.x, ours.y, rows=ROWS[:9])]
    parts.append(ours.quick.many(ours.x, ours.y, rows=ROWS[9:11] - 60))  # from the end
    r = ROWS[11]
    one = ours.quick(ours.x[r], ours.y[r])
    parts.append({"loss": one["loss"][None], "outputs": [one["outputs"][0][None]]})
    parts.append(ours.quick.many(ours.x, ours.y, rows=cr.tensor(ROWS[12:])))
    found = {
        "loss": cr.cat([p["loss"] for p in parts]),
        "outputs": [cr.cat([p["outputs"][0] for p in parts])],
        "name": "step",
    }
    alike(single, ours, expected, found)


def test_the_same_arguments_again_and_again(executor):
    single, ours = Training(executor), Training(executor)
    found = ours.quick.many(ours.x, y=ours.y, steps=STEPS)
    alike(single, ours, single.one_by_one([slice(None)] * STEPS), found)


@pytest.mark.parametrize("options", [{"keep_gradients": True}, {"forget": False}], ids=str)
def test_gradients_are_left_as_single_steps_leave_them(executor, options):
    single, ours = Training(executor, **options), Training(executor, **options)
    expected = single.one_by_one()
    assert all(p.grad is not None for p in single.model.parameters())
    alike(single, ours, expected, ours.quick.many(ours.x, ours.y, rows=ROWS))


def test_a_learning_rate_set_in_between(executor):
    single, ours = Training(executor), Training(executor)
    for training in (single, ours):
        many = training is ours
        for rate in (0.1, 0.01):
            training.optimizer.param_groups[0]["lr"] = rate
            if many:
                training.quick.many(training.x, training.y, rows=ROWS[:12])
            else:
                training.one_by_one(ROWS[:12])
    for a, b in zip(ours.memory(), single.memory(), strict=True):
        same(a, b)


def test_it_is_one_call_of_machine_code(tmp_path_factory, monkeypatch):
    pytest.importorskip("llvmlite")
    from chainrule.plan.native.course import Course

    calls = []
    take = Course.take
    monkeypatch.setattr(Course, "take", lambda *a: calls.append(1) or take(*a))
    for training in (Training("native"), Training("native", nn.Dropout)):
        training.quick.many(training.x, training.y, rows=ROWS)
    assert len(calls) == 2


def test_what_has_no_machine_code_is_called_step_by_step(executor):
    step = cr.compile(lambda x: x.cumsum(0).exp(), executor=executor)
    x = cr.from_numpy(RNG.normal(size=(9, 2)))
    rows = [[0, 3], [8, 8], [1, 2], [4, 5], [6, 7]]
    found = step.many(x, rows=rows)
    expected = np.exp(np.cumsum(x.numpy()[rows], axis=1))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-15)


def test_a_bad_label_ends_the_steps_where_it_comes(executor):
    single, ours = Training(executor), Training(executor)
    rows = np.arange(40).reshape(10, 4)
    for training in (single, ours):
        training.y[30] = 3
    with pytest.raises(DataError, match="label 3 at index 2 is outside"):
        single.one_by_one(rows)
    with pytest.raises(DataError, match="label 3 at index 2 is outside"):
        ours.quick.many(ours.x, ours.y, rows=rows)
    for a, b in zip(ours.memory(), single.memory(), strict=True):
        same(a, b)


def test_a_result_that_is_the_same_object_in_every_step(executor):
    total = cr.zeros(2, dtype=np.float64)

    def step(x):
        total.add_(x)
        return total

    found = cr.compile(step, executor=executor).many(cr.ones(2, dtype=np.float64), steps=6)
    assert found.shape == (6, 2)
    np.testing.assert_array_equal(total.numpy(), [6, 6])
    np.testing.assert_array_equal(found[-1].numpy(), [6, 6])


def test_numbers_and_single_numbers_among_the_arguments(executor):
    step = cr.compile(lambda x, scale, power: (x * scale) ** power, executor=executor)
    x, scale = cr.arange(5).float(), cr.tensor(2.0)
    found = step.many(x, scale, 2, rows=[[0], [1], [2], [3], [4]])
    np.testing.assert_array_equal(found.numpy()[:, 0], (2 * np.arange(5)) ** 2)


def test_saved_tensors_hear_of_the_change(executor):
    training = Training(executor)
    weight = training.model[1].weight
    training.quick.many(training.x, training.y, rows=ROWS[:5])
    loss = (weight * weight).sum()
    training.quick.many(training.x, training.y, rows=ROWS[5:])
    with pytest.raises(ChainruleError, match="changed in place"):
        loss.backward()


def test_a_step_that_is_not_recorded(executor):
    step = cr.compile(lambda x: x * float(x.sum()), executor=executor, strict=False)
    with pytest.warns(UserWarning, match="without a recording"):
        found = step.many(cr.tensor([1.0, 2.0]), rows=[[0], [1]] * 3)
    np.testing.assert_array_equal(found.numpy()[:, 0], [1, 4] * 3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, OptionError, "either rows, of each step, or steps"),
        ({"rows": [[0]], "steps": 1}, OptionError, "either rows, of each step, or steps"),
        ({"steps": 0}, OptionError, "at least 1 step, got 0"),
        ({"rows": np.zeros((0, 2), int)}, OptionError, "at least 1 step, got 0"),
        ({"rows": [0, 1]}, OptionError, r"\(steps, rows a step\), got int64 of shape \(2,\)"),
        ({"rows": [[0.0]]}, OptionError, "must be whole numbers .* got float64"),
        ({"rows": [[0], [60]]}, ShapeError, "row 60 was asked for of tensors of 60 rows"),
        ({"rows": [[0], [-61]]}, ShapeError, "row -61 was asked for of tensors of 60 rows"),
    ],
)
def test_arguments_are_checked(options, error, message):
    training = Training("numpy")
    with pytest.raises(error, match=message):
        training.quick.many(training.x, training.y, **options)


def test_tensors_of_other_lengths_and_those_that_want_a_gradient():
    training = Training("numpy")
    with pytest.raises(ShapeError, match="the lengths here are 59 and 60"):
        training.quick.many(training.x, training.y[1:], rows=[[0]])
    with pytest.raises(CaptureError, match="wants a gradient"):
        training.quick.many(cr.ones(3, requires_grad=True), steps=2)
