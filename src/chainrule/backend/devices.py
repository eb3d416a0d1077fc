"""Where numbers are: on the processor, and nowhere else so far (floor 0).

A program names its device, asks whether there is another, and passes the answer around. All of that
is understood; to compute elsewhere is refused in a sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.errors import OptionError

__all__ = [
    "CPU",
    "device",
    "get_default_device",
    "names_device",
    "placeable",
    "require_cpu",
    "set_default_device",
]

_KINDS = ("cpu", "cuda", "mps", "xpu", "meta")


class device:  # noqa: N801  # PyTorch's name
    """A place for numbers: a kind, and a number where there are several.

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
        require_cpu(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the block in which new tensors would be made here."""


CPU = device("cpu")


def require_cpu(where: Any) -> None:
    """Accept the processor, in whatever way it is named, or `None`.

    Raises:
        OptionError: another device.
    """
    if where is not None and device(where).type != "cpu":
        raise OptionError(
            f"device '{device(where)}' is not available; chainrule computes on 'cpu'. "
            "cuda.is_available() says so to programs that ask"
        )


def get_default_device() -> device:
    """Return where new tensors are made: on the processor.

    Examples:
        >>> get_default_device()
        device(type='cpu')
    """
    return CPU


def set_default_device(device: Any) -> None:
    """Accept the processor as the place for new tensors.

    Raises:
        OptionError: another device.
    """
    require_cpu(device)


def names_device(wish: Any) -> bool:
    """Return whether `wish` is a device, or the name or number of one.

    Examples:
        >>> names_device("cuda:0"), names_device("float32")
        (True, False)
    """
    if isinstance(wish, str):
        return wish.partition(":")[0] in _KINDS
    return isinstance(wish, (device, int))


def placeable(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which makes a tensor, also told where and how to put it: all that there is.

    Raises:
        OptionError: another device than the processor, or another layout than a dense one.
    """

    @functools.wraps(function, updated=())
    def call(
        *args: Any,
        device: Any = None,
        layout: Any = None,
        pin_memory: bool = False,
        memory_format: Any = None,
        **kwargs: Any,
    ) -> Any:
        require_cpu(device)
        if layout not in (None, "strided"):
            raise OptionError(f"layout must be 'strided', got {layout!r}; see sparse_coo_tensor")
        return function(*args, **kwargs)

    return call
