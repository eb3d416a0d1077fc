"""The replay of a tape as machine code (floor 0).

One pair of functions walks any tape, so it is compiled once in a process. The inner loop of each
operation is written by its formula: called with a `Machine` and two registers instead of NumPy and
two arrays, it leaves a line in LLVM's language for each step.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from chainrule import errors
from chainrule.scalar.formulas import FORMULAS
from chainrule.scalar.tape import Tape, Wiring

__all__ = ["NativeTape"]

NUMBERS = {op: number for number, op in enumerate(FORMULAS)}


class NativeTape(Tape):
    """A tape whose replay is machine code; otherwise as `Tape`.

    Raises:
        MissingExtraError: llvmlite is not installed.

    Examples:
        >>> tape = NativeTape([("", ()), ("", ()), ("*", (0, 1)), ("tanh", (2,))])
        >>> tape.replay([2.0, 0.0]), tape.grad[:2]
        (0.0, array([0., 2.]))
    """

    means = "machine code"

    def __init__(self, wiring: Wiring) -> None:
        compiled()
        super().__init__(wiring)
        self.ops = np.array([NUMBERS[op] for op, _, _ in self.runs], dtype=np.int64)
        self.stops = np.array([stop for _, _, stop in self.runs], dtype=np.int64)

    def forward(self) -> None:
        runs = (*addresses(self.ops, self.stops), len(self.runs))
        compiled()[0](*runs, *self._operands(), *self._numbers(self.data))

    def backward(self) -> None:
        compiled()[1](len(self.a), *self._operands(), *self._numbers(self.grad))

    def _operands(self) -> list[int]:
        return addresses(self.a, self.b, self.slope_a, self.slope_b)

    def _numbers(self, array: np.ndarray) -> list[int]:
        """Return where all numbers are, and where the results among them begin."""
        return addresses(array, array[self.leaves :])


def addresses(*arrays: np.ndarray) -> list[int]:
    """Return where arrays lie in memory."""
    return [array.ctypes.data for array in arrays]


@cache
def compiled() -> tuple[Callable[..., None], Callable[..., None], Any]:
    """Return the functions `forward` and `backward`, compiled when first asked for."""
    llvm = errors.require("llvmlite.binding", "native", "the native replay of scalars")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)  # the one behind `math`
    for name in ("exp", "log", "tanh", "pow"):
        llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(program()), machine)
    engine.finalize_object()
    count, address = ctypes.c_int64, ctypes.c_void_p
    kinds = {
        "forward": [address] * 2 + [count] + [address] * 6,
        "backward": [count] + [address] * 6,
    }
    forward, backward = (
        ctypes.CFUNCTYPE(None, *kinds[name])(engine.get_function_address(name)) for name in kinds
    )
    return forward, backward, engine  # the code lives as long as the engine


# --- the program ----------------------------------------------------------------------------------

DECLARATIONS = """
declare double @exp(double)
declare double @log(double)
declare double @tanh(double)
declare double @pow(double, double)
declare double @llvm.sqrt.f64(double)
"""

FORWARD = """
define void @forward(ptr %ops, ptr %stops, i64 %runs, ptr %a, ptr %b,
                     ptr %slope_a, ptr %slope_b, ptr %data, ptr %results) {{
entry:
  br label %next
next:
  %run = phi i64 [0, %entry], [%run.next, %choose], {next_run}
  %start = phi i64 [0, %entry], [%stop, %choose], {next_start}
  %done = icmp eq i64 %run, %runs
  br i1 %done, label %end, label %choose
choose:
  %op.at = getelementptr i64, ptr %ops, i64 %run
  %op = load i64, ptr %op.at
  %stop.at = getelementptr i64, ptr %stops, i64 %run
  %stop = load i64, ptr %stop.at
  %run.next = add i64 %run, 1
  switch i64 %op, label %next [{cases}]
{loops}
end:
  ret void
}}
"""

LOOP = """
op{n}:
  %i{n} = phi i64 [%start, %choose], [%i{n}.next, %op{n}]
  %a{n}.at = getelementptr i64, ptr %a, i64 %i{n}
  %a{n}.place = load i64, ptr %a{n}.at
  %a{n}.number = getelementptr double, ptr %data, i64 %a{n}.place
  %a{n} = load double, ptr %a{n}.number
  %b{n}.at = getelementptr i64, ptr %b, i64 %i{n}
  %b{n}.place = load i64, ptr %b{n}.at
  %b{n}.number = getelementptr double, ptr %data, i64 %b{n}.place
  %b{n} = load double, ptr %b{n}.number
{formula}
  %y{n}.at = getelementptr double, ptr %results, i64 %i{n}
  store double {y}, ptr %y{n}.at
  %slope_a{n}.at = getelementptr double, ptr %slope_a, i64 %i{n}
  store double {slope_a}, ptr %slope_a{n}.at
  %slope_b{n}.at = getelementptr double, ptr %slope_b, i64 %i{n}
  store double {slope_b}, ptr %slope_b{n}.at
  %i{n}.next = add i64 %i{n}, 1
  %more{n} = icmp ult i64 %i{n}.next, %stop
  br i1 %more{n}, label %op{n}, label %next
"""

BACKWARD = """
define void @backward(i64 %count, ptr %a, ptr %b,
                      ptr %slope_a, ptr %slope_b, ptr %grad, ptr %results) {
entry:
  br label %next
next:
  %after = phi i64 [%count, %entry], [%i, %result]
  %done = icmp eq i64 %after, 0
  br i1 %done, label %end, label %result
result:
  %i = sub i64 %after, 1
  %g.at = getelementptr double, ptr %results, i64 %i
  %g = load double, ptr %g.at
  %a.at = getelementptr i64, ptr %a, i64 %i
  %a.place = load i64, ptr %a.at
  %a.grad = getelementptr double, ptr %grad, i64 %a.place
  %slope_a.at = getelementptr double, ptr %slope_a, i64 %i
  %slope_a.i = load double, ptr %slope_a.at
  %a.share = fmul double %g, %slope_a.i
  %a.old = load double, ptr %a.grad
  %a.new = fadd double %a.old, %a.share
  store double %a.new, ptr %a.grad
  %b.at = getelementptr i64, ptr %b, i64 %i
  %b.place = load i64, ptr %b.at
  %b.grad = getelementptr double, ptr %grad, i64 %b.place
  %slope_b.at = getelementptr double, ptr %slope_b, i64 %i
  %slope_b.i = load double, ptr %slope_b.at
  %b.share = fmul double %g, %slope_b.i
  %b.old = load double, ptr %b.grad
  %b.new = fadd double %b.old, %b.share
  store double %b.new, ptr %b.grad
  br label %next
end:
  ret void
}
"""


def program() -> str:
    """Write `forward` and `backward` in LLVM's language."""
    numbers = range(len(FORMULAS))
    forward = FORWARD.format(
        next_run=", ".join(f"[%run.next, %op{n}]" for n in numbers),
        next_start=", ".join(f"[%stop, %op{n}]" for n in numbers),
        cases=" ".join(f"i64 {n}, label %op{n}" for n in numbers),
        loops="".join(loop(op) for op in FORMULAS),
    )
    return DECLARATIONS + forward + BACKWARD


def loop(op: str) -> str:
    """Write the loop over a run of one operation."""
    n = NUMBERS[op]
    machine = Machine(n)
    y, slope_a, slope_b = FORMULAS[op](machine, machine.register("a"), machine.register("b"))
    return LOOP.format(n=n, formula="\n".join(machine.lines), y=y, slope_a=slope_a, slope_b=slope_b)


class Machine:
    """The library of mathematics that writes lines of a loop; the suffix keeps names apart."""

    def __init__(self, suffix: int) -> None:
        self.suffix = suffix
        self.lines: list[str] = []

    def line(self, instruction: str) -> Register:
        """Write one instruction and return the register that has its result."""
        y = self.register(f"t{len(self.lines)}.")
        self.lines.append(f"  {y} = {instruction}")
        return y

    def register(self, name: str) -> Register:
        return Register(f"%{name}{self.suffix}", self)

    def exp(self, x: Register) -> Register:
        return self.line(f"call double @exp(double {x})")

    def log(self, x: Register) -> Register:
        return self.line(f"call double @log(double {x})")

    def tanh(self, x: Register) -> Register:
        return self.line(f"call double @tanh(double {x})")

    def sqrt(self, x: Register) -> Register:
        return self.line(f"call double @llvm.sqrt.f64(double {x})")

    def power(self, x: Register, exponent: Register) -> Register:
        return self.line(f"call double @pow(double {x}, double {exponent})")

    def equal(self, x: Register, y: Operand) -> Register:
        return self.line(f"fcmp oeq double {x}, {y}")

    def where(self, condition: Register, x: Operand, y: Operand) -> Register:
        return self.line(f"select i1 {condition}, double {x}, double {y}")


def writes(instruction: str, swapped: bool = False) -> Callable[..., Register]:
    """Make an operator that writes one instruction on a register and its other operands."""

    def operator(self: Register, *others: Operand) -> Register:
        operands = [*others, self] if swapped else [self, *others]
        return self.machine.line(f"{instruction} {', '.join(map(str, operands))}")

    return operator


class Register:
    """A number in a loop, known by its name; its operators write lines."""

    def __init__(self, name: str, machine: Machine) -> None:
        self.name, self.machine = name, machine

    def __str__(self) -> str:
        return self.name

    __add__, __radd__ = writes("fadd double"), writes("fadd double", swapped=True)
    __sub__, __rsub__ = writes("fsub double"), writes("fsub double", swapped=True)
    __mul__, __rmul__ = writes("fmul double"), writes("fmul double", swapped=True)
    __truediv__, __rtruediv__ = writes("fdiv double"), writes("fdiv double", swapped=True)
    __neg__ = writes("fneg double")
    __lt__, __le__ = writes("fcmp olt double"), writes("fcmp ole double")
    __gt__, __ge__ = writes("fcmp ogt double"), writes("fcmp oge double")
    __and__ = writes("and i1")


Operand = Register | float
