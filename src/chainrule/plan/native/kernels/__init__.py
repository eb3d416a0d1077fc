"""Kernels: instructions that are nests of loops of their own kind, by the name of the op (floor 2).

Each file has one family of ops and gives a table, name to the function that writes an instruction
of that op on a `Site`. A case that a kernel has no code for raises `Unsupported`, before anything
is written or after; then the op's forward is carried out by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.plan.native.kernels.attention.attention import ATTENTION
from chainrule.plan.native.kernels.attention.batched import BATCHED
from chainrule.plan.native.kernels.checks import CHECKS
from chainrule.plan.native.kernels.convolution.convolution import CONVOLUTIONS
from chainrule.plan.native.kernels.draws import DRAWS
from chainrule.plan.native.kernels.indexing.copies import COPIES
from chainrule.plan.native.kernels.indexing.extremes import EXTREMES
from chainrule.plan.native.kernels.indexing.gather import GATHER
from chainrule.plan.native.kernels.indexing.scan import SCANS
from chainrule.plan.native.kernels.indexing.sorting import SORTING
from chainrule.plan.native.kernels.pooling.folding import FOLDING
from chainrule.plan.native.kernels.pooling.padding import PADDING
from chainrule.plan.native.kernels.pooling.places import PLACES
from chainrule.plan.native.kernels.pooling.pooling import POOLING
from chainrule.plan.native.kernels.pooling.resampling import RESAMPLING
from chainrule.plan.native.kernels.recurrence.recurrent import RECURRENT
from chainrule.plan.native.site import Site

__all__ = ["KERNELS"]

KERNELS: dict[str, Callable[[Site], None]] = {
    **ATTENTION,
    **BATCHED,
    **CHECKS,
    **CONVOLUTIONS,
    **COPIES,
    **DRAWS,
    **EXTREMES,
    **GATHER,
    **RECURRENT,
    **FOLDING,
    **PADDING,
    **PLACES,
    **POOLING,
    **RESAMPLING,
    **SCANS,
    **SORTING,
}
