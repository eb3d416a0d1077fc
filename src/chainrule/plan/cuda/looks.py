"""Looks at numbers on the GPU: whether a check refuses one, without bringing them home (floor 2).

A look inside a step sets the step's flag. Looks at what a step is given are made before it, all of
them with one question to the GPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.backend.arrays import is_gpu, require_gpu
from chainrule.plan.cuda.launches import STOP, THREADS, Kernel, module_text
from chainrule.plan.cuda.text import OPTIONS, Writer, c_type
from chainrule.plan.formulas.checks import refused_by
from chainrule.plan.formulas.registers import Unsupported
from chainrule.plan.passes.views import View, whole
from chainrule.plan.program import Value

__all__ = ["Looks", "look", "looks"]


def look(view: View, check: Any, number: int, out: View | None = None) -> Kernel:
    """Return the kernel that sets the flag to `number`, unless it is set, if a check refuses.

    Args:
        view: what is looked at.
        check: of `ops.core`.
        number: from 1.
        out: where a copy goes, in row-major order; nowhere by default.

    Raises:
        Unsupported: it is no check that is known here.
    """
    total, dtype = math.prod(view.shape), view.base.dtype
    if not total:
        raise Unsupported("a check of nothing")
    refused, w = refused_by(check, dtype), Writer()
    first = "(long long)blockIdx.x * blockDim.x + threadIdx.x"
    step = "(long long)gridDim.x * blockDim.x"
    with w.block(f"for (long long e = {first}; e < {total}; e += {step})"):
        terms, left = [str(view.offset)], "e"
        for n, stride in reversed([*zip(view.shape, view.strides)]):
            terms.append(f"({left}) % {n} * {stride}")
            left = f"({left}) / {n}"
        x = w.load(f"p0[{' + '.join(terms)}]", dtype)
        w.do(f"if ({refused(x)} && *stop == 0) *stop = {number};")
        if out is not None:
            w.do(f"p1[{out.offset} + e] = {x};")
    kind = c_type(dtype)
    copy = f"{kind}* p1, " if out is not None else ""
    head = f'extern "C" __global__ void @(const {kind}* p0, {copy}int* stop) {{'
    text = "\n".join([head, *w.lines, "}", ""])
    bases = [view.base] if out is None else [view.base, out.base]
    return Kernel(text, [*bases, STOP], (max(1, min(-(-total // THREADS), 1024)),))


class Looks:
    """Checks of what a step is given.

    Args:
        checks: each with the place of the argument that it looks at, or the array itself.
    """

    def __init__(
        self, checks: Sequence[tuple[Any, int | None, Any]], arrays: Sequence[Any]
    ) -> None:
        self._gpu = require_gpu()
        self._flag = self._gpu.zeros((1,), np.int32)
        self._places = [(place, array) for _, place, array in checks]
        kernels = []
        for check, place, array in checks:
            given = array if place is None else arrays[place]
            value = Value("x", given.shape, given.dtype, "input")
            kernels.append(look(whole(value), check, 1))
        module = self._gpu.RawModule(code=module_text(kernels), options=OPTIONS)
        self._calls = [(module.get_function(k.name), k.grid, k.block) for k in kernels]

    def __call__(self, arrays: Sequence[Any]) -> bool:
        """Return whether no check refuses anything."""
        with self._gpu.cuda.Device(int(self._flag.device.id)):
            for (function, grid, block), (place, array) in zip(self._calls, self._places):
                given = array if place is None else arrays[place]
                function(grid, block, (given, self._flag))
            fine = not int(self._flag.get()[0])
            if not fine:
                self._flag.fill(0)
        return fine


def looks(checks: Sequence[tuple[Any, int | None, Any]], arrays: Sequence[Any]) -> Looks | None:
    """Return looks at what a step is given, or `None` where the checks have to look themselves.

    Args:
        checks: each with the place of the argument that it looks at, or the array itself.
        arrays: arguments of a step.
    """
    given = [array if place is None else arrays[place] for _, place, array in checks]
    if not checks or not all(is_gpu(x) and x.flags.c_contiguous for x in given):
        return None
    try:
        return Looks(checks, arrays)
    except Unsupported:
        return None
