"""Many steps in one call, in LLVM's language (floor 2).

What a step reads and writes is told by a table of pointers. Between two steps each pointer moves
on by so many bytes: none for what stays, one element for what has one for each step. Of some inputs
each step takes certain rows: these are copied to where the pointer points before the step begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from chainrule.plan.native.llvm.ir import BOOL, INDEX, Register, Writer
from chainrule.plan.program import Value

__all__ = ["PICK", "write"]

BYTE = np.dtype(np.uint8)
PICK = 3  # pointers for each input: the array that has the rows, their numbers, where they go
COPY = "llvm.memcpy.p0.p0.i64"


def write(
    writer: Callable[[], Writer], name: str, stretch: str, places: int, inputs: Sequence[Value]
) -> list[str]:
    """Return the functions that take many steps.

    `i64 @name(ptr %table, ptr %moves, ptr %picks, ptr %done, i64 %count)` takes `count` steps, puts
    down how many it has done, and gives 0, or what `stretch` gave if a check has ended it.

    Args:
        writer: begins a function.
        name: of the last of them.
        stretch: the function that takes one step.
        places: in the table.
        inputs: of the program.
    """
    w, picks = writer(), []
    with w.loop(Register("%count", INDEX, w)) as step:
        w.store(step, "%done")
        for k, value in enumerate(inputs):
            if value.shape and 0 not in value.shape:
                picks.append(_pick(writer(), f"{name}.pick{k}", value))
                w.do(f"call void @{name}.pick{k}(ptr {w.at('%picks', INDEX, k * PICK)})")
        stopped = w.line(f"call i64 @{stretch}(ptr %table)", INDEX)
        w.leave(stopped.ne(0), f"ret {stopped.typed}")
        with w.loop(places, parallel=True) as i:
            here = w.at("%table", INDEX, i)
            w.store(w.load(here, INDEX) + w.load(w.at("%moves", INDEX, i), INDEX), here)
    w.store(Register("%count", INDEX, w), "%done")
    parameters = "ptr noalias %table, ptr noalias %moves, ptr %picks, ptr %done, i64 %count"
    return [*picks, w.function(name, parameters, w.number(0, INDEX))]


def _pick(w: Writer, name: str, value: Value) -> str:
    """The function that copies the rows of a step, if there are any, and goes on to the next."""
    source, rows, batch = (_pointer(w, k) for k in range(PICK))
    w.leave(w.line(f"icmp eq ptr {source}, null", BOOL), "ret void")
    count, size = value.shape[0], math.prod(value.shape[1:]) * value.dtype.itemsize
    w.declared[COPY] = f"declare void @{COPY}(ptr, ptr, i64, i1)"
    with w.loop(count) as i:
        row = w.load(w.at(rows, INDEX, i), INDEX)
        into, of = w.at(batch, BYTE, i * size), w.at(source, BYTE, row * size)
        w.do(f"call void @{COPY}(ptr {into}, ptr {of}, i64 {size}, i1 false)")
    w.do(f"store ptr {w.at(rows, INDEX, count)}, ptr {w.at('%pick', INDEX, 1)}")
    return w.function(name, "ptr %pick").replace("define ", "define internal ", 1)


def _pointer(w: Writer, k: int) -> str:
    name = f"%{w.fresh('pick')}"
    w.do(f"{name} = load ptr, ptr {w.at('%pick', INDEX, k)}")
    return name
