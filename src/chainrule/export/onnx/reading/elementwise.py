"""ONNX's operators element by element, with our operations (floor 4)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.export.onnx.reading.call import (
    READERS,
    Call,
    axis_of,
    broadcast,
    cast,
    fixed,
    known,
    reads,
)
from chainrule.export.onnx.reading.files import DTYPES

__all__: list[str] = []


def _plain(name: str, operation: Callable[..., Any]) -> None:
    def read(_call: Call, *xs: Any) -> Any:
        broadcast(*xs)
        return operation(*xs)

    READERS[name] = read


_PLAIN: dict[str, Callable[..., Any]] = {
    "Abs": ops.abs, "Acos": ops.acos, "Acosh": ops.acosh, "Asin": ops.asin, "Asinh": ops.asinh,
    "Atan": ops.atan, "Atanh": ops.atanh, "Ceil": ops.ceil, "Cos": ops.cos, "Cosh": ops.cosh,
    "Erf": ops.erf, "Exp": ops.exp, "Floor": ops.floor, "IsNaN": ops.isnan, "Log": ops.log,
    "Neg": ops.neg, "Not": ops.logical_not, "Reciprocal": ops.reciprocal, "Relu": ops.relu,
    "Round": ops.round, "Sigmoid": ops.sigmoid, "Sign": ops.sign, "Sin": ops.sin, "Sinh": ops.sinh,
    "Sqrt": ops.sqrt, "Tan": ops.tan, "Tanh": ops.tanh, "Softsign": ops.softsign,
    "HardSwish": ops.hardswish, "Mish": ops.mish, "Identity": lambda x: x,
    "Add": ops.add, "Sub": ops.sub, "Mul": ops.mul,
    "And": ops.logical_and, "Or": ops.logical_or, "Xor": ops.logical_xor,
    "Equal": ops.eq, "Greater": ops.gt, "GreaterOrEqual": ops.ge, "Less": ops.lt,
    "LessOrEqual": ops.le, "BitwiseAnd": ops.bitwise_and, "BitwiseOr": ops.bitwise_or,
    "BitwiseXor": ops.bitwise_xor, "BitwiseNot": ops.bitwise_not, "Where": ops.where,
}  # fmt: skip
for theirs, ours in _PLAIN.items():
    _plain(theirs, ours)


def _many(name: str, operation: Callable[..., Any]) -> None:
    def read(_call: Call, *xs: Any) -> Any:
        broadcast(*xs)
        return functools.reduce(operation, xs)

    READERS[name] = read


_many("Max", ops.maximum)
_many("Min", ops.minimum)
_many("Sum", ops.add)


@reads("Mean")
def _mean(_call: Call, *xs: Any) -> Any:
    return ops.div(functools.reduce(ops.add, xs), len(xs))


@reads("Div")
def _div(_call: Call, a: Any, b: Any) -> Any:
    """Division; of whole numbers without what is behind the point."""
    broadcast(a, b)
    if np.dtype(a.dtype).kind == "f":
        return ops.div(a, b)
    away = ops.sub(a, ops.fmod(a, b))
    return cast(ops.floor_divide(away, b), a.dtype)


@reads("Pow")
def _pow(_call: Call, a: Any, b: Any) -> Any:
    broadcast(a, b)
    if np.dtype(a.dtype).kind != "f" and np.dtype(b.dtype).kind == "f":
        return cast(ops.pow(cast(a, np.float64), cast(b, np.float64)), a.dtype)
    return cast(ops.pow(a, cast(b, a.dtype)), a.dtype)


@reads("Mod")
def _mod(call: Call, a: Any, b: Any) -> Any:
    broadcast(a, b)
    return ops.fmod(a, b) if call.get("fmod", 0) else ops.remainder(a, b)


@reads("BitShift")
def _shift(call: Call, a: Any, b: Any) -> Any:
    left = call.get("direction") == "LEFT"
    return (ops.bitwise_left_shift if left else ops.bitwise_right_shift)(a, b)


@reads("IsInf")
def _isinf(call: Call, x: Any) -> Any:
    found = ops.isinf(x)
    if not call.get("detect_positive", 1):
        found = ops.logical_and(found, ops.lt(x, 0))
    if not call.get("detect_negative", 1):
        found = ops.logical_and(found, ops.gt(x, 0))
    return found


@reads("Cast")
def _cast(call: Call, x: Any) -> Any:
    dtype = DTYPES.get(call.get("to"))
    if dtype is None:
        raise call.refuse(f"it makes elements of kind {call.get('to')}")
    return cast(x, dtype)


@reads("CastLike")
def _cast_like(_call: Call, x: Any, like: Any) -> Any:
    return cast(x, like.dtype)


# --- activations --------------------------------------------------------------------------------


@reads("LeakyRelu")
def _leaky(call: Call, x: Any) -> Any:
    return ops.leaky_relu(x, call.get("alpha", 0.01))


@reads("Elu")
def _elu(call: Call, x: Any) -> Any:
    return ops.elu(x, call.get("alpha", 1.0))


@reads("Celu")
def _celu(call: Call, x: Any) -> Any:
    return ops.celu(x, call.get("alpha", 1.0))


@reads("Selu")
def _selu(call: Call, x: Any) -> Any:
    alpha, gamma = call.get("alpha", 1.67326319217681884765625), call.get("gamma", 1.05070102214813)
    return ops.mul(ops.elu(x, alpha), gamma)


@reads("Softplus")
def _softplus(_call: Call, x: Any) -> Any:
    return ops.logaddexp(x, fixed(np.zeros((), x.dtype)))


@reads("Gelu")
def _gelu(call: Call, x: Any) -> Any:
    return ops.gelu(x, call.get("approximate", "none"))


@reads("Swish")
def _swish(call: Call, x: Any) -> Any:
    return ops.mul(x, ops.sigmoid(ops.mul(x, call.get("alpha", 1.0))))


@reads("HardSigmoid")
def _hard_sigmoid(call: Call, x: Any) -> Any:
    line = ops.add(ops.mul(x, call.get("alpha", 0.2)), call.get("beta", 0.5))
    return ops.clip(line, min=0.0, max=1.0)


@reads("ThresholdedRelu")
def _thresholded(call: Call, x: Any) -> Any:
    return ops.threshold(x, call.get("alpha", 1.0), 0.0)


@reads("Shrink")
def _shrink(call: Call, x: Any) -> Any:
    bias, lambd = call.get("bias", 0.0), call.get("lambd", 0.5)
    above = ops.where(ops.gt(x, lambd), ops.sub(x, bias), ops.mul(x, 0))
    return cast(ops.where(ops.lt(x, -lambd), ops.add(x, bias), above), x.dtype)


@reads("PRelu")
def _prelu(_call: Call, x: Any, slope: Any) -> Any:
    broadcast(x, slope)
    return ops.where(ops.gt(x, 0), x, ops.mul(x, slope))


@reads("Clip")
def _clip(call: Call, x: Any, low: Any = None, high: Any = None) -> Any:
    if low is None and high is None:
        ends = call.get("min"), call.get("max")
        return x if ends == (None, None) else cast(ops.clip(x, min=ends[0], max=ends[1]), x.dtype)
    x = x if low is None else ops.maximum(x, low)
    return x if high is None else ops.minimum(x, high)


def _over_classes(name: str, operation: Callable[..., Any]) -> None:
    """Along one axis; in old versions along all dimensions from it on."""

    def read(call: Call, x: Any) -> Any:
        rank = len(x.shape)
        if call.opset >= 13:
            return operation(x, axis_of(call.get("axis", -1), rank))
        axis = axis_of(call.get("axis", 1), rank)
        flat = ops.reshape(x, shape=(*x.shape[:axis], -1))
        return ops.reshape(operation(flat, axis), shape=tuple(x.shape))

    READERS[name] = read


def _hardmax(x: Any, axis: int) -> Any:
    place = ops.argmax(x, dim=axis, keepdim=True)
    shape = [1] * len(x.shape)
    shape[axis] = -1
    return cast(ops.eq(fixed(np.arange(x.shape[axis]).reshape(shape)), place), x.dtype)


_over_classes("Softmax", lambda x, axis: ops.softmax(x, axis))
_over_classes("LogSoftmax", lambda x, axis: ops.log_softmax(x, axis))
_over_classes("Hardmax", _hardmax)


@reads("Dropout")
def _dropout(call: Call, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and known(training, "mode").any():
        raise call.refuse("it draws random numbers")
    return x, fixed(np.ones(x.shape, bool))


@reads("Det")
def _det(_call: Call, x: Any) -> Any:
    return ops.det(x)
