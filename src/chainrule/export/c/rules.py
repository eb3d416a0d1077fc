"""Which rule writes which operation in C (floor 4).

A *cell* is asked for one element of its result, inside loops over all of them, so that elementwise
operations can follow in the same loops; `None` is the answer where there is no C for the case at
hand. A *block* writes its result whole.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.export.c.folds import FOLDS, RUNNING
from chainrule.export.c.moves import JOINED, MOVES
from chainrule.export.c.nest import Nest
from chainrule.export.c.products import ATTENTION, PRODUCTS
from chainrule.export.c.steps import STEPS
from chainrule.export.c.windows import WINDOWS
from chainrule.plan.program import Instruction

__all__ = ["BLOCKS", "CELLS"]

CELLS: dict[str, Callable[[Nest, Instruction], str | None]] = {
    **FOLDS,
    **MOVES,
    **PRODUCTS,
    **WINDOWS,
}
# What they give back is whether there is a rule for the case at hand.
BLOCKS: dict[str, Callable[[Nest, Instruction], bool]] = {
    **ATTENTION,
    **JOINED,
    **RUNNING,
    **STEPS,
}
