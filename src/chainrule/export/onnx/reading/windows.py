"""ONNX's convolutions, poolings, normalisations, changes of size, with our operations (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError
from chainrule.export.onnx.reading.call import (
    Call,
    axis_of,
    bounded,
    cast,
    fixed,
    known,
    rank_of,
    reads,
    shape_of,
    whole,
)
from chainrule.export.onnx.reading.shapes import padded, turned
from chainrule.ops.window import Window

__all__: list[str] = []

Sizes = tuple[int, ...]


# --- windows ------------------------------------------------------------------------------------


def _moves(call: Call, image: Sizes, size: Sizes) -> tuple[Window, list[tuple[int, int]]]:
    """How a window moves over images, and the borders that it is given."""
    rank = len(image)
    stride = tuple(call.get("strides", (1,) * rank))
    dilation = tuple(call.get("dilations", (1,) * rank))
    if not len(size) == len(stride) == len(dilation) == rank or min(*stride, *dilation, *size) < 1:
        raise DataError(f"a window of {size} with strides {stride} does not go over {image}")
    window = Window(size, stride, (0,) * rank, dilation)
    return window, _borders(call, image, window)


def _borders(call: Call, image: Sizes, window: Window) -> list[tuple[int, int]]:
    rank = len(image)
    auto = call.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        more = [
            max((-(-n // s) - 1) * s + r - n, 0)
            for n, s, r in zip(image, window.stride, window.reach())
        ]
        return [
            (m // 2, m - m // 2) if auto == "SAME_UPPER" else (m - m // 2, m // 2) for m in more
        ]
    pads = tuple(call.get("pads", (0,) * 2 * rank)) if auto == "NOTSET" else (0,) * 2 * rank
    if len(pads) != 2 * rank:
        raise DataError(f"borders {pads} do not fit images of {rank} dimensions")
    return list(zip(pads[:rank], pads[rank:]))


def _bordered(x: Any, borders: Sequence[tuple[int, int]], fill: Any) -> Any:
    if not any(a or b for a, b in borders):
        return x
    return padded(x, [(0, 0), (0, 0), *borders], "constant", fill)


@reads("Conv")
def _conv(call: Call, x: Any, w: Any, b: Any = None) -> Any:
    window, borders = _moves(call, shape_of(x)[2:], shape_of(w)[2:])
    even = all(a == c for a, c in borders)
    if not even:
        x = _bordered(x, borders, 0.0)
    bounded((*x.shape[:2], *(n + a + c for n, (a, c) in zip(x.shape[2:], borders))), x)
    given = [v for v in (x, w, b) if v is not None]
    padding = tuple(a for a, _ in borders) if even else window.padding
    return ops.convolution(
        *given, stride=window.stride, padding=padding, dilation=window.dilation,
        groups=call.get("group", 1),
    )  # fmt: skip


@reads("ConvTranspose")
def _conv_transpose(call: Call, x: Any, w: Any, b: Any = None) -> Any:
    rank = rank_of(x) - 2
    plain, borders = _transposed_moves(call, x, w, rank)
    least = [(n - 1) * s + r for n, s, r in zip(x.shape[2:], plain.stride, plain.reach())]
    more = tuple(call.get("output_padding", (0,) * rank))
    wanted = call.get("output_shape")
    if wanted is not None:
        borders = [_shares(m + o - n, call) for m, o, n in zip(least, more, wanted[-rank:])]
    groups = call.get("group", 1)
    full = tuple(m + max(o, 0) for m, o in zip(least, more))
    bounded((x.shape[0], w.shape[1] * groups, *full), x)
    y = ops.convolution_input(
        x, w, size=full, stride=plain.stride, padding=0, dilation=plain.dilation, groups=groups
    )
    cut = [slice(a, n - c) if a >= 0 and c >= 0 else None for n, (a, c) in zip(full, borders)]
    if None in cut:
        y = padded(y, [(0, 0), (0, 0), *((-a, -c) for a, c in borders)], "constant", 0.0)
    else:
        y = ops.slice(y, key=(slice(None), slice(None), *cut))
    return y if b is None else ops.add(y, ops.reshape(b, shape=(1, -1, *[1] * rank)))


def _transposed_moves(
    call: Call, x: Any, w: Any, rank: int
) -> tuple[Window, list[tuple[int, int]]]:
    stride = tuple(call.get("strides", (1,) * rank))
    dilation = tuple(call.get("dilations", (1,) * rank))
    window = Window(shape_of(w)[2:], stride, (0,) * rank, dilation)
    auto = call.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return window, [_shares(r - s, call) for r, s in zip(window.reach(), stride)]
    pads = tuple(call.get("pads", (0,) * 2 * rank))
    return window, list(zip(pads[:rank], pads[rank:]))


def _shares(total: int, call: Call) -> tuple[int, int]:
    """What is cut away before and after."""
    if call.get("auto_pad") == "SAME_UPPER":
        return total // 2, total - total // 2
    return total - total // 2, total // 2


# --- pooling ------------------------------------------------------------------------------------


def _pooled(call: Call, x: Any) -> tuple[Window, list[tuple[int, int]], list[tuple[int, int]]]:
    """The window, the borders that the file names, and those with what `ceil_mode` adds."""
    image = shape_of(x)[2:]
    window, borders = _moves(call, image, tuple(call.get("kernel_shape", (1,) * len(image))))
    if not call.get("ceil_mode", 0):
        return window, borders, borders
    whole_borders = []
    for n, (a, b), s, r in zip(image, borders, window.stride, window.reach()):
        steps = -(-(n + a + b - r) // s) + 1
        if (steps - 1) * s >= n + a:
            steps -= 1  # a window that would begin behind the image
        whole_borders.append((a, max((steps - 1) * s + r - n - a, b)))
    return window, borders, whole_borders


@reads("MaxPool")
def _max_pool(call: Call, x: Any) -> Any:
    window, _, borders = _pooled(call, x)
    dtype = np.dtype(x.dtype)
    low = -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)
    around = _bordered(x, borders, low)
    y = ops.max_pooling(around, window=window)
    return (y, _max_places(call, x, around, window, borders)) if call.count > 1 else y


def _max_places(
    call: Call, x: Any, around: Any, window: Window, borders: Sequence[tuple[int, int]]
) -> Any:
    """Where in all of x, in one line, the winners lie."""
    if call.get("storage_order", 0):
        raise call.refuse("it counts columns first")
    winners = ops.max_pooling_winners(around, window=window)
    place = ops.max_pooling_places(winners, window=window, size=shape_of(around)[2:])
    found: Any = 0
    size = shape_of(around)[2:]
    for d, (n, (before, _)) in enumerate(zip(shape_of(x)[2:], borders)):
        below = math.prod(size[d + 1 :])
        coordinate = ops.sub(ops.remainder(ops.floor_divide(place, below), size[d]), before)
        found = ops.add(ops.mul(found, n), coordinate) if d else coordinate
    images = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *[1] * len(size))
    return ops.add(found, fixed(images * math.prod(x.shape[2:])))


@reads("AveragePool")
def _average_pool(call: Call, x: Any) -> Any:
    window, named, borders = _pooled(call, x)
    total = ops.sum_pooling(_bordered(x, borders, 0.0), window=window)
    ones = np.ones((1, 1, *shape_of(x)[2:]), x.dtype)
    if call.get("count_include_pad", 0):
        ones = _bordered(ones, named, 1.0)
        borders = [(0, b - c) for (_, b), (_, c) in zip(borders, named)]
    count = ops.sum_pooling(_bordered(ones, borders, 0.0), window=window)
    return ops.div(total, fixed(count))


@reads("LpPool")
def _lp_pool(call: Call, x: Any) -> Any:
    window, _, borders = _pooled(call, x)
    p = call.get("p", 2)
    powers = ops.pow(ops.abs(_bordered(x, borders, 0.0)), float(p))
    return cast(ops.pow(ops.sum_pooling(powers, window=window), 1 / p), x.dtype)


def _behind(x: Any) -> tuple[int, ...]:
    return tuple(range(2, rank_of(x)))


@reads("GlobalAveragePool")
def _global_average(_call: Call, x: Any) -> Any:
    return ops.mean(x, dim=_behind(x), keepdim=True)


@reads("GlobalMaxPool")
def _global_max(_call: Call, x: Any) -> Any:
    return ops.amax(x, dim=_behind(x), keepdim=True)


@reads("GlobalLpPool")
def _global_lp(call: Call, x: Any) -> Any:
    p = call.get("p", 2)
    total = ops.sum(ops.pow(ops.abs(x), float(p)), dim=_behind(x), keepdim=True)
    return cast(ops.pow(total, 1 / p), x.dtype)


@reads("Col2Im")
def _col2im(call: Call, x: Any, image: Any, block: Any) -> Any:
    size, window = whole(image, "image"), whole(block, "block")
    pads = call.get("pads", (0,) * 2 * len(size))
    if len(size) != 2 or pads[:2] != pads[2:]:
        raise call.refuse("its images have another rank than 2, or uneven borders")
    moves = call.get("dilations", (1, 1)), pads[:2], call.get("strides", (1, 1))
    return ops.col2im(x, bounded(size), window, *moves)


# --- normalisation ------------------------------------------------------------------------------


@reads("BatchNormalization")
def _batch_norm(call: Call, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    if call.get("training_mode", 0):
        raise call.refuse("it is to learn its means")
    return ops.batch_norm_eval(x, mean, var, scale, bias, call.get("epsilon", 1e-5))


@reads("InstanceNormalization")
def _instance_norm(call: Call, x: Any, scale: Any, bias: Any) -> Any:
    return ops.group_norm(x, x.shape[1], scale, bias, call.get("epsilon", 1e-5))


@reads("GroupNormalization")
def _group_norm(call: Call, x: Any, scale: Any, bias: Any) -> Any:
    groups = call.get("num_groups", 1)
    if call.opset < 21:  # one scale for each group
        each = x.shape[1] // max(groups, 1)
        scale, bias = (
            ops.reshape(
                ops.broadcast_to(ops.reshape(v, shape=(-1, 1)), shape=(groups, each)), shape=(-1,)
            )
            for v in (scale, bias)
        )
    return ops.group_norm(x, groups, scale, bias, call.get("epsilon", 1e-5))


@reads("LayerNormalization")
def _layer_norm(call: Call, x: Any, scale: Any, bias: Any = None) -> Any:
    axis = axis_of(call.get("axis", -1), rank_of(x))
    dims = tuple(range(axis, rank_of(x)))
    mean = ops.mean(x, dim=dims, keepdim=True)
    away = ops.sub(x, mean)
    variance = ops.mean(ops.square(away), dim=dims, keepdim=True)
    inverse = ops.rsqrt(ops.add(variance, call.get("epsilon", 1e-5)))
    y = ops.mul(ops.mul(away, inverse), scale)
    return (y if bias is None else ops.add(y, bias)), mean, inverse


@reads("RMSNormalization")
def _rms_norm(call: Call, x: Any, scale: Any) -> Any:
    axis = axis_of(call.get("axis", -1), rank_of(x))
    dims = tuple(range(axis, rank_of(x)))
    power = ops.mean(ops.square(x), dim=dims, keepdim=True)
    return ops.mul(ops.mul(x, ops.rsqrt(ops.add(power, call.get("epsilon", 1e-5)))), scale)


@reads("LpNormalization")
def _lp_norm(call: Call, x: Any) -> Any:
    axis = axis_of(call.get("axis", -1), rank_of(x))
    size = ops.norm(x, call.get("p", 2), axis, True)
    return ops.where(ops.eq(size, 0), ops.mul(x, 0), ops.div(x, size))


@reads("MeanVarianceNormalization")
def _mean_variance(call: Call, x: Any) -> Any:
    dims = tuple(axis_of(d, rank_of(x)) for d in call.get("axes", (0, 2, 3)))
    away = ops.sub(x, ops.mean(x, dim=dims, keepdim=True))
    spread = ops.sqrt(ops.mean(ops.square(away), dim=dims, keepdim=True))
    return ops.div(away, ops.add(spread, 1e-9))


@reads("LRN")
def _lrn(call: Call, x: Any) -> Any:
    size = call.get("size", 1)
    before = (size - 1) // 2
    square = ops.reshape(ops.square(x), shape=(x.shape[0], 1, x.shape[1], -1))
    around = _bordered(square, [(before, size - 1 - before), (0, 0)], 0.0)
    total = ops.sum_pooling(around, window=Window((size, 1), (1, 1), (0, 0), (1, 1)))
    total = ops.reshape(total, shape=shape_of(x))
    scaled = ops.add(ops.mul(total, call.get("alpha", 1e-4) / size), call.get("bias", 1.0))
    return ops.div(x, ops.pow(scaled, call.get("beta", 0.75)))


@reads("GridSample")
def _grid_sample(call: Call, x: Any, grid: Any) -> Any:
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    mode = call.get("mode", "linear")
    return ops.grid_sample(
        x, grid, modes.get(mode, mode), call.get("padding_mode", "zeros"),
        bool(call.get("align_corners", 0)),
    )  # fmt: skip


# --- other sizes --------------------------------------------------------------------------------


@reads("Resize")
def _resize(call: Call, x: Any, *rest: Any) -> Any:
    _, scales, sizes = (*rest, None, None, None)[:3] if call.opset > 10 else (None, *rest, None)
    mode = call.get(
        "coordinate_transformation_mode", "half_pixel" if call.opset > 10 else "asymmetric"
    )
    if mode == "tf_crop_and_resize" or call.get("antialias", 0):
        raise call.refuse("it resizes with a crop or with antialiasing")
    rank = rank_of(x)
    axes = [axis_of(d, rank) for d in call.get("axes", range(rank))]
    old = [x.shape[d] for d in axes]
    if sizes is not None and known(sizes, "sizes").size:
        new = whole(sizes, "sizes")
        factors = [m / n for m, n in zip(new, old, strict=True)]
        factors, new = _kept(call.get("keep_aspect_ratio_policy", "stretch"), factors, old, new)
    elif scales is not None and known(scales, "scales").size:
        factors = [float(f) for f in known(scales, "scales").reshape(-1)]
        new = [math.floor(n * f) for n, f in zip(old, factors, strict=True)]
    else:
        raise DataError("it says neither sizes nor scales")
    return _resized(call, x, axes, factors, new, mode)


def _kept(
    policy: str, factors: list[float], old: Sequence[int], new: list[int]
) -> tuple[list[float], list[int]]:
    """The factors and sizes that keep the aspect ratio, if it is to be kept."""
    if policy == "stretch":
        return factors, new
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [factor] * len(old), [math.floor(n * factor + 0.5) for n in old]


@reads("Upsample")
def _upsample(call: Call, x: Any, scales: Any = None) -> Any:
    given = call.get("scales") if scales is None else known(scales, "scales").reshape(-1)
    factors = [float(f) for f in given]
    new = [math.floor(n * f) for n, f in zip(x.shape, factors, strict=True)]
    return _resized(call, x, range(rank_of(x)), factors, new, "asymmetric")


def _resized(
    call: Call, x: Any, axes: Sequence[int], factors: Sequence[float], new: Sequence[int], mode: str
) -> Any:
    bounded([*new, *(n for d, n in enumerate(x.shape) if d not in axes)], x)
    for d, factor, n in zip(axes, factors, new):
        old = x.shape[d]
        if n == old and factor == 1:
            continue
        at = _coordinates(mode, n, old, factor)
        if call.get("mode", "nearest") == "nearest":
            x = ops.index_select(x, d, fixed(_nearest(call, at, old)))
        else:
            x = _blended(x, d, fixed(_shares_of(call, at, old), x.dtype))
    return x


def _coordinates(mode: str, new: int, old: int, scale: float) -> Any:
    """Where in the input the pixels of the output lie."""
    i = np.arange(new)
    if mode == "align_corners":
        last = scale * old - 1  # of the output before its size was made whole
        return i * (old - 1) / last if last > 0 else np.zeros(new)
    if mode == "asymmetric":
        return i / scale
    if mode == "pytorch_half_pixel" and new == 1:
        return np.zeros(1)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (i + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        adjusted = new / (scale * old)
        return old / 2 * (1 - adjusted) + (i + 0.5) / scale - 0.5
    raise DataError(f"coordinates by {mode!r} are not supported")


def _nearest(call: Call, at: Any, old: int) -> Any:
    mode = call.get("nearest_mode", "round_prefer_floor" if call.opset > 10 else "floor")
    rules: dict[str, Callable[[Any], Any]] = {
        "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    if mode not in rules:
        raise DataError(f"the nearest pixel by {mode!r} is not supported")
    return np.clip(rules[mode](at), 0, old - 1).astype(np.int64)


def _shares_of(call: Call, at: Any, old: int) -> Any:
    """The share of each pixel of the input in each of the output, (new, old)."""
    if call.get("mode") not in ("linear", "cubic"):
        raise DataError(f"resizing by {call.get('mode')!r} is not supported")
    left = np.floor(at).astype(np.int64)
    away = (at - left)[:, None]
    if call.get("mode") == "linear":
        steps, weights = np.arange(2), np.concatenate([1 - away, away], axis=1)
    else:
        steps = np.arange(-1, 3)
        weights = _cubic(np.abs(away - steps), call.get("cubic_coeff_a", -0.75))
    matrix = np.zeros((len(at), old))
    rows = np.arange(len(at))[:, None]
    if call.get("exclude_outside", 0):
        outside = left[:, None] + steps
        weights = np.where((outside >= 0) & (outside < old), weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    np.add.at(matrix, (rows, np.clip(left[:, None] + steps, 0, old - 1)), weights)
    return matrix


def _cubic(away: Any, a: float) -> Any:
    """Keys' kernel of distances up to 2."""
    near = ((a + 2) * away - (a + 3)) * away * away + 1
    far = ((a * away - 5 * a) * away + 8 * a) * away - 4 * a
    return np.where(away <= 1, near, np.where(away < 2, far, 0))


def _blended(x: Any, d: int, matrix: Any) -> Any:
    last = turned(x, d, -1)
    return turned(ops.matmul(last, ops.transpose(matrix)), -1, d)
