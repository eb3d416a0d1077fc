"""Pictures of what a network is and does: graphs of computation, and plots (floor 4).

The module can be called. `chainrule.draw(x)` draws a scalar, a tensor, a module or a network of
layers as a graph, and is the same function as `from chainrule.draw import draw`; `draw.lower` makes
scalars of what a module does. The plots stand beside it under their names: `draw.function`,
`draw.curves`, `draw.descent`, `draw.surface`, `draw.boundary`, `draw.images`, `draw.weights` and
`draw.Animation`. Each is imported when first used.

Examples:
    >>> import chainrule as cr
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> cr.draw(x * x)
    Drawing of mul: 2 nodes, 2 edges
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.later import later

if TYPE_CHECKING:
    from chainrule.draw.drawing import Drawing
    from chainrule.draw.graphs.lowering import lower
    from chainrule.draw.plots.animation import Animation
    from chainrule.draw.plots.boundary import boundary
    from chainrule.draw.plots.descent import descent, surface
    from chainrule.draw.plots.function import curves, function
    from chainrule.draw.plots.images import images, weights
    from chainrule.draw.subject import draw

__all__ = [
    "Animation",
    "Drawing",
    "boundary",
    "curves",
    "descent",
    "draw",
    "function",
    "images",
    "lower",
    "surface",
    "weights",
]

# Imported when first asked for: the name, and the file that has it.
_LATER = {
    "Animation": "plots.animation",
    "Drawing": "drawing",
    "boundary": "plots.boundary",
    "curves": "plots.function",
    "descent": "plots.descent",
    "draw": "subject",
    "function": "plots.function",
    "images": "plots.images",
    "lower": "graphs.lowering",
    "surface": "plots.descent",
    "weights": "plots.images",
}

__getattr__, __dir__ = later(__name__, _LATER)


class _Callable(ModuleType):
    """A module that can be called."""

    def __call__(self, x: Any, *more: Any, **options: Any) -> Any:
        return self.draw(x, *more, **options)


sys.modules[__name__].__class__ = _Callable
