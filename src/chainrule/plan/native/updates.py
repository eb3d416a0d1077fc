"""The optimisers' steps in LLVM's language, number by number as NumPy takes them (floor 2).

What holds for the whole step (rates, corrections for the bias of running means) is computed once in
float64 and rounded to the parameter's dtype, as NumPy rounds a Python number; then each element
goes through the same operations in the same order as in `ops.update`, and comes out equal to the
last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.native.elementwise import maximum
from chainrule.plan.native.ir import Register, Writer

__all__ = ["STEPS", "Numbers", "Step"]

# The registers of one element by the names of their arguments; `None` where a state is not used.
Element: TypeAlias = Mapping[str, Register | None]
Numbers: TypeAlias = Mapping[str, Any]
# What to write once gives what to write for each element: the new values by name.
Step: TypeAlias = Callable[[Writer, Numbers, Any], Callable[[Any], dict[str, Register]]]


def _decayed(x: Register, g: Register, decay: Register, maximize: bool) -> Register:
    """The gradient, uphill if asked, with that of the penalty added."""
    uphill = -g if maximize else g
    return decay.ne(0).select(x * decay + uphill, uphill)


def sgd_step(w: Writer, numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x -= lr v with v = momentum v + (1 - dampening) g."""
    rate, kept, decay = (numbers[n].to(dtype) for n in ("lr", "momentum", "weight_decay"))
    taken = (w.number(1, np.dtype(np.float64)) - numbers["dampening"]).to(dtype)
    moving = numbers["momentum"].ne(0)

    def advance(e: Any) -> dict[str, Register]:
        new: dict[str, Register] = {}
        x, v = e["x"], e["momentum_buffer"]
        g = _decayed(x, e["g"], decay, numbers["maximize"])
        if v is not None:
            new["momentum_buffer"] = moving.select(v * kept + g * taken, v)
            v = new["momentum_buffer"]
            g = moving.select(g + v * kept if numbers["nesterov"] else v, g)
        return {**new, "x": x - g * rate}

    return advance


def adam_step(w: Writer, numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x -= lr m' / (sqrt(v') + eps), m and v running means of g and g^2, ' their correction."""
    one = w.number(1, np.dtype(np.float64))
    rate, t, eps = numbers["lr"], numbers["step"], numbers["eps"]
    beta1, beta2 = numbers["betas"]
    root = w.intrinsic("sqrt", one - w.call("pow", beta2, t))
    size = (rate * root / (one - w.call("pow", beta1, t))).to(dtype)
    floor, shrink = (eps * root).to(dtype), (one - rate * numbers["weight_decay"]).to(dtype)
    kept, decay = beta2.to(dtype), numbers["weight_decay"].to(dtype)
    share1, share2 = (one - beta1).to(dtype), (one - beta2).to(dtype)

    def advance(e: Any) -> dict[str, Register]:
        x, g, m, v = (e[n] for n in ("x", "g", "exp_avg", "exp_avg_sq"))
        if numbers["decoupled"]:
            g = -g if numbers["maximize"] else g
            x = x * shrink
        else:
            g = _decayed(x, g, decay, numbers["maximize"])
        m = m + (g - m) * share1
        v = v * kept + g * g * share2
        new = {"exp_avg": m, "exp_avg_sq": v}
        if numbers["amsgrad"]:
            v = new["max_exp_avg_sq"] = maximum(e["max_exp_avg_sq"], v)
        return {**new, "x": x - m / (w.intrinsic("sqrt", v) + floor) * size}

    return advance


def rmsprop_step(w: Writer, numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x -= lr g / (sqrt(v) + eps), v a running mean of g^2."""
    one = w.number(1, np.dtype(np.float64))
    rate, momentum, decay, kept, floor = (
        numbers[n].to(dtype) for n in ("lr", "momentum", "weight_decay", "alpha", "eps")
    )
    share = (one - numbers["alpha"]).to(dtype)
    moving = numbers["momentum"].ne(0)

    def advance(e: Any) -> dict[str, Register]:
        x, v, b = e["x"], e["square_avg"], e["momentum_buffer"]
        g = _decayed(x, e["g"], decay, numbers["maximize"])
        v = v * kept + g * g * share
        new, spread = {"square_avg": v}, v
        if numbers["centered"]:
            mean = new["grad_avg"] = e["grad_avg"] + (g - e["grad_avg"]) * share
            spread = v - mean * mean
        step = g / (w.intrinsic("sqrt", spread) + floor)
        if b is not None:
            new["momentum_buffer"] = moving.select(b * momentum + step, b)
            step = moving.select(new["momentum_buffer"], step)
        return {**new, "x": x - step * rate}

    return advance


def adagrad_step(w: Writer, numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s the sum of all g^2 so far."""
    decay, floor = (numbers[n].to(dtype) for n in ("weight_decay", "eps"))
    slowed = (numbers["step"] - 1) * numbers["lr_decay"] + 1
    rate = (numbers["lr"] / slowed).to(dtype)

    def advance(e: Any) -> dict[str, Register]:
        g = _decayed(e["x"], e["g"], decay, numbers["maximize"])
        s = e["sum_sq"] + g * g
        return {"sum_sq": s, "x": e["x"] - g / (w.intrinsic("sqrt", s) + floor) * rate}

    return advance


def increment(w: Writer, numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x += amount."""
    amount = numbers["amount"].to(dtype)
    return lambda e: {"x": e["x"] + amount}


def assign(_w: Writer, _numbers: Numbers, dtype: Any) -> Callable[[Any], dict[str, Register]]:
    """x = value."""
    return lambda e: {"x": e["value"].to(dtype)}


# What each step takes element by element; all else is a number that holds for the whole step.
STEPS: dict[str, tuple[Step, tuple[str, ...]]] = {
    "sgd_step": (sgd_step, ("x", "g", "momentum_buffer")),
    "adam_step": (adam_step, ("x", "g", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    "rmsprop_step": (rmsprop_step, ("x", "g", "square_avg", "momentum_buffer", "grad_avg")),
    "adagrad_step": (adagrad_step, ("x", "g", "sum_sq")),
    "increment": (increment, ("x",)),
    "assign": (assign, ("x", "value")),
}
