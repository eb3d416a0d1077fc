"""Every operation as machine code against its NumPy body, over the case table and beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from case import Case
from cases import LISTS
from chainrule import ops
from chainrule.ops import REGISTRY
from rows.steps import RANDOM, STEPS

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.formulas.elementwise import TABLE
from chainrule.plan.formulas.reductions import REDUCTIONS
from chainrule.plan.native.executor import Native, outside
from chainrule.plan.record import record

each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])

# Operations that are the processor's own: equal to the last bit.
EXACT = {
    *("abs", "add", "cast", "ceil", "clip", "clone", "div", "eq", "floor", "ge", "gt", "isfinite"),
    *("isnan", "le", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "maximum"),
    *("minimum", "mul", "ne", "neg", "reciprocal", "relu", "round", "rsqrt", "sign", "sqrt"),
    *("square", "sub", "trunc", "where", "amax", "amin", "peak", "take_along", "add_along"),
}


def run_natively(function, arrays, folder):
    """What a function of arrays gives as machine code, and the executor."""
    _, program = record(function, arrays)
    native = Native(program, folder)
    return native(*arrays), native


def assert_close(found, expected, exact=False):
    expected = np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if exact or expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
    else:
        eps = np.finfo(expected.dtype).eps
        scale = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=16 * eps, atol=16 * eps * min(scale, 1))


# --- the case table -----------------------------------------------------------------------------


def together(rows, dtype):
    """The rows of a list as one function of all their arrays, and those."""
    given = [row.arrays(dtype) for row in rows]
    places = [(i, k) for i, xs in enumerate(given) for k, x in enumerate(xs) if is_array(x)]

    def function(*arrays):
        full = [list(xs) for xs in given]
        for (i, k), array in zip(places, arrays):
            full[i][k] = array
        return [y for row, xs in zip(rows, full) for y in map(np.asarray, row.ours(*xs))]

    return function, [given[i][k] for i, k in places]


def is_array(x):
    return isinstance(x, np.ndarray)


def can_be_recorded(row: Case) -> bool:
    function, arrays = together([row], np.float64)
    try:
        record(function, arrays)
    except Exception:
        return False
    return True


def asked(rows):
    return [row for row in rows if row.op in REGISTRY and can_be_recorded(row)]


@each_format
@pytest.mark.parametrize(
    "rows", [r for r in LISTS if r not in (STEPS, RANDOM)], ids=lambda r: r[0].op
)
def test_every_row_is_its_numpy_body(rows, dtype, folder):
    rows = asked(rows)
    if not rows:
        pytest.skip("composites only: their parts are in the other lists")
    function, arrays = together(rows, dtype)
    found, _ = run_natively(function, arrays, folder)
    expected, names = function(*arrays), [r.op for r in rows for _ in r.ours(*r.arrays(dtype))]
    assert len(found) == len(expected) == len(names)
    for name, a, b in zip(names, found, expected):
        assert_close(a, b, exact=name in EXACT)


def test_what_claims_to_be_native_is():
    rows = [row for rows in LISTS if rows not in (STEPS, RANDOM) for row in asked(rows)]
    native = set()
    for row in rows:
        function, arrays = together([row], np.float64)
        if not outside(record(function, arrays)[1]):
            native.add(row.op)
    claimed = {*TABLE, *REDUCTIONS, "matrix_product", "linear"}
    assert claimed - native == set()


# --- steps of optimisers, and random numbers ----------------------------------------------------


@each_format
@pytest.mark.parametrize("row", STEPS, ids=lambda r: r.name)
def test_steps_of_optimisers_are_numpys_to_the_last_bit(row, dtype, folder):
    if row.op not in REGISTRY:
        pytest.skip("a composite")
    ours, theirs = row.arrays(dtype), row.arrays(dtype)
    _, program = record(lambda: row.ours(*ours), [])
    row.ours(*theirs)
    native = Native(program, folder)
    for _ in range(3):
        native()
        row.ours(*theirs)
    assert not native.foreign
    for a, b in zip(ours, theirs):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(1000,), (7, 33), (3, 4, 5)], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
@each_format
def test_random_numbers_are_numpys_to_the_last_bit(shape, p, dtype, folder):
    ours, theirs = ops.new_state(5), ops.new_state(5)

    def draw(state):
        mask = ops.random_mask(state, shape=shape, p=p, dtype=dtype)
        even = ops.random_uniform(state, shape=shape, dtype=dtype)
        return [mask, even]

    _, program = record(lambda: draw(ours), [])
    draw(theirs)
    native = Native(program, folder)
    for _ in range(2):
        for a, b in zip(native(), draw(theirs)):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours, theirs)


# --- layouts ------------------------------------------------------------------------------------


def layouts(x, y, row, column, number):
    """Operands that are transposed, sliced, reversed and stretched, in one expression."""
    a = ops.permute(x, dims=(1, 0))
    b = ops.slice(y, key=(slice(None, None, 2), slice(1, None)))
    c = ops.flip(ops.broadcast_to(row, shape=(6, 10)), dim=1)
    first = ops.add(ops.mul(a, column), ops.sub(c, number))
    return [first, ops.exp(b), ops.mul(ops.sum(first, dim=1, keepdim=True), first)]


@each_format
def test_operands_may_lie_anyhow(dtype, folder):
    rng = np.random.default_rng(1)
    shapes = [(10, 6), (8, 5), (10,), (6, 1), ()]
    arrays = [np.asarray(rng.normal(size=s), dtype) for s in shapes]
    found, native = run_natively(layouts, arrays, folder)
    assert not native.foreign
    for a, b in zip(found, layouts(*arrays)):
        assert_close(a, b)


def test_an_input_that_lies_oddly_is_taken_as_it_is_now(folder):
    _, program = record(lambda x: ops.add(x, 1.0), [np.zeros((2, 3))])
    native, x = Native(program, folder), np.zeros((3, 2)).T
    native(x)
    x[:] = 5.0
    np.testing.assert_array_equal(native(x)[0], np.full((2, 3), 6.0))


def test_a_state_that_lies_oddly_is_changed_in_place(folder):
    whole = np.zeros((4, 6))
    part = whole[::2, 1:4].T
    _, program = record(lambda g: ops.increment(part, 1.0), [np.ones(1)])
    native = Native(program, folder)
    native(np.ones(1))
    np.testing.assert_array_equal(part, np.full((3, 2), 2.0))
    assert whole.sum() == 12.0


def test_a_state_can_be_assigned_from_its_own_transpose(folder):
    x = np.arange(9.0).reshape(3, 3)
    _, program = record(lambda: ops.assign(x, x.T), [])
    native, expected = Native(program, folder), x.T.copy()
    native()
    np.testing.assert_array_equal(x, expected)


def test_numbers_the_wrong_way_round_go_through_numpy(folder):
    x = np.arange(5, dtype=">f4")
    found, native = run_natively(lambda x: ops.add(ops.cast(x, dtype=np.float32), 1.0), [x], folder)
    assert native.foreign == ["cast"]
    np.testing.assert_array_equal(found[0], np.arange(1, 6, dtype=np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.int64, bool], ids=str)
def test_casts_to_whole_numbers_are_numpys(dtype, folder):
    x = np.array([0.0, -0.0, 1.9, -1.9, 100.5, 255.0])
    x = x[x >= 0] if dtype == np.uint8 else x[x < 128]
    found, _ = run_natively(lambda x: ops.cast(x, dtype=dtype), [x], folder)
    np.testing.assert_array_equal(found[0], x.astype(dtype))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
def test_nothing_is_computed_of_nothing(shape, folder):
    def function(x):
        return [ops.exp(ops.add(x, 1.0)), ops.sum(x, dim=-1), ops.sum(x, dim=0), ops.sum(x)]

    x = np.zeros(shape)
    for a, b in zip(run_natively(function, [x], folder)[0], function(x)):
        assert_close(a, b, exact=True)


@each_format
def test_infinities_and_nan_go_through(dtype, folder):
    x = np.array([[np.inf, -np.inf, np.nan, 0.0], [1.0, np.inf, -0.0, 3.0]], dtype)

    def function(x):
        return [
            *(ops.relu(x), ops.maximum(x, 0.0), ops.gt(x, 0.0), ops.amax(x, dim=1), ops.sum(x)),
            *(ops.peak(x, dim=1), ops.sum(x, dim=0), ops.softmax(x), ops.mean(x, dim=1)),
        ]

    with np.errstate(invalid="ignore"):
        expected, (found, _) = function(x), run_natively(function, [x], folder)
    for a, b in zip(found, expected):
        assert_close(a, b)


# --- sums ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 100_000, 3_000_001])
def test_sums_of_float32_are_as_exact_as_numpys(size, folder):
    x = np.random.default_rng(2).random(size, dtype=np.float32)
    (y,), _ = run_natively(ops.sum, [x], folder)
    exact = x.sum(dtype=np.float64)
    assert abs(y - exact) <= max(abs(x.sum() - exact), np.spacing(np.float32(exact)))


def test_sums_of_float64_lose_nothing_over_many_pieces(folder):
    x = np.ones(2_000_000)
    x[::2] = 1e-9
    (y,), _ = run_natively(ops.sum, [x], folder)
    assert abs(y - (1e6 + 1e-3)) < 1e-9


@pytest.mark.parametrize("shape", [(3, 9001, 300), (1, 70_000, 33), (10, 3000, 784)], ids=str)
def test_products_far_longer_than_wide(shape, folder):
    m, k, n = shape
    rng = np.random.default_rng(5)
    g, x = (rng.normal(size=s).astype(np.float32) for s in ((k, m), (k, n)))

    def slope(g, x):
        return ops.mul(ops.matrix_product(ops.permute(g, dims=(1, 0)), x), 2.0)

    (y,), native = run_natively(slope, [g, x], folder)
    assert not native.foreign
    exact = 2 * g.T.astype(np.float64) @ x
    np.testing.assert_allclose(y, exact, atol=4e-6 * k**0.5 * 10, rtol=1e-4)


# --- several loops in one -----------------------------------------------------------------------


def loss_and_slope(scores, labels):
    """Cross-entropy of rows with its gradient: reductions that the same row reads again."""
    z = ops.sub(scores, ops.peak(scores, dim=-1, keepdim=True))
    total = ops.sum(ops.exp(z), dim=-1, keepdim=True)
    logs = ops.sub(z, ops.log(total))
    index = ops.reshape(labels, shape=(-1, 1))
    loss = ops.neg(ops.mean(ops.take_along(logs, index, dim=-1)))
    hot = ops.add_along(
        ops.mul(ops.cast(index, dtype=scores.dtype), 0.0), index, dim=-1, shape=scores.shape
    )
    slope = ops.sub(ops.div(ops.exp(z), total), hot)
    return [loss, slope, ops.sum(slope, dim=0), logs]


@pytest.mark.parametrize("classes", [1, 3, 10, 16, 100, 5000])
@each_format
def test_rows_are_gone_through_in_phases(classes, dtype, folder):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(17, classes)).astype(dtype) * 30
    labels = rng.integers(-classes, classes, 17)
    found, native = run_natively(loss_and_slope, [scores, labels], folder)
    assert not native.foreign
    for a, b in zip(found, loss_and_slope(scores, labels)):
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(a, b, rtol=64 * eps, atol=64 * eps)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "peak", "prod", "euclidean_norm"])
@pytest.mark.parametrize("dim", [None, 0, 1, 2, (0, 1), (1, 2), (0, 2), -1], ids=str)
def test_reductions_over_any_dimensions(name, dim, folder):
    x = np.random.default_rng(4).normal(size=(5, 6, 7))
    op = REGISTRY[name]

    def function(x):
        kept = op(x, dim=dim, keepdim=True)
        return [op(x, dim=dim), ops.sub(x, kept), ops.mul(kept, 2.0)]

    for a, b in zip(run_natively(function, [x], folder)[0], function(x)):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
