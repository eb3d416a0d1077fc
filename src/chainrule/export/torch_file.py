"""Weights as PyTorch's own file, which `torch.load` reads with `weights_only=True` (floor 4).

Such a file is a zip archive: a pickle that names the tensors, and their numbers beside it. The
pickle is put together here opcode by opcode, and names nothing but tensors.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.backend.arrays import to_host
from chainrule.errors import DataError
from chainrule.files import replace_bytes
from chainrule.ops import Array
from chainrule.plan.passes.views import row_major

__all__ = ["torch_bytes", "write_torch"]

_STORAGES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same weights give the same file


def write_torch(path: str | os.PathLike[str], weights: Mapping[str, Any]) -> None:
    """Write tensors by name as a file that `torch.load` reads.

    Args:
        path: the file to make or replace.
        weights: as `torch_bytes` takes them.

    Raises:
        DataError: a value that is no tensor that PyTorch knows, or a file that cannot be written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from chainrule import nn
        >>> from chainrule.io import load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_torch(Path(folder, "net.pt"), nn.Linear(2, 1).state_dict())
        ...     list(load(Path(folder, "net.pt")))
        ['weight', 'bias']
    """
    content = torch_bytes(weights)
    try:
        replace_bytes(path, content)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


def torch_bytes(weights: Mapping[str, Any]) -> bytes:
    """Return what `write_torch` writes.

    Args:
        weights: names to tensors or arrays: a `state_dict()`.

    Raises:
        DataError: a value that is no tensor that PyTorch knows.
    """
    arrays = {name: to_host(getattr(value, "array", value)) for name, value in weights.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.name not in _STORAGES:
            raise DataError(f"PyTorch has no tensors of {array.dtype}, which {name!r} is one of")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "data.pkl", _pickled(arrays))
        _add(archive, "byteorder", b"little")
        for k, array in enumerate(arrays.values()):
            little = array.astype(array.dtype.newbyteorder("<"))
            _add(archive, f"data/{k}", little.tobytes())
        _add(archive, "version", b"3\n")
    return whole.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(f"archive/{name}", _LONG_AGO), content)


# --- the pickle ---------------------------------------------------------------------------------

_MARK, _TUPLE, _NOTHING, _CALL, _STORED, _FALSE = b"(", b"t", b")", b"R", b"Q", b"\x89"


def _pickled(arrays: Mapping[str, Array]) -> bytes:
    """A dictionary of tensors, in pickle's second protocol."""
    items = b"".join(_text(n) + _tensor(k, a) for k, (n, a) in enumerate(arrays.items()))
    return b"\x80\x02}" + _MARK + items + b"u."


def _tensor(number: int, array: Array) -> bytes:
    """The call that makes a tensor of the numbers in `data/number`."""
    kind = _named("torch", _STORAGES[array.dtype.name])
    held = [_text("storage"), kind, _text(str(number)), _text("cpu"), _whole(array.size)]
    storage = _MARK + b"".join(held) + _TUPLE + _STORED
    hooks = _named("collections", "OrderedDict") + _NOTHING + _CALL
    shape, strides = _wholes(array.shape), _wholes(row_major(array.shape))
    given = _MARK + storage + _whole(0) + shape + strides + _FALSE + hooks + _TUPLE
    return _named("torch._utils", "_rebuild_tensor_v2") + given + _CALL


def _named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("ascii")


def _text(text: str) -> bytes:
    content = text.encode("utf-8")
    return b"X" + len(content).to_bytes(4, "little") + content


def _wholes(numbers: Sequence[int]) -> bytes:
    return _MARK + b"".join(map(_whole, numbers)) + _TUPLE


def _whole(number: int) -> bytes:
    return b"\x8a\x08" + number.to_bytes(8, "little", signed=True)
