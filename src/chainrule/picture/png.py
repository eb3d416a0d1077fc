"""PNG from an array of pixels, written with zlib and struct alone (floor 0, NumPy)."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError

__all__ = ["data_uri", "encode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = {1: 0, 3: 2, 4: 6}  # channels: grey, red-green-blue, and with opacity


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    r"""Return a picture as the bytes of a PNG file.

    Args:
        pixels: grey `(H, W)`, colour `(H, W, 3)` or colour with opacity `(H, W, 4)`, uint8; the
            first row is the uppermost.

    Returns:
        The file; the same pixels always give the same bytes.

    Raises:
        DataError: another shape or dtype, or no pixel at all.

    Examples:
        >>> encode_png(np.zeros((2, 3), dtype=np.uint8))[:8]
        b'\x89PNG\r\n\x1a\n'
    """
    array: NDArray[Any] = np.asarray(pixels)
    deep = array[:, :, None] if array.ndim == 2 else array
    if (
        array.dtype != np.uint8
        or deep.ndim != 3
        or deep.shape[2] not in _COLOR_TYPE
        or not deep.size
    ):
        raise DataError(
            f"encode_png: expected uint8 pixels of shape (H, W), (H, W, 3) or (H, W, 4), "
            f"got {array.dtype} {array.shape}"
        )
    height, width, channels = deep.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPE[channels], 0, 0, 0)
    data = min((zlib.compress(_filtered(deep, up), 9) for up in (False, True)), key=len)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def data_uri(png: bytes) -> str:
    """Return a PNG as an address that carries the picture in itself, for `src` or `href`.

    Examples:
        >>> data_uri(encode_png(np.zeros((1, 1), dtype=np.uint8)))[:32]
        'data:image/png;base64,iVBORw0KGg'
    """
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _filtered(pixels: NDArray[np.uint8], up: bool) -> bytes:
    """Each row after a byte that names its filter: 0 as it is, 2 less the row above it.

    Photographs get smaller by the second, drawings by the first.
    """
    rows = pixels.reshape(len(pixels), -1)
    if up:
        rows = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # uint8 wraps, as PNG asks
    named = np.full((len(rows), 1), 2 if up else 0, dtype=np.uint8)
    return np.concatenate([named, rows], axis=1).tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
