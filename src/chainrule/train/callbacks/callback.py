"""The moments of a training run that something can be hung on to (floor 4).

A callback overrides the moments it cares about; each gets the run itself, whose model, history,
epoch and step it may read, and which it may ask to `stop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chainrule.train.fitting.run import Run

__all__ = ["Callback"]


class Callback:
    """The moments of a run; override those that matter.

    One that remembers something from epoch to epoch says so by `state_dict`, and takes it up again
    by `load_state_dict`: so it goes on in a resumed run as if there had been no break.

    Attributes:
        each_step: whether `on_step_end` has to be called after every step. Where `False`, small
            steps that are compiled are taken many at a time, and it is called after those.
    """

    each_step: ClassVar[bool] = True

    def on_fit_start(self, run: Run) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, run: Run) -> None:
        """Before the first step of an epoch."""

    def on_step_end(self, run: Run) -> None:
        """After a step: `run.step_loss` is its loss."""

    def on_epoch_trained(self, run: Run) -> None:
        """After the last step of an epoch, before anything is measured."""

    def on_epoch_end(self, run: Run) -> None:
        """After an epoch: its figures are the last row of `run.history`."""

    def on_fit_end(self, run: Run) -> None:
        """At the end, also if it was interrupted or failed."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint has to keep: tensors, arrays, plain values; none by default."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave; called in a resumed run, before `on_fit_start`."""
