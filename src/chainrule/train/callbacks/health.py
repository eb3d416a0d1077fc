"""A training run in a doctor's hands: examined before it, watched, summed up (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from chainrule.data import DataLoader
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.finding import Diagnosis, Finding
from chainrule.explain.doctor.watch import Watch
from chainrule.train.callbacks.best import BestWeights
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.run import Run

__all__ = ["Health"]

# Findings that are shown at a time; the history has them all.
_SHOWN = 3


class Health(Callback):
    """Hands a run to a `Watch`, and lets the person know what it finds.

    Args:
        loader: the training data.
        validation: what is measured on.
        own_step: whether steps are a person's own.
        others: the other callbacks, told before this one.
    """

    each_step: ClassVar[bool] = False

    def __init__(
        self,
        loader: DataLoader,
        validation: DataLoader | None,
        own_step: bool,
        others: Sequence[Callback],
    ) -> None:
        self._data = loader, validation
        self._options = {
            "own_step": own_step,
            "keeps_best": any(isinstance(one, BestWeights) for one in others),
        }
        self._watch: Watch | None = None
        self._seen = 0

    def on_fit_start(self, run: Run) -> None:
        """Examine."""
        loader, validation = self._data
        run.model.train()  # as every epoch begins
        try:
            case = Case(run.model, loader, run.loss, run.optimizer, validation=validation)
            self._watch = Watch(case, **self._options)
            _tell(run, "before the first step", self._watch.begin())
        except Exception as error:
            # What training itself will say, and better; and a step of a person's own may give the
            # model more than x.
            if not (isinstance(error, ChainruleError) or self._options["own_step"]):
                raise
            self._watch = None

    def on_epoch_end(self, run: Run) -> None:
        """Look at the epoch; after the last sum up."""
        if self._watch is None:
            return
        found = self._watch.epoch(run.history.rows[-1], run.losses, run.seen - self._seen)
        _tell(run, f"in epoch {run.epoch}", found)
        self._seen = run.seen
        if run.stopped or run.epoch == run.epochs:
            _tell(run, "after the last step", self._watch.end())


def _tell(run: Run, when: str, findings: Sequence[Finding]) -> None:
    run.history.findings += findings
    if findings:
        diagnosis = Diagnosis(tuple(findings), {})
        run.notices.append(f"not well {when}:\n{diagnosis.text(most=_SHOWN)}")
