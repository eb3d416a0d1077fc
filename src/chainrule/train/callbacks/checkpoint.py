"""Checkpoints of a run, so that one that is broken off goes on as if it had not been (floor 4)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chainrule.backend.ranks import say_at_end
from chainrule.errors import DataError, OptionError
from chainrule.train.callbacks.callback import Callback
from chainrule.train.checkpointing import store
from chainrule.train.fitting.run import Run

__all__ = ["Checkpoint"]

# By time a checkpoint is due at the earliest when this many times as long has passed as the last
# took to be written: it costs a twentieth of the time at most.
_RARELY = 20


class _Kept(Protocol):
    """What can be kept and taken up again."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any, /) -> Any: ...


class Checkpoint(Callback):
    """Save all of a run, now and then, so that `fit(..., resume=folder)` goes on from there.

    What is resumed comes to the numbers, to the last bit, to which the run would have come: saved
    are weights and buffers, optimiser and schedule, random generators, the place in the epoch, the
    figures so far, what callbacks remember, and how steps are carried out. A file is written beside
    and renamed, so that whenever a process is killed the last one is whole; it carries a checksum,
    and where that is wrong the one before is used.

    Without `epochs`, `steps` and `seconds` it saves after each epoch. Small steps that are compiled
    are taken many at a time: then it is the first pause after so many steps or seconds.

    Args:
        folder: of the checkpoints, made when the first is written.
        epochs: save after every so many.
        steps: save after every so many.
        seconds: save when so many have passed since the last, but so seldom that writing takes a
            twentieth of the time at most.
        keep: how many to leave, the newest.
        also: further things to keep, by name, that have `state_dict()` and `load_state_dict()`.

    Of several ranks rank 0 writes; what it has written any number of ranks goes on from.

    Attributes:
        advice: how to go on, said when another rank is lost; by default the name of the folder.

    Raises:
        OptionError: a number outside its range.
        DataError: a checkpoint cannot be written; those before are still there.

    Examples:
        >>> import tempfile
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> def run(epochs, folder):
        ...     _ = cr.manual_seed(0)
        ...     saver = Checkpoint(folder)
        ...     return fit(
        ...         nn.Linear(1, 1), (x, 3 * x), epochs=epochs, callbacks=[saver], resume=folder,
        ...         progress=False,
        ...     )
        >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        ...     whole = run(4, one)
        ...     broken_off = run(2, other)
        ...     resumed = run(4, other)
        >>> resumed["loss"] == whole["loss"]
        True
    """

    each_step = False

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        epochs: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        keep: int = 2,
        also: Mapping[str, _Kept] | None = None,
    ) -> None:
        for name, value in {"epochs": epochs, "steps": steps, "keep": keep}.items():
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if value is not None and (not whole or value < 1):
                raise OptionError(f"{name} must be a whole number of at least 1, got {value!r:.60}")
        if seconds is not None and not seconds >= 0:
            raise OptionError(f"seconds must be at least 0, got {seconds!r:.60}")
        self.folder = Path(folder)
        self.keep = keep
        if epochs is None and steps is None and seconds is None:
            epochs = 1
        self._epochs, self._steps, self._seconds = epochs, steps, seconds
        self._also = dict(also or {})
        self.advice = f"Resume from {self.folder}"
        self._last_step, self._last_time, self._took = 0, 0.0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the further things."""
        return {name: one.state_dict() for name, one in self._also.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give the further things their states."""
        for name, one in self._also.items():
            one.load_state_dict(state[name])

    def on_fit_start(self, run: Run) -> None:
        """Clear away what was never written to its end, and count from here."""
        if run.speaks:
            store.clear(self.folder, parts_only=True)
        self._last_step, self._last_time = run.step, time.perf_counter()

    def on_step_end(self, run: Run) -> None:
        """Save, if it is time."""
        steps = self._steps or 0
        if (steps and run.step // steps > self._last_step // steps) or self._is_time(run):
            self.save(run)

    def on_epoch_end(self, run: Run) -> None:
        """Save, if it is time; and what is left in the end."""
        is_due = run.epoch % (self._epochs or 1) == 0 or run.epoch == run.epochs or run.stopped
        if (self._epochs and is_due) or self._is_time(run):
            self.save(run)

    def _is_time(self, run: Run) -> bool:
        if self._seconds is None:
            return False
        passed = time.perf_counter() - self._last_time
        return bool(run.as_first(passed >= max(self._seconds, _RARELY * self._took)))

    def save(self, run: Run) -> None:
        """Write a checkpoint of the run as it is.

        Args:
            run: that `fit` has told of.

        Raises:
            DataError: it cannot be written.
        """
        if run.snapshot is None:
            raise OptionError("a checkpoint is of a run of fit; give it among its callbacks")
        begun = time.perf_counter()
        whole = nullcontext() if run.crew is None else run.crew.whole_state(run.optimizer)
        try:
            with whole:
                if run.speaks:
                    store.write(self.folder, run.step, run.snapshot(), self.keep)
        except DataError as error:
            last = store.newest(self.folder).path
            kept = f"the last that was saved is {last.name}" if last else "none was saved before"
            raise DataError(
                f"{error}; training has stopped in epoch {run.epoch} after step {run.step}, and "
                f"{kept}: make room, and resume"
            ) from None
        if run.crew is not None and run.speaks:
            say_at_end(self.advice)
        self._last_step, self._last_time = run.step, time.perf_counter()
        self._took = self._last_time - begun
