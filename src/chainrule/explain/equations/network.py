"""From a network and its data to its derivation: one run, its names, its lines (floor 4).

The model runs once, and whatever that changes is put back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, Literal

import numpy as np

from chainrule.autograd import Tensor, as_tensor
from chainrule.errors import OptionError
from chainrule.explain.equations.derive import Step, Way, backward, forward, helpers
from chainrule.explain.equations.equations import Equations
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.reading.blocks import blocks
from chainrule.explain.equations.reading.naming import Names
from chainrule.explain.equations.reading.record import record
from chainrule.explain.equations.rules import Simplifier
from chainrule.explain.equations.shorten import shortened
from chainrule.explain.equations.terms.algebra import constant
from chainrule.explain.equations.terms.symbols import Symbol
from chainrule.explain.equations.terms.term import Term, leaf
from chainrule.explain.equations.terms.tidy import tidy
from chainrule.explain.equations.writing.notation import Row, Word, layout
from chainrule.explain.equations.writing.text import written
from chainrule.explain.runs.undo import undone
from chainrule.nn import Module
from chainrule.ops import REGISTRY, Array, Op

__all__ = ["Derivation", "of_network"]

_MOST = 1000  # parts of one line
_LONG = 14  # parts: what a loss means is not said if it takes more


class Derivation:
    """What was found out about a network on the way to its equations.

    Attributes:
        names: of all values.
        steps: the way forward.
        way: the way back.
        count: m, what the loss is a mean over; `None` if it is none.
        simplify: knows what every name means.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        x: Any,
        y: Any = None,
        loss: Callable[..., Any] | None = None,
    ) -> None:
        self.inputs = [as_tensor(t) for t in (x if isinstance(x, (tuple, list)) else (x,))]
        self.target = None if y is None else as_tensor(y)
        self.names, self.simplify = Names(), Simplifier()
        self.abbreviations = 0
        if loss is None and y is not None:
            raise OptionError("equations got targets but no loss; pass loss=, such as mse_loss")
        with undone():
            self.run = record(_whole(model, loss, self.target), *self.inputs)
            self._name(model, loss)
            self._forward()
            self._backward()

    # --- names ----------------------------------------------------------------------------------

    def _name(self, model: Any, loss: Any) -> None:
        used = {id(a) for u in self.run.units for call in u.calls for a in call.args}
        for tensor, word in zip(self.inputs, _called(model, len(self.inputs))):
            self.names.give(tensor.array, word, data=True)
        if self.target is not None:
            whole = self.target.array.dtype.kind in "iu"
            self.names.give(self.target.array, "y" if whole else "Y", data=True)
        for function in (model, loss):
            if isinstance(function, Module):
                self.names.module(function, used)
            elif function is not None:
                self.names.variables(function, used)
        if not self.names.wanted:
            self.names.wanted += [id(t.array) for t in self.inputs if t.array.dtype.kind == "f"]
        wanted = {*self.names.wanted, *(id(t.array) for t in self.inputs if t.requires_grad)}
        in_order = dict.fromkeys(id(a) for u in self.run.units for c in u.calls for a in c.args)
        self.names.wanted = [key for key in in_order if key in wanted]

    def _forward(self) -> None:
        output, result = map(self.run.now, self.run.result)
        ends = {id(result): "L"} if result is not output or not result.shape else {}
        cut = blocks(self.run.units, [output, result], list(self.run.returned))
        made = {id(block.out) for block in cut}
        if id(output) not in ends and id(output) in made and self._guesses():
            ends[id(output)] = "Ŷ"
        self.names.reserved |= set(ends.values())
        self.steps = forward(cut, self.names, ends, self.simplify)
        while self.steps and self.steps[-1].block.out is not result:
            self.steps.pop()
        if not self.steps:
            raise OptionError(
                "the model gives back what it was given, or nothing that an operation made of it; "
                "there is nothing to derive"
            )

    def _guesses(self) -> bool:
        """Whether the output stands beside numbers to be met, rather than classes."""
        return (
            self.target is not None
            and self.target.array.dtype.kind == "f"
            and (
                self.target.array.shape == self.run.result[0].shape
                and not _adds_up(self.target.array)
            )
        )

    # --- backward -------------------------------------------------------------------------------

    def _backward(self) -> None:
        last = self.steps[-1]
        shape = last.block.out.shape
        self.count: Term | None = None
        self.helpers: list[Line] = []
        if shape:  # not a loss: its gradient is given
            given = leaf(last.name.name, last.name.index, mark="d", shape=shape)
            self.way = backward(
                self.steps, self.names, self.simplify, Symbol(given, np.ones_like(last.block.out))
            )
            self.way.values[given.label] = np.ones_like(last.block.out)
            return
        self.way = self._from(1.0)
        m = self._mean_over(self.way.front)
        if m > 1:
            self.count = leaf("m", value=np.asarray(float(m)))
            self.way = self._from(float(m))
        self._refuse_long()
        self.helpers = helpers(
            [line for _, lines in self.way.lines for line in lines], self.names, self.simplify
        )
        if self.helpers:
            self.way = self._from(float(m))

    def _refuse_long(self) -> None:
        for line in (line for _, lines in self.way.lines for line in lines):
            parts = len(line.right.distinct())
            if parts > _MOST:
                raise OptionError(
                    f"the gradient {line.left.label} is made of {parts:,} operations, and "
                    f"equations of more than {_MOST:,} are no reading; take fewer steps, such as "
                    "the first ten of a sequence, whose equations are the same"
                )

    def _from(self, seed: float) -> Way:
        out = self.steps[-1].block.out
        start = Symbol(constant(seed, ()), np.asarray(seed, out.dtype))
        return backward(self.steps, self.names, self.simplify, start, self.count)

    def _mean_over(self, front: float) -> int:
        """What to multiply a gradient by, so that the number in front of it is a plain one."""
        sizes = [] if self.target is None else [*self.target.shape[:1], *self.target.shape[-1:]]
        sizes += [n for t in self.inputs for n in t.shape]
        sizes += [self.run.result[0].size] if self.target is None else [self.target.numel()]
        sizes += [step.block.out.size for step in self.steps[::-1]]
        for n in (1, *sizes):
            if any(abs(abs(front * n) - plain) < 1e-6 for plain in (1, 2)):
                return int(n)
        return 1

    # --- sections -------------------------------------------------------------------------------

    def equations(self) -> Equations:
        """The derivation, section by section."""
        there = [(self._title(step), [self._line(step)]) for step in self.steps]
        there[-1][1][:0] = self.helpers
        way = [(step, line) for step, lines in self.way.lines for line in lines]
        short = shortened(way, partial(self._abbreviation, given=self._values()))
        back = [(self._title(step), [line]) for step, line in short]
        sections = (*_sections("forward", there), *_sections("backward", back))
        sections, renamed = _renumbered(sections)
        head = (*self.head(), *_words(sections))
        return Equations(sections, head, {**self._values(), **renamed})

    def _values(self) -> dict[str, Any]:
        """The arrays that the names stand for."""
        m = {} if self.count is None else {"m": self.count.value}
        return {**self.names.values(), **m, **self.way.values}

    def _abbreviation(self, term: Term, given: dict[str, Any]) -> Line:
        """A name for a term that comes up again and again."""
        self.abbreviations += 1
        value = np.asarray(term.evaluate(given))
        name = self.names.give(value, "U", str(self.abbreviations), data=True)
        given[name.label] = value
        return Line(name, term, value=value)

    def _line(self, step: Step) -> Line:
        """The line of a step; in that of a loss with m for what it is divided by."""
        if step is not self.steps[-1] or step.block.out.shape:
            return step.line
        sides = [step.line.right, *self._in_full(step)]
        if self.count is not None:
            sides = [_counted(side, self.count) for side in sides]
        return replace(step.line, right=sides[0], steps=tuple(sides[1:]))

    def _in_full(self, step: Step) -> list[Term]:
        """What a loss that was called by its name means, if that is not long."""
        if step.line.right.op is not None and isinstance(step.line.right.op, Op):
            return []
        meant = tidy(self.simplify.meant(step.formula, step.name))
        logs = {t for t in meant.distinct() if t.called == "log_softmax"}
        for t in logs:
            softmax = self.simplify(Term("softmax", t.args, t.attrs, t.shape))
            log = Term(REGISTRY["log"], (tidy(softmax),), shape=t.shape)
            meant = meant.replaced({t: log})
        return [meant] if meant.size <= _LONG and meant != step.line.right else []

    def _title(self, step: Step) -> str:
        return step.path or ("Loss" if step.name.label == "L" else "")

    def head(self) -> tuple[str, ...]:
        """What holds for all lines."""
        said = [*self._said_of_gradients()]
        drawn = [written(t) for t in self.names.leaves.values() if t.name == "M"]
        if drawn:
            said.append(f"{', '.join(drawn)}: what was drawn at random.")
        for name, dims in self.simplify.found.items():
            along = ", ".join(map(str, dims))
            said.append(f"{written(name)} adds up to 1 along dimension {along}.")
        if self.simplify.guarded:
            said.append(
                "Left out: guards such as x = 0 before a division, which came out the same "
                "everywhere in this run."
            )
        return tuple(said)

    def _said_of_gradients(self) -> Iterator[str]:
        last = self.steps[-1].name.label
        if self.steps[-1].block.out.shape:
            yield f"d{last} is given; d before a name stands for the gradient that it leads to."
        elif self.count is None:
            yield f"d before a name stands for the gradient of {last}."
        else:
            m = int(self.count.evaluate({}))
            examples = "examples" if m in (self.inputs[0].shape or (0,)) else "numbers in the mean"
            given = [f"d{written(self.names.leaves[key])}" for key in self.names.wanted]
            yield f"m = {m:,} {examples}."
            yield (
                f"{', '.join(given)} are the gradients of {last}. In between, d before a name "
                f"stands for m times the gradient of {last}, so that no 1/m is carried along."
            )


def _counted(term: Term, count: Term) -> Term:
    """A term with the name m where it is divided by that number."""
    args = tuple(_counted(a, count) if isinstance(a, Term) else a for a in term.args)
    if term.called == "div" and args[1] == count.evaluate({}):
        args = (args[0], count)
    return replace(term, args=args)


def of_network(
    model: Callable[..., Any], x: Any, y: Any = None, loss: Callable[..., Any] | None = None
) -> Equations:
    """The derivation of a network; see `equations`."""
    return Derivation(model, x, y, loss).equations()


def _whole(
    model: Callable[..., Any], loss: Callable[..., Any] | None, target: Any
) -> Callable[..., tuple[Array, Array]]:
    """Model and loss as one function, which gives the arrays of the output and of the result."""

    def run(*inputs: Any) -> tuple[Array, Array]:
        output = model(*inputs)
        result = output
        if loss is not None:
            result = loss(output) if target is None else loss(output, target)
        if not isinstance(output, Tensor) or not isinstance(result, Tensor):
            kind = type(result if isinstance(output, Tensor) else output).__name__
            raise OptionError(
                f"equations needs a model and a loss that give one tensor, got {kind}; wrap it in "
                "a function that picks the tensor you want to follow"
            )
        return output.array, result.array

    return run


def _called(model: Any, count: int) -> list[str]:
    """What the inputs are called: X, or as the function calls them."""
    if isinstance(getattr(model, "__self__", model), Module) or count > 1:
        return ["X"] if count == 1 else [f"X{i + 1}" for i in range(count)]
    try:
        words = list(inspect.signature(model).parameters)
    except (TypeError, ValueError):
        return ["X"]
    return [words[0] if words and words[0].isidentifier() and len(words[0]) < 3 else "X"]


def _adds_up(y: Array) -> bool:
    """Whether there is a dimension along which the numbers are shares that add up to 1."""
    return bool((y >= 0).all()) and any(
        np.allclose(y.sum(d), 1) for d in range(y.ndim) if y.shape[d] > 1
    )


def _sections(
    way: Literal["forward", "backward"], parts: Sequence[tuple[str, list[Line]]]
) -> list[Section]:
    return [
        Section(title, way, tuple(line for _, lines in group for line in lines))
        for title, group in groupby(parts, key=lambda part: part[0])
    ]


def _words(sections: Sequence[Section]) -> list[str]:
    """What the operations do that the way back calls by their names, in the words of the table."""
    lines = [line for section in sections if section.way == "backward" for line in section.lines]
    parts = [t for line in lines for t in line.right.distinct()]
    found: dict[str, str] = {}
    for t in parts:
        made = layout(t)
        by_name = isinstance(made, Row) and made.parts[0] == Word(t.called)
        if isinstance(t.op, Op) and by_name and t.op.kind in ("contract", "gather", "reduce"):
            said = (t.op.__doc__ or "").partition("\n")[0].replace("`", "")
            found[t.called] = f"{t.called}: {said}"
    if any("dim" in t.options and t.called in ("sum", "mean") for t in parts):
        return ["A number below a sum is the dimension along which it adds.", *found.values()]
    return list(found.values())


def _renumbered(
    sections: Sequence[Section],
) -> tuple[tuple[Section, ...], dict[str, Any]]:
    """The sections with constants, and what got a name for being repeated, numbered in order."""
    found: dict[Term, Term] = {}
    values: dict[str, Any] = {}
    for line in (line for section in sections for line in section.lines):
        for t in (*line.right.leaves(), line.left):
            if t.name in ("C", "U") and t.value is not None and t not in found:
                number = 1 + sum(other.name == t.name for other in found)
                found[t] = replace(t, index=str(number))
                values[found[t].label] = t.value
    changed = tuple(
        replace(section, lines=tuple(_exchanged(line, found) for line in section.lines))
        for section in sections
    )
    return changed, values


def _exchanged(line: Line, found: dict[Term, Term]) -> Line:
    return replace(line, left=line.left.replaced(found), right=line.right.replaced(found))
