"""What pieces of a reduction have come to, collected in variables (floor 2).

Within a row numbers are combined in whatever order suits vectors. What is summed up over many rows
or many pieces is kept in more digits, so that a sum of float32 is no less exact than NumPy's.
"""

from __future__ import annotations

import numpy as np

from chainrule.plan.formulas.reductions import Reduction
from chainrule.plan.formulas.registers import Dtype, Register
from chainrule.plan.native.llvm.ir import Writer

__all__ = ["Total"]


class Total:
    """A variable that collects what pieces of a reduction have come to.

    A sum of float32 is collected in float64, one of float64 with what rounding lost beside it
    (A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974).
    """

    def __init__(self, w: Writer, how: Reduction, dtype: Dtype) -> None:
        self.how, self.dtype = how, dtype
        exact = how.sums and dtype.kind == "f"
        self.kept = np.dtype(np.float64) if exact else dtype
        self.place = w.variable(w.number(how.start(dtype), self.kept))
        self.lost = w.variable(w.number(0, dtype)) if exact and dtype == self.kept else ""
        self.writer = w

    def add(self, x: Register) -> None:
        """Collect one more piece."""
        w, old = self.writer, self.writer.load(self.place, self.kept)
        x = x.to(self.kept)
        new = old + x if self.how.sums else self.how.combine(old, x)
        w.store(new, self.place)
        if self.lost:
            back = new - old
            error = (old - (new - back)) + (x - back)
            w.store(w.load(self.lost, self.kept) + error, self.lost)

    def result(self) -> Register:
        """What all pieces come to."""
        return self.exact().to(self.dtype)

    def exact(self) -> Register:
        """The same in as many digits as it was collected in."""
        w, y = self.writer, self.writer.load(self.place, self.kept)
        if self.lost:
            fixed = y + w.load(self.lost, self.kept)
            y = fixed.eq(fixed).select(fixed, y)  # of infinities nothing is lost
        return y
