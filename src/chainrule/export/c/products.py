"""Products in C: linear maps, matrices, convolutions both ways, attention (floor 4).

Sums of products are added up in the type that the file names at its top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.export.c.nest import Nest, aligned, type_of
from chainrule.export.c.text import Index, literal
from chainrule.export.c.windows import columns, meeting, met
from chainrule.ops.window import Window, sizes
from chainrule.plan.program import Instruction, Value

__all__ = ["ATTENTION", "PRODUCTS", "convolved_row"]


def _times(nest: Nest, total: str, a: str, b: str) -> None:
    nest.line(f"{total} += ({nest.scene.total}){a} * {b};")


def _cast(instruction: Instruction, total: str) -> str:
    return f"({type_of(instruction.out)}){total}"


def _bias(nest: Nest, args: Sequence[Any], at: Index) -> str:
    return nest.read(args[2], (at,)) if len(args) > 2 and args[2] is not None else "0"


def _linear(nest: Nest, instruction: Instruction) -> str | None:
    x, w = instruction.values[:2]
    if instruction.out.dtype.kind != "f":
        return None
    *rows, o = nest.index
    total = nest.total(_bias(nest, instruction.args, o))
    with nest.loop(x.shape[-1]) as k:
        _times(nest, total, nest.read(x, (*rows, k)), nest.read(w, (o, k)))
    return _cast(instruction, total)


def _matrix_product(nest: Nest, instruction: Instruction) -> str | None:
    a, b = instruction.values
    if instruction.out.dtype.kind != "f" or min(len(a.shape), len(b.shape)) < 2:
        return None
    *lead, row, column = nest.index
    total = nest.total()
    with nest.loop(a.shape[-1]) as k:
        left = (*aligned(lead, a.shape[:-2]), row, k)
        right = (*aligned(lead, b.shape[:-2]), k, column)
        _times(nest, total, nest.read(a, left), nest.read(b, right))
    return _cast(instruction, total)


# --- convolution --------------------------------------------------------------------------------


def _moves(instruction: Instruction, rank: int) -> list[tuple[int, ...]]:
    """Stride, padding and dilation, for each dimension of an image."""
    attrs = instruction.attrs
    usual = {"stride": 1, "padding": 0, "dilation": 1}
    return [sizes(attrs.get(name, number), rank) for name, number in usual.items()]


def _convolution(nest: Nest, instruction: Instruction) -> str:
    x, w = instruction.values[:2]
    rank = len(x.shape) - 2
    n, o, *steps = nest.index
    channels, groups = w.shape[1], instruction.attrs.get("groups", 1)
    stride, padding, dilation = _moves(instruction, rank)
    window = Window(w.shape[2:], stride, padding, dilation)
    total = nest.total(_bias(nest, instruction.args, o))
    with nest.loops((channels, *w.shape[2:])) as (c, *taps):
        at, inside = met(nest, window, x.shape[2:], steps, taps)
        own = _of_group(o, w.shape[0] // groups, channels, c, groups)
        with nest.given(inside):
            _times(nest, total, nest.read(x, (n, own, *at)), nest.read(w, (o, c, *taps)))
    return _cast(instruction, total)


def convolved_row(nest: Nest, instruction: Instruction) -> None:
    """Add up a row of outputs at once, in `sums`: the columns are the innermost loop.

    No sum waits for itself there, and a compiler can take several together.
    """
    x, w = instruction.values[:2]
    n, o, *steps = nest.index
    channels, groups = w.shape[1], instruction.attrs.get("groups", 1)
    stride, padding, dilation = _moves(instruction, len(x.shape) - 2)
    above = Window(w.shape[2:-1], stride[:-1], padding[:-1], dilation[:-1])
    along = Window(w.shape[-1:], stride[-1:], padding[-1:], dilation[-1:])
    width = instruction.out.shape[-1]
    nest.line(f"{nest.scene.total} sums[{width}];")
    with nest.loop(width) as k:
        nest.line(f"sums[{k}] = {_bias(nest, instruction.args, o)};")
    with nest.loops((channels, *w.shape[2:])) as (c, *taps), nest.scope((c, *taps)):
        at, inside = met(nest, above, x.shape[2:-1], steps, taps[:-1])
        own = _of_group(o, w.shape[0] // groups, channels, c, groups)
        with nest.given(inside):
            nest.line(f"const {nest.scene.total} weight = {nest.read(w, (o, c, *taps))};")
            with columns(nest, along, x.shape[-1], width, taps[-1]) as (k, column):
                nest.line(f"sums[{k}] += weight * {nest.read(x, (n, own, *at, column))};")


def _of_group(o: Index, outputs: int, channels: int, c: Index, groups: int) -> Index:
    """Channel c of the group that output o belongs to."""
    if groups == 1:
        return c
    group = f"{o}" if outputs == 1 else f"{o} / {outputs}"
    if channels == 1:
        return group
    head = f"{channels}*({group})" if " " in group else f"{channels}*{group}"
    return head if c == 0 else f"{head} + {c}"


def _convolution_input(nest: Nest, instruction: Instruction) -> str:
    """The transposed convolution: of every window that a pixel is in what it passes on."""
    g, w = instruction.values[:2]
    n, channel, *pixels = nest.index
    groups = instruction.attrs.get("groups", 1)
    outputs, channels = w.shape[0] // groups, w.shape[1]
    group = 0 if groups == 1 else f"({channel} / {channels})"
    own: Index = channel if groups == 1 else f"{channel} % {channels}"
    stride, padding, dilation = _moves(instruction, len(g.shape) - 2)
    window = Window(w.shape[2:], stride, padding, dilation)
    total = nest.total()
    with nest.loops((outputs, *w.shape[2:])) as (o, *taps):
        steps, there = meeting(nest, window, g.shape[2:], pixels, taps)
        output: Index = o if group == 0 else f"{outputs}*{group} + {o}"
        with nest.given(there):
            left, right = nest.read(g, (n, output, *steps)), nest.read(w, (output, own, *taps))
            _times(nest, total, left, right)
    return _cast(instruction, total)


# --- attention ----------------------------------------------------------------------------------


def _attention(nest: Nest, instruction: Instruction) -> bool:
    """One element of a row of answers would weigh all keys anew, so a whole row is written."""
    attrs = instruction.attrs
    if attrs.get("p", 0.0):
        return False
    query, key, value = instruction.values[:3]
    mask = instruction.args[3] if len(instruction.args) > 3 else None
    rows = Nest(nest.scene, query.shape[:-1])
    kind = type_of(instruction.out)
    suffix = "f" if kind == "float" else ""
    keys = key.shape[-2]
    with rows.running():
        *lead, row = rows.index
        shared = _shared(lead, query, key)
        rows.line(f"{kind} score[{keys}], top = -INFINITY;")
        with rows.loop(keys) as s:
            total = rows.total()
            with rows.loop(query.shape[-1]) as e:
                left, right = rows.read(query, (*lead, row, e)), rows.read(key, (*shared, s, e))
                _times(rows, total, left, right)
            scale = literal(attrs.get("scale", 1.0), query.dtype)
            rows.line(f"score[{s}] = ({kind}){total} * {scale};")
            _hide(rows, instruction, mask, row, s)
            rows.line(f"top = score[{s}] > top ? score[{s}] : top;")
        rows.line("top = top == -INFINITY ? 0 : top;")
        weight = rows.total()
        with rows.loop(keys) as s:
            rows.line(f"score[{s}] = exp{suffix}(score[{s}] - top);")
            rows.line(f"{weight} += score[{s}];")
        with rows.loop(value.shape[-1]) as e:
            total = rows.total()
            with rows.loop(keys) as s:
                _times(rows, total, f"score[{s}]", rows.read(value, (*shared, s, e)))
            share = f"({kind})({weight} == 0 ? 0 : {total} / {weight})"
            rows.write(instruction.out, (*lead, row, e), share)
    return True


def _shared(lead: Sequence[Index], query: Value, key: Value) -> tuple[Index, ...]:
    """The leading index of keys and values, each head of which serves several of queries."""
    if not lead or query.shape[-3] == key.shape[-3]:
        return tuple(lead)
    each = query.shape[-3] // key.shape[-3]
    return (*lead[:-1], f"{lead[-1]} / {each}" if key.shape[-3] > 1 else 0)


def _hide(rows: Nest, instruction: Instruction, mask: Any, row: Index, s: Index) -> None:
    """Apply what hides keys from queries to a score."""
    if instruction.attrs.get("causal", False):
        rows.line(f"score[{s}] = {s} <= {row} ? score[{s}] : -INFINITY;")
    elif mask is not None:
        text = rows.read(mask, aligned((*rows.index, s), mask.shape))
        if mask.dtype.kind == "b":
            rows.line(f"score[{s}] = {text} ? score[{s}] : -INFINITY;")
        else:
            rows.line(f"score[{s}] += {text};")


PRODUCTS: dict[str, Callable[[Nest, Instruction], str | None]] = {
    "linear": _linear,
    "matrix_product": _matrix_product,
    "convolution": _convolution,
    "convolution_input": _convolution_input,
}
ATTENTION: dict[str, Callable[[Nest, Instruction], bool]] = {"attention": _attention}
