"""Which tile a product gets: the one predicted to take the fewest turns of the core (floor 2).

The prediction counts: one multiplication of vectors a turn, loads where they take longer, what the
ends of a tile cost, and copies. Tiles that it finds near the best were within three hundredths of
one another when measured, so nothing is timed on the user's machine: the same product is always
added up in the same order, to the same bits. Very large products go to the BLAS inside NumPy, which
keeps copies of their parts in the right caches.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.matrices import blas
from chainrule.plan.native.matrices.products import Form, Product, Tile
from chainrule.plan.native.matrices.tiles import power_above

__all__ = ["Core", "choose", "core", "is_for_blas"]

# Multiplications from which on the BLAS was as fast or faster.
VERY_LARGE = 2**30

# Turns: for a load beside a multiplication, the end of a tile, a number copied or collected.
BESIDE, END, COPIED = 0.1, 10, 1.5
FAR = 0.15  # more for a load of B, of which a tile reads more than the nearest cache holds
VARIANT = 0.02  # the part of speed that one variant less to compile is worth
CHUNK = 64  # columns that share a pass over the rows, for tiles of the form "dot"
MOST_ROWS = 12  # more would be too many places of memory to read from at once
LONGEST = 2**15  # numbers of B that may be copied onto the stack


@dataclass(frozen=True)
class Core:
    """What of a processor core matters here.

    Attributes:
        width: bytes of its vectors.
        registers: how many of them.
    """

    width: int
    registers: int


@cache
def core() -> Core:
    """Return what this processor's cores have."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return Core(16, 32)
    features = toolchain.features().split(",")
    if "+avx512f" in features:
        return Core(64, 32)
    return Core(32, 16) if "+avx" in features else Core(16, 16)


def is_for_blas(product: Product) -> bool:
    """Say whether NumPy's BLAS should carry out a product, and can."""
    large = product.m * product.n * product.k >= VERY_LARGE
    return large and blas.takes(product) and blas.find(product.dtype) is not None


@cache
def choose(product: Product, on: Core | None = None) -> Tile:
    """Return the best tile for a product.

    Args:
        product: its sizes and layout.
        on: the core; this machine's by default.

    Examples:
        >>> single = np.dtype(np.float32)
        >>> tile = choose(Product(64, 128, 784, (784, 1), (1, 784), 128, single), Core(64, 32))
        >>> tile.form, tile.rows, tile.columns
        ('dot', 6, 4)
        >>> tile = choose(Product(64, 784, 128, (128, 1), (784, 1), 784, single), Core(64, 32))
        >>> tile.form, tile.rows, tile.columns
        ('outer', 8, 48)
        >>> tile = choose(Product(64, 1, 128, (128, 1), (1, 1), 1, single), Core(64, 32))
        >>> tile.form, tile.turned
        ('dot', True)
    """
    tiles = candidates(product, on or core())
    return min(tiles, key=lambda tile: turns(product, tile))


def candidates(p: Product, on: Core) -> Iterator[Tile]:
    """Give the tiles that suit a product's layout and whose sums a core has registers for."""
    yield from straight(p, on)
    if p.n * p.dtype.itemsize < on.width and p.n < p.m:
        for tile in straight(p.turned, on):
            if tile.form in ("outer", "dot"):
                yield replace(tile, turned=True)


def straight(p: Product, on: Core) -> Iterator[Tile]:
    """Give those that are not turned."""
    lanes = on.width // p.dtype.itemsize
    if p.short_columns(lanes):
        yield Tile("dot", 1, lanes, lanes, lanes)
    along = p.k < 2 or (p.a[1] == 1 and p.b[0] == 1)
    forms: list[Form] = ["outer"] if p.b[1] == 1 or p.n == 1 else ["packed", "gathered"]
    for rows in range(1, min(p.m, MOST_ROWS) + 1):
        for wide in range(1, (on.registers - 1) // (rows + 1) + 1):
            columns = min(p.n, wide * lanes)
            for form in forms if (wide - 1) * lanes < p.n else ():
                if form != "packed" or p.k * columns <= LONGEST:
                    yield Tile(form, rows, columns, columns, lanes)
            if along and wide <= min(p.n, lanes):
                yield Tile("dot", rows, wide, min(p.n, wide * max(1, CHUNK // wide)), lanes)


def turns(p: Product, tile: Tile) -> float:
    """Predict how many turns of a core a product takes."""
    if tile.turned:
        turning = COPIED * p.m * p.n if tile.turns_back(p) else 0
        return turns(p.turned, replace(tile, turned=False)) + turning
    copies = COPIED * p.k * p.n if tile.form == "packed" else 0
    down, across = parts(p.m, tile.rows), parts(p.n, tile.columns)
    pieces = sum(
        many * number * one_tile(p, tile, rows, columns)
        for rows, many in down
        for columns, number in across
    )
    return (pieces + copies) * (1 + VARIANT * len(down) * len(across))


def parts(size: int, step: int) -> list[tuple[int, int]]:
    """Return the sizes of the pieces that something is cut into, and how many of each."""
    cut = [(step, size // step), (size % step, 1)]
    return [(length, many) for length, many in cut if length and many]


def one_tile(p: Product, tile: Tile, rows: int, columns: int) -> float:
    """Predict the turns of one tile."""
    along, lanes = tile.form == "dot", tile.lanes
    if along:
        each = lanes // p.k if p.short_columns(lanes) else 1  # columns in a vector
        steps, wide = -(-p.k // lanes), -(-columns // each)
    else:
        each = lanes // p.n if p.short_rows(lanes) else 1  # rows of B in a vector
        steps, wide = -(-p.k // each), -(-columns // lanes)
    sums, loads = rows * wide, rows + wide
    step = max(sums + BESIDE * loads + FAR * wide, loads)
    if tile.form == "gathered":
        step += COPIED * columns
    if not along:
        return steps * step + END + 2 * sums
    vectors = power_above(wide)  # each pair of them, and each fold, takes three turns
    folds = (lanes // (vectors * each)).bit_length() - 1
    return steps * step + END + 3 * rows * (vectors - 1 + folds)
