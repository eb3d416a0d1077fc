"""Rows of what goes by windows: convolution, pooling, and windows laid out as columns."""

from __future__ import annotations

from math import inf, nan

import references as ref
import window_references as wref
from case import F, at, between, case, just, kink, positive, real, whole, winning
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
    case("convolution", [real(2, 4, 6), real(4, 2, 3), real(4)], ref.convolved, F.conv1d,
         note="sequences", stride=2, padding=1, groups=2),
    case("convolution", [real(1, 2, 3, 4, 3), real(2, 2, 2, 3, 1)], ref.convolved, F.conv3d,
         note="volumes", stride=(1, 2, 1), padding=(0, 1, 0), dilation=(2, 1, 1)),
    case("convolution_input", [real(2, 2, 3), real(2, 3, 2)], ref.convolved_to_input,
         note="sequences", size=(7,), stride=2),
    case("convolution_input", [real(1, 2, 2, 3, 2), real(2, 1, 2, 1, 2)], ref.convolved_to_input,
         note="volumes", size=(3, 3, 3)),
    case("convolution_weight", [real(2, 2, 3), real(2, 3, 7)], ref.convolved_to_weight,
         note="sequences", size=(2,), stride=2),
    case("convolution_weight", [real(1, 2, 2, 3, 2), real(1, 1, 3, 3, 3)], ref.convolved_to_weight,
         note="volumes", size=(2, 1, 2)),
    case("conv1d", [real(2, 2, 6), real(3, 2, 3), real(3)], ref.conv, F.conv1d),
    case("conv1d", [real(2, 6), real(4, 1, 2)], ref.conv, F.conv1d, note="options", stride=2,
         padding=2, dilation=3, groups=2),
    case("conv1d", [real(2, 2, 5), real(3, 2, 4), real(3)], ref.conv, note="same-uneven",
         padding="same"),
    case("conv2d", [real(2, 2, 5, 4), real(3, 2, 3, 3), real(3)], ref.conv, F.conv2d),
    case("conv2d", [real(1, 2, 5, 4), real(4, 1, 3, 2)], ref.conv, F.conv2d, note="options",
         stride=2, padding=1, dilation=(1, 2), groups=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv, F.conv2d, note="same",
         padding="same", dilation=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 2, 3)], ref.conv, note="same-uneven",
         padding="same"),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv, F.conv2d, note="valid",
         padding="valid"),
    case("conv2d", [real(2, 5, 4), real(3, 2, 3, 3), real(3)], ref.conv, F.conv2d, note="one",
         padding=(1, 0)),
    case("conv3d", [real(1, 2, 3, 4, 3), real(2, 2, 2, 3, 2), real(2)], ref.conv, F.conv3d),
    case("conv3d", [real(2, 4, 3, 4), real(2, 1, 2, 2, 2)], ref.conv, F.conv3d, note="options",
         stride=(1, 2, 1), padding=1, groups=2),
]

TRANSPOSED = [
    case("conv_transpose1d", [real(2, 2, 4), real(2, 3, 3), real(3)], wref.conv_transpose,
         F.conv_transpose1d),
    case("conv_transpose1d", [real(4, 3), real(4, 1, 2)], wref.conv_transpose, F.conv_transpose1d,
         note="options", stride=3, padding=1, output_padding=2, groups=2, dilation=2),
    case("conv_transpose2d", [real(1, 2, 2, 3), real(2, 2, 3, 2), real(2)], wref.conv_transpose,
         F.conv_transpose2d),
    case("conv_transpose2d", [real(2, 4, 3, 2), real(4, 1, 3, 3)], wref.conv_transpose,
         F.conv_transpose2d, note="options", stride=2, padding=(1, 2), output_padding=1, groups=2),
    case("conv_transpose2d", [real(1, 1, 3, 2), real(1, 2, 2, 3), real(2)], wref.conv_transpose,
         F.conv_transpose2d, note="dilated", padding=1, output_padding=(1, 2), dilation=3),
    case("conv_transpose2d", [real(2, 2, 3), real(2, 2, 2, 2)], wref.conv_transpose,
         F.conv_transpose2d, note="one", stride=(1, 2)),
    case("conv_transpose3d", [real(1, 2, 2, 1, 2), real(2, 1, 2, 3, 2), real(1)],
         wref.conv_transpose, F.conv_transpose3d),
    case("conv_transpose3d", [real(2, 2, 2, 2), real(2, 1, 2, 2, 2)], wref.conv_transpose,
         F.conv_transpose3d, note="options", stride=2, padding=1, output_padding=(1, 0, 1),
         groups=2),
]

halves = Window((2, 2), (2, 2), (0, 0), (1, 1))
overlap = Window((3, 2), (2, 1), (1, 1), (1, 1))
dilated = Window((2, 2), (1, 1), (0, 0), (2, 1))
last = Window((3,), (2,), (0,), (1,), ceil=True)
cube = Window((2, 2, 2), (1, 2, 2), (1, 0, 1), (1, 1, 1))

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
    case("max_pooling", [real(1, 2, 8)], ref.pooled_max, note="ceil", window=last),
    case("max_pooling", [real(1, 2, 3, 2, 4)], ref.pooled_max, note="volumes", window=cube),
    case("max_pooling_winners", [real(1, 2, 8)], ref.winners, note="ceil", window=last),
    case("max_pooling_winners", [just([[[[-inf] * 3] * 3]])], ref.winners, note="lowest",
         window=overlap),
    case("max_pooling_places", [winning((5, 4), overlap)], wref.places, window=overlap,
         size=(5, 4)),
    case("sum_pooling", [real(2, 2, 4, 4)], ref.pooled_sum, window=halves),
    case("sum_pooling", [real(1, 2, 5, 4)], ref.pooled_sum, note="padded", window=overlap),
    case("sum_pooling", [real(1, 2, 8)], ref.pooled_sum, note="ceil", window=last),
    case("sum_pooling", [real(1, 2, 3, 2, 4)], ref.pooled_sum, note="volumes", window=cube),
    case("sum_pooling_spread", [real(1, 2, 3, 5)], ref.spread_evenly, window=overlap, size=(5, 4)),
    case("sum_pooling_spread", [real(1, 2, 4)], ref.spread_evenly, note="ceil", window=last,
         size=(8,)),
    case("max_pool1d", [real(2, 2, 7)], wref.max_pool(1), F.max_pool1d, kernel_size=3),
    case("max_pool1d", [real(2, 7)], wref.max_pool(1), F.max_pool1d, note="options", kernel_size=3,
         stride=2, padding=1, ceil_mode=True, return_indices=True),
    case("max_pool2d", [real(2, 2, 4, 4)], wref.max_pool(2), F.max_pool2d, kernel_size=2),
    case("max_pool2d", [real(1, 2, 5, 6)], wref.max_pool(2), F.max_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, dilation=(2, 1)),
    case("max_pool2d", [real(2, 2, 5, 6)], wref.max_pool(2), F.max_pool2d, note="indices",
         kernel_size=3, stride=2, padding=1, ceil_mode=True, return_indices=True),
    kink("max_pool2d", [at([[[1, 1, nan], [1, 1, 0]]])], wref.max_pool(2), F.max_pool2d, note="tie",
         slopes=[[[[[1, 0, 1], [0, 0, 0]]]]], kernel_size=2, stride=1),
    case("max_pool3d", [real(1, 2, 4, 3, 2)], wref.max_pool(3), F.max_pool3d, kernel_size=2),
    case("max_pool3d", [real(2, 3, 5, 4)], wref.max_pool(3), F.max_pool3d, note="options",
         kernel_size=2, stride=(1, 2, 1), padding=1, ceil_mode=True, return_indices=True),
    case("avg_pool1d", [real(2, 2, 7)], wref.avg_pool(1), F.avg_pool1d, kernel_size=3),
    case("avg_pool1d", [real(2, 7)], wref.avg_pool(1), F.avg_pool1d, note="options", kernel_size=4,
         stride=2, padding=2, ceil_mode=True),
    case("avg_pool2d", [real(2, 2, 4, 4)], wref.avg_pool(2), F.avg_pool2d, kernel_size=2),
    case("avg_pool2d", [real(1, 2, 5, 6)], wref.avg_pool(2), F.avg_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, count_include_pad=False),
    case("avg_pool2d", [real(1, 2, 5, 6)], wref.avg_pool(2), F.avg_pool2d, note="ceil",
         kernel_size=3, stride=2, padding=1, ceil_mode=True),
    case("avg_pool2d", [real(2, 5, 6)], wref.avg_pool(2), F.avg_pool2d, note="divisor",
         kernel_size=2, padding=1, divisor_override=3),
    case("avg_pool3d", [real(1, 2, 4, 3, 2)], wref.avg_pool(3), F.avg_pool3d, kernel_size=2),
    case("avg_pool3d", [real(1, 3, 5, 4)], wref.avg_pool(3), F.avg_pool3d, note="options",
         kernel_size=(3, 2, 2), stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    case("lp_pool1d", [positive(2, 2, 7)], wref.lp_pool(1), F.lp_pool1d, norm_type=3,
         kernel_size=3, stride=2),
    case("lp_pool2d", [positive(2, 2, 4, 5)], wref.lp_pool(2), F.lp_pool2d, norm_type=2,
         kernel_size=(2, 3)),
    case("lp_pool3d", [positive(2, 4, 3, 2)], wref.lp_pool(3), F.lp_pool3d, norm_type=1.5,
         kernel_size=2),
]


def sampled(f):
    """PyTorch's fractional pooling, the samples being what they are."""
    return lambda x, samples, **options: f(x, _random_samples=samples.detach(), **options)


ADAPTIVE = [
    case("adaptive_places", [real(1, 2, 5, 4)], wref.adaptive_places, size=(3, 3)),
    case("adaptive_places", [whole(0, 2, 1, 2, 7)], wref.adaptive_places, note="tie", size=(3,)),
    case("fractional_places", [real(2, 2, 7), between(0, 1, 2, 2, 1)], wref.fractional_places,
         window=(2,), size=(3,)),
    case("fractional_places", [real(1, 2, 5, 4), between(0, 1, 1, 2, 2)], wref.fractional_places,
         note="images", window=(2, 3), size=(3, 1)),
    case("adaptive_avg_pool1d", [real(2, 2, 7)], wref.adaptive_avg(1), F.adaptive_avg_pool1d,
         output_size=3),
    case("adaptive_avg_pool2d", [real(2, 2, 4, 6)], wref.adaptive_avg(2), F.adaptive_avg_pool2d,
         output_size=(2, 3)),
    case("adaptive_avg_pool2d", [real(1, 2, 5, 3)], wref.adaptive_avg(2), F.adaptive_avg_pool2d,
         note="uneven", output_size=(3, 4)),
    case("adaptive_avg_pool2d", [real(2, 5, 3)], wref.adaptive_avg(2), F.adaptive_avg_pool2d,
         note="kept", output_size=(2, None)),
    case("adaptive_avg_pool3d", [real(1, 2, 3, 2, 4)], wref.adaptive_avg(3), F.adaptive_avg_pool3d,
         output_size=(2, 1, 3)),
    case("adaptive_max_pool1d", [real(2, 2, 7)], wref.adaptive_max(1), F.adaptive_max_pool1d,
         output_size=3),
    case("adaptive_max_pool2d", [real(2, 2, 4, 6)], wref.adaptive_max(2), F.adaptive_max_pool2d,
         output_size=(2, 3), return_indices=True),
    case("adaptive_max_pool2d", [real(2, 5, 3)], wref.adaptive_max(2), F.adaptive_max_pool2d,
         note="uneven", output_size=(3, 2), return_indices=True),
    case("adaptive_max_pool3d", [real(1, 2, 3, 2, 4)], wref.adaptive_max(3), F.adaptive_max_pool3d,
         output_size=(2, None, 3)),
    case("fractional_max_pool2d", [real(2, 2, 6, 5), between(0, 1, 2, 2, 2)],
         wref.fractional_max_pool(2), sampled(F.fractional_max_pool2d), wrt=[0], kernel_size=2,
         output_size=(3, 2), return_indices=True),
    case("fractional_max_pool2d", [real(1, 2, 6, 5), between(0, 1, 1, 2, 2)],
         wref.fractional_max_pool(2), sampled(F.fractional_max_pool2d), note="ratio", wrt=[0],
         kernel_size=(1, 2), output_ratio=(0.5, 0.7)),
    case("fractional_max_pool3d", [real(1, 2, 4, 3, 5), between(0, 1, 1, 2, 3)],
         wref.fractional_max_pool(3), sampled(F.fractional_max_pool3d), wrt=[0], kernel_size=2,
         output_size=(2, 1, 3)),
    case("max_unpool1d", [real(1, 2, 3), just([[[0, 3, 4], [1, 2, 5]]])], wref.max_unpool(1),
         F.max_unpool1d, kernel_size=2),
    case("max_unpool2d", [real(1, 1, 2, 2), just([[[[0, 3], [9, 14]]]])], wref.max_unpool(2),
         F.max_unpool2d, kernel_size=2, output_size=(3, 5)),
    case("max_unpool2d", [real(1, 2, 2), just([[[0, 2], [6, 8]]])], wref.max_unpool(2),
         F.max_unpool2d, note="padded", kernel_size=3, stride=2, padding=1),
    case("max_unpool3d", [real(1, 1, 1, 1, 2), just([[[[[5, 2]]]]])], wref.max_unpool(3),
         F.max_unpool3d, kernel_size=2),
]

COLUMNS = [
    case("unfold_windows", [real(2, 2, 5, 4)], wref.unfolded, window=odd),
    case("unfold_windows", [real(2, 2, 8)], wref.unfolded, note="ceil", window=last),
    case("fold_windows", [real(2, 2, 6, 3, 5)], wref.folded, window=overlap, size=(5, 4)),
    case("im2col", [real(2, 2, 5, 4)], wref.im2col, F.unfold, kernel_size=(2, 3)),
    case("im2col", [real(2, 5, 4)], wref.im2col, F.unfold, note="options", kernel_size=2,
         dilation=(1, 2), padding=1, stride=(2, 1)),
    case("col2im", [real(2, 12, 6)], wref.col2im, F.fold, output_size=(4, 4), kernel_size=(2, 3)),
    case("col2im", [real(4, 12)], wref.col2im, F.fold, note="options", output_size=(5, 4),
         kernel_size=2, dilation=(1, 2), padding=1, stride=(2, 1)),
]
