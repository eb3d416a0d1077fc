"""Writing CUDA C: what registers ask for, as lines of a kernel (floor 2).

A `Writer` collects the lines of one kernel's body, each number in a constant of its own, which the
compiler puts into a machine register. The kernels are compiled with `--fmad=false`, so that sums
and products are rounded one by one, as NumPy and the machine code of the processor do; what is to
be rounded once asks for `fma`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.plan.formulas import registers
from chainrule.plan.formulas.registers import BOOL, Dtype, Register, Unsupported

__all__ = ["OPTIONS", "Writer", "c_type", "literal"]

# Of the compiler: nothing is contracted, and literals are exact.
OPTIONS = ("-std=c++17", "--fmad=false")

REALS = {4: "float", 8: "double"}
WHOLE = {1: "char", 2: "short", 4: "int", 8: "long long"}
SIGNS = {
    **{"add": "+", "sub": "-", "mul": "*", "div": "/", "udiv": "/"},
    **{"and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"},
}
COMPARED = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
OPPOSITE = {"lt": ">=", "le": ">", "gt": "<=", "ge": "<"}
TO_BITS = {4: "__float_as_int", 8: "__double_as_longlong"}
OF_BITS = {4: "__int_as_float", 8: "__longlong_as_double"}

# What the processor has itself, as C calls it.
INTRINSICS = {"fmuladd": "fma"}

# Functions that CUDA's mathematics library has to one or two units of the last place, which is no
# worse than our polynomials, with fewer instructions: it uses the exponential of the hardware.
OWN = frozenset({"exp", "expm1", "log", "log1p", "tanh", "erf"})


def c_type(dtype: Dtype) -> str:
    """Return the name of a dtype in C.

    Raises:
        Unsupported: it has none here.

    Examples:
        >>> c_type(np.dtype(np.float32)), c_type(np.dtype(np.uint8)), c_type(np.dtype(np.int64))
        ('float', 'unsigned char', 'long long')
    """
    if not dtype.isnative:
        raise Unsupported(f"numbers of {dtype}, the wrong way round")
    if dtype.kind == "f" and dtype.itemsize in REALS:
        return REALS[dtype.itemsize]
    if dtype.kind in "iu" and dtype.itemsize in WHOLE:
        sign = "unsigned " if dtype.kind == "u" else "signed " if dtype.itemsize == 1 else ""
        return sign + WHOLE[dtype.itemsize]
    if dtype.kind == "b":
        return "bool"
    raise Unsupported(f"numbers of {dtype}")


def literal(number: Any, dtype: Dtype) -> str:
    """Return a number as C writes it, exactly.

    Examples:
        >>> literal(0.1, np.dtype(np.float32)), literal(-3, np.dtype(np.int64))
        ('0x1.99999a0000000p-4f', '-3LL')
        >>> literal(np.inf, np.dtype(np.float64))
        '__longlong_as_double(0x7ff0000000000000LL)'
    """
    if dtype.kind == "b":
        return "true" if number else "false"
    if dtype.kind == "f":
        return _real(number, dtype)
    whole = int(number)
    if dtype.kind == "u":
        return f"{whole % (1 << 8 * dtype.itemsize)}ULL"
    if whole == -(2**63):
        return "(-9223372036854775807LL - 1)"
    return f"{whole}LL"


def _real(number: Any, dtype: Dtype) -> str:
    with np.errstate(over="ignore"):
        exact = dtype.type(number)
    if not np.isfinite(exact):
        name, end = OF_BITS[dtype.itemsize], "LL" if dtype.itemsize == 8 else ""
        bits = int(exact.view(f"u{dtype.itemsize}"))
        return f"{name}(0x{bits:x}{end})"
    return float(exact).hex() + ("f" if dtype.itemsize == 4 else "")


class Writer(registers.Writer):
    """The lines of one kernel's body, as they are written.

    Attributes:
        lines: so far.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._count = 0

    def fresh(self, kind: str = "v") -> str:
        """Return a name not used before."""
        self._count += 1
        return f"{kind}{self._count}"

    def do(self, text: str) -> None:
        """Write a line."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write a head, and in braces what is written inside."""
        self.do(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.do("}")

    def line(self, text: str, dtype: Dtype) -> Register:
        """Write a constant of its own for an expression, and return it."""
        name = self.fresh()
        self.do(f"const {c_type(dtype)} {name} = {text};")
        return Register(name, dtype, self)

    def named(self, name: str, dtype: Dtype) -> Register:
        """Return a register for what has a name already."""
        return Register(name, dtype, self)

    # --- what registers ask for -----------------------------------------------------------------

    def own(self, name: str, x: Register) -> Register | None:
        """CUDA's own function, where it has one."""
        return self.call(name + _float(x), x) if name in OWN else None

    def literal(self, value: Any, dtype: Dtype) -> str:
        """Return a number as C writes it."""
        return literal(value, dtype)

    def typed(self, x: Register) -> str:
        """Return the type and name of a register."""
        return f"{c_type(x.dtype)} {x.name}"

    def binary(self, word: str, a: Register, b: Register, free: bool = False) -> Register:
        """Write an operation on two numbers of one dtype; whole ones wrap around."""
        sign = SIGNS[word]
        if a.dtype.kind == "f":
            return self.line(f"{a} {sign} {b}", a.dtype)
        if a.dtype.kind == "b":
            sign = {"+": "|", "*": "&"}.get(sign, sign)
            return self.line(f"(bool)((int){a} {sign} (int){b})", BOOL)
        own = c_type(a.dtype)
        # Without signs what is too large wraps around; with them C says nothing of it, and it
        # computes with small numbers as with int, which has one.
        plain = own if word in ("div", "shr") else f"unsigned {WHOLE[max(4, a.dtype.itemsize)]}"
        return self.line(f"({own})(({plain}){a} {sign} ({plain}){b})", a.dtype)

    def negative(self, x: Register) -> Register:
        """Write -x."""
        return self.line(f"-{x}", x.dtype)

    def comparison(self, how: str, a: Register, b: Register) -> Register:
        """Write a comparison."""
        word = how[-2:]
        if a.dtype.kind == "f":
            if how[0] == "u" and word in OPPOSITE:  # or one is NaN
                return self.line(f"!({a} {OPPOSITE[word]} {b})", BOOL)
            return self.line(f"{a} {COMPARED[word]} {b}", BOOL)
        if how[0] == "u" and a.dtype.kind == "i":
            plain = f"unsigned {WHOLE[a.dtype.itemsize]}"
            return self.line(f"({plain}){a} {COMPARED[word]} ({plain}){b}", BOOL)
        own = c_type(a.dtype)
        return self.line(f"({own}){a} {COMPARED[word]} ({own}){b}", BOOL)

    def choice(self, condition: Register, yes: Register, no: Register) -> Register:
        """Write `yes` where the condition holds, else `no`."""
        own = c_type(yes.dtype)
        return self.line(f"{condition} ? ({own}){yes} : ({own}){no}", yes.dtype)

    def reinterpreted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same bits as another type of the same size."""
        if x.dtype.kind == "f" and dtype.kind != "f":
            return self.line(f"({c_type(dtype)}){TO_BITS[dtype.itemsize]}({x})", dtype)
        if x.dtype.kind != "f" and dtype.kind == "f":
            return self.line(f"{OF_BITS[dtype.itemsize]}({x})", dtype)
        return self.line(f"({c_type(dtype)}){x}", dtype)

    def converted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same number in another dtype."""
        return self.line(f"({c_type(dtype)}){x}", dtype)

    def call(
        self, name: str, *args: Register, dtype: Dtype | None = None, flags: str = ""
    ) -> Register:
        """Call a function of CUDA's mathematics library, which has those of C."""
        return self.line(f"{name}({', '.join(map(str, args))})", dtype or args[0].dtype)

    def intrinsic(self, name: str, *args: Register, flags: str = "") -> Register:
        """Call a function that is the processor's own."""
        if name in ("maximum", "minimum"):
            a, b = args
            wins = "<" if name == "minimum" else ">"
            return self.line(f"{a} {wins} {b} || {a} != {a} ? {a} : {b}", a.dtype)
        return self.call(INTRINSICS.get(name, name) + _float(args[0]), *args)

    # --- memory ---------------------------------------------------------------------------------

    def load(self, place: str, dtype: Dtype) -> Register:
        """Read a number."""
        return self.line(place, dtype)

    def store(self, value: Register, place: str) -> None:
        """Write a number."""
        self.do(f"{place} = {value};")


def _float(x: Register) -> str:
    """The ending of a function of the C library for numbers of this type."""
    return "f" if x.dtype.itemsize == 4 else ""
