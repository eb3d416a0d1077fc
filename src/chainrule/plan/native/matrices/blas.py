"""Products by the BLAS inside NumPy, called from machine code (floor 2).

NumPy carries a BLAS, most often OpenBLAS with its names changed, and has it in this process before
anything of ours runs. Where it cannot be found under any of the known names there is none, and
whoever asks does without. How many threads it uses is decided in `backend.threads`, as for the
products that NumPy itself asks for.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.llvm.ir import INDEX, Register, Writer, literal, llvm_type
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.matrices.products import PARAMETERS, Kernel, Product

__all__ = ["Gemm", "find", "takes", "write"]

# CBLAS's numbers for row-major order, and for a factor as it lies or transposed.
ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112

# The names OpenBLAS has in NumPy's wheels and elsewhere, and the bits of its whole numbers.
NAMES = (
    ("scipy_cblas_{}gemm64_", 64),
    ("cblas_{}gemm64_", 64),
    ("scipy_cblas_{}gemm", 32),
    ("cblas_{}gemm", 32),
)


@dataclass(frozen=True)
class Gemm:
    """C = alpha A B + beta C, as CBLAS has it.

    Attributes:
        symbol: its name in the library.
        address: where it is in this process.
        bits: of the whole numbers among its arguments.
    """

    symbol: str
    address: int
    bits: int


@cache
def find(dtype: np.dtype[Any]) -> Gemm | None:
    """Return the product of NumPy's BLAS for a dtype, or `None` where there is none."""
    from threadpoolctl import ThreadpoolController

    letter = {"float32": "s", "float64": "d"}[dtype.name]
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        loaded = ctypes.CDLL(library.filepath)
        for name, bits in NAMES if "numpy" in library.filepath else ():
            symbol = name.format(letter)
            if hasattr(loaded, symbol):
                place = ctypes.cast(getattr(loaded, symbol), ctypes.c_void_p).value
                return Gemm(symbol, place or 0, bits)
    return None


def takes(product: Product) -> bool:
    """Say whether CBLAS has words for a product's layout: a step of 1 in each matrix, a result."""
    return product.c is not None and 1 in product.a and 1 in product.b and product.k > 0


def write(
    w: Writer, product: Product, gemm: Gemm, name: str, epilogue: str | None = None
) -> Kernel:
    """Write a call of the BLAS as a function like those of `products.write`, of one unit.

    Args:
        w: a writer for this function alone, in the module it shall be part of.
        product: what is to be computed; `takes` says that it can be.
        gemm: the BLAS.
        name: of the function.
        epilogue: name of the function to call for each row of the result.
    """
    toolchain.llvm().add_symbol(gemm.symbol, gemm.address)
    first, last = (Register(each, INDEX, w) for each in ("%first", "%last"))
    when(w, first.lt(last), lambda: body(w, product, gemm, epilogue))
    return Kernel(name, w.function(name, PARAMETERS), 1, 1)


def body(w: Writer, p: Product, gemm: Gemm, epilogue: str | None) -> None:
    """Write the call, and the epilogue row by row."""
    real, whole = llvm_type(p.dtype), f"i{gemm.bits}"
    (how_a, step_a), (how_b, step_b) = transposed(p.a, p.m, p.k), transposed(p.b, p.k, p.n)
    one, zero = literal(1, p.dtype), literal(0, p.dtype)
    kinds = [*["i32"] * 3, *[whole] * 3, real, "ptr", whole, "ptr", whole, real, "ptr", whole]
    values = [ROW_MAJOR, how_a, how_b, p.m, p.n, p.k, one, "%a", step_a, "%b", step_b, zero]
    args = ", ".join(f"{kind} {x}" for kind, x in zip(kinds, [*values, "%c", p.c]))
    w.declared[gemm.symbol] = f"declare void @{gemm.symbol}({', '.join(kinds)})"
    w.do(f"call void @{gemm.symbol}({args})")
    if epilogue:
        with w.loop(p.m) as row:
            piece = w.at("%c", p.dtype, row * (p.c or 0))
            where = f"ptr {piece}, i64 {p.c}, {row.typed}, i64 0, i64 1, i64 {p.n}"
            w.do(f"call void @{epilogue}({where}, ptr %context)")


def transposed(steps: tuple[int, int], rows: int, columns: int) -> tuple[int, int]:
    """Return CBLAS's word for how a factor lies, and its step from line to line."""
    if steps[1] == 1:
        return AS_IS, max(steps[0], columns, 1)
    return TRANSPOSED, max(steps[1], rows, 1)
