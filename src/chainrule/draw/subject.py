"""`draw`: what kind of thing it was given, and who reads it (floor 4)."""

from __future__ import annotations

from typing import Any

from chainrule.draw.drawing import Drawing
from chainrule.draw.scalars import scalar_graph
from chainrule.scalar import Value

__all__ = ["draw"]


def draw(x: Any, *more: Any, **options: Any) -> Drawing:
    """Draw."""
    if isinstance(x, Value):
        return Drawing(scalar_graph([x, *more], **options))
    raise NotImplementedError
