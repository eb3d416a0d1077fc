"""`Equations`: a derivation as a whole, which prints, shows and saves itself (floor 4).

It holds the lines, what they were found from and what they were held against. How it is written is
the business of the writers: text in a terminal, a page of MathML, LaTeX.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.errors import OptionError, did_you_mean
from chainrule.explain.equations.checks import Check
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.writing.html import fragment, page
from chainrule.explain.equations.writing.latex import latex as as_latex
from chainrule.explain.equations.writing.text import text
from chainrule.files import replace_text

__all__ = ["Equations"]

_ENDINGS = (".html", ".tex", ".txt")


@dataclass(frozen=True)
class Equations:
    r"""The derivation of a network, or of a number.

    Attributes:
        sections: forward by layer, then backward by layer, the last first.
        head: sentences that hold for all of it.
        values: the arrays that the names stood for, by label.
        checks: slopes that were held against `backward()` and against differences.

    Examples:
        >>> from chainrule.explain import equations
        >>> from chainrule.scalar import Value
        >>> derivation = equations(Value(2, "a") * 3 + 1)
        >>> print(derivation.latex().split("$$")[1])
        \begin{aligned}
        v_{1} &= a \cdot 3 = 2 \cdot 3 = 6 \\
        L &= v_{1} + 1 = 6 + 1 = 7
        \end{aligned}
        >>> derivation["dL/da"].steps[-1]
        3.0
    """

    sections: tuple[Section, ...]
    head: tuple[str, ...]
    values: dict[str, Any]
    checks: tuple[Check, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, in order."""
        return tuple(line for section in self.sections for line in section.lines)

    def __getitem__(self, label: str) -> Line:
        """The line that says what a name is, by the label of the name, as "dW1"."""
        for line in self.lines:
            if line.left.label == label:
                return line
        raise KeyError(f"no line says what {label} is; there are {self._labels()}")

    def _labels(self) -> str:
        return ", ".join(line.left.label for line in self.lines)

    # --- to be read -----------------------------------------------------------------------------

    def __str__(self) -> str:
        return text(self.head, self.sections, self.checks)

    __repr__ = __str__

    def html(self) -> str:
        """Return the derivation as HTML to be put into a page, in whose ink it is set."""
        return fragment(self.head, self.sections, self.checks)

    def latex(self) -> str:
        """Return the derivation as LaTeX with amsmath: text, and formulas in $$."""
        return as_latex(self.head, self.sections, self.checks)

    _repr_html_ = html
    _repr_latex_ = latex

    def save(self, path: str | os.PathLike[str], *, title: str = "Equations") -> None:
        """Write the derivation to a file, beside it first and then renamed.

        Args:
            path: ending in `.html` (a page that needs nothing else), `.tex` or `.txt`.
            title: of the page.

        Raises:
            OptionError: another ending.
            OSError: the folder is missing, or may not be written to.
        """
        ending = Path(path).suffix.lower()
        if ending not in _ENDINGS:
            raise OptionError(
                f"equations are saved as .html, .tex or .txt, got {os.fspath(path)!r}"
                + did_you_mean(ending, _ENDINGS)
            )
        if ending == ".html":
            replace_text(path, page(self.head, self.sections, self.checks, title))
        else:
            said = self.latex() if ending == ".tex" else str(self)
            replace_text(path, said + "\n")
