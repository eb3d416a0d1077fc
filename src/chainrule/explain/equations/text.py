"""Equations as plain text (floor 4)."""

from __future__ import annotations

from chainrule.explain.equations.term import Part, Term

def rough(t: Part) -> str:
    if not isinstance(t, Term):
        return f"{t:g}" if t is not None else "None"
    if t.op is None:
        return t.label
    at = [f"{k}={v}" for k, v in t.attrs]
    return f"{t.called}({', '.join([*map(rough, t.args), *at])})"
