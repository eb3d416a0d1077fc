"""Layers that draw, hold others, are made at their first batch or have no counterpart in PyTorch.

These are rows like those in `tests/nn`, for what is not compared number by number there.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule import nn
from chainrule.autograd import Tensor
from nn.rows import IMAGES, Row, layer, normal, whole
from nn.rows_sequences import causal, packed
from nn.rows_windows import BY_RANK

SEQUENCES = BY_RANK[0][1]


@dataclass(frozen=True)
class OfOthers(Row):
    """A row whose first argument is made anew for each module: it holds layers of its own."""

    def build(self, nn: Any, array: Any, **more: Any) -> Any:
        make, *rest = self.args
        return getattr(nn, self.kind)(make(), *rest)

    def __str__(self) -> str:
        return f"{self.kind}({self.args[0].__name__})"


def of_others(kind: str, make: Any, *args: Any, xs: Any, call: Any = operator.call) -> Row:
    """A row of a module around what `make` makes."""
    return OfOthers(kind, (make, *args), {}, xs, call=call)


def of_several(kind: str, *args: Any, xs: Any, call: Callable[..., Any]) -> Row:
    """A row that is called in a way of its own."""
    return Row(kind, args, {}, xs, call=call)


def unpooled(module: Any, x: Tensor) -> Tensor:
    """What is pooled, put back to where it was."""
    rank = x.ndim - 2
    y, places = getattr(nn.functional, f"max_pool{rank}d")(x, 2, return_indices=True)
    y = module(y * y, places, output_size=x.shape)
    assert isinstance(y, Tensor)
    return y


def one_after_another(module: Any, x: Tensor) -> Tensor:
    """The layers in a list or dictionary, each given what the last has made."""
    for part in module.values() if isinstance(module, nn.ModuleDict) else module:
        x = part(x)
    return x


def products(module: Any, x: Tensor) -> Tensor:
    """x times each of the parameters in a list or dictionary."""
    for p in module.values() if isinstance(module, nn.ParameterDict) else module:
        x = x @ p
    return x


def parts() -> list[nn.Module]:
    """Two layers and what lies between them."""
    return [nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)]


def members() -> list[nn.Module]:
    """Networks of different kinds for the same task."""
    return [nn.Linear(5, 3), nn.Sequential(*parts())]


def weights() -> list[nn.Parameter]:
    """Two matrices."""
    return [nn.Linear(5, 4).weight, nn.Linear(2, 5).weight]


def images() -> OrderedDict[str, nn.Module]:
    """What a network of several layers with state is made of."""
    return OrderedDict(
        {
            "convolution": nn.Conv2d(4, 6, 3, padding=1, bias=False),
            "norm": nn.BatchNorm2d(6),
            "act": nn.ReLU(),
            "pool": nn.MaxPool2d(2),
            "dropout": nn.Dropout(0.2),
            "flat": nn.Flatten(),
            "linear": nn.Linear(72, 5),
            "out": nn.Tanh(),
        }
    )


def encoder() -> nn.Module:
    """A layer of a transformer, with dropout."""
    return nn.TransformerEncoderLayer(6, 2, 8, dropout=0.1)


def decoder() -> nn.Module:
    """Likewise, of the side that answers."""
    return nn.TransformerDecoderLayer(6, 2, 8, dropout=0.1, norm_first=True)


def encoded(module: Any, x: Tensor, mask: Tensor) -> Any:
    """An encoder with a mask."""
    return module(x, mask=mask, is_causal=True)


DRAWING = [
    layer("Dropout", x=IMAGES),
    layer("Dropout", 0.3, x=normal(4, 5), inplace=True),
    layer("Dropout1d", 0.4, x=SEQUENCES),
    layer("Dropout2d", 0.4, x=IMAGES),
    layer("Dropout3d", 0.4, x=BY_RANK[2][1]),
    layer("AlphaDropout", 0.4, x=IMAGES),
    layer("FeatureAlphaDropout", 0.4, x=IMAGES),
    layer("RReLU", x=IMAGES),
    layer("RReLU", 0.2, 0.6, x=normal(3, 4)),
    layer("FractionalMaxPool2d", 2, output_size=4, x=IMAGES),
    layer("FractionalMaxPool3d", 2, output_ratio=0.6, x=BY_RANK[2][1]),
    of_several(
        "LSTM", 4, 3, xs=(normal(5, 5, 4),), call=packed([1, 4, 2, 5, 2], enforce_sorted=False)
    ),
    layer("LSTM", 4, 3, 2, dropout=0.3, x=normal(5, 3, 4)),
    layer("GRU", 4, 3, 2, dropout=0.3, bidirectional=True, x=normal(5, 3, 4)),
    of_several(
        "MultiheadAttention", 6, 2, 0.3, xs=(normal(4, 3, 6),), call=lambda m, x: m(x, x, x)
    ),
]

LAZY = [
    layer(f"Lazy{kind}{rank}", *args, x=x)
    for rank, x, _ in BY_RANK
    for kind, *args in (("Conv", 6, 3), ("ConvTranspose", 6, 3), ("BatchNorm",), ("InstanceNorm",))
] + [layer("LazyLinear", 3, x=normal(4, 5))]

CONTAINERS = [
    of_others("Sequential", images, xs=(IMAGES,)),
    of_others("DataParallel", lambda: nn.Linear(5, 3), xs=(normal(4, 5),)),
    of_others("ModuleList", parts, xs=(normal(4, 5),), call=one_after_another),
    of_others(
        "ModuleDict", lambda: dict(zip("abc", parts())), xs=(normal(4, 5),), call=one_after_another
    ),
    of_others("ParameterList", weights, xs=(normal(4, 4),), call=products),
    of_others(
        "ParameterDict", lambda: dict(zip("ab", weights())), xs=(normal(4, 4),), call=products
    ),
    of_others("Ensemble", members, xs=(normal(4, 5),)),
    of_others("Ensemble", members, "values", xs=(normal(4, 5),)),
    of_others("TransformerEncoder", encoder, 2, xs=(normal(4, 3, 6), causal(4)), call=encoded),
    of_others("TransformerDecoder", decoder, 2, xs=(normal(4, 3, 6), normal(5, 3, 6))),
]

OTHERS = [
    layer("CrossMapLRN2d", 3, 0.5, 0.6, 2, x=IMAGES),
    layer("Columns", [0, 3, 0], [True, False, False], [0, 2, 0], x=whole(5, 3, below=3)),
    layer("Normalize", 0.5, 2.0, x=IMAGES),
    layer("SyncBatchNorm", 4, x=IMAGES),
    layer("Normalize", [1.0, 2.0], [3.0, 4.0], x=whole(5, 2, below=9)),
    *(of_several(f"MaxUnpool{rank}", 2, xs=(x,), call=unpooled) for rank, x, _ in BY_RANK),
]

WHOLES = [*DRAWING, *LAZY, *CONTAINERS, *OTHERS]
