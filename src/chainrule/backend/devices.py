"""Where numbers are, and where new ones are made: the processor, or a GPU (floor 0).

A program names its device, asks whether there is another, and passes the answer around. What is
there is known to `arrays`; a tensor's device is where its array is, and nothing else is stored.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.errors import ChainruleError, OptionError

__all__ = [
    "CPU",
    "MixedDevicesError",
    "available",
    "beside",
    "current",
    "device",
    "device_of",
    "get_default_device",
    "gpus",
    "here",
    "mixed",
    "moved",
    "names_device",
    "placeable",
    "placeable_like",
    "set_default_device",
    "use",
    "working_on",
]

_KINDS = ("cpu", "cuda", "mps", "xpu", "meta")


class device:  # noqa: N801  # PyTorch's name
    """A place for numbers: a kind, and a number where there are several.

    In a `with` block new tensors are made there.

    Args:
        type: "cpu", "cuda", "cuda:1" and the like, a number of a GPU, or a device.
        index: the number, if it is not part of `type`.

    Raises:
        OptionError: there is no such kind.

    Examples:
        >>> device("cuda:1").index
        1
        >>> device("cpu")
        device(type='cpu')
        >>> device("cpu") == device("cpu")
        True
    """

    def __init__(self, type: Any, index: int | None = None) -> None:
        name = f"cuda:{type}" if isinstance(type, int) else str(type)
        kind, _, number = name.partition(":")
        if kind not in _KINDS or (number and not number.isdigit()):
            raise OptionError(f"a device is one of {', '.join(_KINDS)}, got {type!r}")
        self.type = kind
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):  # as a string it is compared with what it prints as
            return str(self) == other
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{number})"

    def __enter__(self) -> device:
        there = available(self)
        _place.entered.append((there, _turned_to(there)))  # arrays are made on that very GPU
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the block in which new tensors are made here."""
        before = _place.entered.pop()[1]
        if before is not None:
            use(before)


CPU = device("cpu")


class MixedDevicesError(ChainruleError, RuntimeError):
    """Arrays of one operation that are not in one place.

    Args:
        op: its name.
        devices: where the arrays are, each place once.
    """

    def __init__(self, op: str, devices: list[device]) -> None:
        self.devices = devices
        places = " and ".join(str(d) for d in devices)
        super().__init__(
            f"{op} takes tensors of one device, got some on {places}; move them with .to(device), "
            "the model once and each batch before its step"
        )


# --- what is there ------------------------------------------------------------------------------


def gpus() -> int:
    """Return how many GPUs this process can use."""
    found = arrays.gpu()
    return 0 if found is None else int(found.cuda.runtime.getDeviceCount())


def current() -> int:
    """Return the number of the GPU that "cuda" without a number means in this thread."""
    return int(arrays.gpu().cuda.runtime.getDevice())


def use(index: int) -> None:
    """Let "cuda" without a number mean the GPU of this number from now on, in this thread."""
    arrays.gpu().cuda.Device(index).use()


def _turned_to(where: device) -> int | None:
    """Use the GPU that a device is; return the one before, or `None` for the processor."""
    if where.index is None:
        return None
    before = current()
    use(where.index)
    return before


@contextmanager
def working_on(where: device) -> Iterator[None]:
    """Let operations run on a GPU inside the block, and where new tensors are made stay as it is.

    Args:
        where: a device that is there; the processor changes nothing.

    Examples:
        >>> with working_on(CPU):
        ...     np.ones(2)
        array([1., 1.])
    """
    before = _turned_to(where)
    try:
        yield
    finally:
        if before is not None:
            use(before)


def available(where: Any) -> device:
    """Return a device that is there, its number filled in.

    Raises:
        OptionError: it is not there; says what is missing.

    Examples:
        >>> available("cpu")
        device(type='cpu')
    """
    wanted = where if isinstance(where, device) else device(where)
    if wanted.type == "cpu":
        return CPU
    if wanted.type != "cuda":
        raise OptionError(
            f"device '{wanted}' is not available; chainrule computes on 'cpu' and on 'cuda'"
        )
    if arrays.gpu() is None:
        raise OptionError(
            f"device '{wanted}' is not available: {_missing()}. cuda.is_available() says so to "
            "programs that ask"
        )
    count = gpus()
    index = current() if wanted.index is None else wanted.index
    if index >= count:
        there = (
            "the one GPU is 'cuda:0'" if count == 1 else f"there are 'cuda:0' to 'cuda:{count - 1}'"
        )
        raise OptionError(f"device '{wanted}' is not available: {there}")
    return _numbered(index)


@functools.cache
def _numbered(index: int) -> device:
    return device("cuda", index)


def _missing() -> str:
    """What a GPU wants here."""
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed; pip install 'chainrule[cuda]'"
    return "CuPy sees no GPU; nvidia-smi tells whether there is one and its driver works"


# --- where arrays are, and moving them ----------------------------------------------------------


def device_of(array: Any) -> device:
    """Return where an array is; numbers of Python and NumPy are on the processor.

    Examples:
        >>> device_of(np.zeros(2))
        device(type='cpu')
    """
    return _numbered(int(array.device.id)) if arrays.is_gpu(array) else CPU


def moved(array: Any, where: device) -> Any:
    """Return the numbers of `array` at `where`, which is there: the array itself if they are."""
    if where.type == "cpu":
        return arrays.to_host(array) if arrays.is_gpu(array) else array
    if arrays.is_gpu(array) and array.device.id == where.index:
        return array
    return arrays.to_gpu(array, where.index)


def beside(array: Any, other: Any) -> Any:
    """Return the numbers of `array` where the array `other` is.

    Examples:
        >>> a = np.zeros(2)
        >>> beside(a, np.ones(3)) is a
        True
    """
    return moved(array, device_of(other))


def mixed(op: str, values: Any) -> MixedDevicesError | None:
    """Return the error of an operation whose arrays are not in one place, if that is so."""
    kinds = [v for v in values if isinstance(v, np.ndarray) or arrays.is_gpu(v)]
    places = list(dict.fromkeys(map(device_of, kinds)))
    return MixedDevicesError(op, places) if len(places) > 1 else None


# --- where new ones are made --------------------------------------------------------------------


class _Place(threading.local):
    """Where a thread makes new tensors: where it was told to, or in the innermost block."""

    def __init__(self) -> None:
        self.usual = CPU
        self.entered: list[tuple[device, int | None]] = []  # and which GPU was in use before


_place = _Place()


def get_default_device() -> device:
    """Return where this thread makes new tensors.

    Examples:
        >>> get_default_device()
        device(type='cpu')
    """
    return _place.entered[-1][0] if _place.entered else _place.usual


def set_default_device(device: Any) -> None:
    """Make new tensors of this thread there from now on; on the processor for `None`.

    Raises:
        OptionError: it is not available.
    """
    _place.usual = CPU if device is None else available(device)


def here() -> Any:
    """Return the module that makes arrays where this thread makes new tensors.

    Examples:
        >>> here() is np
        True
    """
    return np if get_default_device() is CPU else arrays.gpu()


def names_device(wish: Any) -> bool:
    """Return whether `wish` is a device, or the name or number of one.

    Examples:
        >>> names_device("cuda:0"), names_device("float32")
        (True, False)
    """
    if isinstance(wish, str):
        return wish.partition(":")[0] in _KINDS
    return isinstance(wish, (device, int))


Makes = Callable[..., Any]


def _usual(_args: Any, _kwargs: Any) -> device:
    return get_default_device()


def _of_the_first(args: Any, kwargs: Any) -> device:
    """Where the tensor is that a call is given first."""
    first = args[0] if args else next(iter(kwargs.values()), None)
    if arrays.is_gpu(first):
        return device_of(first)
    found = getattr(first, "device", None)
    return found if isinstance(found, device) else get_default_device()


def _placed(function: Makes, place: Callable[[Any, Any], device]) -> Makes:
    @functools.wraps(function, updated=())
    def call(
        *args: Any,
        device: Any = None,
        layout: Any = None,
        pin_memory: bool = False,
        memory_format: Any = None,
        **kwargs: Any,
    ) -> Any:
        if layout not in (None, "strided"):
            raise OptionError(f"layout must be 'strided', got {layout!r}; see sparse_coo_tensor")
        where = place(args, kwargs) if device is None else available(device)
        if where is CPU and not _place.entered and _place.usual is CPU:
            made = function(*args, **kwargs)
        else:
            with where:
                made = function(*args, **kwargs)
        return made.pin_memory() if pin_memory else made

    return call


def placeable(function: Makes) -> Makes:
    """`function`, which makes a tensor `here()`, also told where and how to put it.

    Raises:
        OptionError: a device that is not available, or another layout than a dense one.
    """
    return _placed(function, _usual)


def placeable_like(function: Makes) -> Makes:
    """`function`, which makes a tensor as the one that it is given first is, there or elsewhere.

    Raises:
        OptionError: as `placeable`.
    """
    return _placed(function, _of_the_first)
