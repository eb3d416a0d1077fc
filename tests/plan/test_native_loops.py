"""Nests of loops over values that lie in all kinds of ways: rounds, turned spaces, threads."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.passes import simplified
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.native.nests.order import ordered
from chainrule.plan.native.nests.rounds import rounds
from chainrule.plan.native.team import sharing
from chainrule.plan.passes.again import with_cheap_made_again
from chainrule.plan.passes.factors import with_factors_outside
from chainrule.plan.passes.fuse import fuse
from chainrule.plan.passes.layouts import with_orders

each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])


def program_of(function, arrays):
    return simplified(record(function, arrays)[1])


def normal(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def assert_is_numpys(function, arrays, folder):
    """Machine code gives what the bodies give, with two threads the bits that it gives with one."""
    expected = function(*arrays)
    program = program_of(function, arrays)
    native = Native(program, folder, threads=1)
    assert not native.foreign
    found = native(*arrays)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        eps = 256 * np.finfo(b.dtype).eps if b.dtype.kind == "f" else 0
        np.testing.assert_allclose(a, b, rtol=eps, atol=eps * max(1, np.abs(b).max()))
    if sharing.is_supported():
        for a, b in zip(Native(program, folder, threads=2)(*arrays), found, strict=True):
            assert a.tobytes() == b.tobytes()


# --- what lies in another order than its dimensions -----------------------------------------------


def turned(x):
    """An image of (N, H, W, C) seen as one of (N, C, H, W)."""
    return ops.permute(x, dims=(0, 3, 1, 2))


def norm(x, scale, shift, dims, axes):
    """Normalised over some dimensions, with the gradients for the mean of its squares."""
    mean = ops.mean(x, dim=dims, keepdim=True)
    centred = ops.sub(x, mean)
    variance = ops.mean(ops.square(centred), dim=dims, keepdim=True)
    inverse = ops.rsqrt(ops.add(variance, 1e-5))
    y = ops.relu(ops.add(ops.mul(ops.mul(centred, inverse), scale), shift))
    slope = ops.mul(y, ops.gt(y, 0))
    by_scale = ops.sum(ops.mul(slope, ops.mul(centred, inverse)), dim=axes)
    back = ops.mul(ops.mul(slope, scale), inverse)
    product = ops.sum(ops.mul(back, centred), dim=dims, keepdim=True)
    by_x = ops.sub(back, ops.mul(centred, ops.mul(product, ops.square(inverse))))
    return [y, by_scale, ops.sum(slope, dim=axes), by_x, mean, variance]


NORMS = {
    "batch": ((0, 2, 3), (0, 2, 3)),
    "instance": ((2, 3), (0, 2, 3)),
    "layer": ((1, 2, 3), (0, 2, 3)),
    "channels": ((1,), (0, 2, 3)),
    "last": ((3,), (0, 1, 2)),
}
SHAPES = [(2, 3, 4, 5), (5, 16, 33, 31), (1, 1, 200, 400), (3, 40, 30, 30)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_norms(name, shape, last, folder):
    dims, axes = NORMS[name]
    n, c, h, w = shape
    own = [1 if d in axes else size for d, size in enumerate(shape)]
    x, scale, shift = normal((n, h, w, c) if last else shape, own, own)

    def function(x, scale, shift):
        return norm(turned(x) if last else x, scale, shift, dims, axes)

    assert_is_numpys(function, [x, scale, shift], folder)


def test_images_with_channels_last_are_gone_through_as_they_lie():
    x = np.ones((4, 8, 8, 16), np.float32)
    (group,) = fuse(program_of(lambda x: ops.sum(turned(x), dim=(0, 2, 3)), [x]))
    (one,) = rounds(group)
    space, places = ordered(one.group, one.row, one.order)
    assert (space.space, places) == ((256, 16), (1, 64))


def test_what_is_cheap_is_made_again_and_not_put_down():
    (x,) = normal((40, 30))

    def function(x):
        y = ops.mul(ops.sub(x, 1), 3)
        return ops.mul(y, ops.add(ops.sum(y, dim=0), 1))

    (group,) = fuse(program_of(function, [x]))
    found = rounds(group)
    assert [[m.instruction.op.name for m in r.group.members] for r in found] == [
        ["sub", "mul", "sum"],
        ["add"],
        ["sub", "mul", "mul"],
    ]
    assert sum(v.shape == (40, 30) for v in found[-1].kept) == 1


PERMUTATIONS = [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)]


@pytest.mark.parametrize("dims", PERMUTATIONS, ids=str)
@pytest.mark.parametrize("size", [4, 48])
def test_operands_that_all_lie_otherwise(dims, size, folder):
    a, b, c = normal((size, size, size), (size, size, size), (1, size, 1))

    def function(a, b, c):
        both = ops.mul(ops.permute(a, dims=dims), ops.flip(b, dim=1))
        total = ops.sum(both, dim=(0, 2), keepdim=True)
        return [ops.add(both, c), total, ops.sub(both, ops.amax(both, dim=1, keepdim=True))]

    assert_is_numpys(function, [a, b, c], folder)


# --- rounds ---------------------------------------------------------------------------------------


def test_sums_over_different_dimensions_of_one_value(folder):
    (x,) = normal((6, 50, 70, 4))

    def function(x):
        y = ops.mul(x, 2)
        return [ops.sum(y, dim=d) for d in (0, 1, 2, 3, (0, 1), (1, 2), (0, 3), (1, 3), None)]

    assert_is_numpys(function, [x], folder)


def test_sums_that_wait_for_one_another(folder):
    (x,) = normal((300, 40, 7))

    def function(x):
        for dims in ((0,), (2,), (0, 1), (1, 2), (0, 1, 2)):
            x = ops.sub(x, ops.mean(x, dim=dims, keepdim=True))
        return x

    assert_is_numpys(lambda x: [function(x)], [x], folder)


def test_what_changes_a_state_comes_after_all_that_read_it(folder):
    x = normal((400, 300))[0]
    scale = np.linspace(1, 2, 300)

    def function(x):
        y = ops.mul(x, scale)
        total = ops.sum(y, dim=0)
        z = ops.mul(y, ops.sum(ops.mul(y, x), dim=0))
        ops.assign(scale, ops.mul(total, 0.5))
        return [z, ops.add(x, scale)]

    start = scale.copy()
    program = program_of(function, [x])
    scale[:] = start
    expected = [y.copy() for y in function(x)]
    scale[:] = start
    for a, b in zip(Native(program, folder)(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


# --- units ----------------------------------------------------------------------------------------

LARGE = [(70_000,), (131_073,), (5, 40_000), (3000, 33), (100_000, 2), (257, 256)]


@pytest.mark.parametrize("shape", LARGE, ids=str)
@each_format
def test_large_spaces_are_shared_in_units(shape, dtype, folder):
    x, y = normal(shape, shape, dtype=dtype)

    def function(x, y):
        z = ops.tanh(ops.mul(x, y))
        rows = ops.sum(z, dim=-1, keepdim=True)
        return [
            *(z, rows, ops.sum(z, dim=0), ops.amax(z), ops.euclidean_norm(z), ops.mean(z)),
            ops.sub(z, rows),
        ]

    assert_is_numpys(function, [x, y], folder)


@pytest.mark.parametrize("shape", [(300, 400), (40, 50, 60), (100_000,)], ids=str)
def test_random_numbers_do_not_depend_on_the_order_of_loops(shape, folder):
    def function(key, x):
        x = ops.permute(x, dims=tuple(reversed(range(x.ndim))))
        first = ops.random_mask(key, shape=x.shape, p=0.3, dtype=x.dtype)
        second = ops.random_uniform(key, shape=x.shape, dtype=x.dtype)
        return [ops.mul(first, x), ops.mul(second, x)]

    (x,) = normal(shape)
    key = np.array([7, 0], np.uint64)
    program = program_of(lambda x: function(key, x), [x])
    key[1] = 0
    expected = [function(key, x) for _ in range(2)]
    for threads in (1, 2) if sharing.is_supported() else (1,):
        key[1] = 0
        native = Native(program, folder, threads=threads)
        assert not native.foreign
        for ones in expected:
            for a, b in zip(native(x), ones, strict=True):
                np.testing.assert_array_equal(a, b)


# --- what is made again, and factors before sums --------------------------------------------------


def run_with_state(function, state, x, folder):
    """What machine code gives and what the bodies give, from the same state, and both ends."""
    start = state.copy()
    program = program_of(function, [x])
    state[:] = start
    expected, end = [np.copy(y) for y in function(x)], state.copy()
    state[:] = start
    found = Native(program, folder)(x)
    np.testing.assert_allclose(state, end, rtol=1e-12)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_what_is_made_again_is_made_of_what_there_was(folder):
    (x,) = normal((80, 90))
    scale = np.linspace(1, 2, 90)

    def function(x):
        y = ops.mul(ops.sub(x, 1), scale)
        between = ops.cumsum(ops.square(y), dim=0)
        ops.assign(scale, ops.mul(scale, 3))
        return [ops.mul(y, between), ops.mul(x, scale)]

    run_with_state(function, scale, x, folder)


def test_a_factor_that_has_changed_since_stays_in_the_sum(folder):
    (x,) = normal((80, 90))
    scale = np.linspace(1, 2, 90)

    def function(x):
        y = ops.mul(x, scale)
        ops.assign(scale, ops.mul(scale, 3))
        return [ops.sum(y, dim=0, keepdim=True), ops.sum(ops.mul(y, -2), dim=0)]

    run_with_state(function, scale, x, folder)


def test_factors_stand_before_sums_and_sums_alike_become_one():
    x, y, a = normal((64, 8), (64, 8), (1, 8))

    def function(x, y, a):
        return [
            ops.sum(ops.mul(ops.mul(x, a), y), dim=0, keepdim=True),
            ops.sum(ops.mul(ops.mul(x, y), 3), dim=0, keepdim=True),
        ]

    program = with_factors_outside(program_of(function, [x, y, a]))
    assert sorted(i.op.name for i in program) == ["mul", "mul", "mul", "sum"]


def test_a_value_that_is_made_again_takes_no_memory():
    (x,) = normal((100, 100))

    def function(x):
        y = ops.sub(x, 1)
        return ops.mul(y, ops.flip(ops.cumsum(ops.square(y), dim=0), dim=0))

    program = program_of(function, [x])
    first, _, last = with_cheap_made_again(fuse(program), program.outputs)
    assert [m.instruction.op.name for m in first.members] == ["sub", "square"]
    assert [m.instruction.op.name for m in last.members] == ["sub", "mul"]
    assert [v.name for v in first.outputs] == [first.members[1].out.base.name]


def test_a_mask_lies_as_the_images_that_it_is_for(folder):
    x, w = normal((2, 3, 8, 8), (6, 3, 3, 3))
    key = np.array([7, 0], np.uint64)

    def function(x):
        y = ops.convolution(x, w)
        mask = ops.random_mask(key, shape=y.shape, p=0.3, dtype=y.dtype)
        return [ops.sum(v, dim=(0, 2, 3)) for v in (ops.mul(y, mask), mask)]

    program = program_of(function, [x])
    orders = with_orders(program).notes["orders"]
    assert [*orders.values()] == 3 * [(0, 2, 3, 1)]
    key[1] = 0
    expected = function(x)
    key[1] = 0
    for a, b in zip(Native(program, folder)(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
