"""The equations of a network, forward and backward, made by running the table's rules on symbols.

A run is recorded at the one door, its values get names, the derivative rules of its operations are
performed on terms rather than arrays, and what comes out is made simple until it reads like a book.
No rule of any layer is written here (floor 4).
"""

from chainrule.explain.equations.equations import Equations
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.terms.term import Term

__all__ = ["Equations", "Line", "Section", "Term"]
