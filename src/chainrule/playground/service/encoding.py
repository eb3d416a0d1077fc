"""Frames as JSON: arrays as the bytes they are, in base64, with their type and shape (floor 5)."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

__all__ = ["encoded"]

# What a browser has typed arrays for.
_TYPES = {"float32": "f4", "uint8": "u1", "int8": "i1", "int32": "i4"}


def encoded(frame: Any) -> bytes:
    """Return plain values and arrays as JSON on one line, in ASCII.

    An array becomes `{"$": type, "shape": [...], "bytes": base64}`, little-endian, of the types f4,
    u1, i1 and i4; others become one of these. Numbers that are not finite, which JSON has none of,
    become `null` where they stand alone.

    Args:
        frame: dictionaries, lists, numbers, strings, arrays.

    Examples:
        >>> import numpy as np
        >>> encoded({"loss": float("nan"), "x": np.zeros((1, 2), np.uint8)})
        b'{"loss": null, "x": {"$": "u1", "shape": [1, 2], "bytes": "AAA="}}'
    """
    return json.dumps(_plain(frame), ensure_ascii=True, allow_nan=False).encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _array(value: Any) -> dict[str, Any]:
    if value.dtype.name not in _TYPES:
        value = value.astype(np.float32 if value.dtype.kind == "f" else np.int32)
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    text = base64.b64encode(little.tobytes()).decode("ascii")
    return {"$": _TYPES[value.dtype.name], "shape": list(value.shape), "bytes": text}
