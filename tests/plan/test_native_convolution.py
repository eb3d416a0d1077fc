"""Convolution and its gradients as machine code: against NumPy over sizes, moves and layouts.

The bound is that of any order of summation: the error of each number is at most its terms' count
times eps times the sum of their absolute values, with the exact sum taken in float64.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code is made by llvmlite")

from chainrule import ops
from chainrule.ops.window import Window, sizes
from chainrule.plan.native.executor import Native
from chainrule.plan.native.kernels.convolution.multiply import best_box
from chainrule.plan.native.kernels.convolution.sweeps import backward, forward
from chainrule.plan.native.matrices.choice import core
from chainrule.plan.record import record

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def case(x, w, stride=1, padding=0, dilation=1, groups=1):
    moves = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, w, moves


# What each asks of the code: of tiles, ends of lines, phases, groups, sizes beside a vector's.
CASES = {
    "one pixel": case((1, 1, 1, 1), (1, 1, 1, 1)),
    "channels of no vector": case((2, 3, 7, 9), (5, 3, 3, 3)),
    "several panels and a rest": case((2, 4, 6, 5), (70, 4, 2, 3)),
    "ends of lines": case((2, 16, 9, 11), (16, 16, 3, 3), padding=1),
    "many tiles in a line": case((1, 2, 3, 75), (17, 2, 3, 3), padding=1),
    "rows apart": case((2, 3, 17, 13), (8, 3, 3, 3), stride=(2, 3), padding=(1, 2)),
    "taps apart": case((2, 3, 12, 11), (4, 3, 3, 2), dilation=(2, 3), padding=(3, 1)),
    "both apart": case((2, 2, 15, 14), (3, 2, 3, 3), stride=(2, 3), dilation=(3, 2), padding=2),
    "more padding than image": case((2, 2, 2, 3), (3, 2, 3, 3), padding=(4, 5)),
    "a long filter": case((1, 2, 3, 40), (20, 2, 1, 31), padding=(0, 15)),
    "phases without taps": case((2, 4, 9, 8), (6, 4, 1, 1), stride=(2, 3)),
    "pixels no tap reaches": case((1, 2, 6, 2), (3, 2, 3, 1), stride=(1, 3), padding=(1, 4)),
    "a rest that no window reaches": case((2, 2, 8, 9), (3, 2, 3, 3), stride=4),
    "groups": case((2, 6, 5, 6), (9, 2, 3, 3), groups=3, padding=1),
    "groups of one channel": case((2, 19, 7, 6), (19, 1, 3, 3), groups=19, padding=1),
    "groups of one channel, apart": case((2, 5, 9, 8), (5, 1, 3, 2), groups=5, stride=2, padding=1),
    "more filters than channels in groups": case((2, 4, 5, 5), (12, 1, 3, 3), groups=4),
    "signals": case((3, 2, 30), (5, 2, 4), stride=2, padding=3, dilation=2),
    "volumes": case((2, 3, 4, 5, 6), (7, 3, 2, 3, 2), stride=(1, 2, 1), padding=(1, 0, 1)),
    "several images in a tile": case((8, 16, 3, 3), (16, 16, 3, 3), padding=1),
    "bands of one large image": case((1, 64, 40, 40), (2, 64, 3, 3), padding=1),
    "many images in parts": case((12, 16, 40, 40), (16, 16, 3, 3), padding=1),
    "filters larger than what stays near": case((8, 160, 12, 12), (160, 160, 3, 3), padding=1),
}


def last(a):
    """The same numbers, channels last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def spread(a):
    """The same numbers, each far from the next."""
    wide = np.zeros([2 * n for n in a.shape], a.dtype)[(slice(None, None, 2),) * a.ndim]
    wide[...] = a
    return wide


def mirrored(a):
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def repeated(a):
    """One number everywhere, as the gradient of a sum is."""
    return np.broadcast_to(a.flat[0], a.shape)


LAYOUTS = {
    "rows": np.ascontiguousarray,
    "last": last,
    "spread": spread,
    "mirrored": mirrored,
    "repeated": repeated,
}


def arrays(x, w, moves, dtype):
    """Images, filters, bias and a gradient at the output."""
    draw = np.random.default_rng(0).standard_normal
    out = ops.convolution(np.zeros(x), np.zeros(w), **moves).shape
    return [draw(shape).astype(dtype) for shape in (x, w, (w[0],), out)]


def calls(x, w, b, g, moves):
    """The three operations, of arrays as they lie, and what they are called with."""
    sizes = {"size": x.shape[2:]}, {"size": w.shape[2:]}
    return {
        "forward": (ops.convolution, (x, w, b), moves),
        "by images": (ops.convolution_input, (g, w), {**moves, **sizes[0]}),
        "by filters": (ops.convolution_weight, (g, x), {**moves, **sizes[1]}),
    }


def natively(todo, folder, threads=1):
    """What machine code makes of operations: of each as it is given out, and as it lies inside."""
    zero = np.zeros((), todo[0][1][0].dtype)

    def function(zero):
        ys = [op(*operands, **attrs) for op, operands, attrs in todo]
        return ys + [ops.add(op(*operands, **attrs), zero) for op, operands, attrs in todo]

    native = Native(record(function, [zero])[1], folder, threads)
    assert not native.foreign
    found = [y.copy() for y in native(zero)]
    return list(zip(found, found[len(todo) :]))


def assert_is_numpys(found, op, operands, attrs):
    """Each number within the error of a sum of all its terms in any order."""
    wide = [a.astype(np.float64) for a in operands]
    exact, most = op(*wide, **attrs), op(*map(abs, wide), **attrs)
    terms = 1 + max(a[0].size for a in operands[:2]) * max(len(a) for a in operands[:2])
    for y in found:
        assert (y.shape, y.dtype) == (exact.shape, operands[0].dtype)
        assert (abs(y - exact) <= terms * np.finfo(y.dtype).eps * most).all()


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_all_three_are_numpys(name, dtype, folder):
    *shapes, moves = CASES[name]
    todo = [*calls(*arrays(*shapes, moves, dtype), moves).values()]
    for found, told in zip(natively(todo, folder), todo, strict=True):
        assert_is_numpys(found, *told)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["ends of lines", "groups of one channel, apart", "signals"])
def test_images_and_gradients_may_lie_in_any_way(name, layout, folder):
    *shapes, moves = CASES[name]
    x, w, b, g = arrays(*shapes, moves, F32)
    todo = [*calls(LAYOUTS[layout](x), w, b, LAYOUTS[layout](g), moves).values()]
    for found, told in zip(natively(todo, folder), todo, strict=True):
        assert_is_numpys(found, *told)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_filters_may_lie_in_any_way(layout, folder):
    *shapes, moves = CASES["several panels and a rest"]
    x, w, b, g = arrays(*shapes, moves, F32)
    todo = [*calls(x, LAYOUTS[layout](w), b, g, moves).values()]
    for found, told in zip(natively(todo, folder), todo, strict=True):
        assert_is_numpys(found, *told)


@pytest.mark.parametrize("name", ["images", "one image", "by channel"])
def test_the_bits_are_the_same_for_any_number_of_threads(name, folder):
    shapes = {
        "images": case((5, 16, 17, 15), (33, 16, 3, 3), padding=1),
        "one image": case((1, 16, 61, 64), (16, 16, 3, 3), padding=1, stride=2),
        "by channel": case((6, 40, 31, 30), (40, 1, 3, 3), groups=40, padding=1),
    }
    *sizes, moves = shapes[name]
    todo = [*calls(*arrays(*sizes, moves, F32), moves).values()]
    bits = {
        count: [y.tobytes() for pair in natively(todo, folder, count) for y in pair]
        for count in (1, 2, 3)
    }
    assert bits[1] == bits[2] == bits[3]


# --- how positions meet taps ----------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_phases_have_every_position_once_and_every_tap_that_meets_it(name):
    x, w, moves = CASES[name]
    rank = len(w) - 2
    window = Window(w[2:], *(sizes(moves[m], rank) for m in ("stride", "padding", "dilation")))
    image, steps = x[2:], window.steps(x[2:])
    for d in range(rank):
        pairs = {
            (i * window.stride[d] - window.padding[d] + t * window.dilation[d], i, t)
            for i in range(steps[d])
            for t in range(w[2 + d])
        }
        there = {(p, i, t) for p, i, t in pairs if 0 <= p < image[d]}
        assert {(p, i, t) for i, p, t in met_in(forward(window, steps), d, image)} == there
        back = {(i, p, w[2 + d] - 1 - t) for p, i, t in met_in(backward(window, image), d, steps)}
        assert back == {(i, p, t) for p, i, t in there}


def met_in(sweep, d, size):
    """What positions of the result meet along a dimension: (position, pixel of the source, tap)."""
    for phase in {(p.first[d], p.many[d], p.base[d], p.taps[d], p.move[d]) for p in sweep.phases}:
        first, many, base, (tap, by, count), move = phase
        for m in range(many):
            for j in range(count):
                pixel = base + m * sweep.apart[d] + j * move
                if 0 <= pixel < size[d]:
                    yield first + m * sweep.between[d], pixel, tap + j * by


@pytest.mark.parametrize("by_lane", [False, True])
def test_a_tile_has_room_in_the_registers_and_divides_the_images(by_lane):
    for images, line, columns in itertools.product((1, 6, 32), (1, 4, 7, 28), (1, 16, 33, 256)):
        box = best_box((images, 1, line), columns, 144, F32, by_lane)
        sums = box.wide * math.prod(box.rows)
        assert images % box.rows[0] == 0
        assert sums + box.wide < core().registers
