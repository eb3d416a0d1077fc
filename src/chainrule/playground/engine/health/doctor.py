"""A doctor beside a session's training: examines its start, looks in now and then (floor 5).

The checks are those of `explain.doctor`. They work on copies, use up no random number and change
none of training; what they cost is counted, and is two hundredths of the time that training has at
most. What is found becomes a remark in the words of `advice`; it goes when a later look finds
nothing any more.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import Tensor
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.check import Check, told
from chainrule.explain.doctor.course import Course
from chainrule.explain.doctor.course_checks import AT_THE_END
from chainrule.explain.doctor.examine import CHECKS
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.doctor.rate import RateTest
from chainrule.ops import Array
from chainrule.playground.engine.health.advice import ADVICE, FORETOLD, remark
from chainrule.playground.engine.settings import Setting

__all__ = ["Doctor"]

_SHARE = 0.02  # of the time that training has

# A check that tries steps out takes about so many of them at most, in batches or of a few rows; the
# others go once through the network with a few hundred rows.
_STEPS = {
    "learning rate too high": 100,
    "learning rate too low": 100,
    "cannot learn one batch": 200,
}
_ROWS = 256
_FEW = 0.3  # of the time of those rows, that a step with fewer takes
_LONGEST = 0.5  # seconds that training may stand still for a check
_LEAST, _SPEED = 0.003, 5e9  # seconds that once through takes at least; operations a second

_FEWEST = 100  # steps that a course is judged by
_LONGER = 1.2  # times as many steps there are, when a course is judged again
_MOST = 2**14  # losses that are kept: of more steps the means of two, of four, ...
_APART = 1.02  # figures are kept each time that there are so many times as many steps

# A range test whose loss fell by less than this share says little about rates.
_TELLING = 0.2

# Checks of what the latest steps show: what was earlier is over.
_LATE = ("learning rate too high", "loss explodes")

_BY_HEART = "cannot learn one batch"  # asked after the first look at the run, for it takes long
_AT_START = tuple(one for one in CHECKS if one.name in ADVICE and one.name != _BY_HEART)
_OF_A_RUN = tuple(one for one in AT_THE_END if one.name in ADVICE)
_LATER = tuple(one for one in CHECKS if one.name == _BY_HEART)


class _Run(Course):
    """The course of a session's run.

    Args:
        case: the start.
        live: gives copies of network and optimizer as they are now.
    """

    def __init__(self, case: Case, live: Callable[[], tuple[nn.Module, Any]]) -> None:
        super().__init__(case)
        self._live = live
        self._tried: list[RateTest | None] = []

    def now(self) -> Case:
        """The same rows, and the network as it has become."""
        case = super().now()
        case.model, case.optimizer = self._live()
        return case

    @property
    def range_test(self) -> RateTest | None:
        """What a range test from the start shows; made once for all parts of a run."""
        if not self._tried:
            self._tried.append(super().range_test)
        return self._tried[0]

    def of(self, rows: list[Mapping[str, float]], losses: Array) -> _Run:
        """The same start, and what has come of it.

        Args:
            rows: figures.
            losses: of steps.
        """
        found = copy.copy(self)
        found.rows, found._losses = rows, [losses]
        found._forget()
        return found


class Doctor:
    """Over one run of a session.

    Args:
        model: in training; it is copied.
        x: the rows to train on, as the model takes them, (n, ...).
        y: their targets.
        loss: of outputs and targets.
        optimizer: of the model; it is copied.
        held_out: rows and targets of the test.
        batch_size: rows of a step.
        settings: of the session.
        table: what can be set, for advice that can be applied.
        clock: seconds.

    Attributes:
        finding: the remark, as a frame has it, or `None`.
        earned: seconds that looking may take.
        spent: and that it took.

    Examples:
        >>> from chainrule.playground.engine.settings import Amount
        >>> model, x = nn.Sequential(nn.Linear(2, 1)), np.ones((8, 2), np.float32)
        >>> options = {"settings": {"lr": 0.1}, "table": {}}
        >>> sgd = optim.SGD(model.parameters(), lr=0.1)
        >>> doctor = Doctor(model, x, x[:, :1], nn.MSELoss(), sgd, **options)
        >>> doctor.look()
        >>> doctor.finding["title"]
        'Inputs constant, every column'
    """

    def __init__(
        self,
        model: nn.Module,
        x: Array,
        y: Array,
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: optim.Optimizer,
        *,
        held_out: tuple[Array, Array] | None = None,
        batch_size: int = 32,
        settings: Mapping[str, Any],
        table: Mapping[str, Setting],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._live = model, optimizer
        self._data, self._held_out = (x, y), held_out if held_out and len(held_out[0]) else None
        self._loss, self._batch = loss, max(1, min(batch_size, len(x)))
        self._settings, self._table, self._clock = settings, table, clock
        self._places = _places(model)
        self._costs: dict[str, float] = {}
        self._first, self._dead = math.nan, dict[str, float]()
        self._start: Case | None = None
        self._queue: list[Check] = [*_AT_START]
        self._later: list[Check] = [*_LATER]
        self.earned = self.spent = 0.0
        self._begin()

    def _begin(self) -> None:
        """Take what is now for the start of a run."""
        self._run: _Run | None = None
        self._copies = self._copied()
        self._found: dict[str, Finding] = {}
        self._losses: list[Array] = []
        self._each, self._rest = 1, np.empty(0)  # steps that a loss is the mean of
        self._rows: list[Mapping[str, float]] = []
        self._steps, self._next, self._rounds = 0, 0, 0
        self._queue = [one for one in self._queue if one not in _OF_A_RUN]
        self.finding: dict[str, Any] | None = None

    # --- what it is told ------------------------------------------------------------------------

    def steps(self, losses: Array) -> None:
        """Take in steps.

        Args:
            losses: of each, before its update.
        """
        new = np.concatenate([self._rest, np.asarray(losses, np.float64).reshape(-1)])
        whole = len(new) // self._each * self._each
        self._losses.append(new[:whole].reshape(-1, self._each).mean(axis=1))
        self._rest = new[whole:]
        self._steps += np.size(losses)
        if sum(map(len, self._losses)) > _MOST:
            kept = np.concatenate(self._losses)
            self._losses = [kept[: len(kept) // 2 * 2].reshape(-1, 2).mean(axis=1)]
            self._each *= 2

    def figures(self, epoch: float, train: float, test: float) -> None:
        """Take in the losses of all rows.

        Args:
            epoch: when.
            train: of those to train on.
            test: of those held out; NaN if there are none.
        """
        if self._rows and self._steps < _APART * self._rows[-1]["steps"] + 1:
            return
        row = {"loss": train, "learning_rate": self._rate, "epoch": epoch, "steps": self._steps}
        self._rows.append(row if math.isnan(test) else {**row, "validation_loss": test})

    @property
    def nbytes(self) -> int:
        """The memory that is taken by copies of the start, about."""
        return 2 * sum(p.array.nbytes for p in self._copies[0].parameters())

    def changed(self, settings: Mapping[str, Any]) -> None:
        """Look at the run from here on, under other settings.

        Args:
            settings: of the session.
        """
        self._settings = settings
        self._begin()

    def snapshot(self) -> Doctor:
        """Return another doctor who knows as much, and goes on from here."""
        other = copy.copy(self)
        other._losses, other._rows = self._losses[:], self._rows[:]
        other._queue, other._later = self._queue[:], self._later[:]
        other._found, other._costs = dict(self._found), dict(self._costs)
        return other

    # --- looking --------------------------------------------------------------------------------

    def visit(self, seconds: float) -> None:
        """Make a check, if training has earned it.

        Args:
            seconds: that training took since the last visit.
        """
        self.earned += _SHARE * seconds
        if not self._queue and self._is_due():
            self._begin_round()
        # What takes long waits until nothing else is to be done.
        waiting = self._queue or (self._later if self._rounds else [])
        if not waiting:
            return
        cost = self._cost(waiting[0])
        if cost > _LONGEST:
            waiting.pop(0)
        elif self.spent + cost <= self.earned:
            self._make(waiting.pop(0))

    def look(self) -> None:
        """Make all checks now, whatever they cost."""
        if self._rows and self._steps >= _FEWEST:
            self._queue = [one for one in self._queue if one not in _OF_A_RUN] + [*_OF_A_RUN]
        while waiting := self._queue or self._later:
            self._make(waiting.pop(0))

    @ops.quiet
    def broke(self) -> None:
        """Look at a run whose loss is no finite number any more: it has nothing to be kept from."""
        self._queue, self._later = [], []
        self._timed("range test", self._after_the_end)

    def _is_due(self) -> bool:
        return bool(self._rows) and self._steps >= max(self._next, _FEWEST)

    def _begin_round(self) -> None:
        self._queue = [*_OF_A_RUN]
        self._next, self._rounds = int(_LONGER * self._steps), self._rounds + 1

    def _cost(self, check: Check) -> float:
        """How many seconds a check will take, as far as that is known."""
        if check.name in self._costs:
            return self._costs[check.name]
        count = sum(p.numel() for p in self._copies[0].parameters())
        once = max(_LEAST, 6 * _ROWS * count / _SPEED)
        if check.name not in _STEPS:
            return once
        rows = 0 if check.name == _BY_HEART else self._batch
        return once * _STEPS[check.name] * max(rows / _ROWS, _FEW)

    @ops.quiet
    def _make(self, check: Check) -> None:
        if self._run is None:
            self._timed("visit", self._open)
        self._timed(check.name, lambda: self._look_for(check))
        self._remark()

    def _timed(self, name: str, work: Callable[[], None]) -> None:
        begun = self._clock()
        work()
        self._costs[name] = self._clock() - begun
        self.spent += self._costs[name]

    def _open(self) -> None:
        """Take up the start: once through the network as it was then."""
        model, optimizer = self._copies
        case = Case(
            model,
            self._data,
            self._loss,
            optimizer,
            validation=self._held_out,
            batch_size=self._batch,
        )
        self._run = _Run(case, self._copied)
        if math.isnan(self._first):
            self._first, self._dead = self._run.first, self._run.dead
        self._run.first, self._run.dead = self._first, self._dead

    def _copied(self) -> tuple[nn.Module, Any]:
        model, optimizer = copy.deepcopy(self._live)
        return model, optimizer

    def _look_for(self, check: Check) -> None:
        assert self._run is not None
        self._found.pop(check.name, None)
        if self._found.keys() & set(check.unless):
            return
        seen: Any = self._run.case
        if check in _OF_A_RUN:
            seen = self._lately() if check.name in _LATE else self._whole()
        try:
            finding = check.look(seen)
        except ChainruleError:  # what cannot be tried again
            return
        if finding is not None:
            self._found[check.name] = self._told_anew(self._with_bounds(finding), seen)

    def _whole(self) -> _Run:
        assert self._run is not None
        return self._run.of(self._rows, np.concatenate(self._losses))

    def _lately(self) -> _Run:
        """The later half of the steps."""
        assert self._run is not None
        losses = np.concatenate(self._losses)
        return self._run.of(self._rows, losses[-max(len(losses) // 2, _FEWEST) :])

    def _with_bounds(self, finding: Finding) -> Finding:
        """A finding about the rate that knows what a range test bears, if one was made."""
        tried = self._run._tried[0] if self._run and self._run._tried else None
        if tried is None:
            return finding
        return replace(finding, figures={**finding.figures, "bears": _borne(tried)})

    def _told_anew(self, finding: Finding, seen: Any) -> Finding:
        """A finding with the counts of the page, where the run counts what is kept of it."""
        if finding.check == "overfitting":
            return replace(finding, evidence=self._risen(finding.figures))
        if finding.check == "loss explodes":
            peak, first = told(finding.figures["peak"]), told(self._first)
            return replace(finding, evidence=f"it came to {peak} lately, and began at {first}")
        if finding.check not in ("plateau", "learning rate too low"):
            return finding
        evidence, kept = finding.evidence, len(seen.losses)
        for now, then in ((self._steps, kept), (self._steps // 2, kept // 2)):
            evidence = evidence.replace(f"{then:,} steps", f"{now:,} steps")
            evidence = evidence.replace(f"last {then:,} of", f"last {now:,} of")
        return replace(finding, evidence=evidence)

    def _risen(self, figures: Mapping[str, Any]) -> str:
        best, now = self._rows[figures["best"] - 1], self._rows[-1]
        return (
            f"the test loss was least in epoch {best['epoch']:,.0f}, {told(figures['least'])}, and "
            f"has risen to {told(figures['last'])} since, while the training loss fell from "
            f"{told(best['loss'])} to {told(now['loss'])}"
        )

    @property
    def _rate(self) -> float:
        return float(self._live[1].param_groups[0]["lr"])

    def _after_the_end(self) -> None:
        """A run that came to no number: at too high a rate, as a range test says or not."""
        if self._run is None:
            self._open()
        assert self._run is not None
        test = self._run.range_test
        evidence = f"the loss became no number after {self._steps:,} steps"
        figures: dict[str, float] = {"rate": self._rate}
        name = "loss explodes"
        if test is not None:
            figures["bears"] = _borne(test)
        if test is not None and not math.isnan(test.rate) and test.rate < self._rate:
            name, figures["better"] = "learning rate too high", test.rate
            evidence += (
                f"; in a range test from the same start it falls up to a rate of {test.edge:.2g} "
                f"and rises beyond, and this was {self._rate:.2g}"
            )
        self._found = {name: Finding(name, Severity.BROKEN, "", evidence, "", figures)}
        self._remark()

    # --- the remark -----------------------------------------------------------------------------

    def _remark(self) -> None:
        """Say the worst that was found; of what was foretold nothing once all goes well."""
        well = self._goes_well()
        left = [f for f in self._found.values() if not (well and f.check in FORETOLD)]
        left = [f for f in left if not self._found.keys() & _causes(f)]
        of_run = {one.name for one in _OF_A_RUN}
        worst = max(left, key=lambda f: (f.severity, f.check in of_run), default=None)
        self.finding = (
            None if worst is None else remark(worst, self._settings, self._table, self._places)
        )

    def _goes_well(self) -> bool:
        if not self._losses or self._run is None:
            return False
        latest = np.concatenate(self._losses)[-_FEWEST:]
        return len(latest) == _FEWEST and float(latest.mean()) < self._run.first / 2


def _causes(finding: Finding) -> set[str]:
    """What a finding would be a consequence of."""
    return {
        name for one in (*CHECKS, *AT_THE_END) if one.name == finding.check for name in one.unless
    }


def _borne(test: RateTest) -> float:
    """The highest rate that a range test speaks for.

    Where the loss hardly fell, as on a plateau, the place of its minimum is chance, and only an
    explosion says anything.
    """
    if test.smooth.min() < (1 - _TELLING) * test.losses[0]:
        return test.edge
    return float(test.rates[-1]) / 3 if test.exploded else math.inf


def _places(model: nn.Module) -> dict[str, str]:
    """What a page calls the layers: of each path that of the last weights before it."""
    found: dict[str, str] = {}
    last, count = "", 0
    for path, module in model.named_modules():
        if isinstance(getattr(module, "weight", None), nn.Parameter):
            count, last = count + 1, path
        if path and count:
            found[path] = f"hidden {count}"
    return {path: "output" if path == last else name for path, name in found.items()}
