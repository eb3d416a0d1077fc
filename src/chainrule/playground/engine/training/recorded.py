"""A step that gives the same numbers whenever it is taken, in whatever process (floor 5).

A compiled step goes operation by operation until it has been recorded, and rounds otherwise from
then on. When that is depends on what else a process does. Here the first three steps go operation
by operation, as they do in a program that does nothing else, and all later ones are replayed; what
recording takes besides is taken back.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from chainrule.autograd import Tensor, from_numpy, tensor
from chainrule.ops import Array
from chainrule.playground.engine.training.held import Held
from chainrule.train import compile

__all__ = ["Recorded"]

_EAGER = 3  # steps that a compiled step takes before it is replayed
_TRIES = 12  # recordings, of which two have to agree


class Recorded:
    """A step of training.

    Args:
        step: takes tensors, and returns the loss.
        hold: copies all that a step changes.

    Attributes:
        steps: how many were taken. Whoever goes back to a moment sets it to what it was then.
    """

    def __init__(self, step: Callable[..., Tensor], hold: Callable[[], Held]) -> None:
        self.steps = 0
        self._step, self._hold = compile(step, strict=False), hold

    @property
    def nbytes(self) -> int:
        """The memory that a replayed step works in."""
        return int(self._step.bytes)

    def many(self, *tensors: Tensor, rows: Array) -> Tensor:
        """Take steps, and return the loss of each, (steps,).

        Args:
            tensors: all examples, (N, ...) each.
            rows: which of them a step is given, (steps, rows a step).
        """
        eager = min(max(_EAGER - self.steps, 0), len(rows))
        losses = [self._one(tensors, numbers) for numbers in rows[:eager]]
        # Only now, for what steps leave behind that are not replayed is another start.
        if eager < len(rows) and self._is_recorded(*(t.array[rows[eager]] for t in tensors)):
            later = self._step.many(*tensors, rows=rows[eager:]).array.reshape(-1)
            losses += later.tolist()
        else:
            losses += [self._one(tensors, numbers) for numbers in rows[eager:]]
        self.steps += len(rows)
        return tensor(np.array(losses, dtype=np.float64))

    def _one(self, tensors: tuple[Tensor, ...], numbers: Array) -> float:
        loss: float = self._step.function(*(from_numpy(t.array[numbers]) for t in tensors)).item()
        return loss

    def _is_recorded(self, *arrays: Array) -> bool:
        """Have the step recorded, and leave everything as it was; whether that can be done."""
        batch = [from_numpy(array) for array in arrays]
        if self._step.refusal is None and self._step.recorded(*batch) is None:
            held = self._hold()
            with warnings.catch_warnings():
                # What cannot be recorded is taken operation by operation, which is only slower.
                warnings.filterwarnings("ignore", message="going on without a recording")
                for _ in range(_TRIES):
                    self._step(*batch)
                    if self._step.refusal is not None or self._step.recorded(*batch) is not None:
                        break
            held.put_back()
        return self._step.refusal is None and self._step.recorded(*batch) is not None
