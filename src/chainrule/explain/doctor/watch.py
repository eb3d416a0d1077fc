"""A doctor at the bedside: examines before a run, looks in now and then, sums up (floor 4).

Knows nothing of the loop that it watches. It is told of each epoch, which costs next to nothing,
and works with copies where it has to run the network itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule import ops
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.course import Course
from chainrule.explain.doctor.course_checks import AT_THE_END, MEANWHILE
from chainrule.explain.doctor.examine import CHECKS, examined
from chainrule.explain.doctor.finding import Diagnosis, Finding

__all__ = ["Watch"]

# A look at the network takes about as long as training on two thousand examples. Between two of
# them are at least so many, of which it is two in a hundred.
_EXAMPLES = 100_000


class Watch:
    """Over one run.

    Args:
        case: the model before the first step, its data, loss and optimiser.
        own_step: whether steps are a person's own, that cannot be tried again.
        keeps_best: whether the weights of the best epoch are put back in the end.

    Attributes:
        findings: so far, each once.

    Examples:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> x = np.ones((8, 2), np.float32)
        >>> watch = Watch(Case(nn.Linear(2, 1), (x, x[:, :1]), optimizer="adam"))
        >>> [finding.check for finding in watch.begin()]
        ['inputs constant', 'targets all alike']
    """

    def __init__(self, case: Case, *, own_step: bool = False, keeps_best: bool = False) -> None:
        self._case = case
        self._options = {"own_step": own_step, "keeps_best": keeps_best}
        self._course: Course | None = None
        self._seen = 0
        self.findings: list[Finding] = []

    @ops.quiet
    def begin(self) -> list[Finding]:
        """Examine before the first step; returns the findings.

        Of a model that does not run nothing is said: the first step will say it, or gives the model
        something else than a doctor does.
        """
        if self._case.visit.error is not None:
            return []
        self._course = Course(self._case, **self._options)
        return self._new(examined(self._case, CHECKS))

    @ops.quiet
    def epoch(
        self, row: Mapping[str, float], losses: Sequence[float], examples: int
    ) -> list[Finding]:
        """Take in an epoch; returns what is found anew.

        Args:
            row: its figures: loss, validation_loss, learning_rate.
            losses: of its steps.
            examples: how many it trained on.
        """
        if self._course is None:
            return []
        self._course.add(row, losses)
        self._seen += examples
        if self._seen < _EXAMPLES:
            return []
        self._seen = 0
        return self._new(examined(self._course, MEANWHILE, self.findings))

    @ops.quiet
    def end(self) -> list[Finding]:
        """Sum up after the last epoch; returns what is found anew."""
        if self._course is None or not self._course.rows:
            return []
        return self._new(examined(self._course, AT_THE_END, self.findings))

    def state_dict(self) -> dict[str, Any]:
        """Return what the run has shown so far; its findings are kept by whoever was told."""
        course = None if self._course is None else self._course.state_dict()
        return {"seen": self._seen, "course": course}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, of a run that began with the same network.

        Args:
            state: likewise.
        """
        self._seen = int(state["seen"])
        if self._course is not None and state["course"] is not None:
            self._course.load_state_dict(state["course"])

    def _new(self, diagnosis: Diagnosis) -> list[Finding]:
        known = {finding.check for finding in self.findings}
        new = [finding for finding in diagnosis if finding.check not in known]
        self.findings += new
        return new
