"""Faults that the first steps show: gradients, updates, one batch to learn by heart (floor 4)."""

from __future__ import annotations

import inspect
import math
from itertools import islice
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import wrap
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case, Experiment
from chainrule.explain.doctor.check import Check, check, told
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.runs.undo import undone
from chainrule.nn.dropout import _Dropout
from chainrule.ops import Array
from chainrule.optim import Adam

__all__ = ["CHECKS"]

# A gradient beside its weight may differ from layer to layer by the widths and the activations, a
# hundredfold at most in networks that learn. Beyond this it fades, or grows, layer by layer.
_RATIO, _FEWEST_LAYERS = 1e4, 3

_START = "for p in model.parameters(): nn.init.kaiming_normal_(p) if p.ndim > 1 else p.data.zero_()"

# An update of a thousandth of the weight is usual; far from it either way still learns, and the
# first steps of Adam on small weights, at a rate that is bold, are as large as half of them. One
# that is larger than the weight itself leaves nothing of it.
_USUAL, _TOO_LARGE, _TOO_SMALL = 1e-3, 1.0, 1e-7
_STEPS_TO_MEASURE = 5

# Rows to be learned by heart. No more than a row has numbers and one: through so many points in
# general position even a plane goes, so whoever fails with them has a fault and not too few units.
_BY_HEART, _TRIES, _RATES = 8, 200, (0.01, 0.001)
# Learned is what costs less than half of what it cost. Where a network is so large that it gets few
# steps, for this many operations, it need only move; with still fewer it is not tried.
_LEARNED, _MOVED, _WORK, _FEWEST_TRIES = 0.5, 0.9, 1e10, 20


def _ratios(case: Case) -> list[tuple[str, float]]:
    return [(g.name, g.gradient / g.weight) for g in case.visit.gradients if g.weight > 0]


@check(
    "gradients vanish",
    "first layers whose gradients are next to nothing beside those of the last",
    unless=("inputs unscaled", "NaN in the data", "dead ReLUs", "saturated units"),
)
def vanishing(case: Case) -> Finding | None:
    ratios = _ratios(case)
    if len(ratios) < _FEWEST_LAYERS:
        return None
    (first, small), (last, large) = ratios[0], ratios[-1]
    if not large > _RATIO * small > 0:
        return None
    return Finding(
        "gradients vanish",
        Severity.HARMFUL,
        first,
        f"its gradient is {told(small)} of its weight, that of {last} {told(large)}: on the way "
        "back each layer lets only a part of it through",
        _other_activation(case) or f"start the layers at the size that keeps numbers: {_START}",
        {"first": small, "last": large},
    )


def _other_activation(case: Case) -> str:
    """What to do about sigmoids, whose slope is a quarter at most, whatever the weights."""
    if not any(a.op == "sigmoid" for a in case.visit.activations):
        return ""
    return "use nn.Tanh or nn.ReLU in the place of nn.Sigmoid, or put nn.BatchNorm1d before each"


@check(
    "gradients explode",
    "first layers whose gradients are many times those of the last",
    unless=("inputs unscaled", "targets unscaled", "NaN in the data", "loss far from guessing"),
)
def exploding(case: Case) -> Finding | None:
    ratios = _ratios(case)
    if len(ratios) < _FEWEST_LAYERS:
        return None
    largest = max(ratios, key=lambda named: named[1])
    last = ratios[-1]
    if not largest[1] > _RATIO * max(last[1], 1e-30):
        return None
    return Finding(
        "gradients explode",
        Severity.HARMFUL,
        largest[0],
        f"its gradient is {told(largest[1])} of its weight, that of {last[0]} {told(last[1])}: on "
        "the way back each layer makes it larger",
        f"start the layers at the size that keeps numbers: {_START}",
        {"first": largest[1], "last": last[1]},
    )


@check(
    "updates of the wrong size",
    "steps that change weights by more than a part of them, or by next to nothing",
    unless=(
        "inputs unscaled",
        "targets unscaled",
        "NaN in the data",
        "softmax before the loss",
        "nothing to learn",
        "another model's optimiser",
        "not in the optimiser",
        "dead ReLUs",
    ),
)
def update_size(case: Case) -> Finding | None:
    made = case.experiment()
    if made.optimizer is None or case.visit.error is not None:
        return None
    found = _updates(case, made)
    if not found:
        return None
    name, ratio = sorted(found, key=lambda named: named[1])[len(found) // 2]
    if _TOO_SMALL <= ratio <= _TOO_LARGE:
        return None
    rate = float(made.optimizer.param_groups[0]["lr"])
    known = 0 < ratio < math.inf  # of a step that leaves no finite number it is infinite
    better = float(f"{rate * _USUAL / ratio:.0e}") if known else _usual_rate(made.optimizer)
    change = f"changes it by {told(ratio)} of itself" if ratio < math.inf else "makes it infinite"
    return Finding(
        "updates of the wrong size",
        Severity.HARMFUL,
        name,
        f"a step {change}, where about {_USUAL:g} is usual: the "
        f"learning rate {rate:g} is too {'small' if ratio < _USUAL else 'large'}",
        f"set another: optimizer.param_groups[0]['lr'] = {better:g}",
        {"ratio": ratio, "rate": rate, "better": better},
    )


def _updates(case: Case, made: Experiment) -> list[tuple[str, float]]:
    """By how much of itself each of the first steps moves a weight, on average."""
    weights = {n: p for n, p in made.model.named_parameters() if p.ndim > 1 and p.numel() > 1}
    before = {n: p.array.astype(np.float64) for n, p in weights.items()}
    x, y = case.rows(case.affordable(_STEPS_TO_MEASURE + 1, case.loader.batch_size or _BY_HEART))
    try:
        with case.aside():
            for _ in islice(made.steps(x, y, made.optimizer), _STEPS_TO_MEASURE + 1):
                pass
    except ChainruleError:
        return []
    norms = {n: float(np.linalg.norm(b)) for n, b in before.items()}
    moved = {n: float(np.linalg.norm(p.array - before[n])) for n, p in weights.items()}
    moved = {n: m if math.isfinite(m) else math.inf for n, m in moved.items()}
    return [(n, moved[n] / norms[n] / _STEPS_TO_MEASURE) for n in weights if norms[n] > 0]


def _usual_rate(optimizer: Any) -> float:
    """The rate that such an optimiser has where nobody gives one."""
    default = inspect.signature(type(optimizer)).parameters.get("lr")
    return default.default if default and isinstance(default.default, float) else _USUAL


@check(
    "cannot learn one batch",
    "a few rows that cannot even be learned by heart",
    unless=(
        "inputs unscaled",
        "targets unscaled",
        "NaN in the data",
        "nothing to learn",
        "softmax before the loss",
        "targets all alike",
        "dead ReLUs",
        "saturated units",
        "gradients vanish",
        "gradients explode",
    ),
)
def by_heart(case: Case) -> Finding | None:
    if case.visit.error is not None or not any(p.requires_grad for p in case.model.parameters()):
        return None
    count = _count(case)
    steps = int(min(_WORK / max(3 * case.work * count, 1), _TRIES))
    if steps < _FEWEST_TRIES:
        return None
    rows, enough = _rows_by_heart(case, count), _LEARNED if steps == _TRIES else _MOVED
    tries = []
    for rate in _RATES:
        first, least = _learned(case, rows, steps, rate, enough)
        if not least > enough * first:
            return None
        tries.append(least)
    return Finding(
        "cannot learn one batch",
        Severity.BROKEN,
        "",
        f"{count} rows, {steps} steps: the loss went from {told(first)} to {told(min(tries))} and "
        "not further, where learning by heart brings it to 0",
        "follow the numbers from x to the loss, for something in forward() or in the loss loses "
        "what the layers compute, as detach() does, or a ReLU at the end",
        {"first": first, "least": min(tries), "steps": steps, "rows": count},
    )


def _count(case: Case) -> int:
    """How many rows: few, and of a large network only two, for the sake of more steps."""
    numbers = case.numbers
    size = numbers[0].size if numbers is not None else _BY_HEART
    most = max(2, min(_BY_HEART, size + 1, len(case.y)))
    return most if 3 * case.work * most * _TRIES <= _WORK else 2


def _rows_by_heart(case: Case, count: int) -> tuple[Any, Any]:
    """Rows that differ from one another, and, of classes, of as many classes as there are."""
    numbers = case.numbers
    if numbers is None:
        return case.rows(count)
    _, first = np.unique(numbers.reshape(len(numbers), -1), axis=0, return_index=True)
    first = np.sort(first)
    which = (
        _by_turns(case.y[first], count) if case.of_classes and case.y.ndim == 1 else slice(count)
    )
    chosen: Array = first[which]
    return wrap(numbers[chosen]), wrap(case.y[chosen])


def _by_turns(y: Array, count: int) -> Array:
    """Numbers of rows, one of each class, then the next of each."""
    turn = np.zeros(len(y), np.int64)
    for label in np.unique(y):
        turn[y == label] = np.arange((y == label).sum())
    return np.argsort(turn, kind="stable")[:count]


def _learned(
    case: Case, rows: tuple[Any, Any], steps: int, rate: float, enough: float
) -> tuple[float, float]:
    """The first loss, and the least of so many steps; what is enough ends them."""
    made = case.experiment()
    for module in made.model.modules():
        if isinstance(module, _Dropout):
            module.eval()
    optimizer = Adam([p for p in made.model.parameters() if p.requires_grad], lr=rate)
    first = least = float("nan")
    with case.aside():
        for loss in islice(made.steps(*rows, optimizer), steps):
            first = loss if np.isnan(first) else first
            least = float(np.fmin(loss, least))
            if least <= enough * first:
                break
    return first, least


# --- a person's own step ------------------------------------------------------------------------


@check("zero_grad forgotten", "gradients that a step adds to those of the step before")
def zero_grad_forgotten(case: Case) -> Finding | None:
    grads = _gradients_of_two_steps(case)
    summed = [n for n, (a, b) in grads.items() if a.any() and np.allclose(b, 2 * a, rtol=1e-3)]
    if not summed:
        return None
    return Finding(
        "zero_grad forgotten",
        Severity.BROKEN,
        summed[0],
        "after a second step of the same rows its gradient is twice that of the first, because "
        "backward() adds to what is there",
        "begin each step with optimizer.zero_grad()",
        {"names": summed},
    )


def _gradients_of_two_steps(case: Case) -> dict[str, tuple[Array, Array]]:
    """Of each parameter the gradient that a step leaves, and that of the same step after it."""
    if case.step is None:
        return {}
    named = dict(case.model.named_parameters())
    before = {n: p.grad for n, p in named.items()}
    try:
        for p in named.values():
            p.grad = None
        first = _gradients_left(case, named)
        for n, p in named.items():
            p.grad = None if first[n] is None else wrap(first[n].copy())
        second = _gradients_left(case, named)
    finally:
        for n, p in named.items():
            p.grad = before[n]
    return {
        n: (first[n], second[n]) for n in named if first[n] is not None and second[n] is not None
    }


def _gradients_left(case: Case, named: dict[str, Any]) -> dict[str, Any]:
    with undone():
        _step(case)
        return {n: None if p.grad is None else p.grad.array.copy() for n, p in named.items()}


def _step(case: Case) -> None:
    assert case.step is not None
    x, y = case.rows(case.loader.batch_size or _BY_HEART)
    case.step(x.clone() if isinstance(x, Tensor) else x, y)


@check("the step changes nothing", "a step that leaves every parameter as it was")
def idle_step(case: Case) -> Finding | None:
    if case.step is None:
        return None
    named = dict(case.model.named_parameters())
    with undone():
        before = {n: p.array.copy() for n, p in named.items()}
        grads = [p.grad for p in named.values()]
        _step(case)
        changed = any((p.array != before[n]).any() for n, p in named.items())
        learned = any(p.grad is not g and p.grad is not None for p, g in zip(named.values(), grads))
    if changed:
        return None
    lacks = "optimizer.step() after loss.backward()" if learned else "loss.backward()"
    return Finding(
        "the step changes nothing",
        Severity.BROKEN,
        "",
        "gradients are there, but no parameter has moved" if learned else "no gradient is there",
        f"call {lacks}",
        {},
    )


CHECKS: list[Check] = [
    vanishing,
    exploding,
    update_size,
    by_heart,
    zero_grad_forgotten,
    idle_step,
]
