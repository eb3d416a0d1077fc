"""The formulas of the network with the numbers of one point, neuron by neuron (floor 5).

Each neuron is a sum and what its activation makes of it; then come the probabilities and the loss,
and the gradients of the neuron that somebody points at. Lines are terms of the derivations of
`explain.equations`, whose writers set and escape them. The whole derivation of one weight is made
by `equations` itself, for whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import ops
from chainrule.autograd.tape import wrap
from chainrule.errors import ChainruleError, one_line
from chainrule.explain import equations
from chainrule.explain.equations.filling import filled
from chainrule.explain.equations.lines import Line
from chainrule.explain.equations.terms.term import Term, leaf
from chainrule.explain.equations.writing.html import line_of, style
from chainrule.ops import REGISTRY
from chainrule.picture import Markup, element, join
from chainrule.playground.engine.plane.passing import Passed, Step, passed
from chainrule.playground.engine.plane.subject import Subject
from chainrule.playground.engine.plane.terms import added, called, feature, only, sum_of
from chainrule.playground.engine.settings import Count, Flag

__all__ = ["formulas"]

# What is written out: units of a layer, and of all layers together; products of a sum.
_UNITS, _ALL, _PRODUCTS = 8, 32, 6

# Weights beyond which the whole derivation of one of them would keep training waiting.
_SMALL = 2_000

# What the page calls an operation that the table calls otherwise.
_LOSSES = {"MSELoss": "square", "L1Loss": "abs"}


def formulas(subject: Subject, values: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what the network computes at a place, and what it would learn from it.

    Args:
        subject: the network and its data.
        values: x and y; label; layer (1 is the first after the features) and unit, whose gradients
            are wanted; full, for the whole derivation of one weight of it.

    Returns:
        html, and a note in words.

    Raises:
        OptionError: there is no such place, label or neuron.
    """
    place = subject.place(values)
    neuron = _neuron(subject, values)
    if Flag(label="full", usual=False).check("full", values.get("full", False)):
        return _whole(subject, passed(subject, place), neuron or (0, 0))
    return _Writing(subject, passed(subject, place), neuron).answer()


def _neuron(subject: Subject, values: Mapping[str, Any]) -> tuple[int, int] | None:
    """The stage and the unit that are meant."""
    layer, unit = values.get("layer"), values.get("unit")
    if layer is None or unit is None or layer == 0:
        return None
    count = len(subject.stages)
    at = Count(label="layer", usual=1, low=0, high=count).check("layer", layer) - 1
    most = subject.stages[at].linear.out_features - 1
    return at, Count(label="unit", usual=0, low=0, high=most).check("unit", unit)


@dataclass(frozen=True)
class _Writing:
    """The lines of one point.

    Attributes:
        subject: the network.
        way: the point's way forward and back.
        neuron: the stage and the unit whose gradients are wanted.
    """

    subject: Subject
    way: Passed
    neuron: tuple[int, int] | None

    def answer(self) -> dict[str, Any]:
        """The formulas, and what is left out."""
        sections = [*self._forward(), self._end(), *self._backward()]
        return {
            "html": join(
                [
                    element("style", Markup(style())),
                    element("div", *sections, class_="derivation"),
                ]
            ),
            "note": " ".join(self._notes()),
        }

    def _notes(self) -> Iterator[str]:
        sizes = [len(step.sums) for step in self.way.steps]
        left = sum(sizes) - sum(len(self._shown(i)) for i in range(len(sizes)))
        if left:
            yield f"{left:,} of {sum(sizes):,} neurons are left out: point at one to see it."
        if max(step.weight.shape[1] for step in self.way.steps) > _PRODUCTS + 1:
            yield f"Of long sums the {_PRODUCTS} largest products are written out."
        if len(self.subject.plain) < len(self.subject.model):
            yield "Dropout is left out: it acts only while the network is trained."

    # --- names ----------------------------------------------------------------------------------

    def _name(self, letter: str, stage: int, unit: int) -> Term:
        """The name of a neuron's sum or value: layer and unit, counted from 1."""
        return leaf(letter, f"{stage + 1},{unit + 1}")

    def _value_name(self, stage: int, unit: int) -> Term:
        """What a neuron gives: a feature, an activation, a score, or the number."""
        if stage < 0:
            return feature(self.subject.labels[unit])
        if self.subject.stages[stage].activation is None:
            return self._sum_name(stage, unit)
        return self._name("a", stage, unit)

    def _sum_name(self, stage: int, unit: int) -> Term:
        last = stage == len(self.way.steps) - 1
        return leaf("ŷ") if last and self.way.chances is None else self._name("z", stage, unit)

    def _shown(self, stage: int) -> list[int]:
        """The units of a layer that are written down: the first, and the one that is meant."""
        most = max(1, min(_UNITS, _ALL // len(self.way.steps)))
        shown = list(range(min(most, len(self.way.steps[stage].sums))))
        if self.neuron is not None and self.neuron[0] == stage and self.neuron[1] not in shown:
            shown.append(self.neuron[1])
        return shown

    # --- forward --------------------------------------------------------------------------------

    def _forward(self) -> Iterator[Markup]:
        names = self.subject.names()
        given = [
            self._row(Line(feature(label), only(value)), 0, i)
            for i, (label, value) in enumerate(zip(self.subject.labels, self.way.features))
        ]
        yield _section(names[0], given)
        for i, step in enumerate(self.way.steps):
            rows = [
                self._row(one, i + 1, j) for j in self._shown(i) for one in self._unit(step, i, j)
            ]
            yield _section(names[i + 1], rows)

    def _row(self, line: Line, layer: int, unit: int) -> Markup:
        here = self.neuron == (layer - 1, unit)
        return line_of(line, mark="here" if here else "", data_neuron=f"{layer}.{unit}")

    def _unit(self, step: Step, stage: int, unit: int) -> Iterator[Line]:
        """z = w₁ x₁ + w₂ x₂ + b, and a = tanh(z)."""
        names, numbers = sum_of(
            lambda k: leaf("w", str(k + 1)),
            lambda k: self._value_name(stage - 1, k),
            step.weight[unit],
            step.given,
            _PRODUCTS,
        )
        if self.subject.stages[stage].linear.bias is not None:
            names.append(leaf("b"))
            numbers.append(float(step.bias[unit]))
        total, value = self._sum_name(stage, unit), float(step.sums[unit])
        yield Line(total, only(added(names)), steps=(added(numbers), value))
        activation = self.subject.stages[stage].activation
        if activation is not None:
            bent = Term(called(activation), (total,))
            steps = (filled(bent, {total.label: value}), float(step.values[unit]))
            yield Line(self._value_name(stage, unit), bent, steps=steps)

    # --- the loss -------------------------------------------------------------------------------

    def _end(self) -> Markup:
        """What comes out, and what that costs."""
        lines = list(self._of_classes() if self.way.chances is not None else self._ofonly())
        return _section("loss at this point", map(line_of, lines))

    def _of_classes(self) -> Iterator[Line]:
        """p = exp(z) / sum of exp(z), and L = -ln p of the class that it is."""
        assert self.way.chances is not None
        stage = len(self.way.steps) - 1
        names = [self._value_name(stage, k) for k in range(len(self.way.chances))]
        scores = {t.label: float(z) for t, z in zip(names, self.way.steps[-1].values)}
        powers = [Term(ops.exp, (name,)) for name in names]
        below = added(powers)
        for k, (above, chance) in enumerate(zip(powers, self.way.chances)):
            share = Term(ops.div, (above, below))
            steps = (filled(share, scores), float(chance))
            yield Line(leaf("p", str(k + 1)), share, note=self.subject.classes[k], steps=steps)
        truth = int(self.way.place.label)
        right = leaf("p", str(truth + 1))
        cost = Term(ops.neg, (Term(ops.log, (right,)),))
        numbers = filled(cost, {right.label: float(self.way.chances[truth])})
        yield Line(
            leaf("L"),
            cost,
            note=f"label: {self.subject.classes[truth]}",
            steps=(numbers, self.way.loss),
        )

    def _ofonly(self) -> Iterator[Line]:
        """L = (ŷ - y)², or whatever the loss is."""
        guess, truth = leaf("ŷ"), leaf("y")
        known = {"ŷ": float(self.way.steps[-1].values[0]), "y": self.way.place.label}
        yield Line(truth, only(known["y"]), note="label")
        apart = Term(ops.sub, (guess, truth))
        kind = type(self.subject.loss).__name__
        cost = Term(REGISTRY[_LOSSES[kind]], (apart,)) if kind in _LOSSES else None
        if cost is None:
            cost = Term(called(self.subject.loss), (guess, truth))
        yield Line(leaf("L"), cost, steps=(filled(cost, known), self.way.loss))

    # --- backward -------------------------------------------------------------------------------

    def _backward(self) -> Iterator[Markup]:
        """The gradients of one neuron: of what it gives, of its sum, of its weights."""
        if self.neuron is None:
            return
        stage, unit = self.neuron
        step = self.way.steps[stage]
        rows = [
            *self._of_value(step, stage, unit),
            *self._of_sum(step, stage, unit),
            *self._of_weights(step, stage, unit),
        ]
        title = f"gradients of {self.subject.names()[stage + 1]}, neuron {unit + 1}"
        yield _section(title, map(line_of, rows))
        if stage + 1 < len(self.way.steps):
            yield element(
                "p",
                "v₁, v₂, ... are the weights by which the next layer takes what this neuron gives.",
                class_="head",
            )

    def _of_value(self, step: Step, stage: int, unit: int) -> Iterator[Line]:
        """dL/da = v₁ dL/dz₁ + v₂ dL/dz₂ + ... over the sums of the next layer."""
        if stage + 1 == len(self.way.steps):
            return
        after = self.way.steps[stage + 1]
        names, numbers = sum_of(
            lambda k: leaf("v", str(k + 1)),
            lambda k: self._d(self._sum_name(stage + 1, k)),
            after.weight[:, unit],
            after.d_sums,
            _PRODUCTS,
        )
        left, value = self._d(self._value_name(stage, unit)), float(step.d_values[unit])
        yield Line(left, only(added(names)), steps=(added(numbers), value))

    def _of_sum(self, step: Step, stage: int, unit: int) -> Iterator[Line]:
        """dL/dz = dL/da times the slope of the activation; of a score p - 1, or p."""
        total, found = self._sum_name(stage, unit), float(step.d_sums[unit])
        if self.subject.stages[stage].activation is not None:
            value = self._value_name(stage, unit)
            slope = Term(None, name=value.name, index=value.index, mark="∂", by=total)
            product = Term(ops.mul, (self._d(value), slope))
            known = {
                self._d(value).label: float(step.d_values[unit]),
                slope.label: float(step.slopes[unit]),
            }
            yield Line(self._d(total), product, steps=(filled(product, known), found))
        elif stage + 1 == len(self.way.steps):
            yield self._of_output(total, unit, found)

    def _of_output(self, total: Term, unit: int, found: float) -> Line:
        if self.way.chances is None:
            return Line(self._d(total), only(found))
        p, hit = leaf("p", str(unit + 1)), float(int(self.way.place.label) == unit)
        apart = Term(ops.sub, (p, hit)) if hit else p
        numbers = filled(apart, {p.label: float(self.way.chances[unit])})
        return Line(self._d(total), apart, steps=(numbers, found) if hit else (found,))

    def _of_weights(self, step: Step, stage: int, unit: int) -> Iterator[Line]:
        """dL/dw = dL/dz times what the weight was multiplied by; dL/db = dL/dz."""
        back = self._d(self._sum_name(stage, unit))
        known = {back.label: float(step.d_sums[unit])}
        for k in range(min(len(step.given), _UNITS)):
            taken = self._value_name(stage - 1, k)
            product = Term(ops.mul, (back, taken))
            numbers = Term(ops.mul, (known[back.label], float(step.given[k])))
            yield Line(
                self._d(leaf("w", str(k + 1))),
                product,
                steps=(numbers, float(step.d_sums[unit] * step.given[k])),
            )
        if self.subject.stages[stage].linear.bias is not None:
            yield Line(self._d(leaf("b")), back, steps=(known[back.label],))

    def _d(self, by: Term) -> Term:
        """The slope of the loss by something."""
        return Term(None, name="L", mark="d", by=by)


def _section(title: str, rows: Iterable[Markup]) -> Markup:
    return element(
        "section", element("h3", title), element("div", *rows, class_="lines"), class_="layer"
    )


# --- the whole derivation -------------------------------------------------------------------------


def _whole(subject: Subject, way: Passed, neuron: tuple[int, int]) -> dict[str, Any]:
    """The derivation of the weight of a neuron that counts most at this point."""
    stage, unit = neuron
    count = sum(step.weight.size for step in way.steps)
    if count > _SMALL:
        return _refused(
            f"the whole derivation is written for up to {_SMALL:,} weights, and these are {count:,}"
        )
    place = int(abs(way.steps[stage].given).argmax())
    weight = f"{subject.stages[stage].path}.weight[{unit}, {place}]"
    x, y = wrap(subject.inputs(way.place.x, way.place.y)), subject.target(way.place.label)
    try:
        made = equations(subject.plain, x, y, subject.loss, numbers=True, weight=weight)
    except ChainruleError as error:
        return _refused(one_line(str(error)))
    return {"html": made.html(), "note": ""}


def _refused(why: str) -> dict[str, Any]:
    return {"html": "", "note": f"{why[:1].upper()}{why[1:]}."}
