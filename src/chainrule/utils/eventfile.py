"""TensorBoard's event files, written byte by byte: messages, records and their checksums (floor 4).

A record is a length, a message and the checksum of each; a message is a list of fields in Google's
Protocol Buffers, each a number, a kind and a value. Field numbers are those of TensorFlow's
`event.proto`, `summary.proto`, `histogram.proto` and `tensor.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["crc32c", "event", "field", "histogram", "image", "record", "text", "value"]

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_MASK = 0xA282EAD8  # TensorFlow rotates a checksum and adds this


def _table() -> list[int]:
    remainders = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        remainders.append(byte)
    return remainders


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Return the cyclic checksum of 32 bits with Castagnoli's polynomial.

    Examples:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    rest = 0xFFFFFFFF
    for byte in data:
        rest = rest >> 8 ^ _TABLE[(rest ^ byte) & 0xFF]
    return rest ^ 0xFFFFFFFF


def record(message: bytes) -> bytes:
    """Return a message with its length and both checksums, as one record of a file."""
    length = struct.pack("<Q", len(message))
    return length + _masked(length) + message + _masked(message)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def _varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def field(number: int, content: int | float | str | bytes, single: bool = False) -> bytes:
    """Return one field of a message.

    Args:
        number: of the field.
        content: an integer, a float (in 8 bytes, or 4 if `single`), text, or bytes of any kind.
        single: a float in single precision.

    Examples:
        >>> field(2, 300).hex(), field(1, "a").hex()
        ('10ac02', '0a0161')
    """
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    if isinstance(content, float):
        form, kind = ("<f", 5) if single else ("<d", 1)
        return _varint(number << 3 | kind) + struct.pack(form, content)
    data = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def event(time: float, step: int, values: Iterable[bytes]) -> bytes:
    """Return an event: what was measured at a step."""
    return field(1, time) + field(2, step) + field(5, b"".join(field(1, v) for v in values))


def value(tag: str, content: bytes) -> bytes:
    """Return one value of an event: its name, and its content as a field."""
    return field(1, tag) + content


def histogram(values: NDArray[np.float64], bins: int = 30) -> bytes:
    """Return the distribution of numbers as a field of a value, in bins of equal width."""
    counts, edges = np.histogram(values, bins=bins)
    packed = [np.ascontiguousarray(a, dtype="<f8").tobytes() for a in (edges[1:], counts)]
    numbers = [values.min(), values.max(), values.size, values.sum(), (values**2).sum()]
    moments = b"".join(field(i, float(n)) for i, n in enumerate(numbers, 1))
    return field(5, moments + field(6, packed[0]) + field(7, packed[1]))


def image(png: bytes, height: int, width: int, channels: int) -> bytes:
    """Return a picture as a field of a value."""
    return field(4, field(1, height) + field(2, width) + field(3, channels) + field(4, png))


def text(content: str) -> bytes:
    """Return text as fields of a value: a tensor of one string, for the plugin that shows text."""
    plugin = field(9, field(1, field(1, "text")))
    tensor = field(1, 7) + field(2, field(2, field(1, 1))) + field(8, content)
    return plugin + field(8, tensor)
