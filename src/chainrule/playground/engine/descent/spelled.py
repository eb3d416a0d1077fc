"""One step of an optimiser, spelled out in numbers (floor 5).

What the optimiser remembers is read from the optimiser itself; the lines say how it came to that,
and the last one is held against where the optimiser really went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.playground.engine.descent.optimizers import OPTIMIZERS
from chainrule.playground.engine.descent.ways import Step

__all__ = ["Line", "spelled"]

Array = NDArray[np.float64]


class Line(NamedTuple):
    """One quantity of a step.

    Attributes:
        name: its letter.
        rule: how it is made, in letters.
        numbers: the same in numbers, one for each coordinate.
        values: what comes out, shape (dims,).
        words: what it is.
    """

    name: str
    rule: str
    numbers: list[str]
    values: Array
    words: str


def spelled(name: str, step: Step, point: Array, settings: Mapping[str, Any]) -> list[Line]:
    """Return how a step came about; the last line is the new point.

    Args:
        name: of the optimiser.
        step: what it saw and remembered.
        point: where it stood, shape (dims,).
        settings: of the session, with rates that are numbers.

    Examples:
        >>> step = Step(np.array([2.0]), {}, {})
        >>> for line in spelled("sgd", step, np.array([1.0]), {"lr": 0.1}):
        ...     print(line.name, "=", line.rule, "=", line.numbers[0])
        g = f′(x) = 2
        x new = x − lr g = 1 − 0.1 · 2 = 0.8
    """
    told = OPTIMIZERS[name].arguments(settings)
    slope = "f′(x)" if len(point) == 1 else "∇f"
    gradient = Line("g", slope, [_n(g) for g in step.gradient], step.gradient, "the gradient")
    return [gradient, *_RULES[name](step, point, told)]


def _n(value: float) -> str:
    """A number for a reader, with a minus as long as a plus."""
    return f"{value + 0.0:.5g}".replace("-", "−")


def _factor(value: float) -> str:
    return f"({_n(value)})" if value < 0 else _n(value)


def _line(name: str, rule: str, template: str, values: Any, words: str, **letters: Any) -> Line:
    """A line whose template has letters; each stands for one number, or one per coordinate."""
    values = np.atleast_1d(np.asarray(values, float))
    numbers = []
    for i, value in enumerate(values):
        each = {key: np.broadcast_to(one, values.shape)[i] for key, one in letters.items()}
        filled = template.format(**{key: _factor(float(one)) for key, one in each.items()})
        numbers.append(f"{filled} = {_n(value)}")
    return Line(name, rule, numbers, values, words)


def _moved(point: Array, step: Array, rule: str, template: str, **letters: Any) -> Line:
    return _line(
        "x new", rule, "{x} − " + template, point - step, "where it goes", x=point, **letters
    )


def _sgd(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    lr, g = told["lr"], step.gradient
    return [_moved(x, lr * g, "x − lr g", "{lr} · {g}", lr=lr, g=g)]


def _velocity(step: Step, told: Mapping[str, Any]) -> Line:
    g, kept = step.gradient, told["momentum"]
    if not kept:
        return _line("v", "g", "{g}", g, "the velocity", g=g)
    v = step.after["momentum_buffer"]
    before = step.before.get("momentum_buffer", np.zeros_like(v))
    words = "the velocity: what is left of the last one, and the gradient"
    return _line("v", "μ v + g", "{mu} · {v} + {g}", v, words, mu=kept, v=before, g=g)


def _momentum(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    velocity, lr = _velocity(step, told), told["lr"]
    v = velocity.values
    return [velocity, _moved(x, lr * v, "x − lr v", "{lr} · {v}", lr=lr, v=v)]


def _nesterov(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    velocity, lr, mu, g = _velocity(step, told), told["lr"], told["momentum"], step.gradient
    v = velocity.values
    letters = {"lr": lr, "g": g, "mu": mu, "v": v}
    rule, template = "x − lr (g + μ v)", "{lr} · ({g} + {mu} · {v})"
    return [velocity, _moved(x, lr * (g + mu * v), rule, template, **letters)]


def _mean(
    letter: str, power: int, kept: float, share: str, after: Array, before: Any, g: Array
) -> Line:
    """A running mean of the gradient or of its square."""
    mark = "²" if power == 2 else ""
    words = f"the running mean of the {'squared gradient' if power == 2 else 'gradient'}"
    letters = {"b": kept, "m": np.zeros_like(after) if before is None else before, "g": g}
    template = "{b} · {m} + " + _n(1 - kept) + " · {g}" + mark
    rule = f"{share} {letter} + (1 − {share}) g{mark}"
    return _line(letter, rule, template, after, words, **letters)


def _divided(x: Array, lr: float, up: Array, below: Array, eps: float, rule: str) -> Line:
    step = lr * up / (np.sqrt(below) + eps)
    template = "{lr} · {up} / (√{below} + " + f"{eps:.0e}".replace("-", "−") + ")"
    return _moved(x, step, rule, template, lr=lr, up=up, below=below)


def _rmsprop(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    g, v = step.gradient, step.after["square_avg"]
    mean = _mean("v", 2, told["alpha"], "α", v, step.before.get("square_avg"), g)
    return [mean, _divided(x, told["lr"], g, v, 1e-8, "x − lr g / (√v + ε)")]


def _adagrad(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    g, s = step.gradient, step.after["sum"]
    before = step.before.get("sum", np.zeros_like(s))
    total = _line("s", "s + g²", "{s} + {g}²", s, "the sum of all squared gradients", s=before, g=g)
    return [total, _divided(x, told["lr"], g, s, 1e-10, "x − lr g / (√s + ε)")]


def _adam(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    g, t = step.gradient, float(step.after["step"])
    m, v = step.after["exp_avg"], step.after["exp_avg_sq"]
    corrected = [m / (1 - 0.9**t), v / (1 - 0.999**t)]
    return [
        _mean("m", 1, 0.9, "β₁", m, step.before.get("exp_avg"), g),
        _mean("v", 2, 0.999, "β₂", v, step.before.get("exp_avg_sq"), g),
        _corrected("m", "β₁", 0.9, m, t, corrected[0]),
        _corrected("v", "β₂", 0.999, v, t, corrected[1]),
        _divided(x, told["lr"], corrected[0], corrected[1], 1e-8, "x − lr m̂ / (√v̂ + ε)"),
    ]


def _corrected(letter: str, beta: str, kept: float, mean: Array, t: float, value: Array) -> Line:
    words = f"{letter} as it would be had it not begun at 0"
    template = "{m} / (1 − " + f"{kept:g}" + "^" + f"{t:g})"
    return _line(f"{letter}̂", f"{letter} / (1 − {beta}ᵗ)", template, value, words, m=mean)


def _adamw(step: Step, x: Array, told: Mapping[str, Any]) -> list[Line]:
    lr, decay = told["lr"], told["weight_decay"]
    shrunk = x * (1 - lr * decay)
    words = "decayed towards 0, apart from the gradient"
    letters = {"x": x, "lr": lr, "d": decay}
    line = _line("x", "x (1 − lr λ)", "{x} · (1 − {lr} · {d})", shrunk, words, **letters)
    return [line, *_adam(step, shrunk, told)]


_RULES: dict[str, Callable[[Step, Array, Mapping[str, Any]], list[Line]]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adamw,
}
