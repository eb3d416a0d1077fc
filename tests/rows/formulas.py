"""Rows of the small formulas, element by element."""

from __future__ import annotations

import math
from math import inf, nan

import numpy as np

from case import at, between, case, kink, positive, real, torch, verdict, whole
from references import each

# A row is a line, or little more.
# fmt: off

MIXTURES = [
    case("fmod", [real(2, 3), positive(2, 3)], np.fmod, torch.fmod),
    case("fmod", [real(2, 3), between(-2, -1, 3)], np.fmod, torch.fmod, note="negative-divisor"),
    case("fmod", [whole(-9, 9, 6), 4], np.fmod, torch.fmod, note="integers"),
    case("hypot", [real(2, 3), real(2, 3)], each(math.hypot), torch.hypot),
    kink("hypot", [at(0, 3), at(2, 4)], np.hypot, torch.hypot, slopes=[[0, 0.6], [1, 0.8]]),
    case("frac", [real(2, 3)], each(lambda x: math.modf(x)[0]), torch.frac),
    case("lerp", [real(2, 3), real(2, 3), 0.3], lambda a, b, w: a * (1 - w) + b * w, torch.lerp),
    case("lerp", [real(2, 3), real(2, 3), real(3)], lambda a, b, w: a * (1 - w) + b * w,
         torch.lerp, note="tensor"),
    case("addcmul", [real(2, 3), real(2, 1), real(3)], lambda x, a, b: x + a * b, torch.addcmul),
    case("addcmul", [real(3), real(3), real(3)], lambda x, a, b, value: x + value * a * b,
         torch.addcmul, note="scaled", value=0.5),
    case("addcdiv", [real(2, 3), real(2, 1), positive(3)], lambda x, a, b: x + a / b,
         torch.addcdiv),
    case("addcdiv", [real(3), real(3), positive(3)], lambda x, a, b, value: x + value * a / b,
         torch.addcdiv, note="scaled", value=0.5),
    case("float_power", [whole(1, 9, 6), 2.5], np.float_power, torch.float_power),
    case("float_power", [whole(1, 9, 6), whole(-2, 3, 6)], np.float_power, torch.float_power,
         note="integers"),
    case("ldexp", [real(2, 3), whole(-4, 4, 3)], np.ldexp, torch.ldexp, note="integers"),
    case("bit_exponent", [real(2, 3)], lambda x: np.frexp(x)[1], lambda x: torch.frexp(x)[1]),
    case("bit_exponent", [at(0, inf, -inf, nan)], lambda x: np.zeros(4, np.int32),
         note="infinity"),
    case("frexp", [real(2, 3)], np.frexp, torch.frexp),
    case("nextafter", [real(2, 3), real(2, 3)], np.nextafter, torch.nextafter),
    case("deg2rad", [between(-360, 360, 2, 3)], np.deg2rad, torch.deg2rad),
    case("rad2deg", [real(2, 3)], np.rad2deg, torch.rad2deg),
    case("logaddexp2", [real(2, 3), real(2, 3)], np.logaddexp2, torch.logaddexp2),
]

STEPS_AND_SIGNS = [
    case("signbit", [real(2, 3)], np.signbit, torch.signbit),
    case("signbit", [at(-0.0, 0.0, -1)], np.signbit, torch.signbit, note="zero"),
    case("copysign", [real(2, 3), real(2, 3)], np.copysign, torch.copysign),
    case("copysign", [real(2, 3), -1.0], np.copysign, torch.copysign, note="number"),
    kink("copysign", [at(0, 2, -2), at(-1, -0.0, 0.0)], np.copysign, torch.copysign,
         wrt=[0], slopes=[[0, -1, -1]]),
    case("heaviside", [real(2, 3), real(3)], np.heaviside, torch.heaviside, wrt=[]),
    case("heaviside", [at(0, -1, 5), at(0.5, 2, 3)], np.heaviside, torch.heaviside,
         note="zero", wrt=[]),
    case("fmax", [real(2, 3), real(2, 3)], np.fmax, torch.fmax),
    kink("fmax", [at(1, nan, nan), at(nan, 1, nan)], np.fmax, torch.fmax),
    case("fmin", [real(2, 3), real(2, 3)], np.fmin, torch.fmin),
    kink("fmin", [at(1, nan, 2), at(nan, 1, 2)], np.fmin, torch.fmin),
    case("clamp", [real(2, 3)], lambda x, **_: np.clip(x, -0.5, 0.5), torch.clamp, min=-0.5,
         max=0.5),
    case("clamp", [real(2, 3), real(3), between(1, 2, 2, 3)], np.clip, torch.clamp,
         note="tensors"),
    kink("clamp", [at(1, 0, 3, 9), at(1, 1, 4, 4), at(2, 2, 3, 3)],
         lambda x, a, b: np.minimum(np.maximum(x, a), b), torch.clamp, note="bounds"),
    case("nan_to_num", [real(2, 3)], np.nan_to_num, torch.nan_to_num),
    case("nan_to_num", [whole(0, 9, 3)], np.nan_to_num, torch.nan_to_num, note="integers"),
    kink("nan_to_num", [at(nan, inf, -inf, 1)], lambda x, **a: np.array([0.5, 9, -9, 1]),
         torch.nan_to_num, note="given", nan=0.5, posinf=9.0, neginf=-9.0, slopes=[[0, 0, 0, 1]]),
]

KINDS = [
    *(
        verdict(name, [at(nan, inf, -inf, 1, 0)], getattr(np, name), getattr(torch, name))
        for name in ("isinf", "isposinf", "isneginf")
    ),
    verdict("isinf", [whole(0, 9, 3)], np.isinf, torch.isinf, note="integers"),
    verdict("isreal", [at(nan, 1)], np.isreal, torch.isreal),
    verdict("isclose", [at(1, 1, inf, inf, nan), at(1 + 1e-9, 1.1, inf, -inf, nan)], np.isclose,
         torch.isclose),
    verdict("isclose", [at(1, inf, nan), at(1.05, 1, nan)], np.isclose, torch.isclose, note="given",
         rtol=0.1, atol=0.0, equal_nan=True),
]


def xlogy(x, y):
    """x ln y, and 0 for x = 0."""
    return math.nan if math.isnan(y) else 0.0 if x == 0 else x * math.log(y)


def sinc(x):
    """sin(pi x) / (pi x)."""
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


LOGARITHMS = [
    case("xlogy", [real(2, 3), positive(3)], each(xlogy), torch.xlogy),
    # PyTorch's slope by y is NaN where both are 0.
    kink("xlogy", [at(0, 0, 0, 2), at(0, -1, 3, 1)], lambda x, y: np.zeros(4),
         slopes=[[0, 0, math.log(3), 0], [0, 0, 0, 2]]),
    kink("xlogy", [at(0), at(nan)], each(xlogy), torch.xlogy, note="nan"),
    case("logit", [between(0.1, 0.9, 2, 3)], each(lambda x: math.log(x / (1 - x))), torch.logit),
    case("logit", [at(0.1, 0.5, 0.99)], each(lambda x, **_: math.log(
        min(max(x, 0.2), 0.8) / (1 - min(max(x, 0.2), 0.8)))), torch.logit, note="clipped",
         eps=0.2),
    kink("logit", [at(0, 1)], lambda x: np.array([-inf, inf]), torch.logit),
    case("sinc", [real(2, 3)], each(sinc), torch.sinc),
    kink("sinc", [at(0, 1)], each(sinc), torch.sinc, slopes=[[0, -1]]),
]
