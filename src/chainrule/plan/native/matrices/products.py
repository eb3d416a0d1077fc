"""Products of matrices as machine code made for their sizes (floor 2).

A product is carried out in tiles: a few rows of the result by a few vectors, summed up in registers
over the whole inner dimension, so that nothing is copied and each number of the result is written
once. Two forms of tile: "outer" has vectors along the result's rows and needs the numbers of each
row of B next to one another; "dot" has vectors along the inner dimension and needs those of A's
rows and B's columns so, as X W^T has them. Every other layout is "packed": B is copied into order,
a chunk of columns at a time, and then it is "outer"; or "gathered": "outer" with vectors that are
collected number by number, where a copy would be read too seldom or be too long. A result with
few columns is made in tiles that are "turned": those of B^T A^T, whose rows are long.

What follows a product (bias, activation, mask, sums, an optimiser's step) is its epilogue: a
function in LLVM's language, called for each piece of the result while that is still in the nearest
cache, and made part of the loops by LLVM. Where nobody else reads it, the result itself never
travels to memory.

The function of a product, and what an epilogue must look like, sizes and places in elements:

    void @product(ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last)
    void @epilogue(ptr %piece, i64 %step, i64 %row, i64 %column, i64 %rows, i64 %columns,
                   ptr %context)

    void @ahead(i64 %row, i64 %column, i64 %columns, ptr %context)

It does the units first, ..., last - 1, each a piece of the result; different units may run
on different threads. Element (i, j) of a piece is element (row + i, column + j) of the result and
lies i step + j elements after `piece`: in C itself where C is wanted, else on the stack. An
epilogue is best "internal" and "alwaysinline": then rows, columns and step are constants in it.
`ahead` calls the numbers with which the epilogue will meet a row of a piece into the nearest cache:
while a tile is summed up the ways to memory are free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import INDEX, Register, Writer
from chainrule.plan.native.llvm.vectors import At, Vector, reserve, when
from chainrule.plan.native.matrices.tiles import (
    Lines,
    copy,
    cover,
    dot,
    in_order,
    outer,
    short_dot,
    short_outer,
)

__all__ = ["AHEAD", "PARAMETERS", "Kernel", "Product", "Tile", "write"]

Form: TypeAlias = Literal["outer", "dot", "packed", "gathered"]

# Tiles down the rows, each of which reads all of B, up to which it pays that all call for what
# comes after B.
OFTEN = 4


@dataclass(frozen=True)
class Product:
    """C = A B, all known but the numbers: element (i, j) of A lies i a[0] + j a[1] after its first.

    Attributes:
        m: rows of A and C.
        n: columns of B and C.
        k: columns of A, rows of B.
        a: steps of A in elements.
        b: steps of B.
        c: elements from one row of C to the next, the numbers of a row lying next to one another;
            `None` where only the epilogue wants the result.
        dtype: float32 or float64.
        goes_on: whether after the last row of B come more, which are wanted next.
    """

    m: int
    n: int
    k: int
    a: tuple[int, int]
    b: tuple[int, int]
    c: int | None
    dtype: np.dtype[Any]
    goes_on: bool = False

    @property
    def turned(self) -> Product:
        """C^T = B^T A^T, to lie somewhere else."""
        m, n, a, b = self.n, self.m, self.b[::-1], self.a[::-1]
        return replace(self, m=m, n=n, a=a, b=b, c=None, goes_on=False)

    def short_rows(self, lanes: int) -> bool:
        """Whether the result is one row so short that a vector holds several rows of B."""
        in_order = self.a[1] == 1 and self.b == (self.n, 1)
        return self.m == 1 and in_order and self.n < lanes and not lanes % self.n

    def short_columns(self, lanes: int) -> bool:
        """Whether the columns of B are so short that a vector holds several."""
        in_order = self.a[1] == 1 and self.b == (1, self.k)
        return in_order and 1 < self.k < lanes and not lanes % self.k


@dataclass(frozen=True)
class Tile:
    """How a product is cut up.

    Attributes:
        form: "outer", "dot", "packed" or "gathered".
        rows: of a tile, and of a unit.
        columns: of a tile.
        chunk: columns of a unit: as many as the tile's, or of "dot" a multiple.
        lanes: numbers in a vector.
        turned: whether all that is meant of the turned product.
        bands: parts into which the rows of the result are cut; the units of one come before those
            of the next.
    """

    form: Form
    rows: int
    columns: int
    chunk: int
    lanes: int
    turned: bool = False
    bands: int = 1

    @property
    def unit(self) -> tuple[int, int]:
        """Rows and columns of the piece of the result that a unit makes."""
        return (self.chunk, self.rows) if self.turned else (self.rows, self.chunk)

    def turns_back(self, product: Product) -> bool:
        """Whether a turned piece, made in another place, has to be turned back."""
        return self.turned and not (self.rows == 1 and product.c in (None, 1))


@dataclass(frozen=True)
class Kernel:
    """A product as a function for LLVM.

    Attributes:
        name: without @.
        text: its definition.
        units: the pieces into which the work falls, numbered down the rows of the first columns,
            then down those of the next, band by band.
        blocks: how many units, one below the other, cover all rows.
    """

    name: str
    text: str
    units: int
    blocks: int


PARAMETERS = "ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last"
AHEAD = "i64 %row, i64 %column, i64 %columns, ptr %context"


def write(
    w: Writer,
    product: Product,
    tile: Tile,
    name: str,
    epilogue: str | None = None,
    ahead: str | None = None,
) -> Kernel:
    """Write a product as a function.

    Args:
        w: a writer for this function alone, in the module it shall be part of.
        product: what is to be computed.
        tile: in which way; it must suit the product's layout.
        name: of the function.
        epilogue: name of the function to call for each piece of the result.
        ahead: name of the function to call for each row of a piece before.

    Examples:
        >>> linear = Product(64, 128, 784, (784, 1), (1, 784), 128, np.dtype(np.float32))
        >>> kernel = write(Writer(), linear, Tile("dot", 4, 4, 64, 16), "linear")
        >>> kernel.units, kernel.blocks
        (32, 16)
    """
    rows, columns = tile.unit
    blocks, chunks = -(-product.m // rows), -(-product.n // columns)
    first, last = (Register(name, INDEX, w) for name in ("%first", "%last"))
    body = Units(w, product, tile, epilogue, ahead)

    def units() -> None:
        with w.loop(last - first) as turn:
            block, chunk, top = place(turn + first, blocks, chunks, tile.bands)
            body.unit(block, chunk, top | turn.eq(0))

    when(w, first.lt(last), units)
    return Kernel(name, w.function(name, PARAMETERS), blocks * chunks, blocks)


def place(
    unit: Register, blocks: int, chunks: int, bands: int
) -> tuple[Register, Register, Register]:
    """Write which block and chunk a unit is, and whether it is the first of its chunk's band."""
    if bands == 1:
        block = unit - (chunk := unit / blocks) * blocks
        return block, chunk, block.eq(0)
    tall = -(-blocks // bands)
    band = unit / (tall * chunks)
    inside, left = unit - band * (tall * chunks), -(band * tall) + blocks
    high = left.lt(tall).select(left, tall)
    down = inside - (chunk := inside / high) * high
    return band * tall + down, chunk, down.eq(0)


class Units:
    """The body of the loop over units."""

    def __init__(
        self, w: Writer, product: Product, tile: Tile, epilogue: str | None, ahead: str | None
    ) -> None:
        self.w, self.p, self.tile, self.epilogue, self.ahead = w, product, tile, epilogue, ahead
        self.vector = Vector(product.dtype, tile.lanes, tile.lanes)
        high, wide = tile.unit
        # Rows of whole vectors: what a vector has put down is read again at once as a vector.
        self.spare = product.c is None and tile.form != "dot" and not tile.turned
        self.step = -(-wide // tile.lanes) * tile.lanes if self.spare else wide
        self.room = "" if product.c else reserve(w, product.dtype, high * self.step)
        self.aside = reserve(w, product.dtype, high * wide) if tile.turns_back(product) else ""
        packs = tile.form == "packed"
        self.ordered = reserve(w, product.dtype, max(1, product.k) * tile.chunk) if packs else ""

    def unit(self, block: Register, chunk: Register, new: Register) -> None:
        """Write one unit: its piece of the result, and what follows on that.

        Args:
            block: which rows.
            chunk: which columns.
            new: whether these columns are others than in the unit before.
        """
        w, p = self.w, self.p
        high, wide = self.tile.unit
        row, column = block * high, chunk * wide
        a = w.at("%a", p.dtype, row * p.a[0])
        b = w.at("%b", p.dtype, column * p.b[1])
        c = (w.at("%c", p.dtype, row * p.c + column), p.c) if p.c else (self.room, self.step)
        down, across = cut(w, block, p.m, high), cut(w, chunk, p.n, wide)
        if self.ordered:
            when(w, new, lambda: across(lambda columns: self.pack(b, columns)))

        def piece(rows: int, columns: int) -> None:
            if self.tile.turned:
                self.turned_piece(a, b, c, rows, columns)
            else:
                self.piece(p, a, b, c, rows, columns, self.call(row, column, columns))
            self.follow(c, row, column, rows, columns)

        down(lambda rows: across(lambda columns: piece(rows, columns)))

    def pack(self, b: str, columns: int) -> None:
        """Write the copy of a chunk of B."""
        lines = (self.ordered, self.tile.chunk)
        in_order(self.w, (b, *self.p.b), lines, (self.p.k, columns), self.vector)

    def turned_piece(self, a: str, b: str, c: Lines, rows: int, columns: int) -> None:
        """Write a piece of the result as one of the turned product, and turn that."""
        if not self.aside:
            self.piece(self.p.turned, b, a, c, columns, rows)
            return
        step = self.tile.chunk
        self.piece(self.p.turned, b, a, (self.aside, step), columns, rows)
        copy(self.w, self.p.dtype, (self.aside, 1, step), c, (rows, columns))

    def piece(
        self,
        p: Product,
        a: str,
        b: str,
        c: Lines,
        rows: int,
        columns: int,
        ahead: Callable[[Register], None] | None = None,
    ) -> None:
        """Write a piece of the result: one outer tile, or dot tiles side by side."""
        w, width, lanes = self.w, self.tile.columns, self.tile.lanes
        if self.tile.form != "dot":
            if p.short_rows(lanes):
                short_outer(w, p.k, a, b, c[0], columns, self.vector)
                return
            right = (self.ordered, self.tile.chunk, 1) if self.ordered else (b, *p.b)
            vectors = cover(self.vector, columns)
            beyond = p.goes_on and p.m <= OFTEN * self.tile.rows and not self.ordered
            outer(w, p.k, (a, *p.a), right, c, rows, vectors, self.spare, ahead, beyond)
            return

        def one(at: At, width: int) -> None:
            there, here = w.at(b, p.dtype, at * p.b[1]), w.at(c[0], p.dtype, at)
            left, target = (a, p.a[0]), (here, c[1])
            if p.short_columns(lanes):
                short_dot(w, p.k, left, there, target, rows, width, self.vector)
            else:
                dot(w, p.k, left, (there, p.b[1]), target, rows, width, self.vector)

        if columns // width:
            with w.loop(columns // width) as tile:
                one(tile * width, width)
        if columns % width:
            one(columns - columns % width, columns % width)

    def call(
        self, row: Register, column: Register, columns: int
    ) -> Callable[[Register], None] | None:
        """Return how to write the call for what a row of a piece will be met with."""

        def ahead(i: Register) -> None:
            where = f"{(row + i).typed}, {column.typed}, i64 {columns}, ptr %context"
            self.w.do(f"call void @{self.ahead}({where})")

        return ahead if self.ahead else None

    def follow(self, c: Lines, row: Register, column: Register, rows: int, columns: int) -> None:
        """Write the call of the epilogue."""
        if self.epilogue:
            where = f"ptr {c[0]}, i64 {c[1]}, {row.typed}, {column.typed}"
            sizes = f"i64 {rows}, i64 {columns}, ptr %context"
            self.w.do(f"call void @{self.epilogue}({where}, {sizes})")


def cut(
    w: Writer, index: Register, size: int, step: int
) -> Callable[[Callable[[int], None]], None]:
    """Return how to write a body for pieces of `step` and for the last, which may be smaller."""
    last, rest = divmod(size, step)

    def both(body: Callable[[int], None]) -> None:
        if not rest or not last:
            body(rest or step)
        else:
            when(w, index.eq(last), lambda: body(rest), lambda: body(step))

    return both
