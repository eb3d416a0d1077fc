"""Rows of what goes by windows: convolution and pooling."""

from __future__ import annotations

from math import nan

import references as ref
from case import F, at, case, kink, real, whole, winning
from chainrule.ops import Window

# A row is a line, or little more.
# fmt: off

plain = Window((3, 2), (1, 1), (0, 0), (1, 1))
odd = Window((2, 3), (2, 1), (1, 2), (2, 1))


def moved(window):
    """The attributes of a convolution with this window."""
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}


CONVOLUTIONS = [
    case("convolution", [real(2, 2, 5, 4), real(3, 2, 3, 2), real(3)], ref.convolved, F.conv2d),
    case("convolution", [real(1, 2, 5, 4), real(3, 2, 2, 3)], ref.convolved, F.conv2d, note="moved",
         **moved(odd)),
    case("convolution", [real(2, 4, 3, 3), real(6, 2, 2, 2), real(6)], ref.convolved, F.conv2d,
         note="groups", groups=2),
    case("convolution", [real(2, 3, 4, 4), real(6, 1, 3, 3)], ref.convolved, F.conv2d,
         note="depthwise", groups=3, padding=(1, 1)),
    case("convolution_input", [real(2, 3, 3, 3), real(3, 2, 3, 2)], ref.convolved_to_input,
         size=(5, 4)),
    case("convolution_input", [real(1, 4, 3, 6), real(4, 1, 2, 3)], ref.convolved_to_input,
         note="moved", size=(5, 4), groups=2, **moved(odd)),
    case("convolution_input", [real(1, 2, 2, 2), real(2, 1, 2, 2)], ref.convolved_to_input,
         note="unmet-edge", size=(5, 5), stride=(2, 2)),
    case("convolution_weight", [real(2, 3, 3, 3), real(2, 2, 5, 4)], ref.convolved_to_weight,
         size=(3, 2)),
    case("convolution_weight", [real(1, 4, 3, 6), real(1, 2, 5, 4)], ref.convolved_to_weight,
         note="moved", size=(2, 3), groups=2, **moved(odd)),
    case("conv2d", [real(2, 2, 5, 4), real(3, 2, 3, 3), real(3)], ref.conv2d, F.conv2d),
    case("conv2d", [real(1, 2, 5, 4), real(4, 1, 3, 2)], ref.conv2d, F.conv2d, note="options",
         stride=2, padding=1, dilation=(1, 2), groups=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv2d, F.conv2d, note="same",
         padding="same", dilation=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv2d, F.conv2d, note="valid",
         padding="valid"),
]

halves = Window((2, 2), (2, 2), (0, 0), (1, 1))
overlap = Window((3, 2), (2, 1), (1, 1), (1, 1))
dilated = Window((2, 2), (1, 1), (0, 0), (2, 1))

POOLING = [
    case("max_pooling", [real(2, 2, 4, 4)], ref.pooled_max, window=halves),
    case("max_pooling", [real(1, 2, 5, 4)], ref.pooled_max, note="overlap", window=overlap),
    case("max_pooling", [real(1, 2, 5, 4)], ref.pooled_max, note="dilated", window=dilated),
    case("max_pooling_winners", [real(1, 2, 5, 4)], ref.winners, window=overlap),
    case("max_pooling_winners", [whole(0, 3, 1, 2, 5, 4)], ref.winners, note="tie", window=overlap),
    case("max_pooling_spread", [real(1, 2, 3, 5), winning((5, 4), overlap)], ref.spread_to_winners,
         window=overlap, size=(5, 4)),
    case("max_pooling_picked", [real(1, 2, 5, 4), winning((5, 4), overlap)], ref.picked_winners,
         window=overlap),
    case("average_pooling", [real(2, 2, 4, 4)], ref.pooled_mean, window=halves, count_padding=True),
    case("average_pooling", [real(1, 2, 5, 4)], ref.pooled_mean, note="padded", window=overlap,
         count_padding=True),
    case("average_pooling", [real(1, 2, 5, 4)], ref.pooled_mean, note="uncounted", window=overlap,
         count_padding=False),
    case("average_pooling_spread", [real(1, 2, 3, 5)], ref.spread_evenly, window=overlap,
         count_padding=True, size=(5, 4)),
    case("average_pooling_spread", [real(1, 2, 3, 5)], ref.spread_evenly, note="uncounted",
         window=overlap, count_padding=False, size=(5, 4)),
    case("max_pool2d", [real(2, 2, 4, 4)], ref.max_pool2d, F.max_pool2d, kernel_size=2),
    case("max_pool2d", [real(1, 2, 5, 6)], ref.max_pool2d, F.max_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, dilation=(2, 1)),
    kink("max_pool2d", [at([[[1, 1, nan], [1, 1, 0]]])], ref.max_pool2d, F.max_pool2d, note="tie",
         slopes=[[[[[1, 0, 1], [0, 0, 0]]]]], kernel_size=2, stride=1),
    case("avg_pool2d", [real(2, 2, 4, 4)], ref.avg_pool2d, F.avg_pool2d, kernel_size=2),
    case("avg_pool2d", [real(1, 2, 5, 6)], ref.avg_pool2d, F.avg_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, count_include_pad=False),
]
