"""The training step of `fit`: forward, loss, back, update; replayed where that pays (floor 4).

Without being asked only networks, and losses, that are this library's throughout are compiled: what
a person has written may do things in Python that a replay would leave out. And only if the job, by
a prediction that is the same every time, is long enough to earn what compiling takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.explain.runs.undo import undone
from chainrule.nn.usual import rows_weighed
from chainrule.ops import Array, Op
from chainrule.ops.core import Finite, checked
from chainrule.plan.many import Table
from chainrule.train.compiling.compiled import Compiled, compile
from chainrule.train.fitting.feed import Feed
from chainrule.train.fitting.run import Run

__all__ = ["Saving", "TapeStep"]

# Steps before the one that is predicted from: in the first, state comes to be.
_EAGER_STEPS = 2

# Seconds that compiling must save, as predicted; it takes about one the first time, and a tenth
# where its code was kept. Whether it was must not matter: the same job gives the same numbers.
_WORTH = 1.2

# What the prediction is made of, for one core: seconds a call, operations a second, bytes a second;
# and the shares of calls and of work that compiling saves at least.
_CALL, _SPEED, _BANDWIDTH = 8e-6, 3e10, 5e9
_OF_CALLS, _OF_WORK = 0.8, 0.1


class TapeStep:
    """A step of training by the tape, as `fit` takes it.

    Args:
        max_grad_norm: scale gradients down to this norm, unless `None`.
        compile: `True`: from the first step on, and raise where it cannot be; `False`: never;
            "auto": where it is safe and pays.
        keep_gradients: leave the gradients for others to see.
        at_a_time: examples that go through the network together, the gradients being added up;
            all of the batch if `None`.

    Raises:
        OptionError: `compile` is none of these.
    """

    def __init__(
        self,
        max_grad_norm: float | None,
        compile: bool | str,
        keep_gradients: bool,
        at_a_time: int | None = None,
    ) -> None:
        if compile not in (True, False, "auto"):
            raise OptionError(f'compile must be True, False or "auto", got {compile!r:.60}')
        self._max_grad_norm = max_grad_norm
        self._mode = compile
        self._keep = keep_gradients
        self._at_a_time = at_a_time
        self._taken = 0
        self._shapes: Any = None  # of the batches that are replayed; any, if `None`
        self._quick: Compiled | None = None

    def __call__(self, run: Run, x: Tensor, y: Tensor) -> tuple[float, Array]:
        """Take the step, and return loss and outputs."""
        if self._mode == "auto" and self._taken == _EAGER_STEPS:
            return self._decided(run, x, y)
        self._taken += 1
        if self._mode is True and self._quick is None:
            self._quick = self._compiled(run, strict=True)
        if self._quick is None or self._shapes not in (None, _shapes(run, x, y)):
            return _numbers(self._step(run, x, y))
        if run.crew is None:  # the batches of ranks may differ, and all rehearse or none
            self._quick.rehearse(x, y)
        return _numbers(self._quick(x, y))

    def state_dict(self) -> dict[str, Any]:
        """Return how many steps were taken, and how they are taken from here on."""
        quick = self._quick.stage() if self._quick and not self._quick.refusal else None
        shapes = self._shapes and tuple(map(tuple, self._shapes))
        return {"taken": self._taken, "mode": self._mode, "shapes": shapes, "quick": quick}

    def load_state_dict(self, run: Run, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave in another process.

        Args:
            run: of this one.
            state: from outside.
        """
        self._taken, self._mode = int(state["taken"]), state["mode"]
        self._shapes, self._quick = state["shapes"], None
        if state["quick"] is not None:
            self._quick = self._compiled(run, strict=self._mode is True)
            if run.crew is None:
                self._quick.go_on_from(state["quick"])

    def start(self) -> None:
        """Begin, or go on: what callbacks set up before the first step is no news."""
        if self._quick is not None:
            self._quick.go_on()

    def foreseen(self, run: Run, x: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], Any]:
        """The step as most of a run will take it, compiled where it will be; nothing is changed.

        Args:
            run: before its first step.
            x: a batch of it,
            y: and its targets.
        """
        if self._mode == "auto" and _is_ours(run):
            prediction = Saving()
            with undone(), ops.watch(prediction):
                self._step(run, x, y)
            if prediction.saved * (run.total_steps - _EAGER_STEPS) > _WORTH:
                return self._compiled(run, strict=False)
        return self._compiled(run, strict=True) if self._mode is True else partial(self._step, run)

    def is_ready(self, run: Run, feed: Feed, first: int) -> bool:
        """Whether the step is replayed as machine code, so that many may be taken at once."""
        if self._quick is None or self._shapes not in (None, feed.shapes):
            return False
        return self._quick.is_ready(feed, first)

    def at_once(
        self, feed: Feed, first: int, last: int, tables: Sequence[Table]
    ) -> tuple[list[float], Array, Callable[[], Any] | None]:
        """Take many steps in one call.

        Args:
            feed: the batches,
            first: the number of the first,
            last: and that of the one after the last.
            tables: the optimiser's numbers, where they differ from step to step.

        Returns:
            The loss of each step; the outputs, (steps, rows a step, ...); and what raises if a loss
            is not finite: the steps end before that.
        """
        assert self._quick is not None
        taken = self._quick.at_once(feed, first, last, tables)
        assert taken is not None
        loss, outputs = taken.result
        return loss.array.reshape(taken.steps).tolist(), outputs.array, taken.refuse

    def _step(self, run: Run, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        run.optimizer.zero_grad()
        loss, outputs = self._backward(run, x, y)
        if self._max_grad_norm is not None:
            from chainrule.autograd.clip import clip_grad_norm_

            clip_grad_norm_(run.model.parameters(), self._max_grad_norm)
        run.optimizer.step()
        return loss, outputs

    def _backward(self, run: Run, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Make the gradients of a batch, part by part if it is to be so; and loss and outputs."""
        size = self._at_a_time
        if size is not None and run.crew is not None:
            size = run.crew.share_of(size)
        if size is None or len(y) <= size:
            loss, outputs = self._loss(run, x, y)
            loss.backward()
            return loss, outputs.detach()
        losses, parts = [], []
        share_of = _shares(run.loss, y)
        for i in range(0, len(y), size):
            part = slice(i, min(i + size, len(y)))
            with run.looking() if part.stop < len(y) else nullcontext():
                loss, outputs = self._loss(run, x[part], y[part])
                share = loss * share_of(part)
                share.backward()
            losses.append(share.detach())
            parts.append(outputs.detach())
        return sum(losses[1:], losses[0]), ops.cat(parts)

    def _loss(self, run: Run, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        outputs = run.network(x)
        loss = run.loss(outputs, y)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise OptionError(f"the loss must return a tensor of one number, got {_kind(loss)}")
        checked(Finite(run.finite), loss)
        return loss, outputs

    def _decided(self, run: Run, x: Tensor, y: Tensor) -> tuple[float, Array]:
        """Take the step by which it is decided whether to compile."""
        self._mode = False
        if not _is_ours(run):
            return self(run, x, y)
        prediction = Saving()
        with ops.watch(prediction):
            result = _numbers(self._step(run, x, y))
        if run.as_first(prediction.saved * (run.total_steps - run.step)) > _WORTH:
            self._quick = self._compiled(run, strict=False)
            self._shapes = _shapes(run, x, y)
            run.notices.append("the training step is compiled from here on")
        return result

    def _compiled(self, run: Run, strict: bool) -> Compiled:
        return compile(partial(self._step, run), strict=strict, keep_gradients=self._keep)


def _shares(loss: Any, y: Tensor) -> Callable[[slice], Any]:
    """What tells the part that some rows have in the loss of a batch."""
    if getattr(loss, "reduction", "mean") == "sum":
        return lambda rows: 1.0
    weighed = rows_weighed(loss, y)
    if weighed is None:
        return lambda rows: (rows.stop - rows.start) / len(y)
    total = weighed.sum()
    return lambda rows: weighed[rows].sum() / total


def _shapes(run: Run, x: Tensor, y: Tensor) -> Any:
    """The shapes of a batch; on several ranks of the whole of it, which all of them know."""
    if run.crew is None:
        return x.shape, y.shape
    return (run.crew.rows, *x.shape[1:]), (run.crew.rows, *y.shape[1:])


def _numbers(result: tuple[Tensor, Tensor]) -> tuple[float, Array]:
    loss, outputs = result
    return loss.item(), outputs.array


def _kind(loss: Any) -> str:
    if isinstance(loss, Tensor):
        return f"a shape of {tuple(loss.shape)}"
    return f"the class {loss.__name__}" if isinstance(loss, type) else type(loss).__name__


def _is_ours(run: Run) -> bool:
    """Whether network and loss are of this library, and nobody listens to them."""
    modules: Sequence[Any] = list(run.model.modules())
    loss = run.loss if isinstance(run.loss, nn.Module) else None
    known = all(_is_of_library(type(m)) for m in modules)
    heard = any(any(vars(m).get("_hooks", {}).values()) for m in modules)
    heard = heard or any(p.hooks for p in run.model.parameters())
    return known and not heard and _is_of_library(run.loss if loss is None else type(loss))


def _is_of_library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


class Saving:
    """What compiling saves of the operations that it watches, by what they do, not by the clock.

    Attributes:
        saved: seconds.
    """

    saved = 0.0

    def __call__(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        cost = op.cost(*(np.shape(a) for a in args if a is not None), **attrs)
        work = cost.flops / _SPEED + 4 * cost.moved / _BANDWIDTH
        self.saved += _OF_CALLS * _CALL + _OF_WORK * work
