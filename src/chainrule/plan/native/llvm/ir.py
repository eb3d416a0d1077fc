"""Writing LLVM's language: what registers ask for, memory, and loops (floor 2).

A `Writer` collects the lines of one function. Nothing is contracted or reordered unless it is asked
for by `flags`. A bool is one bit in a register and a byte in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.formulas import registers
from chainrule.plan.formulas.registers import BOOL, INDEX, Number, Register, Unsupported

__all__ = [
    "BOOL",
    "INDEX",
    "Number",
    "Register",
    "Unsupported",
    "Writer",
    "literal",
    "llvm_type",
]

Dtype: TypeAlias = "np.dtype[Any]"

REAL = {4: "float", 8: "double"}


def llvm_type(dtype: Dtype, memory: bool = False) -> str:
    """Return LLVM's name of a dtype, in a register or in memory.

    Raises:
        Unsupported: it has none here.

    Examples:
        >>> llvm_type(np.dtype(np.float32)), llvm_type(np.dtype(bool)), llvm_type(INDEX)
        ('float', 'i1', 'i64')
    """
    if not dtype.isnative:
        raise Unsupported(f"numbers of {dtype}, the wrong way round")
    if dtype.kind == "f" and dtype.itemsize in REAL:
        return REAL[dtype.itemsize]
    if dtype.kind in "iu":
        return f"i{8 * dtype.itemsize}"
    if dtype.kind == "b":
        return "i8" if memory else "i1"
    raise Unsupported(f"numbers of {dtype}")


def literal(number: Any, dtype: Dtype) -> str:
    """Return a number as LLVM writes it in `dtype`.

    Examples:
        >>> literal(0.5, np.dtype(np.float32)), literal(True, BOOL), literal(3, INDEX)
        ('0x3FE0000000000000', '1', '3')
    """
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            exact = float(dtype.type(number))
        return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"
    return str(int(bool(number)) if dtype.kind == "b" else int(number))


def _conversion(old: Dtype, new: Dtype) -> str:
    if old.kind == "f" and new.kind == "f":
        return "fpext" if new.itemsize > old.itemsize else "fptrunc"
    if old.kind == "f":
        return "fptosi" if new.kind == "i" else "fptoui"
    if new.kind == "f":
        return "sitofp" if old.kind == "i" else "uitofp"
    if old.kind != "b" and old.itemsize == new.itemsize:
        return ""
    if old.kind != "b" and new.itemsize < old.itemsize:
        return "trunc"
    return "sext" if old.kind == "i" else "zext"


# An operation on floating-point numbers, and on others.
WORDS = {
    "add": ("fadd", "add"),
    "sub": ("fsub", "sub"),
    "mul": ("fmul", "mul"),
    "div": ("fdiv", "sdiv"),
    "shr": ("", "lshr"),
}


class Writer(registers.Writer):
    """The lines of one function, as they are written.

    Attributes:
        declared: what the function calls, as declarations of the module.
        notes: metadata of the module, in the order of its numbers.
    """

    def __init__(self, declared: dict[str, str] | None = None, notes: list[str] | None = None):
        self.lines: list[str] = []
        self.head: list[str] = []  # what is reserved on the stack when the function begins
        self.block = "entry"
        self.declared = {} if declared is None else declared
        self.notes = [] if notes is None else notes
        self._count = 0
        self._parallel: str | None = None

    def fresh(self, kind: str) -> str:
        """Return a name not used before."""
        self._count += 1
        return f"{kind}{self._count}"

    def line(self, text: str, dtype: Dtype) -> Register:
        """Write an instruction and return the register with its result."""
        name = f"%{self.fresh('v')}"
        self.lines.append(f"  {name} = {text}")
        return Register(name, dtype, self)

    def do(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}")

    # --- what registers ask for -----------------------------------------------------------------

    def literal(self, value: Any, dtype: Dtype) -> str:
        """Return a number as LLVM writes it."""
        return literal(value, dtype)

    def typed(self, x: Register) -> str:
        """Return the type and name of a register."""
        return f"{llvm_type(x.dtype)} {x.name}"

    def binary(self, word: str, a: Register, b: Register, free: bool = False) -> Register:
        """Write an operation on two numbers of one dtype."""
        real, whole = WORDS.get(word, ("", word))
        if a.dtype.kind == "b":
            whole = {"add": "or", "mul": "and"}.get(whole, whole)
        if word == "shr" and a.dtype.kind == "i":
            whole = "ashr"
        name = whole
        if a.dtype.kind == "f":
            name = f"{real} {'reassoc nsz' if free else ''}".strip()
        return self.line(f"{name} {a.typed}, {b}", a.dtype)

    def negative(self, x: Register) -> Register:
        """Write -x."""
        return self.line(f"fneg {x.typed}", x.dtype)

    def comparison(self, how: str, a: Register, b: Register) -> Register:
        """Write a comparison."""
        kind = "fcmp" if a.dtype.kind == "f" else "icmp"
        return self.line(f"{kind} {how} {a.typed}, {b}", BOOL)

    def choice(self, condition: Register, yes: Register, no: Register) -> Register:
        """Write `yes` where the condition holds, else `no`."""
        return self.line(f"select i1 {condition}, {yes.typed}, {no.typed}", yes.dtype)

    def reinterpreted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same bits as another type of the same size."""
        return self.line(f"bitcast {x.typed} to {llvm_type(dtype)}", dtype)

    def converted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same number in another dtype."""
        how = _conversion(x.dtype, dtype)
        if not how:
            return Register(x.name, dtype, self)
        return self.line(f"{how} {x.typed} to {llvm_type(dtype)}", dtype)

    def call(
        self, name: str, *args: Register, dtype: Dtype | None = None, flags: str = ""
    ) -> Register:
        """Call a function by its name; it gives the dtype of its first argument, or `dtype`."""
        out = dtype or args[0].dtype
        kinds = ", ".join(llvm_type(a.dtype) for a in args)
        self.declared[name] = f"declare {llvm_type(out)} @{name}({kinds})"
        told = ", ".join(a.typed for a in args)
        how = f"call {flags}".strip()
        return self.line(f"{how} {llvm_type(out)} @{name}({told})", out)

    def intrinsic(self, name: str, *args: Register, flags: str = "") -> Register:
        """Call one of LLVM's own functions of numbers of one type."""
        dtype = args[0].dtype
        kind = {"float": "f32", "double": "f64"}.get(llvm_type(dtype), llvm_type(dtype))
        return self.call(f"llvm.{name}.{kind}", *args, flags=flags)

    # --- memory ---------------------------------------------------------------------------------

    def at(self, pointer: str, dtype: Dtype, index: Number) -> str:
        """Return a pointer to element `index`, counted from `pointer`."""
        if index == 0:
            return pointer
        name = f"%{self.fresh('p')}"
        kind, place = llvm_type(dtype, memory=True), self.number(index, INDEX)
        self.lines.append(f"  {name} = getelementptr inbounds {kind}, ptr {pointer}, i64 {place}")
        return name

    def load(self, pointer: str, dtype: Dtype) -> Register:
        """Read a number."""
        kind = llvm_type(dtype, memory=True)
        raw = f"load {kind}, ptr {pointer}, align {dtype.itemsize}{self._mark()}"
        if dtype.kind != "b":
            return self.line(raw, dtype)
        return self.line(raw, np.dtype(np.uint8)).ne(0)

    def store(self, value: Register, pointer: str) -> None:
        """Write a number."""
        if value.dtype.kind == "b":
            value = value.to(np.uint8)
        self.do(f"store {value.typed}, ptr {pointer}, align {value.dtype.itemsize}{self._mark()}")

    def _mark(self) -> str:
        return f", !llvm.access.group {self._parallel}" if self._parallel else ""

    def variable(self, value: Register) -> str:
        """Return a pointer to a place on the stack that holds `value` from here on."""
        name = f"%{self.fresh('s')}"
        self.head.append(f"  {name} = alloca {llvm_type(value.dtype, memory=True)}")
        self.store(value, name)
        return name

    # --- loops ----------------------------------------------------------------------------------

    def note(self, text: str) -> str:
        """Return the number of a piece of metadata."""
        self.notes.append(text)
        return f"!{len(self.notes) - 1}"

    @contextmanager
    def loop(self, count: Number, parallel: bool = False, hints: str = "") -> Iterator[Register]:
        """Write a loop of `count` turns, at least one; what is written inside is its body.

        Args:
            count: how many turns.
            parallel: no turn reads what another writes, but for variables.
            hints: more of LLVM's words on the loop.

        Yields:
            The number of the turn.
        """
        body, end, before = self.fresh("loop"), self.fresh("end"), self.block
        i, after = f"%{self.fresh('i')}", f"%{self.fresh('i')}"
        self.do(f"br label %{body}")
        self.lines.append(f"{body}:")
        place = len(self.lines)
        self.block, outer = body, self._parallel
        self._parallel = self.note("distinct !{}") if parallel else None
        yield Register(i, INDEX, self)
        words = [f'!{{!"llvm.loop.parallel_accesses", {self._parallel}}}'] * parallel
        self._parallel = outer
        self.lines.insert(place, f"  {i} = phi i64 [0, %{before}], [{after}, %{self.block}]")
        self.do(f"{after} = add nuw nsw i64 {i}, 1")
        done = self.line(f"icmp ult i64 {after}, {self.number(count, INDEX)}", BOOL)
        told = ", ".join([*(self.note(w) for w in words), *([hints] if hints else [])])
        self.notes.append("")
        me = f"!{len(self.notes) - 1}"
        self.notes[-1] = f"distinct !{{{', '.join([me, *([told] if told else [])])}}}"
        self.do(f"br i1 {done}, label %{body}, label %{end}, !llvm.loop {me}")
        self.lines.append(f"{end}:")
        self.block = end

    def call_in(self, place: str, level: int = 3, changed: bool = False) -> None:
        """Call the memory at a place into a cache: the nearest for level 3, the next for 2.

        A place that nobody has is passed over.
        """
        self.declared["llvm.prefetch.p0"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
        self.do(f"call void @llvm.prefetch.p0(ptr {place}, i32 {int(changed)}, i32 {level}, i32 1)")

    def leave(self, condition: Register, last: str) -> None:
        """Leave the function by its `last` instruction, a `ret`, where `condition` holds."""
        out, on = self.fresh("leave"), self.fresh("on")
        self.do(f"br i1 {condition}, label %{out}, label %{on}")
        self.lines += [f"{out}:", f"  {last}", f"{on}:"]
        self.block = on

    def function(self, name: str, parameters: str, result: Register | None = None) -> str:
        """Return the whole function, which gives `result` if there is one."""
        kind = llvm_type(result.dtype) if result else "void"
        return "\n".join(
            [
                f"define {kind} @{name}({parameters}) nounwind {{",
                *("entry:", *self.head, *self.lines),
                f"  ret {result.typed if result else 'void'}\n}}\n",
            ]
        )

    def module(self, *functions: str) -> str:
        """Return functions, what they call and the metadata as the text of a module."""
        notes = [f"!{i} = {text}" for i, text in enumerate(self.notes)]
        return "\n".join([*self.declared.values(), "", *functions, *notes, ""])
