"""Copies, joins, reading and writing at places in arrays, as machine code, against their forwards.

What is only moved, or added in a fixed order, comes out equal to the last bit, for one thread and
for several.
"""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.errors import DataError
from chainrule.ops.core import Finite, Within, checked
from chainrule.ops.shape import ARRAY

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.record import record

RNG = np.random.default_rng(0)
EVERY = slice(None)


def numbers(*shape, dtype=np.float32):
    return (100 * RNG.standard_normal(shape)).astype(dtype)


def indices(size, *shape, dtype=np.int64):
    return RNG.integers(-size, size, shape).astype(dtype)


def assert_native(function, arrays, folder, threads=1):
    """Let machine code alone give what the function gives, to the last bit."""
    _, program = record(function, arrays)
    native = Native(program, folder, threads)
    assert not native.foreign
    expected = np.asarray(function(*arrays))
    for _ in range(2):
        found = native(*arrays)[0]
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_array_equal(found, expected)


# --- copies -------------------------------------------------------------------------------------

# Shape, order of dimensions, and the shape that the reordered array gets.
RESHAPED = [
    ((6,), (0,), (2, 3)),
    ((3, 4), (1, 0), (12,)),
    ((33, 47), (1, 0), (-1,)),
    ((2, 16, 9, 5), (0, 2, 3, 1), (2, 720)),
    ((2, 9, 5, 16), (0, 3, 1, 2), (2, 16, 45)),
    ((2, 3, 31, 33), (0, 2, 3, 1), (-1, 3)),
    ((4, 5, 6, 7), (3, 1, 2, 0), (14, 60)),
    ((300, 1100), (1, 0), (-1,)),
    ((1, 5, 1, 7), (3, 2, 1, 0), (35, 1)),
]
FORMATS = [np.float32, np.float64, np.int64, np.uint8, np.bool_]


@pytest.mark.parametrize("dtype", FORMATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize(("shape", "dims", "new"), RESHAPED, ids=str)
def test_reshapes_that_are_copies(shape, dims, new, dtype, folder):
    function = lambda x: ops.reshape(ops.permute(x, dims=dims), shape=new)  # noqa: E731
    assert_native(function, [numbers(*shape).astype(dtype)], folder, threads=2)


def test_a_reshape_of_a_mirrored_array(folder):
    x = numbers(20, 30)
    assert_native(lambda x: ops.reshape(ops.flip(x, dim=(0, 1)), shape=(25, 24)), [x], folder)
    assert_native(
        lambda x: ops.reshape(ops.flip(ops.permute(x, dims=(1, 0)), dim=0), shape=(-1,)),
        [x],
        folder,
    )


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_arrays_one_after_another(dim, folder):
    shapes = [[3, 5, 7] for _ in range(3)]
    for n, shape in zip((4, 0, 9), shapes):
        shape[dim] = n
    arrays = [numbers(*shape) for shape in shapes]
    assert_native(lambda *xs: ops.concatenate(*xs, dim=dim), arrays, folder)


def test_turned_arrays_one_after_another(folder):
    function = lambda *xs: ops.concatenate(*(ops.permute(x, dims=(2, 0, 1)) for x in xs))  # noqa: E731
    assert_native(function, [numbers(5, 7, 4), numbers(5, 7, 9)], folder)


KEYS = [
    (slice(1, 3),),
    (EVERY, slice(2, 5)),
    (2,),
    (..., slice(None, None, -1)),
    (slice(None, None, 2), None, slice(4, 0, -2)),
    (slice(4, 1, -1), 3, ...),
    (-1, ..., -2),
    (1, -2, 3),
    (slice(3, 3),),
    (Ellipsis, None),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_part_among_zeros(key, folder):
    shape = (5, 6, 7)
    x = np.asarray(numbers(*shape)[key])
    assert_native(lambda x: ops.unslice(x, key=key, shape=shape), [x], folder)
    assert_native(lambda x: ops.slice(x, key=key), [numbers(*shape)], folder)


# --- by a key -----------------------------------------------------------------------------------

# The shape of an array, a key, and the shapes of the arrays of integers in it.
INDEXED = [
    ((9,), (ARRAY,), [(20,)]),
    ((9, 33), (ARRAY,), [(4, 5)]),
    ((9, 4), (EVERY, ARRAY), [(6,)]),
    ((4, 9, 5), (EVERY, ARRAY), [(2, 3)]),
    ((9, 8), (ARRAY, ARRAY), [(3, 1), (4,)]),
    ((9, 5, 8), (ARRAY, EVERY, ARRAY), [(3,), (3,)]),
    ((5, 9, 8), (EVERY, ARRAY, ARRAY), [(3,), (2, 1)]),
    ((9, 5, 8), (ARRAY, ..., ARRAY), [(3,), ()]),
    ((9, 5, 8), (2, EVERY, ARRAY), [(3,)]),
    ((9, 5, 8), (EVERY, 2, ARRAY), [(3,)]),
    ((9, 5, 8), (slice(7, 1, -2), ARRAY, None, slice(1, 4)), [(3,)]),
    ((9, 5), (None, ARRAY, ..., None), [(3, 2)]),
    ((9, 5), (ARRAY,), [(0,)]),
    ((9, 0), (ARRAY,), [(3,)]),
]


def pointed(shape, key, shapes):
    """Arrays of integers for a key, each for the dimension where it stands."""
    own = [k for k in key if k is not None and k is not Ellipsis]
    parts = []
    for k in key:
        parts += [EVERY] * (len(shape) - len(own)) if k is Ellipsis else [k] * (k is not None)
    sizes = [n for n, k in zip(shape, parts) if isinstance(k, str)]
    return [indices(size, *s) for size, s in zip(sizes, shapes, strict=True)]


@pytest.mark.parametrize("dtype", [np.float32, np.int64], ids=lambda d: d.__name__)
@pytest.mark.parametrize(("shape", "key", "shapes"), INDEXED, ids=str)
def test_keys_with_arrays(shape, key, shapes, dtype, folder):
    where = pointed(shape, key, shapes)
    x = numbers(*shape).astype(dtype)
    assert_native(lambda x, *i: ops.index(x, *i, key=key), [x, *where], folder)
    taken = ops.index(x, *where, key=key)
    assert_native(lambda g, *i: ops.unindex(g, *i, key=key, shape=shape), [taken, *where], folder)
    put = lambda x, v, *i: ops.index_put(x, v, *i, key=key)  # noqa: E731
    assert_native(put, [x, numbers(*taken.shape).astype(dtype), *where], folder)
    assert_native(put, [x, np.array(7, dtype), *where], folder)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int8], ids=lambda d: d.__name__)
def test_indices_of_other_dtypes(dtype, folder):
    i = (indices(9, 7) % 9).astype(dtype)
    assert_native(lambda x, i: ops.index(x, i, key=(ARRAY,)), [numbers(9, 3), i], folder)


TURNED = {
    "turned": lambda x: ops.permute(x, dims=(2, 0, 1)),
    "mirrored": lambda x: ops.flip(x, dim=(0, 2)),
    "a part": lambda x: ops.slice(x, key=(slice(None, None, 2), slice(1, None))),
}


@pytest.mark.parametrize("name", TURNED)
def test_arrays_that_do_not_lie_in_order(name, folder):
    x = numbers(6, 7, 8)
    y = np.asarray(TURNED[name](x))
    i = indices(y.shape[1], 5)
    key = (EVERY, ARRAY)
    assert_native(lambda x, i: ops.index(TURNED[name](x), i, key=key), [x, i], folder)
    function = lambda x, i: ops.unindex(TURNED[name](x), i, key=(ARRAY,), shape=(9, *y.shape[1:]))  # noqa: E731
    assert_native(function, [x, indices(9, y.shape[0])], folder)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_table(threads, folder):
    x, i = numbers(500, 130), indices(500, 40, 60)
    assert_native(lambda x, i: ops.index(x, i, key=(ARRAY,)), [x, i], folder, threads)
    g = numbers(40, 60, 130)
    back = lambda g, i: ops.unindex(g, i, key=(ARRAY,), shape=(500, 130))  # noqa: E731
    assert_native(back, [g, i], folder, threads)


# --- along a dimension --------------------------------------------------------------------------

ALONG = {
    "take_along": lambda x, i, v, dim: ops.take_along(x, i, dim=dim),
    "add_along": lambda x, i, v, dim: ops.add_along(v, i, dim=dim, shape=x.shape),
    "put_along": lambda x, i, v, dim: ops.put_along(x, i, v, dim=dim),
    "multiply_along": lambda x, i, v, dim: ops.multiply_along(x, i, v, dim=dim),
    "largest_along": lambda x, i, v, dim: ops.extreme_along(x, i, v, dim=dim, largest=True),
    "smallest_along": lambda x, i, v, dim: ops.extreme_along(x, i, v, dim=dim, largest=False),
}


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ALONG)
def test_places_along_a_dimension(name, dim, folder):
    function = lambda x, i, v: ALONG[name](x, i, v, dim)  # noqa: E731
    x = numbers(4, 5, 6)
    shape = [3, 4, 5]
    shape[dim] = 9
    x[0, 0, 0] = np.nan
    arrays = [x, indices(x.shape[dim], *shape), numbers(*shape)]
    if name != "take_along":
        arrays[1] = np.repeat(arrays[1], 2, axis=dim)
        arrays[2] = numbers(*arrays[1].shape)
    assert_native(function, arrays, folder)
    turned = lambda x, i, v: function(x, *(ops.flip(a, dim=1) for a in (i, v)))  # noqa: E731
    assert_native(turned, arrays, folder)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("shape", [(700, 900), (3, 5, 40_000)], ids=str)
def test_many_places_along_a_dimension(shape, dim, threads, folder):
    x, v, i = numbers(*shape), numbers(*shape), indices(shape[dim], *shape)
    function = lambda i, v: ops.add_along(v, i, dim=dim, shape=shape)  # noqa: E731
    assert_native(function, [i, v], folder, threads)
    assert_native(lambda x, i: ops.take_along(x, i, dim=dim), [x, i], folder, threads)


# --- what is refused ----------------------------------------------------------------------------


def column(i):
    return ops.broadcast_to(ops.unsqueeze(i, 1), shape=(5, 3))


OUTSIDE = {
    "index": lambda x, i, v: ops.index(x, i, key=(ARRAY,)),
    "unindex": lambda x, i, v: ops.unindex(v, i, key=(ARRAY,), shape=(4, 3)),
    "index_put": lambda x, i, v: ops.index_put(x, v, i, key=(ARRAY,)),
    "take_along": lambda x, i, v: ops.take_along(x, column(i), dim=0),
    "add_along": lambda x, i, v: ops.add_along(v, column(i), dim=0, shape=(4, 3)),
    "put_along": lambda x, i, v: ops.put_along(x, column(i), v, dim=0),
}


@pytest.mark.parametrize("wrong", [4, -5, 2**62])
@pytest.mark.parametrize("name", OUTSIDE)
def test_an_index_outside_is_refused_as_numpy_refuses_it(name, wrong, folder):
    x, v, i = numbers(4, 3), numbers(5, 3), np.array([0, 3, 1, -1, -4])
    _, program = record(OUTSIDE[name], [x, i, v])
    native = Native(program, folder)
    assert native.whole
    before = native(x, i, v)[0]
    bad = i.copy()
    bad[2] = wrong
    with pytest.raises(IndexError) as expected:
        OUTSIDE[name](x, bad, v)
    with pytest.raises(IndexError) as found:
        native(x, bad, v)
    assert str(found.value) == str(expected.value)
    np.testing.assert_array_equal(native(x, i, v)[0], before)


COMPOSITES = {
    "gather": lambda x, i: ops.gather(x, 1, i),
    "scatter": lambda x, i: ops.scatter(x, 1, i, 2.0),
    "scatter_add": lambda x, i: ops.scatter_add(x, 1, i, x),
    "take_along_dim": lambda x, i: ops.take_along_dim(x, i, 1),
    "scatter_reduce": lambda x, i: ops.scatter_reduce(x, 1, i, x, "amax"),
}


@pytest.mark.parametrize("wrong", [3, -4])
@pytest.mark.parametrize("name", COMPOSITES)
def test_places_that_are_computed_are_looked_at_too(name, wrong, folder):
    x, i = numbers(4, 3), np.array([[0], [2], [-1], [3]])
    function = lambda x, i: ops.exp(COMPOSITES[name](x, ops.neg(i)))  # noqa: E731
    _, program = record(function, [x, i])
    native = Native(program, folder)
    assert native.whole, native.foreign
    i[2] = -wrong
    for refusing in (function, native):
        with pytest.raises(DataError, match=f"index {wrong} is outside dim 1, which has 3"):
            refusing(x, i)


def refuse(x):
    raise DataError(f"one of {np.asarray(x).tolist()}")


CHECKS = {
    "bounds": (Within(-1, 2, refuse), [-1.0, 0.5, 2.0, np.nan], [2.5, -1.5, np.inf, -np.inf]),
    "no bound above": (Within(0, np.inf, refuse), [0.0, np.inf], [-0.5, -np.inf]),
    "one besides": (Within(0, 2, refuse, besides=-100), [0, 2, -100], [-1, 3, 100]),
    "all true": (Within(1, 1, refuse), [True], [False]),
    "unsigned": (Within(0, 7, refuse), np.array([0, 7], np.uint8), np.array([8, 255], np.uint8)),
    "finite": (Finite(refuse), [1.0], [np.nan, np.inf, -np.inf]),
}


@pytest.mark.parametrize("name", CHECKS)
def test_checks(name, folder):
    check, good, bad = CHECKS[name]
    good, bad = np.asarray(good), np.asarray(bad)
    changed = np.zeros(good[:1].shape, good.dtype)

    def function(x):
        y = ops.flip(ops.where(np.array(True), x, x), dim=0)
        checked(check, y)
        ops.assign(changed, ops.slice(y, key=(slice(1),)))
        return [y]

    size = 1 if name == "finite" else 3
    _, program = record(function, [np.repeat(good[:1], size)])
    native = Native(program, folder)
    assert native.whole, native.foreign
    for number in good:
        x = np.repeat(good[:1], size)
        x[-1] = number
        np.testing.assert_array_equal(native(x)[0], x[::-1])
    for number in bad:
        x = np.repeat(good[:1], size)
        x[0] = number
        kept = changed.copy()
        with pytest.raises(DataError, match="one of"):
            native(x)
        np.testing.assert_array_equal(changed, kept)


def test_of_several_sources_the_last_wins():
    mirrored, source = np.zeros((2, 3), np.int64)[:, ::-1], numbers(2, 3)[:, ::-1]
    x = np.zeros((2, 1), np.float32)
    np.testing.assert_array_equal(ops.put_along(x, mirrored, source, dim=1), source[:, -1:])
    put = ops.index_put(x[0], source, mirrored, key=(ARRAY,))
    np.testing.assert_array_equal(put, source[-1, -1:])
