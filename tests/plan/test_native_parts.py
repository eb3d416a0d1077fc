"""Groups that machine code carries out in parts: what each part takes, and what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.passes import simplified
from chainrule.plan.passes.fuse import fuse
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native import executor
from chainrule.plan.native.executor import Native
from chainrule.plan.native.matrices.epilogue import parted
from chainrule.plan.native.nests.phases import in_turn

each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])


def program_of(function, arrays):
    return simplified(record(function, arrays)[1])


def first_group(function, *arrays):
    return fuse(program_of(function, arrays))[0]


def names(group):
    return [m.instruction.op.name for m in (*group.members, *group.finish)]


def assert_is_numpys(function, arrays, folder):
    """Machine code gives what the bodies of the operations give."""
    expected = function(*arrays)
    native = Native(program_of(function, arrays), folder)
    assert not native.foreign
    for _ in range(2):
        for a, b in zip(native(*arrays), expected, strict=True):
            eps = 64 * np.finfo(b.dtype).eps
            np.testing.assert_allclose(a, b, rtol=eps, atol=eps * max(1, abs(b).max()))


def normal(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


# --- what follows a product ---------------------------------------------------------------------


def slope(g, w, y):
    """The gradient that a layer hands on through tanh, and that of the bias before."""
    d = ops.mul(ops.matrix_product(g, w), ops.sub(1, ops.square(y)))
    return [d, ops.sum(d, dim=0)]


def test_what_waits_for_the_whole_product_comes_after_what_does_not():
    near, rest = parted(first_group(slope, *normal((9, 4), (4, 16), (9, 16))))
    assert names(near) == ["matrix_product", "square", "sub", "mul"]
    assert names(rest) == ["sum"]


def test_what_only_the_late_read_is_late_itself():
    def function(x, w):
        y = ops.linear(x, w)
        return [ops.tanh(y), ops.sum(ops.exp(ops.square(y)), dim=0)]

    near, rest = parted(first_group(function, *normal((9, 4), (16, 4))))
    assert names(near) == ["linear", "tanh"]
    assert names(rest) == ["square", "exp", "sum"]
    assert near.members[0].out.base in near.outputs  # for those who come after


def test_a_narrow_result_is_whole_before_anything_follows():
    group = first_group(slope, *normal((9, 4), (4, 3), (9, 3)))
    near, rest = parted(group)
    assert names(near) == ["matrix_product"]
    assert names(rest) == names(group)[1:]


def test_nothing_follows_by_piece_where_the_product_is_not_made_in_one_go():
    near, rest = parted(first_group(slope, *normal((9, 4), (4, 16), (9, 16))), together=False)
    assert names(near) == ["matrix_product"]
    assert names(rest)[-1] == "sum"


def test_an_update_is_not_parted_from_a_sum_that_may_read_what_it_changes():
    w, state = np.ones((4, 16)), np.zeros(0)

    def train(x, g):
        d = ops.matrix_product(ops.permute(x, dims=(1, 0)), g)
        total = ops.sum(ops.square(d), dim=0)
        return [ops.sgd_step(w, d, state, 0.1), total]

    near, _ = parted(first_group(train, *normal((9, 4), (9, 16))))
    assert names(near) == ["matrix_product"]


@each_format
@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (100, 16), (33, 7), (17, 10), (5, 300)], ids=str)
def test_slopes_and_their_sums_are_numpys(shape, dtype, folder):
    rows, columns = shape
    arrays = normal((rows, 5), (5, columns), shape, dtype=dtype)
    assert_is_numpys(slope, arrays, folder)


@each_format
@pytest.mark.parametrize("columns", [1, 3, 10, 40])
def test_a_result_that_is_kept_and_added_up_has_its_bias(columns, dtype, folder):
    def layer(x, w, b):
        y = ops.linear(x, w, b)
        return [y, ops.relu(y), ops.sum(y, dim=0), ops.mean(ops.square(y))]

    assert_is_numpys(layer, normal((21, 6), (columns, 6), (columns,), dtype=dtype), folder)


# --- sums over rows -----------------------------------------------------------------------------


@each_format
@pytest.mark.parametrize("shape", [(1, 16), (7, 3), (1000, 10), (300, 130), (41, 1030)], ids=str)
def test_sums_over_rows_are_numpys(shape, dtype, folder):
    def sums(x):
        y = ops.mul(x, 2.0)
        return [y, ops.sum(y, dim=0), ops.mean(y, dim=0), ops.sum(x, dim=0)]

    assert_is_numpys(sums, normal(shape, dtype=dtype), folder)


def test_infinities_stay_in_their_columns(folder):
    x = np.ones((50, 21), np.float32)
    x[3, 20], x[4, 7], x[5, 7] = np.inf, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        program = program_of(lambda x: [ops.sum(x, dim=0)], [x])
    (total,) = Native(program, folder)(x)
    assert total[20] == np.inf
    assert np.isnan(total[7])
    assert (np.delete(total, [7, 20]) == 50).all()


# --- phases of rows -----------------------------------------------------------------------------


def normalised(x):
    """Rows by their sums and largest numbers, with a mean over all."""
    z = ops.exp(ops.sub(x, ops.peak(x, dim=-1, keepdim=True)))
    total = ops.sum(z, dim=-1, keepdim=True)
    share, rows = ops.div(z, total), tuple(range(x.ndim - 1))
    return [share, ops.mean(ops.log(total)), ops.sum(share, dim=rows)]


def turns(*shape, function=normalised):
    group = first_group(function, *normal(shape))
    kept = set(group.outputs)
    return [(part.space, names(part)) for part, _ in in_turn(group, kept)]


def test_narrow_rows_go_through_each_phase_together():
    spaces = [space for space, _ in turns(30, 10)]
    assert spaces == [(30, 10), (30, 10), (30, 1), (30, 10)]


def test_wide_rows_and_a_row_alone_go_through_all_phases():
    assert len(turns(30, 1000)) == len(turns(1, 10)) == 1


def test_many_rows_go_through_all_phases_while_they_are_near():
    assert len(turns(100_000, 10)) == 1


def test_what_has_one_phase_is_one_group():
    assert len(turns(30, 10, function=lambda x: [ops.exp(ops.neg(x))])) == 1


@each_format
@pytest.mark.parametrize("shape", [(2, 3), (30, 10), (300, 2), (64, 16), (3, 5, 7)], ids=str)
def test_narrow_rows_are_numpys(shape, dtype, folder):
    assert_is_numpys(normalised, normal(shape, dtype=dtype), folder)


# --- groups like one another --------------------------------------------------------------------


def deep_network(depth):
    """Equal layers one after another, all numbers in one scale."""

    def run(x, w, b):
        for _ in range(depth):
            x = ops.tanh(ops.linear(x, w, b))
            w = ops.mul(w, -1.0)
        return [x]

    return run


def test_layers_that_are_alike_are_compiled_once(folder, monkeypatch):
    texts = []
    compiled = executor.compile_text
    monkeypatch.setattr(executor, "compile_text", lambda t, f: [texts.append(t), compiled(t, f)][1])
    x, w, b = normal((24, 16), (16, 16), (16,))
    arrays = [x, 0.2 * w, b]
    for depth in (6, 12):
        assert_is_numpys(deep_network(depth), arrays, folder)
    six, twelve = (text.count("define internal") for text in texts)
    assert six == twelve > 2
