"""Random numbers from a key and a count, by the formulas of `ops.random` (floor 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.plan.formulas.registers import INDEX, Register

__all__ = ["kept", "mixed", "uniform"]

GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(key: Register, place: Register) -> Register:
    """The random bits of a key and a place, by the formula of `ops.random`."""
    z = (place + 1) * GOLDEN + key
    z = (z ^ (z >> 30)) * MIX_1
    z = (z ^ (z >> 27)) * MIX_2
    return z ^ (z >> 31)


def kept(bits: Register, p: float, dtype: np.dtype[Any]) -> Register:
    """What dropout multiplies by: 0 with probability p, else 1 / (1 - p)."""
    w = bits.writer
    if p >= 1:
        return w.number(0, dtype)
    threshold = min(round(p * 2.0**64), (1 << 64) - 1)
    return bits.ge(threshold).select(w.number(1 / (1 - p), dtype), 0)


def uniform(bits: Register, dtype: np.dtype[Any]) -> Register:
    """A number from 0 up to 1, with as many digits as its dtype has."""
    digits = np.finfo(dtype).nmant + 1
    return (bits >> (64 - digits)).to(INDEX).to(dtype) * 2.0**-digits
