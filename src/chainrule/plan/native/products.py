"""Products of matrices as machine code made for their sizes (floor 2).

A product is carried out in tiles: a few rows of the result by a few vectors, summed up in registers
over the whole inner dimension, so that nothing is copied and each number of the result is written
once. Two forms of tile: "outer" has vectors along the result's rows and needs the numbers of each
row of B next to one another; "dot" has vectors along the inner dimension and needs those of A's
rows and B's columns so, as X W^T has them. "packed" serves every other layout: B is copied into
order, a chunk of columns at a time, and then it is "outer".

What follows a product (bias, activation, mask, sums, an optimiser's step) is its epilogue: a
function in LLVM's language, called for each piece of the result while that is still in the nearest
cache, and made part of the loops by LLVM. Where nobody else reads it, the result itself never
travels to memory.

The function of a kernel, and what an epilogue must look like (sizes and places in elements; `rows`,
`columns` and `step` are constants once LLVM has put it in its place):

    void @product(ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last)
    void @epilogue(ptr %piece, i64 %step, i64 %row, i64 %column, i64 %rows, i64 %columns,
                   ptr %context)

The kernel does its units first, ..., last - 1, each a piece of the result; different units may run
on different threads. Element (i, j) of a piece is element (row + i, column + j) of the result and
lies i step + j elements after `piece`: in C itself where C is wanted, else on the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from chainrule.plan.native.tiles import copy, dot, outer, pieces
from chainrule.plan.native.writer import At, Vector, Writer

__all__ = ["Kernel", "Product", "Tile", "kernel"]

Form: TypeAlias = Literal["outer", "dot", "packed"]


@dataclass(frozen=True)
class Product:
    """C = A B, all known but the numbers: element (i, j) of A lies i a[0] + j a[1] after its first.

    Attributes:
        m: rows of A and C.
        n: columns of B and C.
        k: columns of A, rows of B.
        a: steps of A in elements.
        b: steps of B.
        c: elements from one row of C to the next, its columns lying next to one another; `None`
            where only the epilogue wants the result.
        scalar: "float" or "double", LLVM's names for float32 and float64.
    """

    m: int
    n: int
    k: int
    a: tuple[int, int]
    b: tuple[int, int]
    c: int | None
    scalar: str = "float"


@dataclass(frozen=True)
class Tile:
    """How a product is cut up.

    Attributes:
        form: "outer", "dot" or "packed".
        rows: of a tile, and of a unit.
        columns: of a tile.
        chunk: columns of a unit: as many as the tile's, or of "dot" a multiple.
        lanes: numbers in a vector.
    """

    form: Form
    rows: int
    columns: int
    chunk: int
    lanes: int


@dataclass(frozen=True)
class Kernel:
    """A product as text for LLVM.

    Attributes:
        name: of the function, without @.
        text: its definition.
        declarations: what it calls, one line each; a module must have each line once.
        units: the pieces into which the work falls, numbered down the rows of the first columns,
            then down those of the next.
        blocks: how many units one above the other cover all rows.
    """

    name: str
    text: str
    declarations: tuple[str, ...]
    units: int
    blocks: int


def kernel(product: Product, tile: Tile, name: str, epilogue: str | None = None) -> Kernel:
    """Write a product as a function.

    Args:
        product: what is to be computed.
        tile: in which way; it must suit the product's layout.
        name: of the function.
        epilogue: name of the function to call for each piece of the result.

    Examples:
        >>> linear = Product(64, 128, 784, a=(784, 1), b=(1, 784), c=128)
        >>> k = kernel(linear, Tile("dot", 4, 4, 64, 16), "linear")
        >>> k.units, k.blocks
        (32, 16)
    """
    w, p = Writer(), product
    blocks, chunks = -(-p.m // tile.rows), -(-p.n // tile.chunk)
    room = (w.slot(p.scalar, tile.rows * tile.chunk), tile.chunk) if p.c is None else None
    order = w.slot(p.scalar, max(1, p.k) * tile.chunk) if tile.form == "packed" else ""
    with w.loop("%first", "%last") as unit:
        chunk, block = w.value(f"sdiv i64 {unit}, {blocks}"), w.value(f"srem i64 {unit}, {blocks}")
        row, column = w.times(block, tile.rows), w.times(chunk, tile.chunk)
        a = w.address(p.scalar, "%a", w.times(row, p.a[0]))
        b = w.address(p.scalar, "%b", w.times(column, p.b[1]))
        c = room or (w.address(p.scalar, "%c", w.times(row, p.c or 0), column), p.c or 0)

        def pack(columns: int) -> None:
            copy(w, p.scalar, (b, *p.b), (order, tile.chunk), (p.k, columns))

        def piece(rows: int, columns: int) -> None:
            if tile.form == "dot":
                stripe(w, p, tile, (a, p.a[0]), (b, p.b[1]), c, rows, columns)
            else:
                lines = (order, tile.chunk) if order else (b, p.b[0])
                outer(w, p.k, (a, *p.a), lines, c, rows, pieces(p.scalar, columns, tile.lanes))
            if epilogue:
                sizes = f"i64 {row}, i64 {column}, i64 {rows}, i64 {columns}, ptr %context"
                w.do(f"call void @{epilogue}(ptr {c[0]}, i64 {c[1]}, {sizes})")

        each_column = cut(w, chunk, p.n, tile.chunk)
        if order:
            new = w.value(f"icmp eq i64 {block}, 0")
            begun = w.value(f"icmp eq i64 {unit}, %first")
            w.when(w.value(f"or i1 {new}, {begun}"), lambda: each_column(pack))
        cut(w, block, p.m, tile.rows)(lambda rows: each_column(lambda n: piece(rows, n)))
    head = f"define void @{name}(ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last) {{"
    text = "\n".join([head, "entry:", *w.slots, *w.lines, "  ret void", "}", ""])
    return Kernel(name, text, tuple(w.declarations), blocks * chunks, blocks)


def stripe(
    w: Writer,
    p: Product,
    tile: Tile,
    a: tuple[str, int],
    b: tuple[str, int],
    c: tuple[str, int],
    rows: int,
    columns: int,
) -> None:
    """Write dot tiles side by side, over the columns of a unit."""
    vector = Vector(p.scalar, tile.lanes)

    def one(at: At, width: int) -> None:
        there = w.address(p.scalar, b[0], w.times(at, b[1]))
        here = w.address(p.scalar, c[0], at)
        dot(w, p.k, a, (there, b[1]), (here, c[1]), rows, width, vector)

    whole = columns - columns % tile.columns
    with w.loop(0, whole, tile.columns) as at:
        one(at, tile.columns)
    if columns > whole:
        one(whole, columns - whole)


def cut(w: Writer, index: str, size: int, step: int) -> Callable[[Callable[[int], None]], None]:
    """Return how to write a body for pieces of `step` and for the last, which may be smaller."""
    last, rest = (size - 1) // step, size % step

    def both(body: Callable[[int], None]) -> None:
        if not rest:
            body(step)
        elif not last:
            body(rest)
        else:
            at_end = w.value(f"icmp eq i64 {index}, {last}")
            w.when(at_end, lambda: body(rest), lambda: body(step))

    return both
