"""The factors of a product as they lie in memory (floor 2)."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.ops import Shape
from chainrule.plan.native.llvm.ir import INDEX, Number, Unsupported, Writer, llvm_type
from chainrule.plan.native.matrices.products import Product
from chainrule.plan.native.nests.access import Memory
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View

__all__ = ["Factors", "product_of", "rows_of"]


@dataclass(frozen=True)
class Factors:
    """A product of two matrices, and what is added to every row.

    Attributes:
        a: the left factor, of which the leading dimensions are rows.
        b: the right factor.
        bias: a number for each column, or `None`.
        product: the same in numbers.
    """

    a: View
    b: View
    bias: View | None
    product: Product

    def bias_over(self, space: Shape) -> View | None:
        """The bias as a view over the result."""
        if self.bias is None:
            return None
        step = self.bias.strides[0] if self.product.n > 1 else 0
        return View(self.bias.base, self.bias.offset, space, (0, step))

    def pointers(self, w: Writer, memory: Memory) -> tuple[str, str]:
        """Write where the two factors begin; rows that lie too oddly are copied first."""
        a, b = (w.at(memory.pointer(v.base), v.base.dtype, v.offset) for v in (self.a, self.b))
        if _rows_step(self.a) is not None:
            return a, b
        rows = memory.scratch(self.product.m * self.product.k, self.product.dtype)
        _copy(w, self.a, a, rows)
        return rows, b


def product_of(group: Group) -> Factors:
    """Return the factors of the product that a group begins with.

    Raises:
        Unsupported: they are no matrices of floating-point numbers.
    """
    first = group.members[0]
    a, b, bias = _operands(first)
    step = _rows_step(a)
    product = Product(
        m=math.prod(a.shape[:-1]),
        n=b.shape[1],
        k=b.shape[0],
        a=(a.shape[-1], 1) if step is None else (step, a.strides[-1]),
        b=(b.strides[0], b.strides[1]),
        c=b.shape[1],
        dtype=_common(first.out, a, b, *([bias] if bias else [])),
    )
    if 0 in (product.m, product.n, product.k):
        raise Unsupported("a product of nothing")
    return Factors(a, b, bias, product)


def rows_of(group: Group) -> Group:
    """The product of a group by itself, its result a matrix that is kept."""
    first, shape = group.members[0], group.members[0].out.base.shape
    space = (math.prod(shape[:-1]), shape[-1])
    out = View(first.out.base, 0, space, (shape[-1], 1))
    member = replace(first, out=out, space=space)
    return replace(group, space=space, members=(member,), finish=(), outputs=(out.base,))


def _operands(member: Member) -> tuple[View, View, View | None]:
    op, operands = member.instruction.op.name, member.operands
    a, b = operands[0], operands[1]
    if not isinstance(a, View) or not isinstance(b, View) or len(b.shape) != 2:
        raise Unsupported("a product of other than matrices")
    if op == "matrix_product" and len(a.shape) == 2:
        return a, b, None
    if op != "linear":
        raise Unsupported(op)
    bias = operands[2] if len(operands) > 2 else None
    turned = View(b.base, b.offset, b.shape[::-1], b.strides[::-1])
    return a, turned, bias if isinstance(bias, View) else None


def _rows_step(a: View) -> int | None:
    """Elements from one row of a factor to the next, its leading dimensions taken as one.

    `None` where there is no such number: rows of a stack whose dimensions changed places.
    """
    dims = [d for d in range(len(a.shape) - 1) if a.shape[d] != 1]
    if any(a.strides[d] != a.strides[e] * a.shape[e] for d, e in pairwise(dims)):
        return None
    return a.strides[dims[-1]] if dims else a.shape[-1]


def _copy(w: Writer, view: View, source: str, target: str) -> None:
    """Write the copy of a view's elements into order."""
    dtype, columns = view.base.dtype, view.shape[-1]
    with ExitStack() as loops:
        here: Number = 0
        row: Number = 0
        for size, step in zip(view.shape[:-1], view.strides[:-1]):
            i = loops.enter_context(w.loop(size))
            here, row = i * step + here, w.number(row, INDEX) * size + i
        start, line = w.at(source, dtype, here), w.at(target, dtype, w.number(row, INDEX) * columns)
        with w.loop(columns, parallel=True) as j:
            number = w.load(w.at(start, dtype, j * view.strides[-1]), dtype)
            w.store(number, w.at(line, dtype, j))


def _common(*views: View) -> np.dtype[Any]:
    """The dtype of the numbers, which must be of one floating-point type."""
    dtype = views[0].base.dtype
    if dtype.kind != "f" or any(v.base.dtype != dtype for v in views):
        raise Unsupported("a product of mixed or whole numbers")
    llvm_type(dtype)
    return dtype
