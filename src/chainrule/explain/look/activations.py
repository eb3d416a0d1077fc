"""What each layer of a network gives for some inputs (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor, no_grad
from chainrule.errors import OptionError, ShapeError, chosen
from chainrule.explain.look.rows import inputs_of, pixels_of
from chainrule.explain.look.seen import Seen, short, sizes
from chainrule.explain.look.still import fed, still
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.ops.core import listen
from chainrule.picture import Strip, Svg, diverging, stacked, strip_chart, tile_chart

__all__ = ["Activations", "activations"]

_MOST_MAPS = 16
_MOST_LAYERS = 3  # of which the picture of all shows maps, convolutions if there are any


@dataclass(frozen=True)
class Activations(Seen):
    """What each layer gave.

    Attributes:
        outputs: by the path of the layer, `"0 (Linear)"`, what it gave: `(N, ...)`. A layer that is
            called again has a number behind its path; of several results the first is kept.
        image: the first input in colour, `(H, W, 3)` bytes, if the inputs are images.
    """

    outputs: Mapping[str, Array] = field(repr=False)
    image: Array | None = field(default=None, repr=False)

    @property
    def zeros(self) -> dict[str, float]:
        """Of each layer the share of its numbers that are exactly zero, 0 to 1."""
        return {path: float(np.mean(y == 0)) if y.size else 0.0 for path, y in self.outputs.items()}

    @property
    def silent(self) -> dict[str, int]:
        """Of each layer how many units, or channels, gave zero for every input."""
        return {path: _silent(y) for path, y in self.outputs.items()}

    def maps(self, path: str, example: int = 0) -> Svg:
        """Draw the channels of a layer that gives images, for one input.

        Args:
            path: of the layer.
            example: which input, counted from 0.

        Raises:
            OptionError: there is no such layer, or no such input.
            ShapeError: it gives no images.
        """
        y = chosen("layer", path, self.outputs)
        if y.ndim != 4:
            raise ShapeError(
                f"{path} gives numbers of shape {y.shape}, which are no images (N, C, H, W)"
            )
        if not 0 <= example < len(y):
            raise OptionError(f"example {example} is not among {len(y)} inputs, 0 to {len(y) - 1}")
        of = y[example]
        limit = float(np.abs(of).max()) or 1.0
        shown = of[:_MOST_MAPS]
        more = f", the first {len(shown)} of {len(of)} channels" if len(shown) < len(of) else ""
        return tile_chart(
            diverging(shown, limit),
            [str(channel) for channel in range(len(shown))],
            title=path + more,
            columns=8,
            limit=limit,
        )

    def _drawn(self) -> Svg:
        strips = [
            Strip(path, y, _figures(y), sizes(y.shape[1:])) for path, y in self.outputs.items()
        ]
        count = len(next(iter(self.outputs.values())))
        spread = strip_chart(
            strips, title=f"What each layer gives for {count:,} input{'s' * (count != 1)}"
        )
        maps = [path for path, y in self.outputs.items() if _has_maps(y)]
        layers = ([path for path in maps if "(Conv" in path] or maps)[:_MOST_LAYERS]
        if self.image is None or not layers:
            return spread
        first = tile_chart(self.image[None], side=96)
        drawn = [first, *(self.maps(path) for path in layers)]
        return stacked([spread, stacked(drawn, title="The first input, and what becomes of it")])


@looks
def activations(model: nn.Module, x: Any) -> Activations:
    r"""Return what each layer of a network gives, `a_l = f_l(a_{l-1})`.

    Args:
        model: is left as it is; it runs in eval mode.
        x: inputs `(N, ...)`, an array, a tensor or `Examples`.

    Returns:
        The outputs by layer, in the order in which they came to be; a container that passes on
        what its last layer gave is left out. Its picture shows how the numbers are spread, and of
        layers that give images the maps for the first input.

    Raises:
        OptionError: `model` is no module, or nothing in it gives a tensor.
        ShapeError: the inputs do not fit it.

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> seen = activations(net, np.ones((5, 3), dtype=np.float32))
        >>> {path: y.shape for path, y in seen.outputs.items()}
        {'0 (Linear)': (5, 4), '1 (ReLU)': (5, 4), '2 (Linear)': (5, 2)}
    """
    rows = inputs_of(x)
    ear = _Ear()
    with still(model) as copied, no_grad(), listen(ear):
        copied(fed(copied, rows.x))
    if not ear.heard:
        raise OptionError(f"no part of this {type(model).__name__} gives a tensor")
    return Activations(ear.heard, pixels_of(rows, [0])[0] if rows.is_image else None)


class _Ear:
    """Hears what the calls of modules return."""

    def __init__(self) -> None:
        self.heard: dict[str, Array] = {}
        self._last: tuple[Array, str] | None = None

    def __call__(self, what: str, *things: Any) -> None:
        if what != "left":
            return
        entry, y = things
        y = _first_tensor(y)
        if y is None or (self._is_passed_on(y) and any(True for _ in entry.who.children())):
            return
        path, times = entry.path, 1
        while (name := path if times == 1 else f"{path} #{times}") in self.heard:
            times += 1
        self.heard[name] = y.array.copy()  # a layer behind may change it in place
        self._last = y.array, name

    def _is_passed_on(self, y: Tensor) -> bool:
        """Whether it is just what the layer before has given."""
        if self._last is None or y.array is not self._last[0]:
            return False
        return np.array_equal(y.array, self.heard[self._last[1]], equal_nan=True)


def _first_tensor(y: Any) -> Tensor | None:
    if isinstance(y, Tensor):
        return y
    parts = y.values() if isinstance(y, dict) else y if isinstance(y, (tuple, list)) else ()
    return next((t for t in map(_first_tensor, parts) if t is not None), None)


def _has_maps(y: Array) -> bool:
    """Whether a layer gives several images for an input."""
    return y.ndim == 4 and min(y.shape[1:]) > 1


def _silent(y: Array) -> int:
    """The units, along the second dimension, that are zero wherever one looks."""
    if y.ndim < 2 or y.ndim == 3:  # of sequences nobody knows which dimension the units are
        return 0
    return int(np.sum(np.all(y == 0, axis=tuple(d for d in range(y.ndim) if d != 1))))


def _figures(y: Array) -> dict[str, str]:
    finite = y[np.isfinite(y)] if y.dtype.kind == "f" else y
    silent = _silent(y)
    return {
        "mean": short(float(finite.mean())) if finite.size else "–",
        "deviation": short(float(finite.std())) if finite.size else "–",
        "zero": f"{100 * float(np.mean(y == 0)):.0f} %" if y.size else "–",
        "always zero": f"{silent} of {y.shape[1]}" if silent else "–",
    }
