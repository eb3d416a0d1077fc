"""Terms made simple until they read like a textbook, by rules that hold for all arrays (floor 4).

Each rule is about operations of the table, and none about a layer: a transpose of a transpose is
nothing, a sum over something repeated is a multiple, e^x over the sum of e^x is softmax, and what
softmax gives adds up to 1. Each subject has a file.
"""

from chainrule.explain.equations.rules import (
    arithmetic,
    choices,
    probabilities,
    shapes,
    sums,
)
from chainrule.explain.equations.rules.simplifier import Simplifier

__all__ = ["Simplifier", "arithmetic", "choices", "probabilities", "shapes", "sums"]
