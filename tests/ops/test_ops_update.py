"""The optimisers' steps, as operations: in place, in pieces, and PyTorch's for many steps."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import GradientError, ShapeError
from chainrule.ops import Op, exchange
from chainrule.ops.update import CHANGED, PIECE
from rows.steps import STEPS

BETWEEN_RANKS = {
    op.name for op in vars(exchange).values() if isinstance(op, Op) and op.kind == "update"
}

RNG = np.random.default_rng(0)
each_step = pytest.mark.parametrize("case", STEPS, ids=lambda case: case.name)


def test_every_update_says_what_it_changes():
    updates = {name for name, op in ops.REGISTRY.items() if op.kind == "update"}
    assert updates | BETWEEN_RANKS == set(CHANGED)


@each_step
def test_only_what_is_declared_changes_and_the_first_is_returned(case):
    arrays = case.arrays()
    assert case.function(*arrays, **case.attrs) is arrays[0]
    changed = [i for i, (a, b) in enumerate(zip(arrays, case.arrays())) if not np.array_equal(a, b)]
    assert set(changed) <= set(CHANGED[case.op])


@each_step
def test_a_tensor_is_changed_in_place(case):
    arrays = case.arrays()
    x = Tensor(arrays[0])
    memory, w = x.array, Tensor(np.ones_like(arrays[0]), requires_grad=True)
    reader = (w * x).sum()
    assert case.function(x, *arrays[1:], **case.attrs) is x
    assert x.array is memory
    np.testing.assert_array_equal(memory, case.function(*case.arrays(), **case.attrs))
    with pytest.raises(GradientError, match="changed in place"):
        reader.backward()


@each_step
def test_numbers_and_arrays_of_one_number_are_alike(case):
    as_numbers = [a.item() if np.ndim(a) == 0 else a for a in map(np.asarray, case.arrays())]
    as_numbers[0] = np.asarray(as_numbers[0])
    expected = case.function(*case.arrays(), **case.attrs)
    np.testing.assert_array_equal(case.function(*as_numbers, **case.attrs), expected)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, lambda a: np.asfortranarray(a)])
@pytest.mark.parametrize("case", [c for c in STEPS if c.op.endswith("_step")], ids=lambda c: c.name)
def test_a_large_array_gets_what_its_parts_would(case, layout):
    rows = 3 * PIECE // 100 + 7
    small = case.arrays(np.float32)
    whole = [layout(np.resize(a, (rows, 100))) if np.ndim(a) else a for a in small]
    parts = [[np.array(a[i::2]) if np.ndim(a) else a for a in whole] for i in range(2)]
    case.function(*whole, **case.attrs)
    for i, part in enumerate(parts):
        case.function(*part, **case.attrs)
        for a, b in zip(whole, part):
            np.testing.assert_array_equal(a[i::2] if np.ndim(a) else a, b)


@pytest.mark.parametrize("case", [c for c in STEPS if c.op.endswith("_step")], ids=lambda c: c.name)
def test_a_gradient_of_another_shape_is_refused(case):
    x, g, *rest = case.arrays()
    before = x.copy()
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the parameter \(2, 3\)"):
        case.function(x, g[0], *rest, **case.attrs)
    np.testing.assert_array_equal(x, before)


def test_assign_takes_over_in_its_own_format():
    x = np.zeros((2, 3), dtype=np.int64)
    ops.assign(x, np.array([1.7, 2.2, 3.9]))
    assert x.tolist() == [[1, 2, 3]] * 2
    with pytest.raises(ShapeError, match=r"shape \(4,\)|\(2, 3\) and \(4,\)"):
        ops.assign(x, np.zeros(4))


def sgd(x, g, t, state):
    ops.sgd_step(x, g, state[0], 0.1, 0.9, 0.0, 0.01, nesterov=True)


def adam(x, g, t, state):
    ops.adam_step(x, g, *state, 0.1, t, weight_decay=0.01, amsgrad=True)


def adamw(x, g, t, state):
    ops.adam_step(x, g, *state, 0.1, t, weight_decay=0.01, decoupled=True)


def rmsprop(x, g, t, state):
    ops.rmsprop_step(x, g, *state, 0.1, momentum=0.9, centered=True)


def adagrad(x, g, t, state):
    ops.adagrad_step(x, g, state[0], 0.1, t, lr_decay=0.1)


@pytest.mark.parametrize(
    ("step", "name", "options"),
    [
        (sgd, "SGD", {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
        (adam, "Adam", {"weight_decay": 0.01, "amsgrad": True}),
        (adamw, "AdamW", {"weight_decay": 0.01}),
        (rmsprop, "RMSprop", {"momentum": 0.9, "centered": True}),
        (adagrad, "Adagrad", {"lr_decay": 0.1}),
    ],
)
def test_many_steps_are_pytorchs(step, name, options, torch):
    start = RNG.standard_normal((2, 3))
    x, state = start.copy(), np.zeros((3, 2, 3))
    judge = torch.tensor(start, requires_grad=True)
    optimiser = getattr(torch.optim, name)([judge], lr=0.1, **options)
    for t in range(1, 31):
        g = RNG.standard_normal((2, 3))
        judge.grad = torch.tensor(g)
        optimiser.step()
        step(x, g, float(t), state)
        np.testing.assert_allclose(x, judge.detach().numpy(), rtol=1e-10)
