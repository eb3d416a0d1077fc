"""One example and one weight followed through a network, in numbers (floor 4).

Of each value on the way from the weight to the loss one element is written down, with what it is
made of; of each gradient on the way back likewise. All of it is computed from the terms, in float64
and on copies; each gradient is held against autograd's and against a nudge of the very number.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, as_tensor, grad
from chainrule.errors import OptionError, did_you_mean
from chainrule.explain.equations.checks import STEP, Check, Measured, measure
from chainrule.explain.equations.equations import Equations
from chainrule.explain.equations.following.elements import Elements, Index, at, spread
from chainrule.explain.equations.following.rerun import Rerun
from chainrule.explain.equations.lines import Line
from chainrule.explain.equations.network import Derivation
from chainrule.explain.equations.terms.term import Term
from chainrule.explain.telling.waiting import waiting
from chainrule.nn import Module
from chainrule.ops import Array
from chainrule.random import fork_rng

__all__ = ["with_numbers"]


def with_numbers(
    model: Callable[..., Any],
    x: Any,
    y: Any = None,
    loss: Callable[..., Any] | None = None,
    *,
    example: int = 0,
    weight: str | None = None,
) -> Equations:
    """Return the derivation of a network for one element of each value; see `equations`."""
    model, loss = _doubled(model), _doubled(loss)
    x = [_exact(t) for t in x] if isinstance(x, (tuple, list)) else _exact(x)
    y = None if y is None else _exact(y)
    return _Followed(Derivation(model, x, y, loss), model, y, loss, example, weight).equations()


def _doubled(model: Any) -> Any:
    """A copy of a module in float64; a function is what it is."""
    return copy.deepcopy(model).double() if isinstance(model, Module) else model


def _exact(t: Any) -> Tensor:
    """Data in float64, labels as they are."""
    array = as_tensor(t).array
    return Tensor(array.astype(np.float64) if array.dtype.kind == "f" else array.copy())


class _Followed:
    """What is found out on the way of one weight."""

    def __init__(
        self,
        derivation: Derivation,
        model: Any,
        target: Any,
        loss: Any,
        example: int,
        weight: str | None,
    ) -> None:
        self.derivation, self.model, self.target, self.loss = derivation, model, target, loss
        self.whole = derivation.equations()
        self.there, self.back = (
            [line for s in self.whole.sections if s.way == way for line in s.lines]
            for way in ("forward", "backward")
        )
        made = {line.left.label for line in (*self.there, *self.back)}
        given = {k: v for k, v in self.whole.values.items() if k not in made}
        self.run = Rerun(self.there, {k: _float64(v) for k, v in given.items()}, self._result())
        self.values = self.run.forward({})
        self._check_repeats()
        for line in self.back:
            self.values[line.left.label] = line.right.evaluate(self.values)
        self.slopes = self.run.slopes()
        self.example = self._of_example(example)
        self.number = example
        self.weight, self.place = self._chosen(weight)
        self.places = self._places()

    def _result(self) -> str:
        return self.derivation.steps[-1].name.label

    def _check_repeats(self) -> None:
        for line in self.there:
            now, then = np.asarray(self.values[line.left.label]), line.value
            if then is not None and not np.allclose(
                now, then, rtol=1e-3, atol=1e-4, equal_nan=True
            ):
                raise OptionError(
                    f"{line.left.label}, computed again, is not what it was: the model draws "
                    "random numbers; call model.eval() before equations(..., numbers=True)"
                )

    # --- what is followed -----------------------------------------------------------------------

    def _of_example(self, example: int) -> dict[str, Array]:
        """For each value which elements depend on the example: all others stay if it changes."""
        x = self.derivation.names.leaves[id(self.derivation.inputs[0].array)].label
        array = np.asarray(self.values[x])
        axis = self._axis(array.shape)
        if array.ndim and not -array.shape[axis] <= example < array.shape[axis]:
            raise OptionError(
                f"there is no example {example} among {array.shape[axis]}; examples count from 0"
            )
        here = np.zeros(array.shape, bool)
        here[(slice(None),) * axis + (example,) if array.ndim else ()] = True
        other = np.where(here, _otherwise(array, axis), array)
        moved = self.run.forward({x: other})
        return {
            label: np.not_equal(np.asarray(value), np.asarray(moved[label]))
            for label, value in self.values.items()
            if label in moved
        }

    def _axis(self, shape: Sequence[int]) -> int:
        """The dimension of the input that counts examples: as many as the loss is a mean over."""
        count = self.derivation.count
        m = 0 if count is None else int(count.evaluate({}))
        return list(shape).index(m) if m in shape else 0

    def _chosen(self, weight: str | None) -> tuple[Term, Index]:
        names = self.derivation.names
        known = {**names.paths, **{t.label: t for t in names.paths.values()}}
        if not known:
            raise OptionError("there is no weight to follow: nothing in the model is learned")
        if weight is None:
            return self._telling(list(dict.fromkeys(names.paths.values())))
        parts = re.fullmatch(r"\s*([^\[\]]+?)\s*(?:\[([\s\d,-]*)\])?\s*", weight)
        name = parts[1] if parts else weight
        if name not in known:
            raise OptionError(
                f"there is no weight {name!r}; there are {', '.join(names.paths)}"
                + did_you_mean(name, list(known))
            )
        term = known[name]
        place = tuple(int(i) for i in ((parts and parts[2]) or "").split(",") if i.strip())
        right = len(place) == len(term.shape) and all(
            -n <= i < n for i, n in zip(place, term.shape)
        )
        if not right:
            raise OptionError(
                f"{weight!r} is no element of {name}, whose shape is {term.shape}; "
                f"write {name}{list(_largest(np.abs(self.slopes[term.label])))}, for example"
            )
        return term, tuple(i % n for i, n in zip(place, term.shape))

    def _telling(self, terms: Sequence[Term]) -> tuple[Term, Index]:
        """The weight through which the example moves the result most, of the first matrix."""
        learned = [t for t in terms if t.label in self.slopes]
        for term in sorted(learned, key=lambda t: len(t.shape) < 2):
            slope = np.abs(self._from_example(term))
            if slope.any():
                return term, _largest(slope)
        return learned[0], _largest(np.abs(self.slopes[learned[0].label]))

    def _from_example(self, term: Term) -> Array:
        """The gradient of a weight as far as it comes from the example."""
        line = next(line for line in self.there if term in line.right.leaves())
        label = line.left.label
        mine = self.slopes.get(label, np.zeros(())) * self.example[label]
        w = Tensor(np.asarray(self.values[term.label]), requires_grad=True)
        made = line.right.evaluate({**self.values, term.label: w})
        found: Array = grad((made * Tensor(mine)).sum(), w)[0].array
        return found

    def _places(self) -> dict[str, Index]:
        """For each value on the way the element that is followed."""
        nudge = _one(np.asarray(self.values[self.weight.label]), self.place, STEP)
        label = self.weight.label
        up, down = (self.run.forward({label: self.values[label] + s * nudge}) for s in (1, -1))
        places = {label: self.place}
        for line in self.there:
            own = line.left.label
            moved = np.abs(np.asarray(up[own], float) - np.asarray(down[own], float))
            if moved.any():
                mine = moved * self.example[own] if (moved * self.example[own]).any() else moved
                weighed = mine * np.abs(self.slopes.get(own, np.ones(())))
                weighed = weighed if weighed.any() else mine
                places[own] = self._straight(line, places, weighed) or _largest(weighed)
        return places

    def _straight(self, line: Line, places: Mapping[str, Index], weighed: Array) -> Index | None:
        """The place that was followed so far, if it tells about as much as any other."""
        before = (places.get(t.label) for t in line.right.leaves() if t.shape == line.shape)
        telling = (place for place in before if place and weighed[place] > weighed.max() / 5)
        return next(telling, None)

    # --- lines ----------------------------------------------------------------------------------

    def equations(self) -> Equations:
        """The lines on the way, each for one element, and the checks."""
        self.needed = self._needed()
        self._place_helpers()
        followed = {**self.places, **{f"d{k}": v for k, v in self.places.items()}}
        elements = Elements(self.values, followed)
        shown = [line for line in self.back if line.left.label in self.needed & followed.keys()]
        shown += [line for line in self.there if line.left.label in followed]
        lines = {
            line.left.label: self._line(line, elements, followed[line.left.label])
            for line in waiting(shown, "following one weight")
        }
        sections = (
            replace(s, lines=tuple(lines[k] for line in s.lines if (k := line.left.label) in lines))
            for s in self.whole.sections
        )
        gradients = [line for line in self.back if line.left.mark and line.left.label in lines]
        checks = tuple(map(self._check, waiting(gradients, "nudging each number")))
        kept = tuple(section for section in sections if section.lines)
        return Equations(kept, self._head(), self.whole.values, checks)

    def _needed(self) -> set[str]:
        """The gradients that lead to that of the weight."""
        lines = {line.left.label: line for line in self.back}
        needed: set[str] = set()
        ahead = [f"d{self.weight.label}"]
        while ahead:
            label = ahead.pop()
            if label in lines and label not in needed:
                needed.add(label)
                ahead += [t.label for t in lines[label].right.leaves()]
        return needed

    def _place_helpers(self) -> None:
        """Places for what gradients on the way read and the weight does not move, such as labels.

        What is only named for the way back, as probabilities are, is looked at where its reader is.
        """
        apart = {k for k, slope in self.slopes.items() if not slope.any()}
        for line in reversed(self.back):
            here = self.places.get(_without_mark(line))
            if line.left.label not in self.needed or here is None:
                continue
            for t in line.right.leaves():
                loose = t.label not in self.places or t.label in apart
                if loose and t.label in self.values and not t.mark and _fits(t.shape, line.shape):
                    self.places[t.label] = spread(here, t.shape)

    def _line(self, line: Line, elements: Elements, index: Index) -> Line:
        """A line for one element: its sides by name, the last of them in numbers, and its value."""
        sides = [line.right, *(side for side in line.steps if isinstance(side, Term))]
        names, numbers = zip(*(elements.of(side, index) for side in sides))
        value = elements.number(line.left, index)
        told = [part for part in (*names[1:], numbers[-1]) if isinstance(part, Term)]
        return replace(
            line,
            left=at(line.left, index),
            right=names[0] if isinstance(names[0], Term) else line.right,
            value=np.asarray(value),
            steps=(*told, value),
        )

    def _check(self, line: Line) -> Check:
        label = _without_mark(line)
        place = self.places[label]
        name = at(line.left, place)
        derived = float(np.asarray(self.values[line.left.label])[place])
        if label == self.weight.label and isinstance(self.model, Module):
            automatic, measured = self._of_model()
            return Check(name, derived, automatic, measured)
        scale = 1.0 if label in self._given() else self._scale()
        value = np.asarray(self.values[label])

        def moved(nudge: float) -> float:
            return scale * self.run.total({label: value + _one(value, place, nudge)})

        automatic = scale * float(self.slopes[label][place])
        return Check(name, derived, automatic, measure(moved))

    def _scale(self) -> float:
        count = self.derivation.count
        return 1.0 if count is None else float(count.evaluate({}))

    def _given(self) -> set[str]:
        names = self.derivation.names
        return {names.leaves[key].label for key in names.wanted}

    def _of_model(self) -> tuple[float, Measured]:
        """The gradient and the slope of the weight, found on the model itself (a copy of it)."""
        path = next(k for k, t in self.derivation.names.paths.items() if t is self.weight)
        parameter = dict(self.model.named_parameters())[path]

        def result() -> Any:
            with fork_rng():
                made = self.model(*self.derivation.inputs)
                if self.loss is not None:
                    made = self.loss(made) if self.target is None else self.loss(made, self.target)
                return made.sum()

        (found,) = grad(result(), [parameter])
        array, before = parameter.array, parameter.array[self.place]

        def moved(nudge: float) -> float:
            array[self.place] = before + nudge
            total = float(result().array)
            array[self.place] = before
            return total

        return float(found.array[self.place]), measure(moved)

    def _head(self) -> tuple[str, ...]:
        called = next(k for k, t in self.derivation.names.paths.items() if t is self.weight)
        place = ", ".join(map(str, self.place))
        return (
            *self.whole.head,
            f"Followed are example {self.number} and the weight {called}[{place}]: of each value "
            "between it and the result one element, computed in float64.",
        )


def _without_mark(line: Line) -> str:
    """What a gradient is that of; of another name the name itself."""
    return f"{line.left.name}{line.left.index}"


def _fits(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether an array is broadcast to another, if they meet."""
    tail = other[len(other) - len(shape) :]
    return len(shape) <= len(other) and all(n in (1, m) for n, m in zip(shape, tail))


def _float64(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else value


def _otherwise(array: Array, axis: int) -> Array:
    """Other numbers of the same kind: those of the example before, if they can be a bit more."""
    other = np.roll(array, 1, axis) if array.ndim else array
    return other + 0.01 * (1 + np.abs(array)) if array.dtype.kind == "f" else other


def _largest(array: Array) -> Index:
    place = np.unravel_index(int(np.argmax(array)), np.shape(array))
    return tuple(int(i) for i in place)


def _one(array: Array, place: Index, value: float) -> Array:
    """Zeros with one number."""
    made = np.zeros(array.shape)
    made[place] = value
    return made
