"""A run at a moment: all that it takes to go on from there to the last bit (floor 4).

Weights and buffers, what the optimiser and the schedule remember, where every random generator is,
which batches of the epoch have been taken, the figures so far, what callbacks remember, and how far
the recording of the step had come. Taken as plain values and arrays; put back in place, for
whoever holds an array, such as a recorded step, goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import Tensor
from chainrule.backend.arrays import to_host
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.ops import Array
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.health import Health
from chainrule.train.callbacks.progress import Progress
from chainrule.train.checkpointing.chance import Chance
from chainrule.train.checkpointing.store import newest
from chainrule.train.fitting.epoch import Epoch
from chainrule.train.fitting.run import History, Run

__all__ = ["Snapshots"]


# What reading plain values comes to where they are not what they should be.
_MISFITS = (ChainruleError, LookupError, TypeError, ValueError, AttributeError, OverflowError)


class Snapshots:
    """Takes a run down as it is, and takes it up again.

    Args:
        run: the run, before its first step.
        steps: of its epochs.
        callbacks: in the order in which they are told.
        planned: the name of the schedule, if it was made for as many steps as the run has.
    """

    def __init__(
        self, run: Run, steps: Epoch, callbacks: Sequence[Callback], planned: str = ""
    ) -> None:
        self._run, self._steps, self._planned = run, steps, planned
        self._callbacks = [one for one in callbacks if not isinstance(one, Progress)]
        of_data = steps.loader, steps.augment
        taking_part = (run.model, run.loss, of_data, steps.step, steps.schedule)
        self._chance = steps.chance = Chance(*taking_part, self._callbacks)

    def taken(self) -> dict[str, Any]:
        """Return the run as it is, as tensors, arrays and plain values.

        Raises:
            OptionError: something that takes part does not say what is to be kept of it.
        """
        run, steps = self._run, self._steps
        return {
            "job": self._job(),
            "run": run.state_dict(),
            "history": _told(run.history),
            "training": run.model.training,
            "model": run.model.state_dict(),
            "buffers": {name: to_host(b.array) for name, b in _passing(run.model)},
            "loss": run.loss.state_dict() if isinstance(run.loss, nn.Module) else {},
            "optimizer": run.optimizer.state_dict(),
            "schedule": None if steps.schedule is None else _state(steps.schedule),
            "steps": steps.state_dict(),
            "callbacks": [(_name(one), one.state_dict()) for one in self._callbacks],
            "chance": self._chance.state(),
        }

    def go_on(self, state: Any, name: str) -> None:
        """Let the run be as it was.

        Args:
            state: what `taken` returned, from outside: nothing of it is taken for granted.
            name: of the file that it is from.

        Raises:
            DataError: it is that of another run.
        """
        try:
            self._fits(state["job"])
            self._go_on(state)
        except _MISFITS as error:
            reason = str(error) if isinstance(error, ChainruleError) else "a part of it is none"
            raise DataError(
                f"{name} is not of this run: {reason.rstrip('.')}; resume with the network, the "
                "optimizer, the data and the options that it was saved with"
            ) from None

    def resume(self, folder: Path) -> None:
        """Take up the newest checkpoint of a folder that is whole, if there is one.

        Args:
            folder: it need not exist.

        Raises:
            DataError: it is that of another run.
        """
        run = self._run
        found = newest(folder, most_bytes=_most_bytes(run.model))
        run.notices += found.damaged
        if found.path is None:
            run.notices.append(f"there is nothing to resume in {folder}: from the beginning")
            return
        for one in self._callbacks:
            if isinstance(one, Health):  # while the network is what it began with
                one.examine(run)
        self.go_on(found.state, found.path.name)
        run.notices.append(
            f"resumed from {found.path.name}: epoch {run.epoch} of {run.epochs}, "
            f"step {run.step:,} of {run.total_steps:,}"
        )

    def _go_on(self, state: Mapping[str, Any]) -> None:
        run, steps = self._run, self._steps
        run.model.train(state["training"])  # first, for it counts as a setting
        run.model.load_state_dict(state["model"])
        for name, buffer in _passing(run.model):
            ops.assign(buffer, state["buffers"][name])
        if isinstance(run.loss, nn.Module):
            run.loss.load_state_dict(state["loss"])
        run.optimizer.load_state_dict(state["optimizer"])
        if steps.schedule is not None:
            steps.schedule.load_state_dict(state["schedule"])
        _remember(run.history, state["history"])
        run.load_state_dict(state["run"])
        steps.load_state_dict(state["steps"])
        self._remind(state["callbacks"])
        self._chance.go_on(state["chance"])

    def _job(self) -> dict[str, Any]:
        """What must be the same in the run that goes on."""
        loader, run = self._steps.loader, self._run
        return {
            "batches in an epoch": len(loader),
            "examples in a batch": loader.batch_size,
            "optimizer": _kind(run.optimizer),
            "schedule": type(self._steps.schedule).__name__,
            "epochs of the schedule": run.epochs if self._planned else 0,
        }

    def _fits(self, job: Mapping[str, Any]) -> None:
        for name, here in self._job().items():
            if job[name] != here:
                raise OptionError(f"{name}: {job[name]!r:.40} there, {here!r:.40} here")

    def _remind(self, saved: Sequence[tuple[str, Any]]) -> None:
        """Give callbacks their states; of several of a kind, the first that of the first."""
        here = list(self._callbacks)
        for name, state in saved:
            found = next((one for one in here if _name(one) == name), None)
            if found is not None:
                here.remove(found)
                found.load_state_dict(state)
            elif state:
                raise OptionError(f"there is no {name} among the callbacks, which it has")


def _name(callback: Callback) -> str:
    return type(callback).__qualname__


def _kind(optimizer: Any) -> str:
    """The name of an optimiser; of one whose state is shared out, that of what it is a part of."""
    return type(getattr(optimizer, "optim", optimizer)).__name__


def _state(schedule: Any) -> Any:
    if not hasattr(schedule, "state_dict"):
        raise OptionError(
            f"a run with the schedule {type(schedule).__name__} cannot be saved, for that has no "
            "state_dict() and no load_state_dict(); write them, or use one of optim.lr_scheduler"
        )
    return schedule.state_dict()


def _passing(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """The buffers that are no part of the model's own state."""
    known = model.state_dict()
    return ((name, b) for name, b in model.named_buffers() if name not in known)


def _most_bytes(model: nn.Module) -> int:
    """The size of a file that such a model may need: its weights, many times over, and figures."""
    state = model.state_dict().values()
    return 256 * sum(v.nbytes for v in state if isinstance(v, Tensor)) + 2**30


# --- the figures --------------------------------------------------------------------------------


def _told(history: History) -> dict[str, Any]:
    return {
        "rows": history.rows,
        "best_epoch": history.best_epoch,
        "kept": history.kept,
        "findings": [
            (f.check, int(f.severity), f.where, f.evidence, f.advice, _plain(f.figures))
            for f in history.findings
        ],
    }


def _remember(history: History, state: Mapping[str, Any]) -> None:
    rows = [{str(name): float(value) for name, value in row.items()} for row in state["rows"]]
    for row in rows:
        row["epoch"] = int(row["epoch"])
    history.rows[:] = rows
    best = state["best_epoch"]
    history.best_epoch = None if best is None else int(best)
    history.kept = dict(state["kept"])
    history.findings[:] = [
        Finding(check, Severity(severity), where, evidence, advice, figures)
        for check, severity, where, evidence, advice, figures in state["findings"]
    ]


def _plain(value: Any) -> Any:
    """Figures of a finding, what is no plain value as text."""
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray, np.generic)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    array: Array | None = getattr(value, "array", None)
    return str(value) if array is None else array
