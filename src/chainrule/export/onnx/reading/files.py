"""An ONNX file as plain records, checked as something that nobody vouches for (floor 4).

Nothing in a file is executed or followed beyond its own folder. Sizes are compared with the bytes
that are there before memory is taken; what is not understood is an error of one sentence.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from chainrule.errors import DataError, one_line, require
from chainrule.export.onnx.graph import CODES
from chainrule.ops import Array

__all__ = ["MOST_BYTES", "Described", "Input", "NodeRecord", "described"]

# As much as Protocol Buffers can hold.
MOST_BYTES = 2**31 - 1

# The versions of ONNX's operators whose meaning is known here.
OPSETS = range(7, 29)

DTYPES = {code: dtype for dtype, code in CODES.items()}
BFLOAT16 = 16


@dataclass(frozen=True)
class NodeRecord:
    """A node: its operator, the names that it reads and gives, its attributes."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {one_line(self.name or self.outputs[0] or '?')!r} ({one_line(self.kind)})"


@dataclass(frozen=True)
class Input:
    """What a network is given: dtype and shape as far as the file says, `None` for open sizes."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Described:
    """A file.

    Attributes:
        nodes: in the order in which they are carried out.
        inputs: without those that have a value in the file.
        outputs: their names.
        arrays: weights and constants, by name.
        opset: the version of the operators.
        metadata: entries of text.
    """

    nodes: Sequence[NodeRecord]
    inputs: Sequence[Input]
    outputs: Sequence[str]
    arrays: Mapping[str, Array]
    opset: int
    metadata: Mapping[str, str]


def described(source: str | os.PathLike[str] | bytes | BinaryIO) -> Described:
    """Read a file, or its bytes.

    Raises:
        DataError: it is no ONNX file, or one that is damaged or not understood.
        OSError: it cannot be read.
    """
    onnx = require("onnx", "onnx", "reading ONNX files")
    content, folder = _content(source)
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception:  # whatever the parser of Protocol Buffers raises; it has no type of ours
        raise DataError("this is not an ONNX file: its bytes are no Protocol Buffers") from None
    if not model.HasField("graph") or not model.graph.output:
        raise DataError("this is not an ONNX file: it holds no graph with an output")
    return _Reader(_without_functions(onnx, model), folder).read()


def _content(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[bytes, Path | None]:
    if isinstance(source, (bytes, bytearray)):
        return bytes(source), None
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} has more than the {MOST_BYTES} bytes that an ONNX file can")
        return path.read_bytes(), path.parent
    content = source.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"an ONNX file has at most {MOST_BYTES} bytes")
    return content, None


def _without_functions(onnx: Any, model: Any) -> Any:
    """The model with its own functions written out where they are called."""
    if not model.functions:
        return model
    inliner = require("onnx.inliner", "onnx", "reading ONNX files with functions")
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the library's C++ code raises what it likes
        raise DataError(f"the file's functions cannot be read: {one_line(str(error))}") from None


def _text(value: Any) -> str:
    """Text of a file, which may be no text: then what is wrong is marked."""
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")


class _Reader:
    """The parts of one model as records."""

    def __init__(self, model: Any, folder: Path | None) -> None:
        self.model, self.graph, self.folder = model, model.graph, folder

    def read(self) -> Described:
        graph = self.graph
        if graph.sparse_initializer:
            raise DataError("the file has sparse weights, which are not supported")
        arrays = {}
        for tensor in graph.initializer:
            name = _text(tensor.name)
            if not name or name in arrays:
                raise DataError(f"the file names two weights {one_line(name)!r}, or none")
            arrays[name] = self.array(tensor, f"weight {one_line(name)!r}")
        inputs = [self._input(v) for v in graph.input if _text(v.name) not in arrays]
        nodes = [self._node(n) for n in graph.node]
        outputs = [_text(v.name) for v in graph.output]
        _ordered(nodes, {*arrays, *(v.name for v in inputs)}, outputs)
        metadata = {_text(p.key): _text(p.value) for p in self.model.metadata_props}
        return Described(nodes, inputs, outputs, arrays, self._opset(), metadata)

    def _opset(self) -> int:
        versions = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        version = max(versions, default=0)
        if version not in OPSETS:
            raise DataError(
                f"the file uses version {version} of ONNX's operators; versions {OPSETS[0]} to "
                f"{OPSETS[-1]} are supported, so export it with one of these"
            )
        return int(version)

    def _input(self, value: Any) -> Input:
        name = _text(value.name)
        if not value.type.HasField("tensor_type"):
            raise DataError(f"input {one_line(name)!r} is no tensor, which is not supported")
        kind = value.type.tensor_type
        dtype = DTYPES.get(kind.elem_type)
        if kind.elem_type and dtype is None:
            raise DataError(
                f"input {one_line(name)!r} has elements of kind {kind.elem_type}, which is "
                "not supported"
            )
        if not kind.HasField("shape"):
            return Input(name, dtype, None)
        dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        return Input(name, dtype, tuple(dims))

    # --- nodes ----------------------------------------------------------------------------------

    def _node(self, node: Any) -> NodeRecord:
        inputs, outputs = (tuple(map(_text, names)) for names in (node.input, node.output))
        record = NodeRecord(_text(node.op_type), _text(node.name), inputs, outputs or ("",), {})
        if node.domain not in ("", "ai.onnx"):
            domain = one_line(_text(node.domain))
            raise DataError(
                f"{record} is of the domain {domain!r}, whose operators are not supported"
            )
        attrs = {_text(a.name): self._attribute(a, record) for a in node.attribute}
        return NodeRecord(record.kind, record.name, record.inputs, record.outputs, attrs)

    def _attribute(self, a: Any, node: NodeRecord) -> Any:
        kinds = type(a)
        if a.type == kinds.FLOAT:
            return float(a.f)
        if a.type == kinds.INT:
            return int(a.i)
        if a.type == kinds.STRING:
            return a.s.decode("utf-8", "replace")
        if a.type == kinds.TENSOR:
            return self.array(a.t, f"attribute {one_line(_text(a.name))!r} of {node}")
        if a.type == kinds.FLOATS:
            return tuple(map(float, a.floats))
        if a.type == kinds.INTS:
            return tuple(map(int, a.ints))
        if a.type == kinds.STRINGS:
            return tuple(s.decode("utf-8", "replace") for s in a.strings)
        raise DataError(
            f"{node} has an attribute {one_line(_text(a.name))!r} of a kind that is not supported, "
            "such as a graph of its own"
        )

    # --- arrays ---------------------------------------------------------------------------------

    def array(self, tensor: Any, what: str) -> Array:
        """The numbers of a tensor, of which there must be as many as its shape says."""
        dims = tuple(int(n) for n in tensor.dims)
        dtype = DTYPES.get(tensor.data_type)
        if dtype is None and tensor.data_type != BFLOAT16:
            raise DataError(f"{what} has elements of kind {tensor.data_type}, not supported")
        size = 2 if dtype is None else dtype.itemsize
        if min(dims, default=0) < 0 or math.prod(dims) * size > MOST_BYTES:
            raise DataError(f"{what} has the shape {dims}, which no file holds")
        raw = self._raw(tensor, what)
        if raw is None:
            return self._listed(tensor, dims, dtype, what)
        if len(raw) != math.prod(dims) * size:
            raise DataError(f"{what} has {len(raw)} bytes, and not those of shape {dims}")
        if dtype is None:
            wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
            return wide.view(np.float32).reshape(dims)
        little = np.frombuffer(raw, dtype.newbyteorder("<"))
        return little.astype(dtype).reshape(dims)

    def _raw(self, tensor: Any, what: str) -> bytes | None:
        if tensor.data_location == type(tensor).EXTERNAL:
            entries = {_text(e.key): _text(e.value) for e in tensor.external_data}
            return self._external(entries, what)
        return bytes(tensor.raw_data) if tensor.HasField("raw_data") else None

    def _external(self, where: Mapping[str, str], what: str) -> bytes:
        """Bytes of a file beside this one; nothing outside of its folder is read."""
        if self.folder is None:
            raise DataError(f"{what} is in another file; load the model by its path")
        folder = self.folder.resolve()
        path = (folder / where.get("location", "")).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise DataError(f"{what} is said to be in a file that is not in the model's folder")
        try:
            start = int(where.get("offset", "0"))
            length = int(where.get("length", str(path.stat().st_size - start)))
        except ValueError:
            raise DataError(f"{what} is at a place that is no number") from None
        if start < 0 or length < 0 or start + length > path.stat().st_size:
            raise DataError(f"{what} is said to be where its file has no bytes")
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def _listed(
        self, tensor: Any, dims: tuple[int, ...], dtype: np.dtype[Any] | None, what: str
    ) -> Array:
        """Numbers that are listed one by one, in the field for their kind."""
        field = _FIELDS.get(tensor.data_type, "int32_data")
        numbers = getattr(tensor, field)
        if len(numbers) != math.prod(dims):
            raise DataError(f"{what} has {len(numbers)} numbers, and not those of shape {dims}")
        if dtype is None or dtype == np.float16:
            bits = np.array(numbers, np.int64).astype(np.uint16)
            if dtype is not None:
                return bits.view(np.float16).reshape(dims)
            return (bits.astype(np.uint32) << 16).view(np.float32).reshape(dims)
        try:
            return np.array(numbers).astype(dtype).reshape(dims)
        except (OverflowError, ValueError):
            raise DataError(f"{what} has numbers that {dtype} does not hold") from None


# Where a tensor lists its numbers, by their kind; all others are in int32_data.
_FIELDS = {
    CODES[np.dtype(name)]: field
    for name, field in {
        "float32": "float_data",
        "float64": "double_data",
        "int64": "int64_data",
        "uint32": "uint64_data",
        "uint64": "uint64_data",
    }.items()
}


def _ordered(nodes: Sequence[NodeRecord], there: set[str], outputs: Sequence[str]) -> None:
    """Hold nodes against ONNX's order: each name is made once, before it is read."""
    there = {*there, ""}
    for node in nodes:
        for name in node.inputs:
            if name not in there:
                raise DataError(
                    f"{node} reads {one_line(name)!r}, which nothing before it makes: it is "
                    "missing, or the graph goes in a circle"
                )
        made = [name for name in node.outputs if name]
        if len({*made}) < len(made) or {*made} & there:
            raise DataError(f"{node} makes {one_line(', '.join(made))!r}, which is there already")
        there.update(made)
    for name in outputs:
        if not name or name not in there:
            raise DataError(f"nothing makes the output {one_line(name)!r}")
