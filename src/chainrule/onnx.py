"""Networks to and from ONNX files, by PyTorch's name (floor 5).

ONNX is the format in which libraries hand networks to one another and to programs that run them,
such as onnxruntime, in browsers and on telephones. The work is done in `chainrule.export.onnx`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from chainrule.absent import missing
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.export.onnx import OnnxGraph, onnx_bytes, read_onnx
from chainrule.export.onnx.write import OPSET
from chainrule.files import replace_bytes

__all__ = ["OnnxGraph", "export", "load"]

__getattr__ = missing("onnx", "use onnx.export(model, args, path) and onnx.load(path)")


def export(
    model: Any,
    args: Any,
    f: str | os.PathLike[str] | BinaryIO,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int = OPSET,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    dynamic_shapes: Any = None,
    dynamic_batch: bool = True,
    probabilities: bool = False,
    classes: Sequence[str] | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network to an ONNX file, which other programs run without this library.

    The network is run on the example in eval mode and recorded; what it computes from there to the
    outputs is what the file holds, with all that is part of it: scaling of raw pixels by
    `nn.Normalize`, gaps and categories of a table by `nn.Columns`. Before it is written, ONNX's
    checker looks at it.

    The size of the first dimension of all inputs, the batch, stays open. To find what depends on
    it the network is recorded for three sizes; where it does something else for another size, that
    is said in a sentence.

    Args:
        model: a module, or a function of tensors.
        args: an example of its input, or a tuple of several, of the shape and dtype of what the
            file is to be given.
        f: a path, or a file open for writing bytes. A file at a path is written whole or not at
            all.
        input_names: "input", or "input_0" and so on, by default.
        output_names: "output", or "output_0" and so on, by default.
        opset_version: of ONNX's operators, 18 to 20.
        dynamic_axes: which dimensions stay open instead, by the name of the input: `{"input": {0:
            "batch", 1: "time"}}`, or their numbers alone. Dimensions of one name have one size.
        dynamic_shapes: the same, in PyTorch's newer form: by input name or in the order of the
            inputs.
        dynamic_batch: whether the first dimension stays open, where neither of the two is given.
        probabilities: whether to give the first output, scores (N, classes), through a softmax, or
            through a sigmoid where it has one number for each row.
        classes: names of the classes, which are kept in the file as the metadata entry "classes".
        description: a few words on the network, kept likewise.
        metadata: further entries of text.

    Raises:
        DataError: the network does something that a file cannot say, such as drawing random
            numbers.
        OptionError: names or axes that do not fit the inputs.
        OSError: the file cannot be written.

    References:
        ONNX, the Open Neural Network Exchange: https://onnx.ai.

    Examples:
        >>> import io
        >>> from chainrule import nn
        >>> from chainrule.autograd import zeros
        >>> file = io.BytesIO()
        >>> export(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), zeros(1, 3), file)
        >>> load(file.getvalue())
        OnnxGraph(2 nodes, input: float32[?, 3])
    """
    examples = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    axes = dynamic_axes
    if dynamic_shapes is not None:
        axes = _named_axes(dynamic_shapes, _names(input_names, len(examples)))
    content = onnx_bytes(
        model,
        *examples,
        input_names=input_names,
        output_names=output_names,
        dynamic_batch=dynamic_batch,
        dynamic_axes=axes,
        probabilities=probabilities,
        classes=classes,
        description=description,
        metadata=metadata,
        opset=opset_version,
    )
    if isinstance(f, (str, os.PathLike)):
        replace_bytes(f, content)
    else:
        f.write(content)


def load(f: str | os.PathLike[str] | bytes | BinaryIO) -> OnnxGraph:
    """Read an ONNX file as a module.

    The module computes what the file says with this library's operations: it has gradients, can be
    trained, described by `summary`, saved and exported again. Its weights are parameters with the
    names that they have in the file.

    The file is not trusted: nothing in it is executed, and sizes are compared with the bytes that
    are there before memory is taken. Weights in files of their own are read from the folder of the
    model only.

    Args:
        f: a path, the bytes of a file, or a file open for reading bytes.

    Returns:
        The network; `signature` says what it takes, `metadata` what else the file says.

    Raises:
        DataError: it is no ONNX file, is damaged, or has an operator that is not supported, which
            is named.
        OSError: it cannot be read.

    Examples:
        >>> import io
        >>> from chainrule import nn
        >>> from chainrule.autograd import ones
        >>> layer, file = nn.Linear(3, 2), io.BytesIO()
        >>> export(layer, ones(1, 3), file)
        >>> again = load(file.getvalue())
        >>> [name for name, _ in again.named_parameters()]
        ['weight', 'bias']
        >>> again(ones(5, 3)).allclose(layer(ones(5, 3)))
        True
    """
    return read_onnx(f)


def _names(given: Sequence[str] | None, count: int) -> list[str]:
    if given is not None:
        return list(given)
    return ["input"] if count == 1 else [f"input_{k}" for k in range(count)]


def _named_axes(shapes: Any, names: Sequence[str]) -> dict[str, dict[int, str]]:
    """PyTorch's dynamic_shapes as names of axes; an axis without a name gets one of its own."""
    each = shapes if isinstance(shapes, Mapping) else dict(zip(names, shapes))
    if isinstance(shapes, Tensor) or not all(
        isinstance(v, (Mapping, type(None))) for v in each.values()
    ):
        raise OptionError(
            "dynamic_shapes takes for each input the names of its open axes, as "
            f'{{"input": {{0: "batch"}}}}; got {shapes!r}'
        )
    return {
        name: {
            int(dim): _axis_name(symbol, f"{name}_dim_{dim}")
            for dim, symbol in (axes or {}).items()
        }
        for name, axes in each.items()
    }


def _axis_name(symbol: Any, otherwise: str) -> str:
    """A name as it is, of a Dim the one that it has."""
    found = symbol if isinstance(symbol, str) else getattr(symbol, "__name__", otherwise)
    return str(found)
