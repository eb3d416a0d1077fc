"""Training of a network that reads digits, under rates that may change (floor 5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn, optim
from chainrule.autograd import Tensor, tensor
from chainrule.errors import DataError
from chainrule.ops import Array, assign
from chainrule.playground.engine.digits.data import Digital, shifted
from chainrule.playground.engine.digits.network import build
from chainrule.playground.engine.digits.settings import SETTINGS
from chainrule.playground.engine.health.doctor import Doctor
from chainrule.playground.engine.training.choices import OPTIMIZERS
from chainrule.playground.engine.training.held import Held
from chainrule.playground.engine.training.recorded import Recorded
from chainrule.playground.engine.training.stepping import Stepping

__all__ = ["Moment", "Training", "reach_of", "shifts_of"]


def reach_of(side: int) -> tuple[int, int]:
    """Return by how many pixels images are moved at most, down or up and to either side.

    Those of MNIST have four empty pixels around them. The small ones reach from top to bottom, and
    have one empty column at either side.

    Args:
        side: of an image.
    """
    return (2, 2) if side > 8 else (0, 1)


def shifts_of(n: int, side: int, seed: int, epoch: int) -> Array:
    """Return by how many pixels the images of an epoch are moved, (N, 2), in their order there.

    Args:
        n: how many images there are.
        side: of an image.
        seed: of the run.
        epoch: counted from 0.

    Examples:
        >>> shifts_of(3, 8, seed=0, epoch=0).tolist()
        [[0, 1], [0, 0], [0, -1]]
    """
    far = np.array(reach_of(side))
    return np.random.default_rng([seed, epoch, 1]).integers(-far, far, (n, 2), endpoint=True)


class Moment(NamedTuple):
    """A training at a moment.

    Attributes:
        training: whose it is.
        held: what it had learned.
        steps: how many it had taken.
        loss: of the last one.
        l2: the penalty.
        doctor: who knows as much as was known then.
        rates: that were set by then.
        room: bytes that steps are taken in.
    """

    training: Training
    held: Held
    steps: int
    loss: float
    l2: float
    doctor: Doctor
    rates: tuple[tuple[int, Mapping[str, float]], ...]
    room: int

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        return self.held.nbytes + self.room


class Training:
    """A network and all that trains it.

    Args:
        settings: of the session.
        data: what it is trained on.

    Attributes:
        network: the network.
        rates: what was set along the way, with the steps after which that was, so that it can be
            repeated.
        first: the rates that it began with.
        side: of an image.
        doctor: looks in now and then, at the samples that figures are made of.
    """

    def __init__(self, settings: Mapping[str, Any], data: Digital) -> None:
        self.network = build(settings, data.shape, data.normalize())
        self.rates: list[tuple[int, Mapping[str, float]]] = []
        self.first = {name: float(settings[name]) for name in ("lr", "l2")}
        self.side = data.shape[1]
        kind = OPTIMIZERS[settings["optimizer"]]
        self._optimizer: optim.Optimizer = getattr(optim, kind.name)(
            self.network.trained.parameters(), lr=settings["lr"], **kind.options
        )
        self._l2, loss_of = tensor(settings["l2"]), nn.CrossEntropyLoss()
        step = _step(self.network.trained, loss_of, self._optimizer, self._l2)
        self._step = Recorded(step, self._hold)
        prepare = self._shifts(settings["seed"], len(data.train)) if settings["augment"] else None
        self._stepping = Stepping(
            self._step,
            (data.train.x, data.train.y),
            settings["batch_size"],
            settings["seed"],
            prepare,
        )
        known, unknown = data.known, data.unknown
        self.doctor = Doctor(
            self.network.trained,
            known.x,
            known.y,
            loss_of,
            self._optimizer,
            held_out=(unknown.x, unknown.y),
            batch_size=settings["batch_size"],
            settings=settings,
            table=SETTINGS,
        )
        self._stepping.tell = self.doctor.steps

    @staticmethod
    def _shifts(seed: int, n: int) -> Callable[[Sequence[Array], int, int], Sequence[Array]]:
        def prepare(rows: Sequence[Array], first: int, epoch: int) -> Sequence[Array]:
            x, y = rows
            by = shifts_of(n, x.shape[-1], seed, epoch)[first : first + len(x)]
            return shifted(x, by), y

        return prepare

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return self._stepping.steps

    @property
    def epoch(self) -> float:
        """How often the training images were gone through."""
        return self._stepping.epoch

    @property
    def epoch_steps(self) -> int:
        """How many steps go through the training images once."""
        return self._stepping.batches

    def advance(self, until: float, most: int | None) -> int:
        """Take steps, as `Stepping.advance` does."""
        begun = time.perf_counter()
        try:
            taken = self._stepping.advance(until, most)
        except DataError:
            self.doctor.broke()
            raise
        self.doctor.visit(time.perf_counter() - begun)
        return taken

    def go_on(self, settings: Mapping[str, Any], changed: Iterable[str]) -> None:
        """Go on under other rates.

        Args:
            settings: of the session.
            changed: of lr and l2, those that are new.
        """
        rates = {name: float(settings[name]) for name in sorted(changed)}
        self.doctor.changed(settings)
        if self.rates and self.rates[-1][0] == self.steps:
            rates = {**self.rates.pop()[1], **rates}
        self.rates.append((self.steps, rates))
        self._put(**rates)

    def _put(self, lr: float | None = None, l2: float | None = None) -> None:
        if lr is not None:
            self._optimizer.param_groups[0]["lr"] = lr
        if l2 is not None:
            assign(self._l2, l2)

    def _hold(self) -> Held:
        return Held(self.network.trained, self._optimizer, [self.network.dropout])

    def moment(self) -> Moment:
        """Return all that training has made, for `go_back`."""
        return Moment(
            self,
            self._hold(),
            self.steps,
            self._stepping.loss,
            self._l2.item(),
            self.doctor.snapshot(),
            tuple(self.rates),
            self._step.nbytes,
        )

    def go_back(self, moment: Moment) -> None:
        """Be as at a moment of this training."""
        moment.held.put_back()
        self._put(l2=moment.l2)
        self._step.steps = self._stepping.steps = moment.steps
        self._stepping.loss = moment.loss
        self.doctor = moment.doctor.snapshot()
        self._stepping.tell = self.doctor.steps
        self.rates = list(moment.rates)


def _step(
    network: nn.Module, loss_of: nn.Module, optimizer: optim.Optimizer, l2: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    weights = [p for p in network.parameters() if p.ndim > 1]

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = loss_of(network(x), y)
        total = loss
        for w in weights:
            total = total + l2 / 2 * (w * w).sum()
        total.backward()
        optimizer.step()
        return loss

    return step
