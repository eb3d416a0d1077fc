"""Memory: every value that owns some gets a place in one arena, reused when the value dies (floor 2).

A value lives from the step that writes it to the last that reads it or a view of it. Two values may
have the same bytes when they do not live at the same time, and an elementwise result may lie where
an operand of the same size lay that dies in that very step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainrule.plan.program import Value

__all__ = ["Allocation"]

# Bytes: a cache line, and the widest vector.
ALIGNMENT = 64


@dataclass(frozen=True)
class Allocation:
    """Where in the arena each made value lies, in row-major order.

    Attributes:
        size: bytes of the arena.
        offsets: for each made value that owns memory its first byte, a multiple of `ALIGNMENT`.
            Inputs and states have memory of their own, views that of their base, and what a group
            makes and reads only itself none.
    """

    size: int
    offsets: Mapping[Value, int]
