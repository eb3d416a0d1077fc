"""Training: a recorded step, batches in a fixed order, figures after epochs (floor 5).

A run is the same to the last bit whenever it is made, and after each change that was taken back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator, Tensor, from_numpy, no_grad, tensor
from chainrule.errors import DataError
from chainrule.ops import Array, assign
from chainrule.playground.engine.health.doctor import Doctor
from chainrule.playground.engine.plane.data import PlaneData
from chainrule.playground.engine.plane.features import features
from chainrule.playground.engine.plane.network import loss_of, network, optimizer_of
from chainrule.playground.engine.plane.settings import SETTINGS
from chainrule.playground.engine.plane.subject import Subject
from chainrule.playground.engine.training.curve import Curve
from chainrule.playground.engine.training.held import Held
from chainrule.playground.engine.training.recorded import Recorded
from chainrule.playground.engine.training.stepping import Stepping

__all__ = ["Moment", "Part", "Training"]


class Part(NamedTuple):
    """The training points or the test points, as the network takes them.

    Attributes:
        x: (n, F) float32.
        y: labels (n,) int64, or numbers (n, 1) float32.
    """

    x: Array
    y: Array


class Moment(NamedTuple):
    """Where training was."""

    held: Held
    penalties: tuple[float, float]
    steps: int
    loss: float
    curve: Any
    log: tuple[tuple[int, str, float], ...]
    before: list[Array]
    doctor: Doctor
    room: int

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        before = sum(array.nbytes for array in self.before)
        return self.held.nbytes + self.room + self.doctor.nbytes + before


class Training:
    """A network in training.

    Args:
        settings: of the session.
        data: the points.

    Attributes:
        data: the points.
        model: the network.
        optimizer: of its parameters.
        subject: what questions about it are about.
        train: the training points.
        test: those held out.
        curve: figures after epochs.
        log: live settings that were changed: after how many steps, which, and to what.
        first: lr, l1 and l2 as they were in the beginning.
        batch: rows of a step.
        before: the parameters before the latest step; none before the first.
        doctor: looks in now and then.

    Raises:
        OptionError: there would be too many weights.
    """

    def __init__(self, settings: Mapping[str, Any], data: PlaneData) -> None:
        self.data = data
        self._names = tuple(settings["features"])
        self._generator = Generator(settings["seed"])
        self.model = network(settings, data.outputs, self._generator)
        self.optimizer = optimizer_of(settings, self.model)
        self.loss: nn.Module = getattr(nn, loss_of(settings, data.classes).name)()
        self.first = {name: float(settings[name]) for name in ("lr", "l1", "l2")}
        self._l1, self._l2 = (tensor(self.first[name]) for name in ("l1", "l2"))
        self.train, self.test = self._part(data.train), self._part(data.test)
        self.curve = Curve(["train", "test", "score_train", "score_test"])
        self.log: list[tuple[int, str, float]] = []
        self.before: list[Array] = []
        self.subject = Subject(
            self.model,
            self.features,
            settings["features"],
            self.loss,
            data.classes,
            data.span,
            (data.train.x, data.train.y),
            (data.test.x, data.test.y),
        )
        self._step = Recorded(self._make_step(), self._hold)
        self.batch = max(1, min(settings["batch_size"], len(data.train)))
        self._stepping = (
            Stepping(self._step, self.train, self.batch, settings["seed"])
            if len(data.train)
            else None
        )
        self.doctor = Doctor(
            self.model,
            *self.train,
            self.loss,
            self.optimizer,
            held_out=self.test,
            batch_size=self.batch,
            settings=settings,
            table=SETTINGS,
        )
        self._listen()
        self._note()

    def _listen(self) -> None:
        """Let the doctor hear of the losses of steps."""
        if self._stepping:
            self._stepping.tell = self.doctor.steps

    def _part(self, part: Any) -> Part:
        return Part(self.features(part.x), self.data.targets(part))

    def features(self, points: Array) -> Array:
        """Return what the network takes of points (n, 2): (n, F) float32."""
        return features(points, self._names)

    # --- where it is ----------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return self._stepping.steps if self._stepping else 0

    @property
    def epoch_steps(self) -> int:
        """The steps of one epoch."""
        return self._stepping.batches if self._stepping else 1

    @property
    def epoch(self) -> float:
        """How often the training points were gone through."""
        return self._stepping.epoch if self._stepping else 0.0

    @property
    def count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.model.parameters())

    def outputs(self, x: Array) -> Array:
        """Return what the network gives, (n, K) or (n, 1), without dropout.

        Args:
            x: features (n, F).
        """
        return self.forward(x)[-1]

    def forward(self, x: Array) -> list[Array]:
        """Return what each layer but the features gives, (n, units) each, without dropout.

        Args:
            x: features (n, F).
        """
        found, values = [], from_numpy(x)
        with no_grad(), np.errstate(all="ignore"):
            for stage in self.subject.stages:
                values = stage.linear(values)
                if stage.activation is not None:
                    values = stage.activation(values)
                found.append(values.array)
        return found

    def figures(self, outputs: Array, y: Array) -> tuple[float, float]:
        """Return the loss and the score: accuracy of classes, R^2 = 1 - SS_res / SS_tot of numbers.

        Args:
            outputs: of the network, (n, K) or (n, 1).
            y: targets; with none of them, both are no number.
        """
        if not len(y):
            return math.nan, math.nan
        with no_grad(), np.errstate(all="ignore"):
            loss = float(self.loss(from_numpy(outputs), from_numpy(y)).array)
            if self.data.classes:
                return loss, float((outputs.argmax(axis=1) == y).mean())
            rest, whole = np.square(outputs - y).sum(), np.square(y - y.mean()).sum()
            return loss, float(1 - rest / whole) if whole else math.nan

    def all_figures(self) -> dict[str, float]:
        """Return loss and score of training and test points, as the curve has them."""
        n = len(self.train.y)
        outputs = self.outputs(np.concatenate([self.train.x, self.test.x]))
        loss, score = self.figures(outputs[:n], self.train.y)
        loss_test, score_test = self.figures(outputs[n:], self.test.y)
        return {"train": loss, "test": loss_test, "score_train": score, "score_test": score_test}

    # --- steps ----------------------------------------------------------------------------------

    def _make_step(self) -> Any:
        model, loss_of, optimizer = self.model, self.loss, self.optimizer
        l1, l2 = self._l1, self._l2
        weights = [p for p in model.parameters() if p.ndim == 2]

        def step(x: Tensor, y: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            total = loss
            for w in weights:
                total = total + l1 * w.abs().sum() + l2 / 2 * (w * w).sum()
            total.backward()
            optimizer.step()
            return loss

        return step

    def advance(self, until: float, most: int | None = None) -> int:
        """Take steps until a moment, one at least.

        Args:
            until: the moment, by `time.perf_counter()`.
            most: steps at most; any number if `None`.

        Returns:
            How many were taken; none where there are no points.

        Raises:
            DataError: the loss is no finite number any more.
        """
        if self._stepping is None:
            return 0
        try:
            return self._advance(self._stepping, until, most)
        except DataError:
            self._note()
            raise

    def _advance(self, stepping: Stepping, until: float, most: int | None) -> int:
        taken = 0
        # The last step of all is taken by itself, for its sizes are shown.
        while most is None or taken < most - 1:
            if time.perf_counter() >= until:
                break
            due = self._due() - stepping.steps
            count = due if most is None else min(due, most - 1 - taken)
            taken += stepping.advance(until, count)
            if stepping.steps >= self._due():
                self._note()
        self.before = [p.array.copy() for p in self.model.parameters()]
        taken += stepping.advance(until, 1)
        if stepping.steps >= self._due():
            self._note()
        return taken

    def _due(self) -> int:
        """The number of steps after which the curve has its next point."""
        return max(self._noted + 1, math.ceil(self.curve.due)) * self.epoch_steps

    def _note(self) -> None:
        self._noted = math.floor(self.epoch)
        figures = self.all_figures()
        self.curve.add(self.epoch, **figures)
        self.doctor.figures(self.epoch, figures["train"], figures["test"])

    # --- changes --------------------------------------------------------------------------------

    def go_on(self, settings: Mapping[str, Any], changed: set[str]) -> None:
        """Go on under new values of lr, l1 or l2.

        Args:
            settings: of the session.
            changed: which of them are new.
        """
        for name in sorted(changed):
            self._put(name, settings[name])
            self.log = [one for one in self.log if one[:2] != (self.steps, name)]
            self.log.append((self.steps, name, settings[name]))
        self.doctor.changed(settings)

    def _hold(self) -> Held:
        return Held(self.model, self.optimizer, [self._generator])

    def _put(self, name: str, value: float) -> None:
        if name == "lr":
            self.optimizer.param_groups[0]["lr"] = value
        else:
            assign(self._l1 if name == "l1" else self._l2, value)

    def moment(self) -> Moment:
        """Return where training is, for `return_to`."""
        stepping = self._stepping
        return Moment(
            self._hold(),
            (self._l1.item(), self._l2.item()),
            self.steps,
            stepping.loss if stepping else math.nan,
            self.curve.state(),
            tuple(self.log),
            self.before,
            self.doctor.snapshot(),
            self._step.nbytes,
        )

    def return_to(self, moment: Moment) -> None:
        """Bring everything back to where `moment` was called.

        Args:
            moment: what it returned.
        """
        moment.held.put_back()
        for name, value in zip(("l1", "l2"), moment.penalties):
            self._put(name, value)
        self._step.steps = moment.steps
        if self._stepping:
            self._stepping.steps, self._stepping.loss = moment.steps, moment.loss
        self.curve.restore(moment.curve)
        self.log, self.before = list(moment.log), moment.before
        self._noted = math.floor(self.epoch)
        self.doctor = moment.doctor.snapshot()
        self._listen()
