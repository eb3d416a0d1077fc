"""The graph of an ONNX file as a module (floor 4).

Its nodes are carried out one after another with our operations, so the module has gradients, can be
trained, watched and exported like any other. Weights keep the names that they have in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from chainrule.autograd import Tensor, as_tensor
from chainrule.errors import CallError, ChainruleError, DataError, ShapeError, one_line
from chainrule.export.onnx.reading import elementwise, recurrent, reduce, shapes, windows
from chainrule.export.onnx.reading.call import READERS, Call, fixed
from chainrule.export.onnx.reading.files import Described, Input, NodeRecord, described
from chainrule.nn import Buffer, Module, Parameter
from chainrule.ops import Array, quiet

__all__ = ["FAMILIES", "OnnxGraph", "read_onnx"]

# What enters operators into the table, by subject.
FAMILIES = (elementwise, shapes, reduce, windows, recurrent)

# Inputs that say how an operator works: never weights.
_SETTINGS = {"Resize", "Upsample", "Pad", "Clip", "OneHot", "Range", "ConstantOfShape"}

# What a node may raise over what is in a file.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
)


class OnnxGraph(Module):
    """A network that was read from an ONNX file.

    Weights are parameters, and the means and variances of batch normalisation are buffers; both
    have the names that the file gives them. Numbers without dimensions stay as they are. What is
    random in training, dropout, is left out.

    Args:
        file: what the file says.

    Attributes:
        signature: name, dtype and shape of each input.
        metadata: the file's entries of text.

    Raises:
        DataError: an operator that is not supported.
    """

    def __init__(self, file: Described) -> None:
        for node in file.nodes:
            if node.kind not in READERS:
                raise DataError(
                    f"{node} is an operator that is not supported; the file cannot be loaded"
                )
        self.signature: tuple[Input, ...] = tuple(file.inputs)
        self.metadata = dict(file.metadata)
        self._file = file
        self._arrays: dict[str, Array] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        kinds = _kinds(file)
        for name, array in file.arrays.items():
            if name in kinds:
                self._paths[name] = _place(self, name, kinds[name](np.array(array)))
            else:
                self._arrays[name] = array
        self._last = _last_reads(file)

    @quiet
    def forward(self, *inputs: Any) -> Any:
        """Return the output, or a tuple of several.

        Args:
            inputs: tensors or arrays, as `signature` says.

        Raises:
            CallError: another number of inputs than the file says.
            DataError: an input of another dtype, or one that a node cannot work on.
            ShapeError: an input of another shape.
        """
        values: dict[str, Any] = {**self._arrays, **self._given(inputs)}
        for name, path in self._paths.items():
            values[name] = self._weight(path)
        for k, node in enumerate(self._file.nodes):
            self._carry_out(node, values)
            for name in self._last[k]:
                values.pop(name, None)
        found = [as_tensor(values[name]) for name in self._file.outputs]
        return found[0] if len(found) == 1 else tuple(found)

    def _given(self, inputs: Sequence[Any]) -> dict[str, Tensor]:
        if len(inputs) != len(self.signature):
            names = ", ".join(one_line(i.name) for i in self.signature)
            raise CallError(
                f"the network takes {len(self.signature)} inputs ({names}), got {len(inputs)}"
            )
        return {i.name: _fitting(i, as_tensor(x)) for i, x in zip(self.signature, inputs)}

    def _weight(self, path: Sequence[str]) -> Any:
        found: Any = self
        for part in path:
            found = getattr(found, part)
        return found

    def _carry_out(self, node: NodeRecord, values: dict[str, Any]) -> None:
        named = [k + 1 for k, name in enumerate(node.outputs) if name]
        call = Call(node, self._file.opset, max(named, default=0))
        try:
            y = READERS[node.kind](call, *(values.get(name) for name in node.inputs))
        except ChainruleError as error:
            raise DataError(f"{node}: {error}") from error
        except _FAULTS as error:
            raise DataError(f"{node} cannot be computed: {one_line(str(error))}") from error
        results = y if isinstance(y, tuple) else (y,)
        for k, name in enumerate(node.outputs):
            if name and k >= len(results):
                raise DataError(f"{node} has {len(results)} results, and {k + 1} are read")
            if name:
                y = results[k]
                values[name] = y if isinstance(y, Tensor) else fixed(y)

    def extra_repr(self) -> str:
        """Return how many nodes there are, and what goes in."""
        taken = ", ".join(f"{one_line(i.name)}: {_told(i)}" for i in self.signature)
        count = len(self._file.nodes)
        return f"{count} node{'s' * (count != 1)}, {taken}"

    def __repr__(self) -> str:
        return f"OnnxGraph({self.extra_repr()})"  # what holds the weights is no layer


def read_onnx(source: str | os.PathLike[str] | bytes | BinaryIO) -> OnnxGraph:
    """Read an ONNX file as a module.

    The file is not trusted: nothing in it is executed, files beside it are read only in its own
    folder, and sizes are compared with the bytes that are there.

    Args:
        source: a path, the bytes of a file, or a file that is open for reading.

    Raises:
        DataError: it is no ONNX file, is damaged, or uses what is not supported.
        OSError: it cannot be read.
    """
    return OnnxGraph(described(source))


# --- inputs -------------------------------------------------------------------------------------


def _told(i: Input) -> str:
    dims = "..." if i.shape is None else ", ".join("?" if n is None else str(n) for n in i.shape)
    return f"{i.dtype or 'any'}[{dims}]"


def _fitting(i: Input, x: Tensor) -> Tensor:
    """x, if it is what the file says."""
    name = one_line(i.name)
    if i.dtype is not None and np.dtype(x.array.dtype) != i.dtype:
        raise DataError(
            f"input {name!r} takes {i.dtype}, got {x.array.dtype}; convert it with "
            f".to(chainrule.{i.dtype})"
        )
    if i.shape is None:
        return x
    shape = tuple(x.shape)
    if len(shape) != len(i.shape) or any(m not in (None, n) for n, m in zip(shape, i.shape)):
        raise ShapeError(f"input {name!r} takes {_told(i)}, got shape {shape}")
    return x


# --- weights ------------------------------------------------------------------------------------


def _kinds(file: Described) -> dict[str, type[Parameter] | type[Buffer]]:
    """Which arrays are parameters and which are buffers; all others are constants."""
    named = [_listed(file.metadata, f"chainrule.{kind}") for kind in ("parameters", "buffers")]
    if any(names is not None for names in named):
        learned, kept = ({n for n in names or () if n in file.arrays} for names in named)
        real = {n for n in learned if file.arrays[n].dtype.kind == "f"}
        return {n: Parameter if n in real else Buffer for n in file.arrays if n in learned | kept}
    settings = {n for node in file.nodes if node.kind in _SETTINGS for n in node.inputs[1:]}
    means = {n for node in file.nodes if node.kind == "BatchNormalization" for n in node.inputs[3:]}
    return {
        name: Buffer if name in means else Parameter
        for name, array in file.arrays.items()
        if array.dtype.kind == "f" and array.ndim and name not in settings
    }


def _listed(metadata: Mapping[str, str], entry: str) -> list[str] | None:
    """The names that an entry lists, if it is there and does."""
    try:
        names = json.loads(metadata[entry])
    except (KeyError, ValueError, RecursionError):
        return None
    if isinstance(names, list) and all(isinstance(n, str) for n in names):
        return names
    return None


def _place(root: Module, name: str, part: Any) -> tuple[str, ...]:
    """Make an array an attribute at the dotted name that it has in the file, or one like it."""
    path = tuple(name.split("."))
    if not _fits(root, path):
        flat = name.replace(".", "_") or "weight"
        while hasattr(root, flat):
            flat += "_"
        path = (flat,)
    module = root
    for step in path[:-1]:
        if not hasattr(module, step):
            setattr(module, step, Module())
        module = getattr(module, step)
    setattr(module, path[-1], part)
    return path


def _fits(root: Module, path: Sequence[str]) -> bool:
    """Whether there is room for a weight at a path."""
    module: Any = root
    for step in path[:-1]:
        found = getattr(module, step, None) if step else 0
        if found is None and not hasattr(module, step):
            return "" not in path and not any(hasattr(Module, s) for s in path)
        if not isinstance(found, Module):
            return False
        module = found
    return bool(path[-1]) and not hasattr(module, path[-1])


def _last_reads(file: Described) -> list[list[str]]:
    """For each node the names that nobody reads after it, so that memory is given back."""
    after = set(file.outputs)
    found: list[list[str]] = []
    for node in reversed(file.nodes):
        names = {n for n in (*node.inputs, *node.outputs) if n}
        found.append(sorted(names - after))
        after |= names
    return found[::-1]
