"""A program as the body of one function in C, and the memory that it works in (floor 4)."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from chainrule.errors import DataError
from chainrule.export.c.elementwise import element
from chainrule.export.c.groups import Group, groups
from chainrule.export.c.moves import copied
from chainrule.export.c.nest import Nest, Scene, aligned
from chainrule.export.c.products import convolved_row
from chainrule.export.c.rules import BLOCKS, CELLS
from chainrule.export.c.steps import STEPS
from chainrule.export.c.text import Index, comment, ctype, identifier
from chainrule.export.settled import Settled, layer_of, unsupported
from chainrule.ops import Shape
from chainrule.plan.passes.memory import Step, lifetimes
from chainrule.plan.passes.views import View, row_major, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["MOST_NUMBERS", "Function", "written"]

MOST_NUMBERS = 20_000_000  # some 350 MB of text
_WIDEST = 1024  # sums that stand side by side on the stack


class Function:
    """A function of C that computes what a program does.

    Attributes:
        scene: its body, with the tables and helpers that it needs.
        constants: of every constant its name.
        buffers: of the memory that it works in, name, type and number of elements of each piece.
        inputs: of each input the parameter's name.
        outputs: of each output likewise.
    """

    def __init__(self, name: str, whole: Settled) -> None:
        program = whole.program
        self.program = program
        found = views(program)
        cut = groups(program, found)
        self.inputs = _numbered("input", len(program.inputs))
        self.outputs = _numbered("output", len(program.outputs))
        self.constants = _constants(name, whole)
        given = _given(program, found, self.outputs)
        self.buffers, places = _buffers(cut, found, program, given)
        places |= dict(zip(program.inputs, self.inputs)) | given | self.constants
        self.scene = Scene(name, found, places)
        for group in cut:
            _write(self.scene, group)
        for value, place in zip(program.outputs, self.outputs):
            if places.get(value) != place:
                _copy(self.scene, value, place)


def written(name: str, whole: Settled) -> Function:
    """The function for a program.

    Args:
        name: what every name at file level begins with.
        whole: the program.

    Raises:
        DataError: an operation that there is no rule for, numbers that C does not have, or too
            many.
    """
    program = whole.program
    count = sum(math.prod(v.shape) for v in program.state)
    if count > MOST_NUMBERS:
        raise DataError(
            f"a network with {count:,} numbers is too large for a compiler, which is given up to "
            f"{MOST_NUMBERS:,}; write it as ONNX"
        )
    for value in (*program.inputs, *program.state, *(i.out for i in program)):
        ctype(value.dtype)
    return Function(name, whole)


def _numbered(word: str, count: int) -> list[str]:
    return [word] if count == 1 else [f"{word}{k}" for k in range(count)]


# --- where values lie ---------------------------------------------------------------------------


def _constants(name: str, whole: Settled) -> dict[Value, str]:
    found: dict[Value, str] = {}
    for value, sources in whole.names.items():
        stem = identifier(sources) or "constant"
        stem = f"{name}_weight_{stem}" if _OTHERS.fullmatch(stem) else f"{name}_{stem}"
        taken = set(found.values())
        others = (f"{stem}_{k}" for k in itertools.count(1))
        found[value] = next(n for n in itertools.chain([stem], others) if n not in taken)
    return found


# What else has a name in the file.
_OTHERS = re.compile(
    "sum|whole|remainder|logaddexp|columns|classes|codes|missing|cell|cut|workspace|predict.*"
    r"|(places|shares|starts|counts)_\d+"
)


def _given(
    program: Program, found: Mapping[Value, View], outputs: Sequence[str]
) -> dict[Value, str]:
    """What is made where it is asked for: results that are whole, each of them once."""
    given: dict[Value, str] = {}
    for value, place in zip(program.outputs, outputs):
        own = found[value].base is value and value.origin == "made"
        if own and value not in given:
            given[value] = place
    return given


def _buffers(
    cut: Sequence[Group],
    found: Mapping[Value, View],
    program: Program,
    given: Mapping[Value, str],
) -> tuple[list[tuple[str, str, int]], dict[Value, str]]:
    """Pieces of memory, used again when what is in them has been read for the last time."""
    mine = [[v for v in group.stored if v not in given] for group in cut]
    inner = {v for values in mine for v in values}
    reads = [{found[v].base for i in group.instructions for v in i.values} & inner for group in cut]
    steps = [Step(tuple(made), tuple(read)) for made, read in zip(mine, reads)]
    kept = [found[v].base for v in program.outputs if found[v].base in inner]
    life = lifetimes(steps, kept)
    pieces: list[tuple[str, int, int]] = []  # type, elements, the last step that needs it
    places: dict[Value, str] = {}
    for k, step in enumerate(steps):
        for value in step.made:
            size, kind = _size(value), ctype(value.dtype)
            free = [p for p, (t, _, end) in enumerate(pieces) if t == kind and end < k]
            best = min(free, key=lambda p: _waste(pieces[p][1], size), default=len(pieces))
            before = pieces[best][1] if free else 0
            pieces[best : best + 1] = [(kind, max(before, size), life[value][1])]
            places[value] = f"w->{_letters(best)}"
    return [(_letters(p), kind, size) for p, (kind, size, _) in enumerate(pieces)], places


def _size(value: Value) -> int:
    return max(1, math.prod(value.shape))


def _waste(there: int, size: int) -> tuple[bool, int]:
    """How well a piece of memory suits: one that is large enough before one that must grow."""
    return there < size, abs(there - size)


def _letters(number: int) -> str:
    return (
        chr(ord("a") + number)
        if number < 26
        else f"{_letters(number // 26 - 1)}{_letters(number % 26)}"
    )


# --- groups -------------------------------------------------------------------------------------


def _write(scene: Scene, group: Group) -> None:
    scene.code.line()
    scene.code.line(comment(_told(group)))
    first = group.instructions[0]
    if first.op.name in BLOCKS or first.op.kind == "view":
        _write_block(scene, first)
    elif group.is_flat:
        _write_flat(scene, group)
    else:
        _write_cells(scene, group)


def _told(group: Group) -> str:
    """The layers and operations of a group, and the shape of what it makes."""
    layers = list(dict.fromkeys(filter(None, map(layer_of, group.instructions))))
    names = ", ".join(i.op.name for i in group.instructions)
    shape = " x ".join(map(str, group.shape)) or "1"
    return f"{' + '.join(layers)}{': ' if layers else ''}{names}; {shape}"


def _write_block(scene: Scene, instruction: Instruction) -> None:
    nest = Nest(scene, instruction.out.shape)
    if instruction.op.kind == "view":
        copied(nest, instruction)
        return
    with scene.code.block() if instruction.op.name in STEPS else nullcontext():
        known = BLOCKS[instruction.op.name](nest, instruction)
    if not known:
        raise unsupported(instruction, "there is no rule for this case of it in C")


def _write_cells(scene: Scene, group: Group) -> None:
    first, *rest = group.instructions
    if first.op.name == "convolution" and 1 < group.shape[-1] <= _WIDEST:
        _write_rows(scene, group)
        return
    nest = Nest(scene, group.shape)
    with nest.running():
        rule = CELLS.get(first.op.name)
        text = rule(nest, first) if rule else None
        if text is None:
            raise unsupported(first, "there is no rule for it in C")
        _keep(nest, group, first, text)
        for instruction in rest:
            _write_element(nest, group, instruction)


def _write_rows(scene: Scene, group: Group) -> None:
    """A convolution by rows of its outputs, and what follows it."""
    first, *rest = group.instructions
    nest = Nest(scene, group.shape[:-1])
    with nest.running():
        convolved_row(nest, first)
        with nest.loop(group.shape[-1]) as k:
            nest.index = (*nest.index, k)
            _keep(nest, group, first, f"({ctype(first.out.dtype)})sums[{k}]")
            for instruction in rest:
                _write_element(nest, group, instruction)


def _write_flat(scene: Scene, group: Group) -> None:
    """Elementwise operations, over as few dimensions as the memory of all operands allows."""
    sizes, ends = _merged(scene, group)
    nest = Nest(scene, sizes)
    with nest.running():
        index: list[Index] = [0] * len(group.shape)
        for end, variable in zip(ends, nest.index):
            index[end] = variable
        nest.index = tuple(index)
        for instruction in group.instructions:
            _write_element(nest, group, instruction)


def _merged(scene: Scene, group: Group) -> tuple[Shape, list[int]]:
    """The sizes of the loops, and for each the last of the dimensions that it goes through."""
    shape = group.shape
    reads = [v for i in group.instructions for v in i.values if v not in group.made]
    steps = [_spread(scene.views[v], len(shape)) for v in reads] + [row_major(shape)]
    sizes: list[int] = []
    ends: list[int] = []
    for d in (d for d, n in enumerate(shape) if n > 1):
        if ends and all(s[ends[-1]] == s[d] * shape[d] for s in steps):
            sizes[-1] *= shape[d]
            ends[-1] = d
        else:
            sizes.append(shape[d])
            ends.append(d)
    return tuple(sizes), ends


def _spread(view: View, rank: int) -> tuple[int, ...]:
    """Steps through an operand for each dimension of the space that it is broadcast to."""
    own = tuple(s if n > 1 else 0 for s, n in zip(view.strides, view.shape))
    return (*(0,) * (rank - len(own)), *own)


def _write_element(nest: Nest, group: Group, instruction: Instruction) -> None:
    arguments = [
        nest.read(a, aligned(nest.index, a.shape)) if isinstance(a, Value) else str(a)
        for a in instruction.args
    ]
    text = element(nest, instruction, arguments)
    if text is None:
        raise unsupported(instruction, "there is no rule for it in C, or not for these numbers")
    _keep(nest, group, instruction, text)


def _keep(nest: Nest, group: Group, instruction: Instruction, text: str) -> None:
    """Put an element where it is read: into a variable for those in the group, into memory."""
    out = instruction.out
    inside = any(out in i.values for i in group.instructions)
    if inside:
        nest.line(f"const {ctype(out.dtype)} {out.name} = {text};")
        text = out.name
    if out in group.stored:
        nest.write(out, nest.index, text)
    if inside:
        nest.local[out] = out.name


def _copy(scene: Scene, value: Value, place: str) -> None:
    """Give away what lies elsewhere."""
    scene.code.line()
    scene.code.line(comment(f"result; {' x '.join(map(str, value.shape)) or '1'}"))
    nest = Nest(scene, value.shape)
    with nest.running():
        words = [
            f"{s}*{i}" if s > 1 else f"{i}" for s, i in zip(row_major(value.shape), nest.index)
        ]
        at = " + ".join(word for i, word in zip(nest.index, words) if i != 0) or "0"
        nest.line(f"{place}[{at}] = {nest.read(value, nest.index)};")
