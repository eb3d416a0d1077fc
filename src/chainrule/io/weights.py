"""Arrays by name in a safetensors file (floor 4).

The format is a JSON header and raw numbers; the library that reads it compares what the header
claims with the size of the file before anything is taken.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.files import replace_bytes
from chainrule.ops import Array

__all__ = ["read_weights", "write_weights"]


def write_weights(path: str | os.PathLike[str], weights: Mapping[str, Any]) -> None:
    """Write arrays or tensors by name.

    Args:
        path: the file, made or replaced.
        weights: names to values.

    Raises:
        DataError: a name that is no text, a value that is no array of numbers, or a file that
            cannot be written.
    """
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    for name, value in weights.items():
        array = np.ascontiguousarray(np.asarray(value)).reshape(np.shape(value))
        if not isinstance(name, str) or array.dtype.kind not in "fiub" or array.itemsize > 8:
            raise DataError(
                f"tensors are saved by name as numbers of at most 64 bits; {name!r} is a "
                f"{type(value).__name__} of {array.dtype}"
            )
        arrays[name] = array
    try:
        replace_bytes(path, save(arrays))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


def read_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read arrays by name.

    Args:
        path: a safetensors file.

    Raises:
        DataError: the file is missing, cut short, or no such file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        arrays: dict[str, Array] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a whole safetensors file ({error}); it may have been cut short while "
            "being copied: copy it again, or train anew"
        ) from None
    return arrays
