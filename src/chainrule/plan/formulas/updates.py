"""The optimisers' steps in registers, number by number as NumPy takes them (floor 2).

What holds for the whole step (rates, corrections for the bias of running means) is computed once in
float64 and rounded to the parameter's dtype, as NumPy rounds a Python number; then each element
goes through the same operations in the same order as in `ops.update`, and comes out equal to the
last bit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.plan.formulas.elementwise import maximum
from chainrule.plan.formulas.registers import Register, Writer
from chainrule.plan.program import Instruction

__all__ = ["STEPS", "Step", "arguments"]

# Arguments of a step by name: numbers as registers of double, a pair of them, options as bools.
Numbers: TypeAlias = Mapping[str, Any]
# Of one element the registers by name, `None` where a state is not used; and what becomes of them.
Element: TypeAlias = Mapping[str, Any]
New: TypeAlias = dict[str, Register]

DOUBLE = np.dtype(np.float64)


class Step(NamedTuple):
    """A step of an optimiser.

    Attributes:
        once: from its numbers what holds for the whole step, by name.
        advance: from that, its options and one element to the element's new values.
        by_element: the arguments that have as many elements as the parameter.
    """

    once: Callable[[Writer, Numbers], dict[str, Register]]
    advance: Callable[[Writer, Numbers, Element], New]
    by_element: tuple[str, ...]


def _decayed(e: Element, n: Numbers) -> Any:
    """The gradient, uphill if asked, with that of the penalty added."""
    g = -e["g"] if n["maximize"] else e["g"]
    return n["weight_decay"].ne(0).select(e["x"] * n["weight_decay"] + g, g)


def _one(w: Writer) -> Register:
    return w.number(1, DOUBLE)


# --- stochastic gradient descent ----------------------------------------------------------------


def _sgd_once(w: Writer, n: Numbers) -> New:
    told = {name: n[name] for name in ("lr", "momentum", "weight_decay")}
    return {**told, "taken": _one(w) - n["dampening"]}


def _sgd(_w: Writer, n: Numbers, e: Element) -> New:
    """x -= lr v with v = momentum v + (1 - dampening) g."""
    new: New = {}
    g, v, kept = _decayed(e, n), e["momentum_buffer"], n["momentum"]
    if v is not None:
        moving = kept.ne(0)
        v = new["momentum_buffer"] = moving.select(v * kept + g * n["taken"], v)
        g = moving.select(g + v * kept if n["nesterov"] else v, g)
    return {**new, "x": e["x"] - g * n["lr"]}


# --- Adam ---------------------------------------------------------------------------------------


def _adam_once(w: Writer, n: Numbers) -> New:
    beta1, beta2 = n["betas"]
    root = w.intrinsic("sqrt", _one(w) - w.call("pow", beta2, n["step"]))
    return {
        "size": n["lr"] * root / (_one(w) - w.call("pow", beta1, n["step"])),
        "floor": n["eps"] * root,
        "shrink": _one(w) - n["lr"] * n["weight_decay"],
        "kept": beta2,
        "share": _one(w) - beta1,
        "share_sq": _one(w) - beta2,
        "weight_decay": n["weight_decay"],
    }


def _adam(w: Writer, n: Numbers, e: Element) -> New:
    """x -= lr m' / (sqrt(v') + eps), m and v running means of g and g^2, ' their correction."""
    x, m, v = e["x"], e["exp_avg"], e["exp_avg_sq"]
    if n["decoupled"]:
        g, x = -e["g"] if n["maximize"] else e["g"], x * n["shrink"]
    else:
        g = _decayed(e, n)
    m = m + (g - m) * n["share"]
    v = v * n["kept"] + g * g * n["share_sq"]
    new = {"exp_avg": m, "exp_avg_sq": v}
    if n["amsgrad"]:
        v = new["max_exp_avg_sq"] = maximum(e["max_exp_avg_sq"], v)
    return {**new, "x": x - m / (w.intrinsic("sqrt", v) + n["floor"]) * n["size"]}


# --- RMSprop and Adagrad ------------------------------------------------------------------------


def _rmsprop_once(w: Writer, n: Numbers) -> New:
    told = {name: n[name] for name in ("lr", "momentum", "weight_decay", "alpha", "eps")}
    return {**told, "share": _one(w) - n["alpha"]}


def _rmsprop(w: Writer, n: Numbers, e: Element) -> New:
    """x -= lr g / (sqrt(v) + eps), v a running mean of g^2."""
    g, v, b = _decayed(e, n), e["square_avg"], e["momentum_buffer"]
    v = spread = v * n["alpha"] + g * g * n["share"]
    new: New = {"square_avg": v}
    if n["centered"]:
        mean = new["grad_avg"] = e["grad_avg"] + (g - e["grad_avg"]) * n["share"]
        spread = v - mean * mean
    step = g / (w.intrinsic("sqrt", spread) + n["eps"])
    if b is not None:
        moving = n["momentum"].ne(0)
        b = new["momentum_buffer"] = moving.select(b * n["momentum"] + step, b)
        step = moving.select(b, step)
    return {**new, "x": e["x"] - step * n["lr"]}


def _adagrad_once(_w: Writer, n: Numbers) -> New:
    slowed = (n["step"] - 1) * n["lr_decay"] + 1
    told = {name: n[name] for name in ("weight_decay", "eps")}
    return {**told, "rate": n["lr"] / slowed}


def _adagrad(w: Writer, n: Numbers, e: Element) -> New:
    """x -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s the sum of all g^2 so far."""
    g = _decayed(e, n)
    s = e["sum_sq"] + g * g
    return {"sum_sq": s, "x": e["x"] - g / (w.intrinsic("sqrt", s) + n["eps"]) * n["rate"]}


STEPS: dict[str, Step] = {
    "sgd_step": Step(_sgd_once, _sgd, ("x", "g", "momentum_buffer")),
    "adam_step": Step(_adam_once, _adam, ("x", "g", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    "rmsprop_step": Step(
        _rmsprop_once, _rmsprop, ("x", "g", "square_avg", "momentum_buffer", "grad_avg")
    ),
    "adagrad_step": Step(_adagrad_once, _adagrad, ("x", "g", "sum_sq")),
    "increment": Step(
        lambda _w, n: {"amount": n["amount"]}, lambda _w, n, e: {"x": e["x"] + n["amount"]}, ("x",)
    ),
    "assign": Step(lambda _w, _n: {}, lambda _w, _n, e: {"x": e["value"]}, ("x", "value")),
}


def arguments(instruction: Instruction, operands: Sequence[Any]) -> Mapping[str, Any]:
    """The operands of a step by the names of its op's arguments, those left out at their defaults.

    Args:
        instruction: the step.
        operands: what stands for its arguments, in order.
    """
    parameters = inspect.signature(instruction.op.forward).parameters.values()
    given = dict(zip((p.name for p in parameters), operands))
    return {**{p.name: p.default for p in parameters}, **instruction.attrs, **given}
