"""The operations as expressions of Python with NumPy (floor 4).

Most operations are one function or operator of NumPy, or one of `bodies`, which is copied into the
file. A rule is given the texts of the arguments and gives the text of the result.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.sizes import Size, Step
from chainrule.export.python import bodies
from chainrule.ops.resample import table
from chainrule.ops.window import Window, sizes
from chainrule.plan.bodies import UFUNCS

__all__ = ["Page", "expression", "functions", "told"]

Arguments: TypeAlias = Sequence[str]


class Page:
    """What a file needs beside its function: arrays and helpers, as they come up."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.helpers: set[str] = set()

    def array(self, values: np.ndarray[Any, Any], stem: str) -> str:
        """The name of a constant array."""
        name = f"{stem}_{len(self.arrays)}"
        self.arrays[name] = values
        return name


def told(value: Any) -> str:
    """A value as Python has it; a size that is open by its letter.

    Examples:
        >>> told((1, slice(None), np.dtype(np.float32)))
        '(1, slice(None, None, None), np.float32)'
    """
    if isinstance(value, Size):
        return " + ".join(
            "*".join([*([str(c)] if c != 1 or not names else []), *names])
            for c, names in value.terms
        )
    if isinstance(value, tuple):
        if len(value) > 3 and all(v == value[0] for v in value):
            return f"({told(value[0])},) * {len(value)}"
        return f"({', '.join(map(told, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return told(tuple(value))
    if isinstance(value, slice):
        return f"slice({told(value.start)}, {told(value.stop)}, {told(value.step)})"
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return f"np.{np.dtype(value).name}" if np.dtype(value).kind != "b" else "bool"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value.item() if isinstance(value, np.generic) else value)


def expression(page: Page, step: Step, args: Arguments) -> str | None:
    """The text of what an instruction computes, or `None` where there is none."""
    name = step.instruction.op.name
    if name in RULES:
        return RULES[name](page, step, args)
    if name in UFUNCS:
        return f"np.{UFUNCS[name].__name__.strip('_')}({', '.join(args)})"
    if name in functions():
        page.helpers.add(name)
        more = [f"{k}={told(v)}" for k, v in step.attrs.items()]
        return f"{name}({', '.join([*args, *more])})"
    return None


# --- helpers ------------------------------------------------------------------------------------


def functions() -> dict[str, tuple[str, set[str]]]:
    """Of each function of `bodies` its source, and which others it calls."""
    found: dict[str, tuple[str, set[str]]] = {}
    own = {n: f for n, f in vars(bodies).items() if inspect.isfunction(f)}
    for name, function in own.items():
        text = inspect.getsource(function)
        names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        found[name] = (text, names & own.keys() - {name})
    return found


# --- rules --------------------------------------------------------------------------------------

Rule: TypeAlias = Callable[[Page, Step, Arguments], "str | None"]


def _operator(sign: str) -> Rule:
    return lambda page, step, args: f"{args[0]} {sign} {args[1]}"


def _pattern(text: str) -> Rule:
    """A rule whose text has {0}, {1}, ... for arguments and {name} for attributes."""
    return lambda page, step, args: text.format(
        *args, **{name: told(value) for name, value in step.attrs.items()}
    )


def _reduced(name: str) -> Rule:
    def rule(page: Page, step: Step, args: Arguments) -> str:
        words = []
        if step.attrs.get("dim") is not None:
            words.append(f"axis={told(step.attrs['dim'])}")
        if step.attrs.get("keepdim"):
            words.append("keepdims=True")
        return f"{args[0]}.{name}({', '.join(words)})"

    return rule


def _clip(page: Page, step: Step, args: Arguments) -> str:
    low, high = step.attrs.get("min"), step.attrs.get("max")
    return f"np.clip({args[0]}, {told(low)}, {told(high)})"


def _linear(page: Page, step: Step, args: Arguments) -> str:
    bias = f" + {args[2]}" if len(args) > 2 and args[2] != "None" else ""
    return f"{args[0]} @ {args[1]}.T{bias}"


def _key(key: Any, indices: Sequence[str]) -> str:
    """A key as it stands in brackets, arrays in their places."""
    following = iter(indices)
    words = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, str):
            words.append(next(following))
        elif isinstance(k, slice):
            ends = ["" if e is None else told(e) for e in (k.start, k.stop, k.step)]
            words.append(":".join(ends[:2] if k.step is None else ends))
        else:
            words.append("..." if k is Ellipsis else told(k))
    return ", ".join(words)


def _slice(page: Page, step: Step, args: Arguments) -> str:
    return f"{args[0]}[{_key(step.attrs['key'], [])}]"


def _index(page: Page, step: Step, args: Arguments) -> str:
    return f"{args[0]}[{_key(step.attrs['key'], args[1:])}]"


def _keyed(name: str, values: int) -> Rule:
    """A function of `bodies` that is given a key with arrays in it."""

    def rule(page: Page, step: Step, args: Arguments) -> str:
        page.helpers.add(name)
        key = _key(step.attrs["key"], args[values:])
        shape = f", {told(step.attrs['shape'])}" if "shape" in step.attrs else ""
        return f"{name}({', '.join(args[:values])}, np.s_[{key}]{shape})"

    return rule


def _windowed(name: str) -> Rule:
    """A function of `bodies` that moves a window over images."""

    def rule(page: Page, step: Step, args: Arguments) -> str | None:
        window: Window = step.attrs["window"]
        image = step.attrs.get("size") or step.instruction.values[0].shape[2:]
        page.helpers.add(name)
        words = [args[0], *map(told, (window.size, window.stride, window.margins(tuple(image))))]
        words += [told(window.dilation), *([told(tuple(image))] if "size" in step.attrs else [])]
        return f"{name}({', '.join(words)})"

    return rule


def _convolving(name: str) -> Rule:
    def rule(page: Page, step: Step, args: Arguments) -> str:
        page.helpers.add(name)
        rank = len(step.instruction.values[0].shape) - 2
        attrs: Mapping[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, **step.attrs}
        words = [f"{k}={told(sizes(attrs[k], rank))}" for k in ("stride", "padding", "dilation")]
        words.append(f"groups={attrs.get('groups', 1)}")
        if "size" in attrs:
            words.insert(0, f"size={told(tuple(attrs['size']))}")
        return f"{name}({', '.join([*args, *words])})"

    return rule


def _resample(page: Page, step: Step, args: Arguments) -> str:
    page.helpers.add("resample")
    text = args[0]
    for dim, sampling in zip(step.attrs["dims"], step.attrs["samplings"]):
        places, shares = table(sampling, step.instruction.out.dtype)
        names = page.array(places.astype(np.int64), "places"), page.array(shares, "shares")
        text = f"resample({text}, {dim}, {', '.join(names)})"
    return text


def _steps(name: str) -> Rule:
    def rule(page: Page, step: Step, args: Arguments) -> str:
        page.helpers |= {name}
        more = ", rectified=True" if step.attrs.get("rectified") else ""
        return f"{name}({', '.join(args)}, sizes={told(tuple(step.attrs['sizes']))}{more})"

    return rule


def _attention(page: Page, step: Step, args: Arguments) -> str | None:
    if step.attrs.get("p"):
        return None
    page.helpers.add("attention")
    given = [a for a in args if a != "None"]
    causal = ", causal=True" if step.attrs.get("causal") else ""
    return f"attention({', '.join(given)}, scale={told(step.attrs.get('scale', 1.0))}{causal})"


def _argsort(page: Page, step: Step, args: Arguments) -> str:
    dim = step.attrs.get("dim", -1)
    if not step.attrs.get("descending"):
        return f'np.argsort({args[0]}, axis={dim}, kind="stable")'
    page.helpers.add("largest_first")
    return f"largest_first({args[0]}, {dim})"


def _refused(page: Page, step: Step, args: Arguments) -> None:
    raise DataError(f"{step.instruction.op.name} changes numbers that outlive a call")


RULES: dict[str, Rule] = {
    "add": _operator("+"),
    "sub": _operator("-"),
    "mul": _operator("*"),
    "div": _operator("/"),
    "pow": _operator("**"),
    "eq": _operator("=="),
    "ne": _operator("!="),
    "lt": _operator("<"),
    "le": _operator("<="),
    "gt": _operator(">"),
    "ge": _operator(">="),
    "bitwise_and": _operator("&"),
    "bitwise_or": _operator("|"),
    "bitwise_xor": _operator("^"),
    "matrix_product": _operator("@"),
    "neg": _pattern("-{0}"),
    "square": _pattern("{0} * {0}"),
    "reciprocal": _pattern("1 / {0}"),
    "rsqrt": _pattern("1 / np.sqrt({0})"),
    "relu": _pattern("np.maximum({0}, 0)"),
    "signbit": _pattern("np.signbit({0})"),
    "fmod": _pattern("np.fmod({0}, {1})"),
    "nextafter": _pattern("np.nextafter({0}, {1})"),
    "hypot": _pattern("np.hypot({0}, {1})"),
    "where": _pattern("np.where({0}, {1}, {2})"),
    "cast": _pattern("{0}.astype({dtype})"),
    "clone": _pattern("{0}.copy()"),
    "clip": _clip,
    "reshape": _pattern("{0}.reshape({shape})"),
    "permute": _pattern("{0}.transpose({dims})"),
    "broadcast_to": _pattern("np.broadcast_to({0}, {shape})"),
    "flip": _pattern("np.flip({0}, {dim})"),
    "take_along": _pattern("np.take_along_axis({0}, {1}, {dim})"),
    "pad_constant": lambda page, step, args: (
        f"np.pad({args[0]}, {told(step.attrs['widths'])}, "
        f"constant_values={told(step.attrs.get('value', 0.0))})"
    ),
    "concatenate": lambda page, step, args: (
        f"np.concatenate([{', '.join(args)}], axis={step.attrs.get('dim', 0)})"
    ),
    "argsort": _argsort,
    "cumsum": _pattern("np.cumsum({0}, axis={dim})"),
    "cumprod": _pattern("np.cumprod({0}, axis={dim})"),
    "slice": _slice,
    "index": _index,
    "unindex": _keyed("unindex", 1),
    "index_put": _keyed("index_put", 2),
    "linear": _linear,
    "sum": _reduced("sum"),
    "mean": _reduced("mean"),
    "prod": _reduced("prod"),
    "amax": _reduced("max"),
    "amin": _reduced("min"),
    "argmax": _reduced("argmax"),
    "argmin": _reduced("argmin"),
    "euclidean_norm": lambda page, step, args: (
        f"np.sqrt({_reduced('sum')(page, step, [f'({args[0]} * {args[0]})'])})"
    ),
    "convolution": _convolving("convolution"),
    "convolution_input": _convolving("convolution_input"),
    "max_pooling": _windowed("max_pooling"),
    "sum_pooling": _windowed("sum_pooling"),
    "unfold_windows": _windowed("unfold_windows"),
    "fold_windows": _windowed("fold_windows"),
    "resample": _resample,
    "rnn_steps": _steps("rnn_steps"),
    "lstm_walk": _steps("lstm_walk"),
    "gru_walk": _steps("gru_walk"),
    "attention": _attention,
    "assign": _refused,
}
