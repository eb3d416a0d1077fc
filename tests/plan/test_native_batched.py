"""Products of stacks of matrices and Einstein's sums as machine code, against their forwards."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.record import record

each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])


def numbers(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def assert_native(function, arrays, folder, threads=1):
    """Let machine code alone give what the function gives, but for rounding."""
    _, program = record(function, arrays)
    native = Native(program, folder, threads)
    assert native.whole, native.foreign
    found, expected = native(*arrays)[0], np.asarray(function(*arrays))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    eps = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=64 * eps, atol=64 * eps)
    return found


# --- stacks -------------------------------------------------------------------------------------

# Shapes of both factors: as they come, skinny, broadcast from either side, single rows and numbers.
STACKS = [
    ((3, 4, 5), (3, 5, 6)),
    ((2, 3, 64, 32), (2, 3, 32, 64)),
    ((2, 1, 7, 3), (5, 3, 33)),
    ((6, 2, 3), (1, 3, 4)),
    ((1, 3, 4), (6, 4, 2)),
    ((2, 3, 1, 5), (2, 3, 5, 17)),
    ((2, 3, 17, 5), (2, 3, 5, 1)),
    ((2, 9, 1), (2, 1, 9)),
    ((1, 1, 1, 1), (1, 1, 1)),
    ((2, 100, 70), (2, 70, 90)),
]


@each_format
@pytest.mark.parametrize("shapes", STACKS, ids=str)
def test_stacks_of_products(shapes, dtype, folder):
    assert_native(lambda a, b: ops.matrix_product(a, b), numbers(*shapes, dtype=dtype), folder)


# How a factor is made from one that lies in order, and what shape that has.
TURNS = {
    "transposed": (lambda x: ops.matrix_transpose(x), (4, 3, 6, 5)),
    "heads from rows": (lambda x: ops.permute(x, dims=(0, 2, 1, 3)), (4, 5, 3, 6)),
    "both": (lambda x: ops.permute(x, dims=(0, 2, 3, 1)), (4, 6, 3, 5)),
    "backwards": (lambda x: ops.flip(x, dim=2), (4, 3, 5, 6)),
    "expanded": (lambda x: ops.broadcast_to(x, shape=(4, 3, 5, 6)), (4, 1, 5, 1)),
    "a part": (lambda x: ops.narrow(x, 3, 1, 6), (4, 3, 5, 9)),
}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", TURNS)
def test_factors_are_read_where_they_lie(name, side, folder):
    turn, shape = TURNS[name]
    x, left, right = numbers(shape, (4, 3, 8, 5), (4, 3, 6, 7))
    if side == "left":
        assert_native(lambda x, y: ops.matrix_product(turn(x), y), [x, right], folder)
    else:
        assert_native(lambda x, y: ops.matrix_product(y, turn(x)), [x, left], folder)


def test_a_few_large_products_are_shared_to_the_same_bits(folder):
    arrays = numbers((2, 150, 130), (2, 130, 110), dtype=np.float32)
    one, two = (assert_native(ops.matrix_product, arrays, folder, threads=n) for n in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_whole_numbers_and_sums_of_nothing_are_left_to_numpy(folder):
    for x in (np.arange(12).reshape(2, 2, 3), np.ones((2, 3, 0))):
        y = np.swapaxes(x, 1, 2)
        _, program = record(ops.matrix_product, [x, y])
        native = Native(program, folder)
        assert native.foreign == ["matrix_product"]
        np.testing.assert_array_equal(native(x, y)[0], x @ y)


# --- Einstein's sums ----------------------------------------------------------------------------

EQUATIONS = {
    "ij,jk->ik": [(4, 5), (5, 6)],
    "bij,bkj->bki": [(3, 4, 5), (3, 6, 5)],
    "bthd,bshd->bhts": [(2, 7, 3, 4), (2, 6, 3, 4)],
    "bhts,bshd->bthd": [(2, 3, 7, 6), (2, 6, 3, 4)],
    "bi,bj->ijb": [(3, 4), (3, 5)],
    "b,b->b": [(7,), (7,)],
    "i,i->": [(9,), (9,)],
    "i,j->ji": [(3,), (4,)],
    "ijk,kjl->il": [(3, 4, 5), (5, 4, 6)],
    "ijk,lj->": [(3, 4, 5), (2, 4)],
    "ijk->ki": [(3, 4, 5)],
    "ijk->": [(3, 4, 5)],
    "i,,i->i": [(3,), (), (3,)],
    "ij,jk,kl->il": [(3, 4), (4, 5), (5, 6)],
    "bi,bj,ijo->bo": [(4, 3), (4, 5), (3, 5, 2)],
    "ai,bi,ci,di->abcd": [(2, 6), (3, 6), (4, 6), (5, 6)],
}


@each_format
@pytest.mark.parametrize("equation", EQUATIONS)
def test_sums_of_products(equation, dtype, folder):
    arrays = numbers(*EQUATIONS[equation], dtype=dtype)
    assert_native(lambda *xs: ops.contraction(*xs, equation=equation), arrays, folder)


def test_sums_of_products_of_what_lies_oddly(folder):
    x, y = numbers((5, 4, 3), (4, 9, 5))

    def function(x, y):
        turned = ops.permute(x, dims=(2, 0, 1))
        return ops.contraction(turned, ops.narrow(y, 1, 2, 6), equation="aij,jki->ka")

    assert_native(function, [x, y], folder)
