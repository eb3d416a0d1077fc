"""The way forward of a derivation, computed again from its terms with other numbers (floor 4).

What a nudge of any value in between does to the result is found by taking that value for given and
computing what comes after it; what autograd says of it, by computing the same lines on tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, grad
from chainrule.explain.equations.lines import Line
from chainrule.ops import Array

__all__ = ["Rerun"]


@dataclass
class Rerun:
    """The lines of the way forward, to be computed again with other numbers.

    Attributes:
        lines: forward.
        values: what was given, by label, float64.
        result: the label of what the gradients are of; if it is not one number, of its sum.
    """

    lines: Sequence[Line]
    values: Mapping[str, Any]
    result: str

    def forward(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """All values, if some are not what they would be."""
        found = {**self.values, **changed}
        for line in self.lines:
            if line.left.label not in changed:
                found[line.left.label] = line.right.evaluate(found)
        return found

    def total(self, changed: Mapping[str, Any]) -> float:
        """The result, if some values are not what they would be."""
        return float(np.sum(self.forward(changed)[self.result]))

    def slopes(self) -> dict[str, Array]:
        """The gradients that autograd finds of all values, by label."""
        tensors = {label: _leaf(value) for label, value in self.values.items()}
        found = self.forward(tensors)
        wanted = {
            label: t for label, t in found.items() if isinstance(t, Tensor) and t.requires_grad
        }
        gradients = grad(found[self.result].sum(), [*wanted.values()], allow_unused=True)
        return {
            label: np.zeros(t.shape) if g is None else g.array
            for (label, t), g in zip(wanted.items(), gradients)
        }


def _leaf(value: Any) -> Any:
    array = np.asarray(value)
    return Tensor(array, requires_grad=True) if array.dtype.kind == "f" else value
