"""A training run in a doctor's hands: examined before it, watched, summed up (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chainrule.data import DataLoader
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.finding import Diagnosis, Finding
from chainrule.explain.doctor.watch import Watch
from chainrule.nn.place import at_home
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
        self._is_resumed = False

    def on_fit_start(self, run: Run) -> None:
        """Examine, unless that was before the break of a resumed run."""
        if not self._is_resumed:
            _tell(run, "before the first step", self.examine(run))
        elif self._watch is not None:
            self._watch.findings = list(run.history.findings)

    def examine(self, run: Run) -> list[Finding]:
        """Look at a network before its first step; returns what is found.

        Args:
            run: of it.
        """
        loader, validation = self._data
        run.model.train()  # as every epoch begins
        try:
            with at_home(run.model):
                case = Case(run.model, loader, run.loss, run.optimizer, validation=validation)
                self._watch = Watch(case, **self._options)
                return self._watch.begin()
        except Exception as error:
            # What training itself will say, and better; and a step of a person's own may give the
            # model more than x.
            if not (isinstance(error, ChainruleError) or self._options["own_step"]):
                raise
            self._watch = None
            return []

    def state_dict(self) -> dict[str, Any]:
        """Return the losses so far and what has been found of them."""
        return {"seen": self._seen, "watch": self._watch.state_dict() if self._watch else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on watching; the network has been examined."""
        self._is_resumed, self._seen = True, int(state["seen"])
        if self._watch is not None and state["watch"] is not None:
            self._watch.load_state_dict(state["watch"])

    def on_epoch_end(self, run: Run) -> None:
        """Look at the epoch; after the last sum up."""
        if self._watch is None:
            return
        with at_home(run.model):
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
