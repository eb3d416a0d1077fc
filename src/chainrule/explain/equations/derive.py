"""The derivation of a network: forward, and back by the rules of the table on symbols (floor 4).

What a run did is cut into blocks, each of which makes one value with a name. Forward a block is a
line. Backward the rules of its operations are run, last to first, on symbols: what they make of the
name of the block's gradient are its parts in the gradients of what it reads. A gradient that is
used once goes straight into the next line, as a person would write it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.explain.equations.lines import Line
from chainrule.explain.equations.reading.blocks import Block
from chainrule.explain.equations.reading.naming import Names
from chainrule.explain.equations.reading.record import Call, Unit, array_of
from chainrule.explain.equations.rules import Simplifier
from chainrule.explain.equations.terms.algebra import coefficient, scaled, taken_apart, total
from chainrule.explain.equations.terms.symbols import Symbol, made, part_of
from chainrule.explain.equations.terms.term import Part, Term, leaf
from chainrule.explain.equations.terms.tidy import tidy
from chainrule.ops import COMPOSITES, REGISTRY, Array

__all__ = ["Step", "backward", "forward"]

# Shown by its name with a prime, rather than by its formula.
_PRIMED = ("relu",)
# A line that a gradient is put into may grow to so many parts.
_LENGTH = 10


@dataclass(eq=False)
class Step:
    """A block with its symbols.

    Attributes:
        block: what was computed.
        name: of the value that it makes.
        formula: of that value, made of operations of the table alone.
        line: what is written of it.
        symbols: of the values in it, and of those that it reads, by id.
    """

    block: Block
    name: Term
    formula: Term
    line: Line
    symbols: dict[int, Symbol] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The module that it belongs to."""
        return self.block.units[-1].path


# --- forward ------------------------------------------------------------------------------------


def forward(
    parts: Sequence[Block], names: Names, ends: Mapping[int, str], simplify: Simplifier
) -> list[Step]:
    """Write each block as a line, and name what it makes.

    Args:
        parts: the blocks in order.
        names: of what is given; the names of what is made are added.
        ends: names for some values, by id.
        simplify: learns what each name means.

    Returns:
        The lines; none for what was drawn at random.
    """
    steps = []
    for block in parts:
        if block.calls[-1].op.kind == "random":
            names.give(block.out, "M", data=True)
            continue
        if not any(id(a) in names.leaves for a in block.reads):
            continue  # a constant
        symbols = {
            id(a): Symbol(names.leaves[id(a)], a) for a in block.reads if id(a) in names.leaves
        }
        shown = {key: symbol.term for key, symbol in symbols.items()}
        for unit in block.units:
            for call in unit.calls:
                args = [symbols.get(id(a), a) for a in call.args]
                symbols[id(call.y)] = made(call.op, args, call.attrs, call.y)
            shown[id(unit.calls[-1].y)] = _shown(unit, shown)
        steps.append(_named(block, symbols, shown, names, ends, simplify))
    return steps


def _named(
    block: Block,
    symbols: dict[int, Symbol],
    shown: Mapping[int, Term],
    names: Names,
    ends: Mapping[int, str],
    simplify: Simplifier,
) -> Step:
    out = block.out
    reads = [names.leaves[id(a)] for a in block.reads if id(a) in names.leaves]
    right = tidy(simplify(shown[id(out)]))
    name = (
        names.give(out, ends[id(out)])
        if id(out) in ends
        else names.made(out, block.units, reads, right)
    )
    formula = symbols[id(out)].term
    simplify.learn(formula, name)
    simplify.learn(shown[id(out)], name)
    symbols[id(out)] = Symbol(name, out)
    return Step(block, name, formula, Line(name, right, block.units[-1].path, value=out), symbols)


def _shown(unit: Unit, shown: Mapping[int, Term]) -> Term:
    """A unit as it is written: a composite by its name, with what it was called with."""
    last = unit.calls[-1]
    if not unit.called:
        args = [shown.get(id(a)) or part_of(a) for a in last.args]
        return Term(last.op, tuple(args), tuple(last.attrs.items()), last.y.shape)
    parameters = inspect.signature(COMPOSITES[unit.called]).parameters
    parts: list[Part] = []
    attrs: list[tuple[str, Any]] = []
    for name, parameter in parameters.items():
        given = array_of(unit.given.get(name))
        usual = given is parameter.default or (
            not isinstance(given, np.ndarray) and given == parameter.default
        )
        if isinstance(given, np.ndarray):
            parts.append(shown.get(id(given)) or part_of(given))
        elif usual:
            parts.append(None)
        else:
            attrs.append((name, given))
    while parts and parts[-1] is None:
        parts.pop()
    return Term(unit.called, tuple(parts), tuple(attrs), last.y.shape)


def helpers(lines: Sequence[Line], names: Names, simplify: Simplifier) -> list[Line]:
    """Lines for what the way back of a loss speaks of and the run did not name.

    These are the probabilities that softmax makes of scores, and labels as rows with a single 1.
    """
    found: dict[Term, Line] = {}
    for part in (t for line in lines for t in line.right.distinct()):
        plain = all(isinstance(a, Term) and a.op is None for a in part.args)
        if part.called not in ("softmax", "one_hot") or not plain or part in found:
            continue
        inner = part.args[0]
        assert isinstance(inner, Term)
        value = np.asarray(part.evaluate(names.values()))
        letter = "A" if part.called == "softmax" else "Y"
        name = names.give(value, letter, inner.index)
        simplify.learn(part, name)
        found[part] = Line(name, part, value=value)
    return list(found.values())


# --- backward -----------------------------------------------------------------------------------


@dataclass(eq=False)
class Way:
    """The way back, line by line.

    Attributes:
        lines: for each step that has lines, in the order of the way back.
        values: the gradients' arrays, by label.
        front: the number in front of the first gradient that depends on anything.
    """

    lines: list[tuple[Step, list[Line]]] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)
    front: float = 0.0


def backward(
    steps: Sequence[Step],
    names: Names,
    simplify: Simplifier,
    seed: Symbol,
    count: Term | None = None,
) -> Way:
    """Run the rules of every step, the last first, and write down what they give.

    Args:
        steps: the way forward.
        names: of all values.
        simplify: knows what the names mean.
        seed: the gradient of what the last step makes.
        count: what the gradients of what was given are divided by, if the seed was so much larger.
    """
    return _Walk(steps, names, simplify, count).walk(seed)


class _Walk:
    def __init__(
        self, steps: Sequence[Step], names: Names, simplify: Simplifier, count: Term | None
    ) -> None:
        self.steps, self.names, self.simplify, self.count = steps, names, simplify, count
        self.found = Way()
        self.waiting: dict[int, Symbol] = {}
        self.needed = _depending(steps, names.wanted)

    def walk(self, seed: Symbol) -> Way:
        """Go from the last step to the first."""
        self.waiting[id(self.steps[-1].block.out)] = seed
        for i in reversed(range(len(self.steps))):
            step = self.steps[i]
            g = self.waiting.pop(id(step.block.out), None)
            lines = [] if g is None else self.through(step, g)
            first = {id(a) for earlier in self.steps[:i] for a in earlier.block.reads}
            lines += [
                self.given(self.waiting.pop(id(a)), a, step.path)
                for a in step.block.reads
                if id(a) in self.names.wanted and id(a) in self.waiting and id(a) not in first
            ]
            if lines:
                self.found.lines.append((step, lines))
        return self.found

    def through(self, step: Step, g: Symbol) -> list[Line]:
        """Hand the gradient of what a step makes to what it reads."""
        name = leaf(step.name.name, step.name.index, mark="d", shape=g.shape)
        named = self.back(step, Symbol(name, g.array))
        put_in = self.back(step, g) if len(named) == 1 or not _depends(g.term) else None
        into = put_in is not None and self._reads_well(named, put_in, name, g)
        for key, part in (put_in if into and put_in is not None else named).items():
            self.give(key, part)
        if into or g.term == name:
            return []
        self.found.front = self.found.front or coefficient(g.term)
        self.found.values[name.label] = g.array
        return [Line(name, tidy(g.term), step.path, value=g.array)]

    def _reads_well(
        self, named: Mapping[int, Symbol], put_in: Mapping[int, Symbol], name: Term, g: Symbol
    ) -> bool:
        """Whether a gradient is better put into the next line than written down by itself."""
        if not _depends(g.term):
            return True
        (key, apart), (_, joint) = next(iter(named.items())), next(iter(put_in.items()))
        if key in self.names.wanted:
            return False
        long, short = tidy(joint.term).size, tidy(apart.term).size
        direct = name in taken_apart(apart.term)[1]
        once = direct and _times(name, apart.term) == 1
        return long <= short or (once and long <= _LENGTH)

    def back(self, step: Step, g: Symbol) -> dict[int, Symbol]:
        """The parts of a step in the gradients of what it reads, simplified."""
        grads = {id(step.block.out): g}
        for call in reversed(step.block.calls):
            own = grads.pop(id(call.y), None)
            if own is not None and call.op.differentiable:
                for key, part in self.parts(call, own, step.symbols):
                    grads[key] = ops.add(grads[key], part) if key in grads else part
        return {key: Symbol(self.simplify(part.term), part.array) for key, part in grads.items()}

    def parts(
        self, call: Call, g: Symbol, symbols: Mapping[int, Symbol]
    ) -> list[tuple[int, Symbol]]:
        """What the rules of one operation make of its gradient."""
        xs: list[Any] = [symbols.get(id(a), a) for a in call.args]
        y = symbols[id(call.y)]
        common = g if call.op.shared is None else call.op.shared(g, y, *xs, **call.attrs)
        found = []
        for i, a in enumerate(call.args):
            rule = call.op.rule(i) if id(a) in self.needed else None
            if rule is None:
                continue
            if call.op.name in _PRIMED:
                gradient: Any = ops.mul(g, _primed(call, xs[0], y))
            else:
                gradient = rule(common, y, *xs, **call.attrs)
            if gradient is not None:
                found.append((id(a), gradient))
        return found

    def give(self, key: int, part: Symbol) -> None:
        """Add a part to the gradient that waits for a value."""
        before = self.waiting.get(key)
        if before is not None:
            added = ops.add(before, part)
            part = Symbol(self.simplify(added.term), added.array)
        self.waiting[key] = part

    def given(self, g: Symbol, array: Array, path: str) -> Line:
        """The line for the gradient of something that was given."""
        known = self.names.leaves[id(array)]
        name = leaf(known.name, known.index, mark="d", shape=known.shape)
        right, value = tidy(g.term), g.array
        if self.count is not None:
            value = value / self.count.evaluate({})
            right = _divided(g.term, self.count)
        self.found.values[name.label] = value
        return Line(name, right, path, value=value)


def _divided(term: Term, count: Term) -> Term:
    """A term over m; what came from no gradient that has an m in it is divided here and now."""
    m = count.evaluate({})
    outer, factors = taken_apart(term)
    parts = factors[0].args if len(factors) == 1 and factors[0].called == "total" else (term,)
    kept = [p for p in parts if isinstance(p, Term) and _has_gradient(p)]
    plain = [p for p in parts if p is not None and p not in kept]
    if not kept:
        return tidy(scaled(term, 1 / m))
    if not plain:
        return _over(term, count)
    over = _over(scaled(total(kept, term.shape), outer), count)
    rest = tidy(total([scaled(p, outer / m) for p in plain if isinstance(p, Term)], term.shape))
    return Term(REGISTRY["add"], (over, rest), shape=term.shape)


def _has_gradient(term: Term) -> bool:
    return any(t.mark == "d" for t in term.leaves())


def _over(term: Term, count: Term) -> Term:
    number = coefficient(term)
    if number == 1 / count.evaluate({}):
        return tidy(scaled(term, 1 / number))
    if number < 0:
        inner = _over(scaled(term, -1.0), count)
        return Term(REGISTRY["neg"], (inner,), shape=term.shape)
    return Term(REGISTRY["div"], (tidy(term), count), shape=term.shape)


def _primed(call: Call, x: Symbol, y: Symbol) -> Symbol:
    """The slope of a function of one argument, by the name of the function with a prime."""
    local = call.op.local[0]
    slope = local(y.array, x.array) if callable(local) else np.full(x.shape, local)
    return Symbol(Term(f"{call.op.name}'", (x.term,), shape=x.shape), slope)


def _depending(steps: Sequence[Step], wanted: Sequence[int]) -> set[int]:
    """The ids of the values that depend on what gradients are wanted of."""
    needed = set(wanted)
    for step in steps:
        for call in step.block.calls:
            if call.op.differentiable and any(id(a) in needed for a in call.args):
                needed.add(id(call.y))
    return needed


def _depends(term: Term) -> bool:
    """Whether a term is more than a number."""
    return bool(taken_apart(term)[1])


def _times(name: Term, term: Term) -> int:
    """How often a name is read."""
    return sum(a == name for t in term.distinct() for a in t.args)
