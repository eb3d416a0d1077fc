"""Random expressions, the same program on scalars, PyTorch tensors, our tensors and replays.

A program is a list of steps; each takes two of the numbers that are there already, so that they are
used again and again, and adds its result to them.
"""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.scalar import Value, compile

STEPS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 0.5),
    "number under": lambda a, b: 2 / (a * a + 1) - b,
    "square": lambda a, _: a**2,
    "cube": lambda a, _: a**3,
    "root": lambda a, _: (a * a + 0.25) ** 0.5,
    "inverse power": lambda a, _: (a * a + 1) ** -1.5,
    "power": lambda a, b: (a.sigmoid() + 0.5) ** b,
    "exponential": lambda a, _: 1.5 ** a.tanh(),
    "neg": lambda a, _: -a,
    "abs": lambda a, b: abs(a - b),
    "exp": lambda a, _: a.tanh().exp(),
    "log": lambda a, b: (a * a + b.exp()).log(),
    "sqrt": lambda a, b: (a * a + b * b + 1).sqrt(),
    "tanh": lambda a, b: (a * b).tanh(),
    "sigmoid": lambda a, b: (a - 3 * b).sigmoid(),
    "relu": lambda a, b: (a + b).relu() * a,
    "nested": lambda a, b: (((a.tanh() + b).sigmoid() * a).relu() + 1).log().tanh(),
}
place = st.integers(0, 100)
programs = st.lists(st.tuples(st.sampled_from(list(STEPS)), place, place), min_size=1, max_size=12)
numbers = st.lists(st.floats(-2, 2).map(lambda x: round(x, 3)), min_size=3, max_size=3)


def run(program, leaves):
    """Follow the program; what it gives is what its last step gives."""
    known = list(leaves)
    for step, i, j in program:
        known.append(STEPS[step](known[i % len(known)], known[j % len(known)]))
    return known[-1]


def on_scalars(program, data):
    """Value and gradients on scalars; programs whose numbers grow out of hand are left out."""
    leaves = [Value(x) for x in data]
    y = run(program, leaves)
    y.backward()
    everything = [
        size for x in y.graph() for size in (abs(x.data), abs(x.grad), *map(abs, x.slopes))
    ]
    assume(all(size < 1e4 for size in everything))
    return y.data, [x.grad for x in leaves], max(everything)


def agree(scalars, others, within=1e-10):
    """Whether two results agree, relative to the largest number on the way."""
    value, grads, largest = scalars
    return others == pytest.approx([value, *grads], rel=within, abs=within * max(1, largest))


@given(programs, numbers)
def test_scalars_agree_with_pytorch(torch, program, data):
    scalars = on_scalars(program, data)
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in data]
    y = run(program, leaves)
    y.backward()
    assert agree(scalars, [y.item(), *(0.0 if x.grad is None else x.grad.item() for x in leaves)])


@given(programs, numbers)
def test_scalars_agree_with_tensors(program, data):
    scalars = on_scalars(program, data)
    leaves = [cr.tensor(x, dtype=cr.float64, requires_grad=True) for x in data]
    y = run(program, leaves)
    y.backward()
    assert agree(scalars, [y.item(), *(0.0 if x.grad is None else x.grad.item() for x in leaves)])


@given(programs, numbers, numbers)
def test_replays_agree_with_scalars(backend, program, data, others):
    scalars = on_scalars(program, others)
    leaves = [Value(x) for x in data]
    step = compile(lambda *leaves: run(program, leaves), *leaves, backend=backend)
    y = step(*others)
    assert agree(scalars, [y, *(x.grad for x in leaves)], within=1e-12)


@given(programs, numbers)
def test_gradients_are_slopes(program, data):
    value, grads, _ = on_scalars(program, data)
    h = 1e-6
    for i, grad in enumerate(grads):
        sides = [
            run(program, [Value(x + side * (i == k)) for k, x in enumerate(data)]).data
            for side in (-h, h)
        ]
        left, right = (value - sides[0]) / h, (sides[1] - value) / h
        assume(math.isclose(left, right, rel_tol=1e-3, abs_tol=1e-3))  # no kink in between
        assert (left + right) / 2 == pytest.approx(grad, rel=1e-3, abs=1e-3)
