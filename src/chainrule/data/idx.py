"""The IDX format: one array in a file, as MNIST is published (floor 3).

Two zero bytes, a type code, the number of axes, each axis as a big-endian 32-bit number, then the
values. A gzip-compressed file is told by its first bytes, not by its name. The header of a file
from outside is only a claim: it is checked against what the file can hold before memory is taken.
This file knows the format; what the arrays mean is its callers' business.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from chainrule.data.examples import Array
from chainrule.errors import DataError

__all__ = ["read_idx", "write_idx"]

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 8
MAX_BYTES = 2**31
DEFLATE_RATIO = 1032  # no deflate stream grows by more than this factor
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path | str, sha256: str | None = None) -> Array:
    """Read one array from an IDX file, plain or compressed with gzip.

    Args:
        path: the file.
        sha256: what the *uncompressed* contents must have as SHA-256. Contents, because a file that
            was compressed anew is another file with the same data in it.

    Returns:
        The array, in the shape its header gives and the byte order of this machine.

    Raises:
        DataError: the file is missing, is no IDX file, is shorter or longer than its header says,
            claims more than it can hold, or has another checksum.

    Examples:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels-idx1-ubyte.gz"
        >>> write_idx(path, np.array([5, 0, 4], np.uint8))
        >>> read_idx(path)
        array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    digest = hashlib.sha256()
    with _opened(path) as (file, room):
        header, dtype, shape = _read_header(path, file)
        values = _allocate(path, dtype, shape, room - len(header))
        _fill(path, file, values)
        digest.update(header)
        digest.update(values.data)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise DataError(
            f"{path} is not the published file: the SHA-256 of its contents should be "
            f"{sha256[:12]}..., is {digest.hexdigest()[:12]}...; delete it or put the "
            "original there"
        )
    array = values.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_idx(path: Path | str, array: Array) -> None:
    """Write one array as an IDX file, compressed with gzip where the name ends in `.gz`.

    The file is written beside and renamed, so that nobody ever sees half of it. The same array
    gives the same bytes.

    Args:
        path: the file to write.
        array: (...) of uint8, int8, int16, int32, float32 or float64, with 1 to 8 axes.

    Raises:
        DataError: a dtype or a number of axes that the format does not have.

    Examples:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "plain"
        >>> write_idx(path, np.zeros((1, 2), np.int16))
        >>> path.read_bytes().hex(" ")
        '00 00 0b 02 00 00 00 01 00 00 00 02 00 00 00 00'
    """
    path = Path(path)
    big_endian = array.dtype.newbyteorder(">")
    code = next((code for code, name in DTYPES.items() if np.dtype(name) == big_endian), None)
    if code is None or not 1 <= array.ndim <= MAX_AXES:
        raise DataError(f"{path}: IDX has no place for {array.dtype} with {array.ndim} axes")
    contents = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    contents += array.astype(big_endian).tobytes()
    if path.suffix == ".gz":
        contents = gzip.compress(contents, mtime=0)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(contents)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open the file, through gzip if it is compressed; give it and the most bytes it can hold."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    try:
        with path.open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            if raw.peek(2)[:2] != GZIP_MAGIC:
                yield raw, size
                return
            with gzip.open(raw) as unpacked:
                yield cast(BinaryIO, unpacked), size * DEFLATE_RATIO
    except (OSError, EOFError, zlib.error) as error:  # gzip's BadGzipFile is an OSError
        raise DataError(
            f"{path} cannot be read to its end ({error}); get the file again"
        ) from error


def _read_header(path: Path, file: BinaryIO) -> tuple[bytes, np.dtype[np.generic], list[int]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise DataError(
            f"{path} is not an IDX file: it should begin with 00 00 and a type code such as 08, "
            f"begins with {magic.hex(' ') or 'nothing'}"
        )
    axes = magic[3]
    if not 1 <= axes <= MAX_AXES:
        raise DataError(f"{path}: its header claims {axes} axes; 1 to {MAX_AXES} are possible")
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(f"{path} ends within its header; get the file again")
    shape = list(struct.unpack(f">{axes}I", sizes))
    if 0 in shape and math.prod(n for n in shape if n) > MAX_BYTES:  # no array has such a shape
        raise DataError(f"{path}: its header claims the impossible shape {shape}; get it again")
    return magic + sizes, np.dtype(DTYPES[magic[2]]), shape


def _allocate(path: Path, dtype: np.dtype[np.generic], shape: list[int], room: int) -> Array:
    """Take memory for the values, as bytes, once the header's claim is seen to be possible."""
    claimed = math.prod(shape) * dtype.itemsize
    claim = f"its header claims {' x '.join(map(str, shape))} values ({claimed:,} bytes)"
    if claimed > MAX_BYTES:
        raise DataError(f"{path}: {claim}; at most {MAX_BYTES:,} bytes are read")
    if claimed > room:
        raise DataError(
            f"{path} is truncated: {claim}, but the file can hold {max(room, 0):,} at most"
        )
    return np.empty(claimed, np.uint8)


def _fill(path: Path, file: BinaryIO, values: Array) -> None:
    """Read exactly as many bytes as `values` has, and see that none follow."""
    target, done = values.data, 0
    stream = cast(io.BufferedIOBase, file)
    while done < len(values):
        got = stream.readinto(target[done:])
        if not got:
            raise DataError(
                f"{path} is truncated: its header claims {len(values):,} bytes of values, "
                f"{done:,} are there; get the file again"
            )
        done += got
    if file.read(1):  # reading on to the end is also what makes gzip compare its own checksum
        raise DataError(
            f"{path} is longer than its header says: {len(values):,} bytes of values are due, more "
            "follow; get the file again"
        )
