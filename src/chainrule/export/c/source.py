"""A network as one file of C99 (floor 4).

First what the file offers, then constants, then the function that computes, then, if whoever
compiles it asks for that, a program around it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError, OptionError
from chainrule.export.c.elementwise import HELPERS
from chainrule.export.c.function import Function, written
from chainrule.export.c.program import Field, program_lines
from chainrule.export.c.text import comment, ctype, numbers, quoted
from chainrule.export.settled import Settled, answering, settled
from chainrule.files import replace_text
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.plan.program import Value

__all__ = ["c_source", "write_c"]


def write_c(path: str | os.PathLike[str], model: Any, *examples: Any, **options: Any) -> None:
    """Write a network as one file of C99 that needs nothing but the standard library.

    Args:
        path: the file to make or replace.
        model: as `c_source` takes it, like what follows.
        *examples: an input each.
        **options: as of `c_source`; the name is that of the file, if none is given.

    Raises:
        DataError: the network cannot be written in C, or the file cannot be.

    Examples:
        >>> import tempfile
        >>> from chainrule import nn
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "tiny.c")
        ...     write_c(path, nn.Linear(2, 1), np.zeros((1, 2), np.float32))
        ...     "void tiny_predict(const float *input, float *output)" in path.read_text()
        True
    """
    stem = re.sub(r"\W", "_", Path(path).stem, flags=re.ASCII)
    name = options.pop("name", None) or (stem if re.match(r"[A-Za-z]", stem) else f"net_{stem}")
    text = c_source(model, *examples, name=name, **options)
    try:
        replace_text(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


@looks
def c_source(
    model: Any,
    *examples: Any,
    name: str = "model",
    classes: Sequence[str] = (),
    fields: Sequence[Field] = (),
    probabilities: bool = False,
) -> str:
    """Return a network as the text of a file of C99.

    The network's weights are in it to the last bit. Sizes are those of the examples: one row, for a
    function that answers for one row. What is computed is what the network computes in eval mode,
    but for rounding: sums are added up in double precision, unless whoever compiles it asks for
    less. Nothing is allocated. A category or an index that is outside of its table gives NaN.

    Args:
        model: a module, taken in eval mode and left as it is; or a function of tensors.
        *examples: an input each, arrays or tensors.
        name: of the network: what all names in the file begin with.
        classes: the names of the classes, if the outputs are their scores.
        fields: what the numbers of a row are, if it is a row of a table.
        probabilities: whether the outputs are to be made probabilities, by softmax.

    Raises:
        DataError: an operation that there is no C for, or a network whose steps depend on numbers.
        OptionError: a name that is none in C, or classes or fields that are not as many as needed.

    Examples:
        >>> from chainrule import nn
        >>> text = c_source(nn.Linear(2, 1), np.zeros((1, 2), np.float32), name="tiny")
        >>> "#define TINY_INPUTS 2" in text
        True
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise OptionError(
            f"a network in C needs a name of letters, digits and underscores that begins with a "
            f"letter, got {name!r}"
        )
    whole = settled(answering(model) if probabilities else model, *examples)
    return _File(name, whole, classes, fields).text()


_WIDTH = 100

_INTRODUCTION = """/*
 * {name}: a neural network in C99, written by chainrule.
 *
 * void {name}_predict({parameters});
 *
{arrays}
 *
 * It works in memory of its own, so one thread at a time may call it. For several threads,
 * {name}_predict_with takes a {name}_workspace as well: one for each. Nothing is allocated,
 * and nothing but the mathematical library is needed:
 *
 *     cc -O2 -std=c99 -c {name}.c
{program} *
 * Sums are added up in double precision, number after number. Where that is slow, compile with
 * -D{upper}_SUM=float; -O3 -fassociative-math -fno-signed-zeros -fno-trapping-math lets the
 * compiler add several at once.
 */"""
_PROGRAM = """ *
 * With a main that reads rows of numbers between commas from standard input:
 *
 *     cc -O2 -std=c99 -D{upper}_MAIN {name}.c -o {name} -lm
"""


class _File:
    """The parts of the file, in the order in which they stand."""

    def __init__(
        self, name: str, whole: Settled, classes: Sequence[str], fields: Sequence[Field]
    ) -> None:
        self.name = name
        self.upper = name.upper()
        self.names = whole.names
        self.classes = list(classes)
        self.fields = list(fields)
        self.function: Function = written(name, whole)
        self.inputs, self.outputs = whole.program.inputs, whole.program.outputs
        self._check()

    @property
    def by_rows(self) -> bool:
        """Whether a call is for one row, so that a loop over rows makes sense."""
        both = (*self.inputs, *self.outputs)
        return len(both) == 2 and all(v.shape[:1] == (1,) for v in both)

    def _check(self) -> None:
        for what, given, side, values in (
            ("names of classes", self.classes, "outputs", self.outputs),
            ("fields", self.fields, "inputs", self.inputs),
        ):
            counts = [_count(v) for v in values]
            if given and counts != [len(given)]:
                total = " + ".join(map(str, counts))
                raise OptionError(f"{total} {side} need as many {what}, got {len(given)}")

    def text(self) -> str:
        parts = [
            self._introduction(),
            [
                "#include <math.h>",
                "#include <stdbool.h>",
                "#include <stddef.h>",
                "#include <stdint.h>",
            ],
            self._sizes(),
            self._words(),
            *(
                [HELPERS[h].format(name=f"{self.name}_{h}")]
                for h in sorted(self.function.scene.helpers)
            ),
            *self._constants(),
            self._workspace(),
            self._predict_with(),
            self._predict(),
        ]
        if self.by_rows:
            parts.append(self._rows())
        if self._has_program:
            parts.append(program_lines(self.name, self.fields, bool(self.classes)))
        return "\n\n".join("\n".join(part) for part in parts if part) + "\n"

    def _introduction(self) -> list[str]:
        arrays = [
            f" *     {parameter:<9} {_count(value)} of {ctype(value.dtype)}: {_shape(value.shape)}"
            for parameter, value in self._both()
        ]
        names = {"name": self.name, "upper": self.upper}
        text = _INTRODUCTION.format(
            parameters=self._parameters(),
            arrays="\n".join(arrays),
            program=_PROGRAM.format(**names) if self._has_program else "",
            **names,
        )
        return text.splitlines()

    @property
    def _has_program(self) -> bool:
        both = (*self.inputs, *self.outputs)
        return self.by_rows and all(v.dtype == np.float32 for v in both)

    def _both(self) -> list[tuple[str, Value]]:
        return [*zip(self.function.inputs, self.inputs), *zip(self.function.outputs, self.outputs)]

    def _parameters(self) -> str:
        inputs = [f"const {ctype(v.dtype)} *{n}" for n, v in zip(self.function.inputs, self.inputs)]
        outputs = [f"{ctype(v.dtype)} *{n}" for n, v in zip(self.function.outputs, self.outputs)]
        return ", ".join([*inputs, *outputs])

    def _head(self, name: str, first: str = "") -> list[str]:
        """The first lines of a function of all inputs and outputs."""
        start, given = f"void {self.name}_{name}(", f"{first}{self._parameters()})"
        if len(start + given) <= _WIDTH:
            return [start + given]
        return [start, *(f"    {part}" for part in given.replace(", ", ",\n").splitlines())]

    def _sizes(self) -> list[str]:
        lines = []
        for parameter, value in self._both():
            word = parameter.replace("input", "inputs").replace("output", "outputs").upper()
            lines.append(f"#define {self.upper}_{word} {_count(value)}")
        lines += ["", f"#ifndef {self.upper}_SUM", f"#define {self.upper}_SUM double", "#endif"]
        return [*lines, f"typedef {self.upper}_SUM {self.name}_sum;"]

    def _words(self) -> list[str]:
        """The names of classes and columns, and the codes of categories."""
        lines: list[str] = []
        if self.classes:
            lines.append(f"const char *const {self.name}_classes[{len(self.classes)}] = {{")
            lines += [f"    {quoted(word)}," for word in self.classes] + ["};"]
        if self.fields:
            lines += [""] * bool(lines)
            lines.append(f"const char *const {self.name}_columns[{len(self.fields)}] = {{")
            lines += [f"    {quoted(f.name)},{_codes(f)}" for f in self.fields] + ["};"]
        return lines

    def _constants(self) -> list[list[str]]:
        parts = []
        used = set(re.findall(r"\w+", str(self.function.scene.code)))
        for value, name in self.function.constants.items():
            if name not in used:
                continue
            assert value.array is not None
            told = f"{self.names[value] or 'a constant'}: {_shape(value.shape)}"
            parts.append([comment(told), *_initialised(name, value.array)])
        parts += [_initialised(name, a) for name, a in self.function.scene.tables.items()]
        return parts

    def _workspace(self) -> list[str]:
        pieces = [f"    {kind} {piece}[{n}];" for piece, kind, n in self.function.buffers]
        return ["typedef struct {", *(pieces or ["    char unused;"]), f"}} {self.name}_workspace;"]

    def _predict_with(self) -> list[str]:
        head = self._head("predict_with", f"{self.name}_workspace *w, ")
        body = [f"    {line}" if line else "" for line in self.function.scene.code.lines]
        used = "\n".join(body)
        unused = [n for n in ("w", *self.function.inputs) if not re.search(rf"\b{n}\b", used)]
        return [*head, "{", *(f"    (void){n};" for n in unused), *body[0 if unused else 1 :], "}"]

    def _predict(self) -> list[str]:
        given = ", ".join([*self.function.inputs, *self.function.outputs])
        return [
            *self._head("predict"),
            "{",
            f"    static {self.name}_workspace workspace;",
            f"    {self.name}_predict_with(&workspace, {given});",
            "}",
        ]

    def _rows(self) -> list[str]:
        kinds = (
            f"const {ctype(self.inputs[0].dtype)} *inputs, {ctype(self.outputs[0].dtype)} *outputs"
        )
        return [
            f"void {self.name}_predict_rows({kinds}, size_t rows)",
            "{",
            "    for (size_t row = 0; row < rows; row++) {",
            f"        {self.name}_predict(inputs + row * {self.upper}_INPUTS, "
            f"outputs + row * {self.upper}_OUTPUTS);",
            "    }",
            "}",
        ]


def _count(value: Value) -> int:
    return math.prod(value.shape)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _codes(field: Field) -> str:
    """A comment that says which number stands for which text, the first of those that share one."""
    if not field.codes:
        return ""
    first = {code: text for text, code in reversed(list(field.codes.items()))}
    named = [f"{code} = {first[code]}" for code in sorted(first)]
    more = f", and {len(named) - 12} more" if len(named) > 12 else ""
    other = "not a number" if math.isnan(field.missing) else f"{field.missing:g}"
    return " " + comment(f"{', '.join(named[:12])}{more}; any other is {other}")


def _initialised(name: str, array: Array) -> list[str]:
    """The definition of an array, without what only repeats."""
    once = tuple(
        slice(0, 1) if not step and n > 1 else slice(None)
        for step, n in zip(array.strides, array.shape)
    )
    content = array[once]
    lines = [f"    {line}" for line in numbers(content)]
    return [f"static const {ctype(array.dtype)} {name}[{content.size}] = {{", *lines, "};"]
