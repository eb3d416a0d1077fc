"""Arrays by name in a safetensors file (floor 4).

The format is a JSON header and raw numbers; the library that reads it compares what the header
claims with the size of the file before anything is taken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.backend.arrays import to_host
from chainrule.errors import DataError
from chainrule.files import replace_bytes
from chainrule.ops import Array

__all__ = ["KEY", "parsed", "read_bytes", "read_weights", "write_weights"]

KEY = "chainrule"  # of the text that may be kept beside the arrays


def write_weights(target: Any, weights: Mapping[str, Any], described: str | None = None) -> None:
    """Write arrays or tensors by name, wherever their numbers are.

    Args:
        target: the path of the file, made or replaced; or a file open for writing bytes.
        weights: names to values.
        described: a text to keep beside them.

    Raises:
        DataError: a name that is no text, a value that is no array of numbers, or a file that
            cannot be written.
    """
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    for name, value in weights.items():
        found = to_host(value.array if isinstance(value, Tensor) else value)
        array = np.ascontiguousarray(found).reshape(found.shape)
        if not isinstance(name, str) or array.dtype.kind not in "fiub" or array.itemsize > 8:
            raise DataError(
                f"tensors are saved by name as numbers of at most 64 bits; {name!r} is a "
                f"{type(value).__name__} of {array.dtype}"
            )
        arrays[name] = array
    content = save(arrays, None if described is None else {KEY: described})
    try:
        if hasattr(target, "write"):
            target.write(content)
        else:
            replace_bytes(target, content)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from None


def read_bytes(source: Any) -> bytes:
    """Read a file whole.

    Args:
        source: its path, or the file itself, open for reading bytes.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = source.read() if hasattr(source, "read") else Path(source).read_bytes()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}") from None
    if not isinstance(content, bytes):
        raise DataError("a file that is loaded must be open for reading bytes, mode 'rb'")
    return content


def read_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read arrays by name.

    Args:
        path: a safetensors file.

    Raises:
        DataError: the file is missing, cut short, or no such file.
    """
    return parsed(read_bytes(path), str(path))[0]


def parsed(content: bytes, name: str) -> tuple[dict[str, Array], str | None]:
    """Return the arrays in the content of a file by name, and the text that was kept beside them.

    Raises:
        DataError: it is no whole safetensors file; `name` says which.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, Array] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{name} is not a whole safetensors file ({error}); it may have been cut short while "
            "being copied: copy it again, or train anew"
        ) from None
    length = int.from_bytes(content[:8], "little")
    notes = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return arrays, notes.get(KEY)
