"""Matrix products, contractions and attention as ONNX nodes (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.graph import Graph, writes
from chainrule.export.onnx.sizes import Dim, Step


@writes("matrix_product")
def _matrix_product(g: Graph, step: Step) -> str:
    dtype = step.instruction.out.dtype
    return g.add("MatMul", *(g.name(v, dtype) for v in step.args))


@writes("linear")
def _linear(g: Graph, step: Step) -> str:
    x, w, *bias = step.args
    dtype = step.instruction.out.dtype
    names = [g.name(v, dtype) for v in (x, w, *bias) if v is not None]
    if len(g.shape(x)) == 2:
        return g.add("Gemm", *names, transB=1)
    product = g.add("MatMul", names[0], g.add("Transpose", names[1], perm=[1, 0]))
    return g.add("Add", product, names[2]) if len(names) > 2 else product


@writes("contraction")
def _contraction(g: Graph, step: Step) -> str:
    dtype = step.instruction.out.dtype
    return g.add("Einsum", *(g.name(v, dtype) for v in step.args), equation=step.attrs["equation"])


@writes("det")
def _det(g: Graph, step: Step) -> str:
    return g.add("Det", g.name(step.args[0]))


@writes("det_sign")
def _det_sign(g: Graph, step: Step) -> str:
    return g.add("Sign", _det(g, step))


@writes("log_abs_det")
def _log_abs_det(g: Graph, step: Step) -> str:
    return g.add("Log", g.add("Abs", _det(g, step)))


# --- attention ----------------------------------------------------------------------------------


@writes("attention")
def _attention(g: Graph, step: Step) -> str:
    """softmax(scale Q K^T + mask) V; zeros for a query from which all keys are hidden."""
    query, key, value, mask = (*step.args, None)[:4]
    if step.attrs.get("p", 0.0):
        raise DataError("attention with dropout draws random numbers and cannot be exported")
    dtype, shape = query.dtype, g.shape(query)
    keys, values = (_for_all(g, v, shape) for v in (key, value))
    rank = len(shape)
    turned = g.add("Transpose", keys, perm=[*range(rank - 2), rank - 1, rank - 2])
    scaled = g.add("Mul", g.name(query), g.number(step.attrs.get("scale", 1.0), dtype))
    scores = g.add("MatMul", scaled, turned)
    if step.attrs.get("causal", False):
        seen = g.lower(shape[-2], g.shape(key)[-2])
        scores = g.add("Where", seen, scores, g.number(-np.inf, dtype))
    elif mask is not None:
        return g.add("MatMul", _hidden(g, scores, mask, dtype), values)
    return g.add("MatMul", g.add("Softmax", scores, axis=-1), values)


def _for_all(g: Graph, x: Any, shape: Sequence[Dim]) -> str:
    """Each head of x as often as there are heads of queries for it."""
    own = g.shape(x)
    if len(own) < 3 or own[-3] == shape[-3]:
        return g.name(x)
    few, many = g.fixed((own[-3], shape[-3]), "heads")
    apart = g.add("Unsqueeze", g.name(x), g.ints(-3))
    wide = (*own[:-3], few, many // few, *own[-2:])
    repeated = g.expand(apart, (), wide)
    return g.reshape(repeated, (*own[:-3], many, *own[-2:]))


def _hidden(g: Graph, scores: str, mask: Any, dtype: Any) -> str:
    """The weights of scores under a mask of truth values, or one that is added."""
    zero, low = g.number(0, dtype), g.number(-np.inf, dtype)
    if mask.dtype.kind == "b":
        scores = g.add("Where", g.name(mask), scores, low)
    else:
        scores = g.add("Add", scores, g.name(mask, dtype))
    last = g.ints(-1)
    top = g.add("ReduceMax", scores, last, keepdims=1)
    top = g.add("Where", g.add("Equal", top, low), zero, top)
    weights = g.add("Exp", g.add("Sub", scores, top))
    total = g.add("ReduceSum", weights, last, keepdims=1)
    some = g.add("Where", g.add("Equal", total, zero), g.number(1, dtype), total)
    return g.add("Div", weights, some)
