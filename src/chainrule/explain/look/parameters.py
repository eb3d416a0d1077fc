"""The weights of a network: how they are spread, and those of a layer as an image (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from chainrule import nn
from chainrule.draw import weights as units_as_images
from chainrule.errors import OptionError, ShapeError, chosen, kind_of
from chainrule.explain.look.seen import Seen, short, sizes
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.picture import Strip, Svg, diverging, strip_chart, tile_chart

__all__ = ["Weights", "weights"]

_WIDE = 320  # pixels of the longer side of a matrix


@dataclass(frozen=True)
class Weights(Seen):
    """The parameters of a network.

    Attributes:
        parameters: by name, in their shapes; copies.
    """

    parameters: Mapping[str, Array] = field(repr=False)

    def images(self, name: str, shape: tuple[int, int] | None = None) -> Svg:
        """Draw one parameter: blue below zero, pale at zero, red above.

        Args:
            name: of the parameter.
            shape: of a matrix `(units, H * W)` the height and width of the image that each unit
                looks at; the matrix as it stands if not given. Kernels are images as they are.

        Raises:
            OptionError: there is no such parameter.
            ShapeError: a row does not fill the shape.
        """
        array = chosen("parameter", name, self.parameters)
        if array.ndim in (3, 4) or shape is not None:
            stacked = array.reshape(len(array), -1, *array.shape[-2:]) if array.ndim > 3 else array
            return units_as_images(stacked, shape, title=name)
        if array.ndim > 4:
            raise ShapeError(f"{name} has {array.ndim} dimensions, too many for an image")
        matrix = np.atleast_2d(array)
        limit = float(np.abs(matrix).max()) or 1.0
        side = min(_WIDE, 24 * max(matrix.shape))
        return tile_chart(
            diverging(matrix, limit)[None],
            [f"{matrix.shape[0]} rows, {matrix.shape[1]} columns"],
            title=name,
            side=side,
            limit=limit,
        )

    def _drawn(self) -> Svg:
        strips = [
            Strip(
                name,
                array,
                {
                    "mean": short(float(array.mean())),
                    "deviation": short(float(array.std())),
                    "length": short(float(np.linalg.norm(array.ravel()))),
                },
                sizes(array.shape),
            )
            for name, array in self.parameters.items()
        ]
        return strip_chart(strips, title="The weights")


@looks
def weights(model: nn.Module) -> Weights:
    """Return the parameters of a network, to be seen.

    Args:
        model: any module with parameters.

    Raises:
        OptionError: it has none.

    Examples:
        >>> from chainrule import nn
        >>> seen = weights(nn.Sequential(nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 2)))
        >>> list(seen.parameters)
        ['0.weight', '0.bias', '2.weight', '2.bias']
        >>> seen.images("0.weight", shape=(8, 8)).description[:9]
        '10 images'
    """
    if not isinstance(model, nn.Module):
        raise OptionError(f"weights are those of an nn.Module, got {kind_of(model)}")
    found = {name: p.array.copy() for name, p in model.named_parameters()}
    if not found:
        raise OptionError(f"this {type(model).__name__} has no parameters to see")
    return Weights(found)
