"""A network as an ONNX file (floor 4).

The network's way forward is recorded, its operations are written as nodes of opset 20 by the
writers of this package, and ONNX's own checker looks at the result before anything is kept. What
others need to know of the model besides, such as the names of its classes, goes along as metadata.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import as_tensor
from chainrule.errors import DataError, OptionError, require
from chainrule.export.onnx import (
    elementwise,
    indexing,
    matrices,
    recurrent,
    reduce,
    shapes,
    windows,
)
from chainrule.export.onnx.graph import CODES, Graph, Node
from chainrule.export.onnx.sizes import Axis, Dim, Size, outline_of
from chainrule.files import replace_bytes
from chainrule.nn import Module
from chainrule.nn.place import looks
from chainrule.ops import Array

__all__ = ["FAMILIES", "IR_VERSION", "OPSET", "model_of", "onnx_bytes", "write_onnx"]

# The versions of the operators and of the file format; onnxruntime reads both since 1.18.
OPSET = 20
OPSETS = range(18, OPSET + 1)
IR_VERSION = 10

# What enters writers into the table, by subject.
FAMILIES = (elementwise, shapes, indexing, reduce, windows, matrices, recurrent)

# A file of Protocol Buffers holds no more.
MOST_BYTES = 2**31 - 1


def write_onnx(path: str | os.PathLike[str], model: Any, *examples: Any, **options: Any) -> None:
    r"""Write a network to an ONNX file, which other programs run without this library.

    The file is written whole or not at all.

    Args:
        path: the file to make or replace; its folder must exist.
        model: a module, taken in eval mode and left as it is; or a function of tensors.
        examples: an input each, arrays or tensors, of the shape and dtype that the file is to take.
        options: those of `onnx_bytes`.

    Raises:
        DataError: the network does something that a file cannot say.
        OptionError: names or axes that do not fit the inputs.
        OSError: the file cannot be written.

    Examples:
        >>> import tempfile, pathlib
        >>> from chainrule import nn
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.onnx")
        >>> write_onnx(path, nn.Linear(3, 2), np.zeros((1, 3), np.float32))
        >>> path.read_bytes()[:4]
        b'\x08\n\x12\t'
    """
    replace_bytes(path, onnx_bytes(model, *examples, **options))


def onnx_bytes(model: Any, *examples: Any, **options: Any) -> bytes:
    """What `write_onnx` writes, as bytes.

    Args:
        model: as there.
        examples: as there.
        options: those of `model_of`.

    Examples:
        >>> from chainrule import nn
        >>> len(onnx_bytes(nn.ReLU(), np.zeros((1, 3), np.float32))) < 500
        True
    """
    made = model_of(model, *examples, **options)
    size = made.ByteSize()
    if size > MOST_BYTES:
        raise DataError(
            f"the network takes {size} bytes as an ONNX file, more than the {MOST_BYTES} that one "
            "can hold; save its weights with chainrule.save(model.state_dict(), path)"
        )
    return made.SerializeToString()


@looks
def model_of(
    model: Any,
    *examples: Any,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_batch: bool = True,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    probabilities: bool = False,
    classes: Sequence[str] | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> Any:
    """A network as an `onnx.ModelProto`, checked.

    Args:
        model: a module, taken in eval mode and left as it is; or a function of tensors.
        examples: an input each, arrays or tensors.
        input_names: of the inputs; "input", or "input_0" and so on, by default.
        output_names: of the outputs; likewise.
        dynamic_batch: whether the size of the first dimension of all inputs, which is one and the
            same, stays open.
        dynamic_axes: instead, which dimensions stay open, by the name of the input: names by
            number, or numbers alone. Dimensions of one name have one size.
        probabilities: whether the first output is given through a softmax over the classes, which
            are its second dimension; through a sigmoid where it has one number for each row.
        classes: their names, which go along as the metadata entry "classes".
        description: a few words on the model.
        metadata: further entries.
        opset: the version of ONNX's operators, 18 to 20.

    Raises:
        DataError: the network does something that a file cannot say.
        OptionError: names or axes that do not fit the inputs, or another version.
    """
    if opset not in OPSETS:
        raise OptionError(f"opset must be {OPSETS[0]} to {OPSETS[-1]}, got {opset}")
    onnx = require("onnx", "onnx", "writing ONNX files")
    arrays = [np.asarray(as_tensor(x).detach().array) for x in examples]
    if not arrays:
        raise OptionError("exporting a network takes an example of each of its inputs, got none")
    inputs = _named(input_names, len(arrays), "input")
    axes = _axes(inputs, arrays, dynamic_batch, dynamic_axes)
    graph = Graph(outline_of(model, arrays, axes), inputs)
    names = _output_names(graph, output_names)
    graph.write()
    values = _outputs(graph, names, probabilities)
    entries = {**_entries(model, graph, classes), **dict(metadata or {})}
    made = _proto(onnx, graph, names, values, description, entries, opset)
    onnx.checker.check_model(made, full_check=made.ByteSize() < 2**30)
    return made


def _named(names: Sequence[str] | None, count: int, stem: str) -> list[str]:
    if names is None:
        return [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]
    if isinstance(names, str) or len(names) != count or len(set(names)) != count:
        raise OptionError(f"{stem}_names takes {count} different names, got {names}")
    return list(names)


def _axes(
    inputs: Sequence[str],
    arrays: Sequence[Array],
    batch: bool,
    given: Mapping[str, Mapping[int, str] | Sequence[int]] | None,
) -> list[Axis]:
    if given is None:
        return [Axis("batch", k, 0) for k, a in enumerate(arrays) if a.ndim] if batch else []
    axes = []
    for name, dims in given.items():
        if name not in inputs:
            continue  # PyTorch's callers name outputs too, whose axes follow
        k = inputs.index(name)
        named = dims if isinstance(dims, Mapping) else {d: f"{name}_dim_{d}" for d in dims}
        for dim, symbol in named.items():
            if not -arrays[k].ndim <= dim < arrays[k].ndim:
                raise OptionError(f"{name} has {arrays[k].ndim} dimensions and no axis {dim}")
            axes.append(Axis(str(symbol), k, dim % arrays[k].ndim))
    return axes


# --- what comes out -----------------------------------------------------------------------------


def _output_names(graph: Graph, names: Sequence[str] | None) -> list[str]:
    """The names of the outputs, which nothing else may have."""
    forward = graph.outline.forward
    if not forward.program.outputs:
        raise DataError("the network returns no tensor, so there is nothing to export")
    found = _named(names, len(forward.program.outputs), "output")
    for name, count in Counter([*found, *graph.inputs, *set(forward.names.values())]).items():
        if count > 1:
            raise OptionError(f"the name {name!r} is that of an input, output or weight already")
    graph.reserve(found)
    return found


def _outputs(
    graph: Graph, names: Sequence[str], probabilities: bool
) -> list[tuple[Any, tuple[Dim, ...]]]:
    """Give the outputs their names; return their formats and shapes."""
    outputs = graph.outline.forward.program.outputs
    for k, (v, name) in enumerate(zip(outputs, names)):
        inner = graph.name(v)
        if probabilities and not k:
            inner = _probable(graph, inner, graph.shape(v))
        graph.deliver(inner, name)
    return [(v.dtype, graph.shape(v)) for v in outputs]


def _probable(graph: Graph, name: str, shape: Sequence[Dim]) -> str:
    if len(shape) < 2 or isinstance(shape[1], Size):
        raise OptionError("probabilities takes a network that gives scores (N, classes)")
    return graph.add("Sigmoid", name) if shape[1] == 1 else graph.add("Softmax", name, axis=1)


def _entries(model: Any, graph: Graph, classes: Sequence[str] | None) -> dict[str, str]:
    """What the file says of the model besides the graph."""
    names = list(dict.fromkeys(graph.outline.forward.names.values()))
    learned = {name for name, _ in model.named_parameters()} if isinstance(model, Module) else ()
    found = {
        "chainrule.parameters": json.dumps([n for n in names if n in learned]),
        "chainrule.buffers": json.dumps([n for n in names if n not in learned]),
    }
    if classes is not None:
        found["classes"] = json.dumps([str(c) for c in classes])
    return found


# --- as a message -------------------------------------------------------------------------------


def _proto(
    onnx: Any,
    graph: Graph,
    names: Sequence[str],
    values: Sequence[tuple[Any, tuple[Dim, ...]]],
    description: str,
    entries: Mapping[str, str],
    opset: int,
) -> Any:
    from chainrule.version import __version__

    helper = onnx.helper
    program = graph.outline.forward.program
    nodes, read = _read(graph, names)
    made = helper.make_graph(
        [_node(onnx, node, k) for k, node in enumerate(nodes)],
        "network",
        [_told(onnx, n, v.dtype, graph.shape(v)) for n, v in zip(graph.inputs, program.inputs)],
        [_told(onnx, n, dtype, shape) for n, (dtype, shape) in zip(names, values)],
        [_tensor(onnx, a, name) for name, a in graph.arrays.items() if name in read],
        doc_string=description,
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="chainrule",
        producer_version=__version__,
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(entries))
    return model


def _read(graph: Graph, outputs: Sequence[str]) -> tuple[list[Node], set[str]]:
    """The nodes of which something is read, and the names that are."""
    read, kept = set(outputs), []
    for node in reversed(graph.nodes):
        if read & {*node.outputs}:
            kept.append(node)
            read |= {*node.inputs}
    return kept[::-1], read


def _node(onnx: Any, node: Node, k: int) -> Any:
    attrs = {
        name: _tensor(onnx, value, "") if isinstance(value, np.ndarray) else value
        for name, value in node.attrs.items()
    }
    prefix = f"/{node.path}/" if node.path else ""
    return onnx.helper.make_node(
        node.kind, node.inputs, node.outputs, name=f"{prefix}{node.kind}_{k}", **attrs
    )


def _tensor(onnx: Any, array: Array, name: str) -> Any:
    ordered = np.ascontiguousarray(array).reshape(np.shape(array))
    if ordered.dtype.byteorder == ">":
        ordered = ordered.astype(ordered.dtype.newbyteorder("<"))
    return onnx.helper.make_tensor(
        name, CODES[np.dtype(ordered.dtype)], ordered.shape, ordered.tobytes(), raw=True
    )


def _told(onnx: Any, name: str, dtype: Any, shape: Sequence[Dim]) -> Any:
    """An input or output, whose open dimensions are named as far as they have one name."""
    told = [n if isinstance(n, int) else _symbol(n) for n in shape]
    return onnx.helper.make_tensor_value_info(name, CODES[np.dtype(dtype)], told)


def _symbol(n: Size) -> str | None:
    alone = len(n.terms) == 1 and n.terms[0][0] == 1 and len(n.terms[0][1]) == 1
    return n.terms[0][1][0] if alone else None
