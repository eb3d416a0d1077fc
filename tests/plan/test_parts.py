"""Sums of slices that lie together: found where they are, and only there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, grad
from chainrule.plan.check import check
from chainrule.plan.passes import simplified
from chainrule.plan.passes.layouts import with_orders
from chainrule.plan.passes.parts import with_parts_in_place
from chainrule.plan.passes.views import row_major, views
from chainrule.plan.record import record
from chainrule.plan.replay import Replay

WHOLE = (4, 6)


def put(y, *keys):
    """The sum of slices of y at these keys, each where it was taken from."""
    parts = [ops.unslice(ops.slice(y, key=k), key=k, shape=WHOLE) for k in keys]
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    return ops.neg(total)


def names(function, *arrays):
    """The ops that are left, of a program that gives what the function does."""
    _, program = record(function, arrays)
    program = check(with_parts_in_place(check(program)))
    np.testing.assert_array_equal(Replay(program)(*arrays)[0], function(*arrays))
    return [i.op.name for i in program if i.op.kind != "view"]


def columns(*starts):
    return [(np.s_[:], np.s_[a:b]) for a, b in pairwise(starts)]


@pytest.mark.parametrize(
    "keys", [columns(0, 3, 6), columns(0, 1, 2, 6), [(np.s_[2:],), (np.s_[:2],)]]
)
def test_what_covers_the_whole_is_there(keys):
    x = np.arange(24.0).reshape(WHOLE)
    assert names(lambda x: put(ops.exp(x), *keys), x) == ["exp", "neg"]


# What does not: a gap, the same place twice, one twice and a gap of its size, steps.
KEPT = {
    "gap": columns(0, 2, 4),
    "twice": [*columns(0, 3, 6), *columns(0, 3)],
    "twice and a gap": [(np.s_[:], np.s_[0:3]), (np.s_[:], np.s_[0:3])],
    "steps": [(np.s_[:], np.s_[0::2]), (np.s_[:], np.s_[1::2])],
}


@pytest.mark.parametrize("name", KEPT)
def test_what_does_not_cover_it_is_added_up(name):
    x = np.arange(24.0).reshape(WHOLE)
    assert "unslice" in names(lambda x: put(ops.exp(x), *KEPT[name]), x)


def test_slices_that_change_places_are_added_up():
    def function(x):
        y, (left, right) = ops.exp(x), columns(0, 3, 6)
        a = ops.unslice(ops.slice(y, key=left), key=right, shape=WHOLE)
        b = ops.unslice(ops.slice(y, key=right), key=left, shape=WHOLE)
        return ops.neg(ops.add(a, b))

    assert "unslice" in names(function, np.ones(WHOLE))


def test_what_is_changed_later_keeps_a_copy():
    def function(x):
        y, keys = ops.exp(x), columns(0, 3, 6)
        parts = [ops.unslice(ops.slice(y, key=k), key=k, shape=WHOLE) for k in keys]
        total = ops.add(*parts)
        ops.assign(y, ops.mul(x, 0.0))
        return ops.neg(total)

    assert "unslice" in names(function, np.ones(WHOLE))


def test_an_output_is_made():
    def function(x):
        y = ops.exp(x)
        parts = [ops.unslice(ops.slice(y, key=k), key=k, shape=WHOLE) for k in columns(0, 3, 6)]
        return ops.add(*parts)

    assert "unslice" in names(function, np.ones(WHOLE))


def heads(x):
    """Attention of two heads on three parts of each row, as rows."""
    q, k, v = (t.reshape(3, 5, 2, 4).transpose(1, 2) for t in x.split(8, dim=2))
    y = ops.scaled_dot_product_attention(q, k, v, is_causal=True)
    return y.transpose(1, 2).reshape(3, 5, 8)


def test_heads_and_their_gradients_lie_as_the_rows_they_come_from():
    def function(x):
        t = Tensor(x, requires_grad=True)
        made = t * 2.0
        (slope,) = grad([heads(made).tanh().sum()], [t])
        return (slope * 3.0).array

    x = np.random.default_rng(0).standard_normal((3, 5, 24))
    _, program = record(function, [x])
    program = check(with_parts_in_place(with_orders(simplified(program))))
    left = [i.op.name for i in program]
    assert "unslice" not in left
    found = views(program)
    reshaped = [i.out for i in program if i.op.name == "reshape"]
    assert all(found[v].base is not v for v in reshaped)
    (back,) = [i for i in program if i.op.name == "attention_back"]
    (read,) = [v for v in reshaped if found[v].base is back.out and v.shape == x.shape]
    assert found[read].strides == row_major(x.shape)
    np.testing.assert_allclose(Replay(program)(x)[0], function(x), rtol=1e-14)
