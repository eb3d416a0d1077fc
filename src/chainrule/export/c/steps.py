"""Recurrent units in C: all steps of a layer, one sequence beside another (floor 4).

Rows of all steps lie one after another, as `ops.steps` says; a step never has more than the one
before. What is written is the state of every step, and its gates where others read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from chainrule.export.c.nest import Nest, type_of
from chainrule.export.c.text import Index
from chainrule.ops.steps import starts_of
from chainrule.plan.program import Instruction, Value

__all__ = ["STEPS"]


@contextmanager
def _walk(nest: Nest, sizes: Sequence[int]) -> Iterator[tuple[Index, Index, Index, Index]]:
    """Loops over steps and sequences; yields (step, sequence, row, row of the step before)."""
    even = min(sizes) == max(sizes)
    with nest.loop(len(sizes)) as t:
        if even:
            with nest.loop(sizes[0]) as n:
                here = _plus(_times(sizes[0], t), n)
                back = f"{t} - 1" if sizes[0] == 1 else f"{sizes[0]}*({t} - 1)"
                yield t, n, here, _plus(back, n)
            return
        starts = nest.scene.table(np.array(starts_of(tuple(sizes)), np.int32), "starts")
        counts = nest.scene.table(np.array(sizes, np.int32), "counts")
        n = nest.fresh("n")
        with nest.code.block(f"for (int {n} = 0; {n} < {counts}[{t}]; {n}++)"):
            yield t, n, f"{starts}[{t}] + {n}", f"{starts}[{t} - 1] + {n}"


def _times(factor: int, at: Index) -> Index:
    return at if factor == 1 or at == 0 else f"{factor}*{at}"


def _plus(a: Index, b: Index) -> Index:
    if a == 0 or b == 0:
        return b if a == 0 else a
    return f"{a} + {b}"


def _before(
    nest: Nest, first: Value, n: Index, out: Value, back: tuple[Index, ...], t: Index, unit: Index
) -> str:
    """A state of the step before, or the initial one."""
    initial = nest.read(first, (n, unit))
    if t == 0:
        return initial
    return f"{t} == 0 ? {initial} : {nest.read(out, (*back, unit))}"


class _Unit:
    """A unit whose steps are being written: its sums inside the gates, by name."""

    def __init__(self, nest: Nest, instruction: Instruction) -> None:
        self.nest = nest
        self.out = instruction.out
        self.kind = type_of(instruction.out)
        self.suffix = "f" if self.kind == "float" else ""

    def sums(self, starts: Sequence[str]) -> list[str]:
        """Declare a sum for each gate; their names."""
        names = [f"gate{g}" if len(starts) > 1 else "sum" for g in range(len(starts))]
        for name, start in zip(names, starts):
            self.nest.line(f"{self.nest.scene.total} {name} = {start};")
        return names

    def sigmoid(self, text: str) -> str:
        return f"1 / (1 + exp{self.suffix}(-({self.kind}){text}))"

    def tanh(self, text: str) -> str:
        return f"tanh{self.suffix}(({self.kind}){text})"


def _add_up(
    nest: Nest, w: Value, names: Sequence[str], unit: Index, before: Callable[[Index], str]
) -> None:
    """Add to each gate's sum what the state before gives to it."""
    hidden = w.shape[1]
    with nest.loop(hidden) as k, nest.scope([k]):
        nest.line(f"const {nest.scene.total} before = {before(k)};")
        for gate, name in enumerate(names):
            nest.line(f"{name} += before * {nest.read(w, (_plus(unit, gate * hidden), k))};")


def _rnn(nest: Nest, instruction: Instruction) -> bool:
    a, h, w = instruction.values
    out, unit = instruction.out, _Unit(nest, instruction)
    with _walk(nest, instruction.attrs["sizes"]) as (t, n, row, back), nest.loop(w.shape[1]) as j:
        (total,) = unit.sums([nest.read(a, (row, j))])
        _add_up(nest, w, [total], j, lambda k: _before(nest, h, n, out, (back,), t, k))
        if instruction.attrs.get("rectified", False):
            nest.write(out, (row, j), f"({unit.kind})({total} < 0 ? 0 : {total})")
        else:
            nest.write(out, (row, j), unit.tanh(total))
    return True


def _lstm(nest: Nest, instruction: Instruction) -> bool:
    a, h, c, w = instruction.values
    out, unit = instruction.out, _Unit(nest, instruction)
    hidden = w.shape[1]
    with _walk(nest, instruction.attrs["sizes"]) as (t, n, row, back), nest.loop(hidden) as j:
        starts = [nest.read(a, (row, _plus(j, g * hidden))) for g in range(4)]
        names = unit.sums(starts)
        _add_up(nest, w, names, j, lambda k: _before(nest, h, n, out, (0, back), t, k))
        for name, text in zip(
            ("enter", "forget", "made", "leave"),
            (
                unit.sigmoid(names[0]),
                unit.sigmoid(names[1]),
                unit.tanh(names[2]),
                unit.sigmoid(names[3]),
            ),
        ):
            nest.line(f"const {unit.kind} {name} = {text};")
        held = _before(nest, c, n, out, (1, back), t, j)
        nest.line(f"const {unit.kind} held = {held};")
        nest.line(f"const {unit.kind} cell = forget * held + enter * made;")
        values = (f"leave * tanh{unit.suffix}(cell)", "cell", "enter", "forget", "made", "leave")
        for k, text in enumerate(values):
            nest.write(out, (k, row, j), text)
    return True


def _gru(nest: Nest, instruction: Instruction) -> bool:
    a, h, w, b = instruction.values
    out, unit = instruction.out, _Unit(nest, instruction)
    hidden = w.shape[1]
    with _walk(nest, instruction.attrs["sizes"]) as (t, n, row, back), nest.loop(hidden) as j:
        own = [nest.read(b, (_plus(j, g * hidden),)) for g in range(3)]
        names = unit.sums(own)
        _add_up(nest, w, names, j, lambda k: _before(nest, h, n, out, (0, back), t, k))
        given = [nest.read(a, (row, _plus(j, g * hidden))) for g in range(3)]
        nest.line(f"const {unit.kind} reset = {unit.sigmoid(f'({given[0]} + {names[0]})')};")
        nest.line(f"const {unit.kind} keep = {unit.sigmoid(f'({given[1]} + {names[1]})')};")
        nest.line(f"const {unit.kind} last = ({unit.kind}){names[2]};")
        nest.line(f"const {unit.kind} made = {unit.tanh(f'({given[2]} + reset * last)')};")
        held = _before(nest, h, n, out, (0, back), t, j)
        nest.line(f"const {unit.kind} held = {held};")
        values = ("(held - made) * keep + made", "reset", "keep", "made", "last")
        for k, text in enumerate(values):
            nest.write(out, (k, row, j), text)
    return True


STEPS: dict[str, Callable[[Nest, Instruction], bool]] = {
    "rnn_steps": _rnn,
    "lstm_walk": _lstm,
    "gru_walk": _gru,
}
