"""What a doctor found, and what all findings together come to (floor 4).

A finding is plain data: which check spoke, where, what was measured, and one edit that mends it. A
diagnosis is the findings, worst first, and the checks that were made. This file knows no check.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from chainrule.picture import Markup, element, join

__all__ = ["Diagnosis", "Finding", "Severity"]

# How many findings are shown: who has mended these sees whether the rest was a consequence.
_SHOWN = 5
_WIDTH = 84


class Severity(IntEnum):
    """How bad it is.

    Attributes:
        HINT: it may well be meant.
        HARMFUL: training suffers.
        BROKEN: nothing is learned, or something else.
    """

    HINT = 1
    HARMFUL = 2
    BROKEN = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: the name of the check that found it: "inputs unscaled".
        severity: how bad it is.
        where: the module's path, the column or the split; or "".
        evidence: what was measured, in one sentence.
        advice: one edit that mends it, in words, or in words and code: "words: code".
        figures: what was measured, by name.

    Examples:
        >>> dead = Finding(
        ...     "dead ReLUs", Severity.HARMFUL, "1 (ReLU)", "30 of 32 units are 0 for every row",
        ...     "set another rate: optimizer.param_groups[0]['lr'] = 0.001", {"share": 0.94},
        ... )
        >>> print(dead)
        dead ReLUs, 1 (ReLU): 30 of 32 units are 0 for every row
           -> set another rate:
              optimizer.param_groups[0]['lr'] = 0.001
    """

    check: str
    severity: Severity
    where: str
    evidence: str
    advice: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The check, and where."""
        return f"{self.check}, {self.where}" if self.where else self.check

    def __str__(self) -> str:
        words, colon, code = self.advice.partition(": ")
        lines = [_wrapped(f"{self.title}: {self.evidence}", "", "   ")]
        lines.append(_wrapped(words + colon.rstrip(), "   -> ", "      "))
        return "\n".join([*lines, *(f"      {line}" for line in code.split("; ") if line)])


def _wrapped(text: str, first: str, then: str) -> str:
    """Lines that fit a terminal; words, which may be code, are left whole."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


@dataclass(frozen=True)
class Diagnosis:
    """Findings, worst first, and the checks that were made.

    Args:
        findings: in any order; of equally bad ones the earlier stays first.
        checks: what each check that was made looks for, by its name.

    Examples:
        >>> healthy = Diagnosis((), {"dead ReLUs": "units that are 0 for every row"})
        >>> print(healthy)
        nothing found in 1 check
        >>> print(healthy.text(verbose=True))
        nothing found in 1 check:
          dead ReLUs: units that are 0 for every row
    """

    findings: tuple[Finding, ...]
    checks: Mapping[str, str]

    def __post_init__(self) -> None:
        worst_first = sorted(self.findings, key=lambda f: -f.severity)
        object.__setattr__(self, "findings", tuple(worst_first))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, number: int) -> Finding:
        return self.findings[number]

    @property
    def names(self) -> list[str]:
        """The checks that found something, worst first, each once."""
        return list(dict.fromkeys(f.check for f in self.findings))

    def text(self, *, most: int | None = _SHOWN, verbose: bool = False) -> str:
        """Return what to print.

        Args:
            most: how many findings to show; `None` for all.
            verbose: whether to list the checks too.
        """
        shown = self.findings[:most]
        lines = [f"{i}. {finding}" for i, finding in enumerate(shown, 1)]
        if len(shown) < len(self):
            lines.append(f"and {len(self) - len(shown)} more, which may come of these")
        count = f"{len(self.checks)} check" + "s" * (len(self.checks) != 1)
        if not self.findings:
            lines.append(f"nothing found in {count}" + ":" * verbose)
        elif verbose:
            lines.append(f"{count} made:")
        if verbose:
            lines += [_wrapped(f"{n}: {told}", "  ", "    ") for n, told in self.checks.items()]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        if not self.findings:
            return element("p", self.text())
        return element("ol", *map(_item, self.findings))

    @classmethod
    def together(cls, parts: Iterable[Diagnosis]) -> Diagnosis:
        """One diagnosis of several, as of the examination before a run and the watch during it."""
        parts = list(parts)
        findings = tuple(finding for part in parts for finding in part)
        return cls(findings, {k: v for part in parts for k, v in part.checks.items()})


def _item(finding: Finding) -> Markup:
    said = [element("b", finding.title), ": ", finding.evidence, element("br")]
    return element("li", join([*said, element("i", finding.advice)]))
