"""Pooling, padding, resampling and windows as machine code, however images lie in memory.

The judge is each operation's own NumPy body. What an operation reads are states, which lie as their
arrays do; what it makes is read once more before it is given, so that it lies as the plan says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, grad
from chainrule.ops.resample import Sampling
from chainrule.ops.window import Window
from chainrule.plan.passes import simplified
from chainrule.plan.passes.pooling import with_pooling_first
from chainrule.plan.record import record
from chainrule.plan.replay import Replay

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native import executor
from chainrule.plan.native.executor import Native

# --- how images lie -----------------------------------------------------------------------------


def channels_last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, -1, *range(1, x.ndim - 1))


def every_other(x):
    y = np.zeros([2 * n for n in x.shape], x.dtype)
    y[(slice(None, None, 2),) * x.ndim] = x
    return y[(slice(None, None, 2),) * x.ndim]


def mirrored(x):
    return np.ascontiguousarray(x[..., ::-1])[..., ::-1]


LAYOUTS = {
    "channels second": np.ascontiguousarray,
    "channels last": channels_last,
    "every other": every_other,
    "mirrored": mirrored,
    "turned": lambda x: np.ascontiguousarray(x.T).T,
}
USUAL = (channels_last, np.ascontiguousarray)
each_layout = pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS.keys())


def with_channels_last(program):
    """What a plan says of images, for everything that is made on the way."""
    made = [i.out for i in program if i.op.name != "clone" and len(i.out.shape) > 2]
    orders = {v: (0, *range(2, len(v.shape)), 1) for v in made if v not in program.outputs}
    return replace(program, notes={**program.notes, "orders": orders})


@pytest.fixture(params=["in rows", "by pixel"])
def natively(request, monkeypatch, folder):
    """What a function without arguments gives as machine code; its results lie in either way."""
    if request.param == "by pixel":
        monkeypatch.setattr(executor, "with_orders", with_channels_last)

    def run(function, threads=None):
        _, program = record(lambda: [ops.clone(y) for y in function()], [])
        native = Native(program, folder, threads)
        assert not native.foreign
        native()
        return native()

    return run


def all_of(parts):
    """What all of some functions give."""
    return lambda: [part() for part in parts]


def assert_equal(found, expected):
    for a, b in zip(found, map(np.asarray, expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a, b)


def assert_close(found, expected):
    for a, b in zip(found, map(np.asarray, expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=64 * np.finfo(b.dtype).eps * np.abs(b).max())


# --- windows ------------------------------------------------------------------------------------

WINDOWS = {
    "halves": ((2, 3, 4, 6), Window((2, 2), (2, 2), (0, 0), (1, 1))),
    "a rest": ((1, 18, 5, 7), Window((2, 2), (2, 2), (0, 0), (1, 1))),
    "overlapping, padded": ((2, 5, 7, 6), Window((3, 3), (2, 2), (1, 1), (1, 1))),
    "step by step": ((1, 17, 4, 21), Window((3, 2), (1, 1), (1, 0), (1, 1))),
    "dilated": ((1, 4, 9, 8), Window((2, 3), (1, 2), (1, 2), (3, 2))),
    "gaps": ((2, 3, 8, 9), Window((2, 1), (3, 4), (0, 0), (1, 1))),
    "a last one": ((1, 3, 6, 7), Window((3, 3), (3, 2), (1, 1), (1, 1), True)),
    "large": ((1, 20, 7, 9), Window((6, 7), (1, 2), (3, 3), (1, 1))),
    "mostly padding": ((2, 3, 2, 3), Window((10, 10), (2, 1), (5, 5), (1, 1))),
    "one pixel": ((3, 1, 1, 1), Window((1, 1), (1, 1), (0, 0), (1, 1))),
    "sequences": ((3, 4, 23), Window((4,), (2,), (1,), (1,))),
    "sequences apart": ((2, 1, 24), Window((3,), (3,), (0,), (1,))),
    "volumes": ((1, 3, 4, 5, 6), Window((2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 1, 1))),
}
FEW = ("a rest", "overlapping, padded", "sequences", "large", "mostly padding")


def numbers(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def pooled(lay, dtype=np.float32, x_of=numbers, windows=tuple(WINDOWS)):
    """Every operation of these windows, on images that lie so: exact ones, and sums."""
    exact, sums = [], []
    for shape, window in map(WINDOWS.get, windows):
        size, out = shape[2:], (*shape[:2], *window.steps(shape[2:]))
        x, g = lay(x_of(*shape, dtype=dtype)), lay(numbers(*out, seed=1, dtype=dtype))
        # Taps inside the image, as they come from pooling.
        winners = lay(ops.max_pooling_winners(np.asarray(x), window=window))
        exact += [
            lambda x=x, window=window: ops.max_pooling(x, window=window),
            lambda x=x, window=window: ops.max_pooling_winners(x, window=window),
            lambda x=x, v=winners, window=window: ops.max_pooling_picked(x, v, window=window),
            lambda v=winners, window=window, size=size: ops.max_pooling_places(
                v, window=window, size=size
            ),
        ]
        sums += [
            lambda x=x, window=window: ops.sum_pooling(x, window=window),
            lambda g=g, v=winners, window=window, size=size: ops.max_pooling_spread(
                g, v, window=window, size=size
            ),
            lambda g=g, window=window, size=size: ops.sum_pooling_spread(
                g, window=window, size=size
            ),
        ]
    return all_of(exact), all_of(sums)


@each_layout
def test_pooling_is_numpys(natively, lay):
    exact, sums = pooled(lay, windows=tuple(WINDOWS) if lay in USUAL else FEW)
    assert_equal(natively(exact), exact())
    assert_close(natively(sums), sums())


def test_pooling_of_doubles_is_numpys(natively):
    exact, sums = pooled(channels_last, np.float64, windows=FEW)
    assert_equal(natively(exact), exact())
    assert_close(natively(sums), sums())


def test_threads_do_not_change_a_bit(natively):
    big = Window((3, 3), (2, 2), (1, 1), (1, 1))
    for lay in (np.ascontiguousarray, channels_last):
        x, g = lay(numbers(5, 16, 40, 40)), lay(numbers(5, 16, 20, 20))

        def function(x=x, g=g):
            winners = ops.max_pooling_winners(x, window=big)
            spread = ops.max_pooling_spread(g, winners, window=big, size=(40, 40))
            folded = ops.fold_windows(ops.unfold_windows(x, window=big), window=big, size=(40, 40))
            return [spread, ops.sum_pooling(x, window=big), folded]

        for one, two in zip(natively(function, threads=1), natively(function, threads=2)):
            assert one.tobytes() == two.tobytes()


def odd(*shape, dtype):
    """Few values, so that many are equal, with what is not a number, and infinities."""
    choice = np.array([0.0, 1.0, 2.0, np.nan, np.inf, -np.inf])
    return np.random.default_rng(3).choice(choice, shape).astype(dtype)


def lowest(*shape, dtype):
    """Nothing is larger than what is around the image."""
    return np.full(shape, -np.inf, dtype)


@pytest.mark.parametrize("values", [odd, lowest])
@pytest.mark.parametrize("lay", [np.ascontiguousarray, channels_last], ids=["second", "last"])
def test_what_wins_is_what_wins_in_numpy(natively, lay, values):
    exact, _ = pooled(lay, x_of=values, windows=FEW)
    assert_equal(natively(exact), exact())


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers_are_pooled(natively, dtype):
    x = np.random.default_rng(0).integers(0, 200, (2, 3, 5, 5)).astype(dtype)
    window = Window((3, 3), (2, 2), (1, 1), (1, 1))

    def function():
        return [ops.max_pooling(x, window=window), ops.max_pooling_winners(x, window=window)]

    assert_equal(natively(function), function())


# --- columns, borders, other sizes --------------------------------------------------------------


@each_layout
def test_windows_as_columns_are_numpys(natively, lay):
    unfolding, folding = [], []
    for shape, window in map(WINDOWS.get, (*FEW, "volumes")):
        x, taps = lay(numbers(*shape)), int(np.prod(window.size))
        g = lay(numbers(*shape[:2], taps, *window.steps(shape[2:])))
        unfolding.append(lambda x=x, window=window: ops.unfold_windows(x, window=window))
        folding.append(
            lambda g=g, window=window, size=shape[2:]: ops.fold_windows(g, window=window, size=size)
        )
    columns, images = all_of(unfolding), all_of(folding)
    assert_equal(natively(columns), columns())
    assert_close(natively(images), images())


WIDTHS = [
    ((2, 3, 4, 5), ((0, 0), (0, 0), (1, 2), (3, 0))),
    ((2, 3, 4, 5), ((1, 0), (0, 2), (0, 0), (0, 0))),
    ((2, 3, 4, 5), ((0, 0), (1, 1), (0, 0), (0, 0))),
    ((3, 1, 6), ((0, 0), (2, 0), (0, 1))),
    ((1, 2, 3, 2, 4), ((0, 0), (0, 0), (1, 0), (0, 1), (2, 2))),
    ((2, 3, 0, 5), ((0, 0), (0, 0), (1, 2), (0, 0))),
    ((4, 7), ((1, 0), (0, 3))),
    ((9,), ((4, 5),)),
]


@each_layout
def test_padding_is_numpys(natively, lay):
    xs = [(lay(numbers(*s)) if len(s) > 2 else numbers(*s), widths) for s, widths in WIDTHS]
    values = (0.0, -1.5, -np.inf)
    parts = [
        lambda x=x, w=w, value=value: ops.pad_constant(x, widths=w, value=value)
        for x, w in xs
        for value in values
    ]
    assert_equal(natively(all_of(parts)), all_of(parts)())


def test_integers_and_truths_are_padded(natively):
    xs = [np.arange(6).reshape(2, 3), np.array([[True, False]])]

    def function():
        return [ops.pad_constant(x, widths=((1, 0), (0, 2)), value=1) for x in xs]

    assert_equal(natively(function), function())


SAMPLINGS = [
    Sampling("nearest", 5, 10),
    Sampling("nearest", 7, 3),
    Sampling("nearest-exact", 4, 9, scale=2.3),
    Sampling("linear", 6, 13),
    Sampling("linear", 6, 4, ends=True),
    Sampling("cubic", 5, 11),
    Sampling("area", 7, 3),
    Sampling("area", 23, 2),
]


@each_layout
@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_resampling_is_numpys_to_the_last_bit(natively, lay, back):
    parts = []
    for sampling in SAMPLINGS if lay in USUAL else SAMPLINGS[::3]:
        way = sampling._replace(back=back)
        old, _ = way.sizes()
        for dim, shape in enumerate([(old, 3, 4), (2, old, 5), (9, 3, old), (1, 2, old, 18)]):
            at = min(dim, 2)
            x = lay(numbers(*shape))
            parts.append(lambda x=x, at=at, way=way: ops.resample(x, dims=(at,), samplings=(way,)))
    for a, b, c in [(0, 3, 1), (5, 4, 7)]:
        ways = tuple(SAMPLINGS[k]._replace(back=back) for k in (a, b, c))
        x = lay(numbers(2, 5, *[way.sizes()[0] for way in ways]))
        plane = lay(numbers(3, 4, *[way.sizes()[0] for way in ways[:2]]))
        parts += [
            lambda x=x, ways=ways: ops.resample(x, dims=(2, 3, 4), samplings=ways),
            lambda x=plane, ways=ways: ops.resample(x, dims=(2, 3), samplings=ways[:2]),
        ]
    assert_equal(natively(all_of(parts)), all_of(parts)())


@pytest.mark.parametrize("values", [numbers, odd, lowest])
def test_places_of_the_largest_are_numpys(natively, values):
    parts = []
    for lay in LAYOUTS.values():
        for shape, size in [((2, 3, 7, 5), (3, 2)), ((1, 18, 4, 9), (4, 1)), ((2, 2, 11), (4,))]:
            x = lay(values(*shape, dtype=np.float32))
            u = np.random.default_rng(1).random((*shape[:2], len(size))).astype(np.float32)
            parts.append(lambda x=x, size=size: ops.adaptive_places(x, size=size))
            if max(size) + 1 <= min(shape[2:]):
                parts.append(
                    lambda x=x, u=u, size=size: ops.fractional_places(
                        x, u, window=(2,) * len(size), size=size
                    )
                )
    assert_equal(natively(all_of(parts)), all_of(parts)())


# --- pooling before relu ------------------------------------------------------------------------


def network(kernel, stride, padding):
    """Relu, pooling and what follows, with the gradients by the images and by a bias."""

    def function(x, b, g):
        images, bias = Tensor(x, requires_grad=True), Tensor(b, requires_grad=True)
        rectified = ops.relu(ops.add(images, bias))
        y = ops.max_pool2d(rectified, kernel, stride, padding)
        return [y.array, *(t.array for t in grad([y], [images, bias], [Tensor(g)]))]

    return function


def names(program):
    return [instruction.op.name for instruction in program]


@pytest.mark.parametrize("values", [numbers, odd, lowest])
@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), (2, 3, 1), (3, 1, 0)], ids=str)
def test_relu_after_pooling_gives_what_relu_before_it_gives(values, window, folder):
    x, b = values(2, 3, 7, 8, dtype=np.float64), numbers(3, 1, 1, dtype=np.float64)
    g = numbers(*ops.max_pool2d(x, *window).shape, dtype=np.float64)
    function = network(*window)
    _, program = record(function, [x, b, g])
    before = simplified(program)
    after = with_pooling_first(before)
    assert names(before).index("relu") < names(before).index("max_pooling")
    assert names(after).index("relu") > names(after).index("max_pooling")
    at = names(after).index("max_pooling")
    assert names(after)[at : at + 2] == ["max_pooling", "max_pooling_winners"]
    small = {i.out.shape for i in after if i.op.name in ("relu", "gt")}
    assert small == {g.shape}
    expected = function(x, b, g)
    found, quick = Replay(after)(x, b, g), Native(before, folder)(x, b, g)
    assert_equal(found[:2], expected[:2])
    for a, b in zip((found[2], *quick), (expected[2], *expected)):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


WINDOW = Window((2,), (2,), (0,), (1,))


def and_more(x):
    y = ops.relu(x)
    return ops.max_pooling(y, window=WINDOW), ops.exp(y)


def and_given(x):
    y = ops.relu(x)
    return ops.max_pooling(y, window=WINDOW), y


def by_two_windows(x):
    y = ops.relu(x)
    other = WINDOW._replace(stride=(1,))
    return ops.max_pooling(y, window=WINDOW), ops.max_pooling(y, window=other)


def winners_of_what_has_changed(x):
    y = ops.exp(x)
    largest = ops.max_pooling(y, window=WINDOW)
    ops.assign(y, ops.neg(y))
    return largest, ops.max_pooling_winners(y, window=WINDOW)


def changed_on_the_way(x):
    y = ops.relu(x)
    ops.assign(y, ops.exp(y))
    return [ops.max_pooling(y, window=WINDOW)]


LEFT = [and_more, and_given, by_two_windows, changed_on_the_way, winners_of_what_has_changed]


@pytest.mark.parametrize("function", LEFT, ids=lambda function: function.__name__)
def test_programs_stay_where_a_value_is_wanted_or_changes(function):
    _, program = record(lambda x: list(function(x)), [numbers(1, 2, 8)])
    assert names(with_pooling_first(program)) == names(program)
