"""A network layer by layer: shapes, parameters, work, memory, time (floor 4).

Everything is counted in one run, forward and back, of a copy of the model: what an operation costs
its record says, and what the way back keeps the tape shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, zeros
from chainrule.errors import OptionError
from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.work import works_of
from chainrule.explain.overview.rows import Row, parameters_of, rows_of
from chainrule.explain.runs.rehearsal import Rehearsal
from chainrule.explain.runs.trace import Trace
from chainrule.explain.telling.tables import Table
from chainrule.explain.telling.waiting import waiting
from chainrule.explain.telling.words import amount, seconds_text, size_text
from chainrule.nn import Module
from chainrule.nn.place import looks

__all__ = ["Row", "Summary", "summary"]

_RUNS = 5  # of which the least time counts


@looks
def summary(
    model: Module,
    *x: Any,
    loss: Callable[[Any], Tensor] | None = None,
    measure: bool = False,
    input_size: Sequence[Any] | None = None,
) -> Summary:
    """Return a table of what is in a model, layer by layer, and of what it costs.

    The model runs once, forward and back, as a copy and in the mode that it is in; it stays as it
    is, gradients, buffers and generators included. A row is a call of a module and has in it all
    that is done inside: a layer that is called twice has two rows, and its parameters are counted
    in the first. Multiply-adds are half of the floating-point operations: a product of matrices
    (n, k) and (k, m) has n k m of them. The memory is that of the arrays that the tape keeps for
    the way back, each counted where it is first needed, without parameters, buffers and the
    arguments.

    Args:
        model: any module.
        x: its arguments, with their batch dimension.
        loss: takes what the model returns, gives one number, to go back from; the sum of all that
            it returns without one.
        measure: also run it some times more, and measure how long each layer takes, both ways.
        input_size: in place of arguments the shape of one, or a list of shapes, with the batch
            dimension; zeros of that shape are taken.

    Returns:
        The summary: `print` shows it, and its `rows` are data. Times are predicted when it is
        shown, from what this machine was measured to do.

    Raises:
        OptionError: `model` is no module, or there are neither arguments nor their sizes, or both.
        ShapeError: shapes do not fit, or whatever else the model raises; with the table up to the
            layer that fails as a note, which Python prints below the error.

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        >>> found = summary(net, input_size=(64, 784))
        >>> found.parameters, found.forward, found.kept
        (101770, 6512960.0, 32768)
        >>> for row in found.rows:
        ...     print(row.path, row.shape, row.parameters, row.forward, row.backward, row.kept)
        Sequential (64, 10) 101770 6512960.0 6598976.0 32768
        0 (Linear) (64, 128) 100480 6426624.0 6426624.0 0
        1 (ReLU) (64, 128) 0 4096.0 8192.0 32768
        2 (Linear) (64, 10) 1290 82240.0 164160.0 0
    """
    rehearsal = Rehearsal(model, _arguments(x, input_size), loss)
    seen = rehearsal.run()
    kept = rehearsal.kept
    seconds = _measured(rehearsal, seen) if measure and seen.error is None else None
    rows = rows_of(rehearsal.model, seen, kept, seconds)
    found = Summary(rows, rehearsal.model, seen)
    if seen.error is not None:
        seen.error.add_note(f"\n{found.table()}")
        raise seen.error
    return found


def _arguments(x: Sequence[Any], input_size: Sequence[Any] | None) -> Sequence[Any]:
    if (input_size is None) == (not x):
        raise OptionError(
            "summary takes the arguments of the model, summary(model, x), or the shape of one, "
            f"summary(model, input_size=(1, 28, 28)), got {'neither' if not x else 'both'}"
        )
    if input_size is None:
        return x
    one = all(isinstance(n, (int, np.integer)) for n in input_size)
    return [zeros(*shape) for shape in ([input_size] if one else input_size)]


def _measured(rehearsal: Rehearsal, first: Trace) -> list[float]:
    """The least seconds that each operation of the first run takes in some more."""
    runs = [rehearsal.run() for _ in waiting(range(_RUNS), "measuring")]
    names = [call.op.name for call in first.calls]
    times = [
        [call.seconds for call in seen.calls]
        for seen in [first, *runs]
        if [call.op.name for call in seen.calls] == names
    ]
    return [float(s) for s in np.min(times, axis=0)]


class Summary:
    """What `summary` returns: `print` shows it as a table, and so do notebooks.

    Attributes:
        rows: in the order in which the modules begin, each below the one that calls it. A row has
            `path`, `depth`, `shape`, `parameters` (and `shared`, those counted above), `forward`
            and `backward` in multiply-adds, `kept` in bytes, `measured` in seconds, and `calls`,
            the operations; one that is `own` has what a `forward` does besides calling modules.
        parameters: numbers in the model, each counted once.
        learned: those of them that want a gradient.
        size: bytes of all of them.
    """

    def __init__(self, rows: Sequence[Row], model: Module, seen: Trace) -> None:
        self.rows = list(rows)
        self._seen = seen
        all_of_them = parameters_of(model)
        self.parameters = sum(p.numel() for p in all_of_them)
        self.learned = sum(p.numel() for p in all_of_them if p.requires_grad)
        self.size = sum(p.array.nbytes for p in all_of_them)

    @property
    def forward(self) -> float:
        """Multiply-adds on the way forward, with those of the loss."""
        return sum(row.forward for row in self._outermost)

    @property
    def backward(self) -> float:
        """Multiply-adds on the way back."""
        return sum(row.backward for row in self._outermost)

    @property
    def kept(self) -> int:
        """Bytes that are kept for the way back."""
        return sum(row.kept for row in self._outermost)

    @property
    def predicted(self) -> float:
        """Seconds that a run forward and back is predicted to take on this machine."""
        return sum(self.prediction(row) for row in self._outermost)

    def prediction(self, row: Row) -> float:
        """Seconds that all in a row is predicted to take on this machine."""
        return sum(self._predictions[id(call)] for call in row.calls)

    @cached_property
    def _predictions(self) -> dict[int, float]:
        works = works_of(self._seen, Machine.here())
        return {id(call): work.seconds for call, work in zip(self._seen.calls, works, strict=True)}

    @property
    def measured(self) -> float | None:
        """Seconds that one took, if that was measured."""
        if self.rows[0].measured is None:
            return None
        return sum(row.measured or 0.0 for row in self._outermost)

    @property
    def _outermost(self) -> list[Row]:
        return [row for row in self.rows if row.depth == 0]

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table().html()

    def table(self, times: bool = True) -> Table:
        """The rows as texts; of a run that failed, what is known of its way forward.

        Args:
            times: whether to predict them.
        """
        whole = self._seen.error is None
        columns: dict[str, list[str]] = {
            "layer": [_name(row) for row in self.rows],
            "output": [_output(row.shape) for row in self.rows],
            "parameters": [_parameters(row) for row in self.rows],
            "forward": [amount(row.forward) for row in self.rows],
        }
        if whole:
            columns["backward"] = [amount(row.backward) for row in self.rows]
            columns["kept"] = [size_text(row.kept) if row.kept else "0" for row in self.rows]
        if whole and times:
            columns |= self._times()
        notes = self._notes(times) if whole else []
        return Table(list(columns), list(zip(*columns.values())), frozenset({0, 1}), notes)

    def _times(self) -> dict[str, list[str]]:
        columns = {"predicted": _shares([self.prediction(row) for row in self.rows])}
        if self.measured is not None:
            columns["measured"] = _shares([row.measured or 0.0 for row in self.rows])
        return columns

    def _notes(self, times: bool) -> list[str]:
        learned = "all learned" if self.learned == self.parameters else f"{self.learned:,} learned"
        notes = [
            f"{self.parameters:,} parameters, {learned}, {size_text(self.size)}",
            f"{amount(self.forward)} multiply-adds forward, {amount(self.backward)} backward",
            f"{size_text(self.kept)} kept for the way back, besides parameters and the input",
        ]
        if times:
            measured = "" if self.measured is None else f"; {seconds_text(self.measured)} measured"
            notes.append(f"{seconds_text(self.predicted)} predicted, forward and back{measured}")
        return notes


def _name(row: Row) -> str:
    return "  " * row.depth + (f"besides: {row.path}" if row.own else row.path)


def _output(shape: Any) -> str:
    """The shape, or shapes, of a result."""
    if isinstance(shape, dict):
        return ", ".join(f"{name} {_output(part)}" for name, part in shape.items())
    if isinstance(shape, list):
        return ", ".join(_output(part) for part in shape if part is not None)
    return "" if shape is None else str(shape)


def _parameters(row: Row) -> str:
    """How many: a number, and whether others were counted above."""
    if not row.shared:
        return "" if row.own or row.path == "loss" else f"{row.parameters:,}"
    return f"{row.parameters:,} + shared" if row.parameters else "shared"


def _shares(seconds: Sequence[float]) -> list[str]:
    """Of all that the first row, the model, takes."""
    return [f"{part / seconds[0]:.1%}" if seconds[0] else "" for part in seconds]
