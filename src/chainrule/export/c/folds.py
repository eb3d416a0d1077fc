"""Reductions in C: sums, means, the largest, and where it is (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chainrule.export.c.nest import Nest, type_of
from chainrule.export.c.text import Index, ctype
from chainrule.ops.core import normal_dims
from chainrule.plan.program import Instruction, Value

__all__ = ["FOLDS", "RUNNING"]


def _reduced(instruction: Instruction) -> tuple[int, ...]:
    (x,) = instruction.values
    if instruction.op.name == "sum_to":
        lead = len(x.shape) - len(instruction.out.shape)
        kept = zip(instruction.out.shape, x.shape[lead:])
        return (*range(lead), *(lead + d for d, (a, b) in enumerate(kept) if a != b))
    return tuple(sorted(normal_dims(instruction.attrs.get("dim"), len(x.shape))))


@contextmanager
def _each(nest: Nest, instruction: Instruction) -> Iterator[tuple[Index, ...]]:
    """Loops over what is reduced; yields the index of an element that is."""
    (x,) = instruction.values
    gone = _reduced(instruction)
    with nest.loops([x.shape[d] for d in gone]) as inner, nest.scope(inner):
        yield _merged(nest.index, instruction, gone, inner)


def _merged(
    outer: Sequence[Index], instruction: Instruction, gone: Sequence[int], inner: Sequence[Index]
) -> tuple[Index, ...]:
    rank = len(instruction.values[0].shape)
    kept = [d for d in range(rank) if d not in gone]
    at: dict[int, Index] = dict(zip(gone, inner))
    if instruction.op.name == "sum_to" or len(instruction.out.shape) == rank:
        lead = rank - len(instruction.out.shape)
        at |= {d: outer[d - lead] for d in kept}
    else:
        at |= dict(zip(kept, outer))
    return tuple(at[d] for d in range(rank))


def _count(instruction: Instruction) -> int:
    (x,) = instruction.values
    return math.prod(x.shape[d] for d in _reduced(instruction))


# --- sums ---------------------------------------------------------------------------------------


def _summed(nest: Nest, instruction: Instruction, of: Callable[[str], str], start: str) -> str:
    """Add up `of` every element; the name of the sum."""
    (x,) = instruction.values
    if instruction.out.dtype.kind == "f":
        total = nest.total(start)
    else:
        total = nest.fresh("sum")
        nest.line(f"int64_t {total} = {start};")
    with _each(nest, instruction) as at:
        nest.line(f"{total} {of(nest.read(x, at))};")
    return total


def _sum(nest: Nest, instruction: Instruction) -> str:
    total = _summed(nest, instruction, lambda x: f"+= {x}", "0")
    return f"({type_of(instruction.out)}){total}"


def _prod(nest: Nest, instruction: Instruction) -> str:
    total = _summed(nest, instruction, lambda x: f"*= {x}", "1")
    return f"({type_of(instruction.out)}){total}"


def _mean(nest: Nest, instruction: Instruction) -> str:
    total = _summed(nest, instruction, lambda x: f"+= {x}", "0")
    return f"({type_of(instruction.out)})({total} / {_count(instruction)})"


def _euclid(nest: Nest, instruction: Instruction) -> str:
    kind = nest.scene.total
    total = _summed(nest, instruction, lambda x: f"+= ({kind}){x} * {x}", "0")
    return f"({type_of(instruction.out)})sqrt({total})"


# --- the largest --------------------------------------------------------------------------------


def _best(nest: Nest, instruction: Instruction, sign: str) -> str:
    """Look for the largest or smallest element, or the first NaN; the name of it."""
    (x,) = instruction.values
    name = nest.fresh("best")
    first = tuple(0 if d in _reduced(instruction) else 1 for d in range(len(x.shape)))
    start = _merged(nest.index, instruction, _reduced(instruction), [0] * first.count(0))
    nest.line(f"{ctype(x.dtype)} {name} = {nest.read(x, start)};")
    with _each(nest, instruction) as at:
        nest.line(f"const {ctype(x.dtype)} one = {nest.read(x, at)};")
        odd = " || one != one" if x.dtype.kind == "f" else ""
        nest.line(f"{name} = one {sign} {name}{odd} ? one : {name};")
    return name


def _largest(nest: Nest, instruction: Instruction) -> str:
    return _best(nest, instruction, ">")


def _smallest(nest: Nest, instruction: Instruction) -> str:
    return _best(nest, instruction, "<")


def _peak(nest: Nest, instruction: Instruction) -> str:
    name = _best(nest, instruction, ">")
    return f"isfinite({name}) ? {name} : 0"


def _logsumexp(nest: Nest, instruction: Instruction) -> str:
    (x,) = instruction.values
    top = _best(nest, instruction, ">")
    nest.line(f"{top} = isfinite({top}) ? {top} : 0;")
    suffix = "f" if x.dtype.itemsize == 4 else ""
    total = nest.total()
    with _each(nest, instruction) as at:
        nest.line(f"{total} += exp{suffix}({nest.read(x, at)} - {top});")
    return f"({ctype(x.dtype)})log({total}) + {top}"


def _place(sign: str) -> Callable[[Nest, Instruction], str]:
    """The rule for where the first of the largest lies, counted over what is reduced."""

    def rule(nest: Nest, instruction: Instruction) -> str:
        (x,) = instruction.values
        gone = _reduced(instruction)
        best, place, count = nest.fresh("best"), nest.fresh("place"), nest.fresh("count")
        start = _merged(nest.index, instruction, gone, [0] * len(gone))
        nest.line(f"{ctype(x.dtype)} {best} = {nest.read(x, start)};")
        nest.line(f"int64_t {place} = 0, {count} = 0;")
        with _each(nest, instruction) as at:
            nest.line(f"const {ctype(x.dtype)} one = {nest.read(x, at)};")
            odd = f" || (one != one && {best} == {best})" if x.dtype.kind == "f" else ""
            with nest.code.block(f"if (one {sign} {best}{odd})"):
                nest.line(f"{best} = one;")
                nest.line(f"{place} = {count};")
            nest.line(f"{count}++;")
        return place

    return rule


FOLDS: dict[str, Callable[[Nest, Instruction], str | None]] = {
    "sum": _sum,
    "sum_to": _sum,
    "mean": _mean,
    "prod": _prod,
    "euclidean_norm": _euclid,
    "amax": _largest,
    "amin": _smallest,
    "peak": _peak,
    "logsumexp": _logsumexp,
    "argmax": _place(">"),
    "argmin": _place("<"),
}


# --- from one element to the next ---------------------------------------------------------------


def _running(start: str, sign: str) -> Callable[[Nest, Instruction], bool]:
    def rule(nest: Nest, instruction: Instruction) -> bool:
        (x,) = instruction.values
        out: Value = instruction.out
        dim = instruction.attrs["dim"] % max(1, len(x.shape))
        rest = Nest(nest.scene, tuple(1 if d == dim else n for d, n in enumerate(x.shape)))
        with rest.running():
            kind = rest.scene.total if out.dtype.kind == "f" else "int64_t"
            rest.line(f"{kind} running = {start};")
            with rest.loop(x.shape[dim]) as k:
                at = (*rest.index[:dim], k, *rest.index[dim + 1 :])
                rest.line(f"running {sign}= {rest.read(x, at)};")
                rest.write(out, at, f"({type_of(out)})running")
        return True

    return rule


RUNNING: dict[str, Callable[[Nest, Instruction], bool]] = {
    "cumsum": _running("0", "+"),
    "cumprod": _running("1", "*"),
}
