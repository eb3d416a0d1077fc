"""PyTorch's own files of tensors, read without executing anything in them (floor 4).

Such a file is a zip archive: `data.pkl` describes the structure, a pickle that is read by our own
interpreter, and `data/0`, `data/1`, ... are the numbers, of which tensors are views.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.autograd import Size, Tensor, from_numpy
from chainrule.backend.dtypes import as_dtype
from chainrule.errors import DataError
from chainrule.io.pickled import Builder, unpickled
from chainrule.ops import Array

__all__ = ["add_safe_globals", "read_torch", "safe_globals"]

# PyTorch's names of formats, and those of the numbers in its files. bfloat16 is the upper half of
# a float32 and becomes one.
_FORMATS = {
    "Float": "f4",
    "Double": "f8",
    "Half": "f2",
    "BFloat16": "u2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
_DTYPES = ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
# Numbers that a tensor may show of each that is there: an expanded one shows some many times.
_SHOWN = 1 << 16

# What the reader of archives raises at damaged ones.
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)

_safe: dict[str, type] = {}


def add_safe_globals(classes: Sequence[type]) -> None:
    """Let files name these classes of yours; see `safe_globals`."""
    _safe.update({f"{kind.__module__}.{kind.__qualname__}": kind for kind in classes})


@contextmanager
def safe_globals(classes: Sequence[type]) -> Iterator[None]:
    """Within the block, let PyTorch's files name these classes of yours.

    An object of such a class is made without calling its `__init__` and given its attributes.

    Args:
        classes: that you trust with what a file sets their attributes to.

    Examples:
        >>> import argparse
        >>> with safe_globals([argparse.Namespace]):
        ...     sorted(_safe)
        ['argparse.Namespace']
    """
    before = dict(_safe)
    add_safe_globals(classes)
    try:
        yield
    finally:
        _safe.clear()
        _safe.update(before)


class _Format(NamedTuple):
    """A format of numbers by PyTorch's name."""

    name: str


class _Storage(NamedTuple):
    """The numbers that tensors are views of."""

    numbers: Array


def read_torch(content: bytes) -> Any:
    """Read what `torch.save` wrote.

    Args:
        content: of the file.

    Returns:
        Tensors, numbers, texts, and dictionaries, lists and tuples of them.

    Raises:
        DataError: there is anything else in it, or it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _Reader(archive, len(content)).read()
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(f"it is no whole archive of PyTorch's ({error})") from None


class _Reader:
    """Reads one archive."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self.archive, self.size = archive, size
        self.storages: dict[str, _Storage] = {}
        names = [n for n in archive.namelist() if n == "data.pkl" or n.endswith("/data.pkl")]
        if len(names) != 1:
            raise DataError("it is an archive, but none of PyTorch's: there is no data.pkl in it")
        self.folder = names[0].removesuffix("data.pkl")

    def read(self) -> Any:
        """Return what the file holds."""
        return unpickled(self._member("data.pkl"), self._known(), self._storage)

    def _member(self, name: str) -> bytes:
        try:
            info = self.archive.getinfo(self.folder + name)
        except KeyError:
            raise DataError(f"{name} is missing in it; it may have been cut short") from None
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > self.size:
            raise DataError(f"{name} in it is compressed, which PyTorch's files are not")
        return self.archive.read(info)

    def _known(self) -> dict[str, Any]:
        """What the pickle may name."""
        tensor: Callable[..., Any] = _tensor
        known: dict[str, Any] = {
            "collections.OrderedDict": Builder(OrderedDict),
            "torch._utils._rebuild_tensor_v2": Builder(tensor),
            "torch._utils._rebuild_parameter": Builder(_parameter),
            # In older protocols sets and bytes are written as calls.
            "__builtin__.set": Builder(set),
            "builtins.set": Builder(set),
            "_codecs.encode": Builder(lambda text, _encoding: text.encode("latin1")),
            "torch.Size": Builder(Size),
            "torch.device": Builder(lambda *names: ":".join(map(str, names))),
        }
        known |= {f"torch.{name}Storage": _Format(name) for name in _FORMATS}
        known |= {f"torch.{name}": as_dtype(name) for name in _DTYPES}
        known |= {name: Builder(lambda k=kind: k.__new__(k), _fill) for name, kind in _safe.items()}
        return known

    def _storage(self, reference: Any) -> _Storage:
        """The numbers that ("storage", format, name, device, count) refers to."""
        kind, form, name, _, count = reference
        if kind != "storage" or not isinstance(form, _Format):
            raise DataError(f"it refers to a {kind}, only storages are read")
        if name not in self.storages:
            numbers = self._numbers(form.name, self._member(f"data/{name}"))
            if len(numbers) != count:
                raise DataError(f"data/{name} holds {len(numbers)} numbers, {count} are described")
            self.storages[name] = _Storage(numbers)
        return self.storages[name]

    def _numbers(self, form: str, content: bytes) -> Array:
        told = f"{self.folder}byteorder" in self.archive.namelist()
        big = told and self._member("byteorder") == b"big"
        dtype = np.dtype(_FORMATS[form])
        numbers = np.frombuffer(bytearray(content), dtype.newbyteorder(">" if big else "<"))
        numbers = numbers.astype(dtype, copy=False)
        if form == "BFloat16":
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        return numbers


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *_rest: Any
) -> Tensor:
    """A view of a storage."""
    numbers = storage.numbers
    places = [(n - 1) * step for n, step in zip(size, stride, strict=True)]
    whole = all(type(i) is int and i >= 0 for i in (offset, *size, *stride))
    empty = whole and 0 in size
    if not whole or (not empty and offset + sum(places) >= len(numbers)):
        raise DataError(
            f"a tensor of shape {size} reaches beyond the {len(numbers)} numbers it has"
        )
    if math.prod(size) > _SHOWN * max(len(numbers), 1):
        raise DataError(f"a tensor of shape {size} is described, of {len(numbers)} numbers")
    if empty:
        return from_numpy(np.empty(size, numbers.dtype))
    steps = [step * numbers.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(numbers[offset:], size, steps)
    tensor = from_numpy(view)
    return tensor.requires_grad_() if requires_grad is True else tensor


def _parameter(data: Any, requires_grad: Any = True, *_rest: Any) -> Tensor:
    return nn.Parameter(data, requires_grad=bool(requires_grad))


def _fill(made: Any, state: Any) -> None:
    vars(made).update(state)
