"""What a doctor has before him: the model, a sample of the data, how they are trained (floor 4).

Everything that is run or trained is a copy. The model, the optimiser and the step of the person are
kept beside it, to be looked at and not to be touched. Rows are drawn by a generator of the case's
own, so that the same case gives the same numbers.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from chainrule import nn, optim
from chainrule.autograd import Tensor, enable_grad
from chainrule.autograd.tape import wrap
from chainrule.data import DataLoader, IterableDataset, SequentialSampler
from chainrule.data.batches import Batches
from chainrule.data.pairs import first_targets, loader_of
from chainrule.data.stored import is_stored
from chainrule.errors import ChainruleError, OptionError, kind_of
from chainrule.explain.doctor.visit import Visit
from chainrule.nn.lazy import UninitializedParameter
from chainrule.nn.usual import Loss, are_classes, loss_of
from chainrule.ops import Array
from chainrule.optim.names import optimizer_of
from chainrule.random import fork_rng

__all__ = ["Case", "Experiment"]

# Rows that are looked at: as many as a column's spread and a rare class need, and where each has to
# be fetched by itself, as from a folder of images, fewer.
_ROWS, _FETCHED = 2048, 256

# Rows that go through the network: enough to tell a dead unit from one that is seldom needed. Of a
# large network fewer, so that all ways through it take no more than about this many operations.
_THROUGH, _FEWEST, _WORK = 256, 8, 1e10


class Experiment:
    """A copy of model, loss and optimiser to be trained.

    Attributes:
        model: in training mode.
        loss: of it.
        optimizer: of its parameters; `None` if the person named none.
    """

    def __init__(self, model: nn.Module, loss: Loss, optimizer: Any) -> None:
        self.model, self.loss, self.optimizer = model.train(), loss, optimizer

    def loss_of(self, x: Any, y: Any) -> Tensor:
        """Forward."""
        return self.loss(self.model(x), y)

    def steps(self, x: Any, y: Any, optimizer: optim.Optimizer) -> Iterator[float]:
        """Train on one batch, and yield each loss before its update."""
        while True:
            optimizer.zero_grad()
            loss = self.loss_of(x, y)
            yield loss.item()
            loss.backward()
            optimizer.step()


class Case:
    """A model, its data, and how it is to be trained.

    Args:
        model: the person's.
        data: as for `fit`.
        loss: likewise.
        optimizer: likewise; `None` if it is not known.
        validation: further data.
        step: the person's own training step, of x and y.
        batch_size: examples in a batch, unless `data` is a `DataLoader`.

    Attributes:
        loader: the training data.
        in_order: whether it is the person's who wants rows in the order in which they stand.
        x: of some of the rows, (n, ...), as the data have them.
        y: their targets, (n, ...).
        of_classes: whether the targets are numbers of classes.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Loss | str | None = None,
        optimizer: optim.Optimizer | str | None = None,
        *,
        validation: Any = None,
        step: Callable[..., Any] | None = None,
        batch_size: int = 64,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise OptionError(f"a doctor examines a module, got {kind_of(model)}")
        self.model = model
        # A step that is compiled would be replayed, beside the operations that can be taken back.
        self.step = getattr(step, "function", step) if hasattr(step, "recorded") else step
        self.loader = _of_rows(data, batch_size)
        self.in_order = data is self.loader and type(data.sampler) is SequentialSampler
        self.loss = loss_of(loss, first_targets(self.loader))
        if isinstance(optimizer, str):
            optimizer = optimizer_of(optimizer, model.parameters())
        self.optimizer: optim.Optimizer | None = optimizer
        self._validation = None if validation is None else _of_rows(validation, batch_size)
        self.x, self.y = self._sample(self.loader, _ROWS)
        self.of_classes = are_classes(self.y)

    def _sample(self, loader: DataLoader, most: int) -> tuple[Any, Array]:
        """Some rows, drawn at random, in the order of the data."""
        if not hasattr(loader.dataset, "take"):
            most = min(most, _FETCHED)
        order = np.random.default_rng(0).permutation(len(loader.dataset))
        with self.aside():
            x, y = Batches(loader.dataset, loader.collate_fn).made(np.sort(order[:most]).tolist())
        return x, np.asarray(y)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Gradients are recorded in the block, and no random number is missing after it."""
        with fork_rng(), enable_grad():
            yield

    @property
    def numbers(self) -> Array | None:
        """The sample as an array (n, ...); `None` if x is something else than a tensor."""
        return self.x.array if isinstance(self.x, Tensor) else None

    @cached_property
    def held_out(self) -> tuple[Array, Array] | None:
        """Rows and targets that are held out for validation, if there are any."""
        if self._validation is None:
            return None
        x, y = self._sample(self._validation, _ROWS)
        return (np.asarray(x), y) if isinstance(x, Tensor) else None

    @cached_property
    def everything(self) -> tuple[Array, Array] | None:
        """All rows and targets to train on, where they lie in memory; of a file the sample."""
        tensors: tuple[Tensor, ...] = getattr(self.loader.dataset, "tensors", ())
        if len(tensors) == 2 and not is_stored(tensors[0].array):
            return tensors[0].array, tensors[1].array
        return None if self.numbers is None else (self.numbers, self.y)

    def rows(self, count: int) -> tuple[Any, Any]:
        """The first rows of the sample, x as the model takes it."""
        return _first(self.x, count), wrap(self.y[:count])

    def experiment(self) -> Experiment:
        """Copies to be trained."""
        made = Experiment(*copy.deepcopy((self.model, self.loss, self.optimizer)))
        made.model.zero_grad()
        if any(isinstance(p, UninitializedParameter) for p in made.model.parameters()):
            with self.aside(), contextlib.suppress(ChainruleError):  # a visit will meet it again
                made.model(self.rows(2)[0])
        return made

    def affordable(self, times: int, most: int) -> int:
        """How many rows may go forward and back so many times."""
        return int(np.clip(_WORK / max(3 * times * self.work, 1), _FEWEST, most))

    @cached_property
    def asked(self) -> Loss:
        """A copy of the loss, to be asked what it says of made-up outputs."""
        return self.experiment().loss

    @cached_property
    def work(self) -> float:
        """Operations that one row takes on its way forward."""
        return self._through(2).work / 2

    @cached_property
    def visit(self) -> Visit:
        """What one way forward and back of some rows showed."""
        return self._through(self.affordable(1, _THROUGH))

    def _through(self, count: int) -> Visit:
        made = self.experiment()
        with self.aside():
            return Visit(made.model, made.loss, *self.rows(count))


def _first(x: Any, count: int) -> Any:
    """The first rows of a batch, of several tensors the first of each."""
    if isinstance(x, Mapping):
        return {name: _first(part, count) for name, part in x.items()}
    if isinstance(x, (list, tuple)) and all(isinstance(part, Tensor) for part in x):
        return type(x)(part[:count] for part in x)
    return x[:count]


def _of_rows(data: Any, batch_size: int) -> DataLoader:
    loader = loader_of(data, batch_size)
    if isinstance(loader.dataset, IterableDataset):
        raise OptionError(
            "a doctor takes rows by their number, and a stream has none; give some of its rows as "
            "a pair (x, y)"
        )
    return loader
