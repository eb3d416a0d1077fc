"""A network as one file of Python that needs NumPy and nothing else (floor 4).

First the function, a line for each operation under the name of its layer, then the functions that
NumPy does not have, then the weights.
"""

from __future__ import annotations

import ast
import base64
import itertools
import os
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError, OptionError
from chainrule.export.onnx.sizes import (
    Axis,
    Computed,
    Filled,
    Outline,
    Rule,
    Step,
    Triangle,
    outline_of,
)
from chainrule.export.python.expressions import Page, expression, functions, told
from chainrule.export.settled import answering, layer_of, unsupported
from chainrule.files import replace_text
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.plan.changes import changed
from chainrule.plan.program import Value

__all__ = ["python_source", "write_python"]

_SMALL = 4  # numbers that stand in the text as they are
_WIDTH = 96


def write_python(path: str | os.PathLike[str], model: Any, *examples: Any, **options: Any) -> None:
    """Write a network as one file of Python that needs NumPy and nothing else.

    Args:
        path: the file to make or replace.
        model: as `python_source` takes it, like what follows.
        *examples: an input each.
        **options: as of `python_source`.

    Raises:
        DataError: the network cannot be written in NumPy, or the file cannot be.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from chainrule import nn
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "tiny.py")
        ...     write_python(path, nn.Linear(2, 1), np.zeros((1, 2), np.float32))
        ...     "def predict(x):" in path.read_text()
        True
    """
    text = python_source(model, *examples, **options)
    try:
        replace_text(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


@looks
def python_source(
    model: Any,
    *examples: Any,
    classes: Sequence[str] = (),
    columns: Sequence[str] = (),
    probabilities: bool = False,
    batch: bool = True,
) -> str:
    """Return a network as the text of a file of Python, with a function `predict`.

    The network's weights are in it to the last bit, as base64. What is computed is what the network
    computes in eval mode.

    Args:
        model: a module, taken in eval mode and left as it is; or a function of tensors.
        *examples: an input each, arrays or tensors.
        classes: the names of the classes, if the outputs are their scores; `CLASSES` in the file.
        columns: what the numbers of a row are, if it is one of a table; `COLUMNS` in the file.
        probabilities: whether the outputs are to be made probabilities, by softmax.
        batch: whether the first dimension of all inputs is a batch, which may be of any size; if
            not, all sizes are those of the examples.

    Raises:
        DataError: an operation that there is no NumPy for, or a network whose steps depend on
            numbers, or on the size of the batch.
        OptionError: an example without a row.

    Examples:
        >>> from chainrule import nn
        >>> space = {}
        >>> exec(python_source(nn.Linear(2, 1), np.zeros((1, 2), np.float32)), space)
        >>> space["predict"](np.zeros((5, 2))).shape
        (5, 1)
    """
    if any(0 in np.shape(x) or (batch and not np.shape(x)) for x in examples):
        raise OptionError("an example needs numbers, and a dimension for the batch if there is one")
    arrays = [np.asarray(x) for x in examples]
    whole = answering(model) if probabilities else model
    axes = [Axis("n", k, 0) for k in range(len(arrays)) if batch]
    return _File(outline_of(whole, arrays, axes), classes, columns).text()


class _File:
    """The parts of the file."""

    def __init__(self, outline: Outline, classes: Sequence[str], columns: Sequence[str]) -> None:
        self.outline = outline
        self.program = outline.forward.program
        self.words = {"CLASSES": list(classes), "COLUMNS": list(columns)}
        self.page = Page()
        self.names: dict[Value, str] = {}
        self.weights: dict[str, tuple[Array, str]] = {}

    def text(self) -> str:
        body = "\n".join(f"    {line}" if line else "" for line in self._body())
        head = [f"{word} = {self._listed(names)}" for word, names in self.words.items() if names]
        below = [*self._helpers(), *self._arrays()]
        needed = [name for name in ("base64", "math") if any(f"{name}." in part for part in below)]
        parts = [
            _INTRODUCTION.format(
                inputs=self._inputs(),
                outputs=self._outputs(),
                batch="where n is the size of the batch, " if self.outline.axes else "",
            ),
            "\n".join(f"import {name}" for name in needed) + "\n\nimport numpy as np",
            "\n".join(head),
            f'@np.errstate(all="ignore")\ndef predict({self._parameters()}):\n{body}',
            *below,
        ]
        introduction, imports, *rest = [part.strip("\n") for part in parts if part]
        return "\n\n\n".join([f"{introduction}\n\n{imports}", *rest]) + "\n"

    def _listed(self, names: Sequence[str]) -> str:
        return "[\n" + "".join(f"    {name!r},\n" for name in names) + "]"

    # --- the function ---------------------------------------------------------------------------

    def _parameters(self) -> str:
        count = len(self.program.inputs)
        return ", ".join(["x"] if count == 1 else [f"x{k}" for k in range(count)])

    def _shape(self, value: Value) -> str:
        return told(self.outline.shapes[value])

    def _inputs(self) -> str:
        names = self._parameters().split(", ")
        return "\n".join(
            f"    {name}: {self._shape(v)}, {v.dtype}"
            for name, v in zip(names, self.program.inputs)
        )

    def _outputs(self) -> str:
        return "\n".join(f"    {self._shape(v)}, {v.dtype}" for v in self.program.outputs)

    def _body(self) -> list[str]:
        lines = ['"""What the network makes of its inputs."""']
        for name, value in zip(self._parameters().split(", "), self.program.inputs):
            self.names[value] = name
            lines.append(f"{name} = np.asarray({name}, {told(value.dtype)})")
        start = len(lines)
        for value in self.program.state:
            self._state(value, lines)
        layer = None
        for step in self.outline.steps:
            if layer_of(step.instruction) not in (layer, ""):
                layer = layer_of(step.instruction)
                lines += ["", f"# {_plain(layer)}"]
            lines += self._step(step)
        if any(re.search(r"\bn\b", line.partition("  #")[0]) for line in lines[start:]):
            lines.insert(start, f"n = len({self._parameters().split(', ')[0]})")
        outputs = ", ".join(map(self._named, self.program.outputs))
        return [*lines, "", f"return {outputs}"]

    def _state(self, value: Value, lines: list[str]) -> None:
        """Name a weight or constant; one that depends on open sizes is made in the function."""
        assert value.array is not None
        rule = self.outline.made.get(value)
        if rule is None:
            name = self.outline.forward.names.get(value, "")
            self.names[value] = self._weight(name, value.array)
        elif not isinstance(rule, DataError):  # what has no rule must not be read
            self.names[value] = value.name
            lines.append(f"{value.name} = {self._made(rule)}")

    def _made(self, rule: Rule) -> str:
        """The expression of a constant whose size or numbers grow with the batch."""
        if isinstance(rule, Filled):
            return f"np.full({told(rule.shape)}, {told(rule.value)}, {told(rule.dtype)})"
        if isinstance(rule, Computed):
            listed = f"np.array({_listed(list(rule.numbers))}, {told(rule.dtype)})"
            return f"{listed}.reshape({told(rule.shape)})"
        if isinstance(rule, Triangle):
            lower = f"np.tri(*{told(rule.shape)}, dtype=bool)"
            chosen = f"np.where({lower}, {told(rule.below)}, {told(rule.above)})"
            return f"{chosen}.astype({told(rule.dtype)})"
        self.page.helpers.add("counted")
        parts = [self.page.array(a, "places") for a in (rule.per, rule.step, rule.rest)]
        return f"counted({', '.join([*parts, 'n', str(rule.dim), told(rule.shape)])})"

    def _named(self, value: Value) -> str:
        rule = self.outline.made.get(value)
        if isinstance(rule, DataError):
            raise rule
        return self.names[value]

    def _weight(self, name: str, array: Array) -> str:
        stem = f"w_{re.sub(r'[^0-9A-Za-z]+', '_', name)}" if name else "constant"
        others = (f"{stem}_{k}" for k in itertools.count(1))
        called = next(n for n in itertools.chain([stem], others) if n not in self.weights)
        self.weights[called] = (array, name)
        return called

    def _step(self, step: Step) -> list[str]:
        instruction = step.instruction
        if instruction.op.name == "check":
            self.names[instruction.out] = self.names[instruction.values[0]]
            return []
        if changed(instruction):
            raise unsupported(instruction, "it changes numbers that outlive a call")
        args = [self._named(a) if isinstance(a, Value) else told(a) for a in step.args]
        text = expression(self.page, step, args)
        if text is None:
            raise unsupported(instruction, "there is no rule for it in NumPy")
        self.names[instruction.out] = instruction.out.name
        line = f"{instruction.out.name} = {text}"
        return [f"{line}  # {self._shape(instruction.out)}" if len(line) < 72 else line]

    # --- what stands below ----------------------------------------------------------------------

    def _helpers(self) -> list[str]:
        known = functions()
        needed, open_ = set(), set(self.page.helpers)
        while open_:
            name = open_.pop()
            needed.add(name)
            open_ |= known[name][1] - needed
        return [_without_types(text) for name, (text, _) in known.items() if name in needed]

    def _arrays(self) -> list[str]:
        tables = {name: (array, "") for name, array in self.page.arrays.items()}
        lines = [_array(name, a, told_as) for name, (a, told_as) in (self.weights | tables).items()]
        large = any(line.split(" = ")[1].startswith("array") for line in lines)
        return [*[_ARRAY] * large, *["\n".join(lines)] * bool(lines)]


_INTRODUCTION = '''"""A neural network in NumPy, written by chainrule.

`predict` takes

{inputs}

{batch}and gives

{outputs}
"""'''

_ARRAY = '''def array(kind, shape, text):
    """The numbers that a text in base64 holds, the first byte of each the least."""
    return np.frombuffer(base64.b64decode(text), np.dtype(kind)).reshape(shape)'''


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _without_types(text: str) -> str:
    """The source of a function without its annotations, which the file does without."""
    tree = ast.parse(textwrap.dedent(text))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.returns = None
    everything = (*function.args.args, *function.args.kwonlyargs)
    for argument in everything:
        argument.annotation = None
    return ast.unparse(tree)


def _listed(values: Any) -> str:
    if not isinstance(values, list):
        return told(values)
    return f"[{', '.join(map(_listed, values))}]"


def _array(name: str, array: Array, told_as: str) -> str:
    """The line or lines that make a constant."""
    comment = f"  # {_plain(told_as)}" if told_as else ""
    kind = array.dtype.newbyteorder("<")
    if array.size <= _SMALL:
        values = _listed(array.tolist())
        return f"{name} = np.array({values}, {kind.str!r}){comment}"
    text = base64.b64encode(np.ascontiguousarray(array).astype(kind).tobytes()).decode("ascii")
    lines = "\n".join(textwrap.wrap(text, _WIDTH))
    return f'{name} = array({kind.str!r}, {array.shape}, """\n{lines}\n"""){comment}'
