"""What PyTorch has and this library has not, said in one sentence when it is asked for (floor 0).

Programs ask whether there is a second machine before they use one; those questions are answered.
Everything else of such a module raises a sentence that says what is missing and what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from chainrule.errors import ChainruleError

__all__ = [
    "AbsentError",
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "missing",
    "refuse",
    "reset_peak_memory_stats",
]


class AbsentError(ChainruleError, AttributeError, NotImplementedError):
    """A name of PyTorch's that is not here; as an `AttributeError`, so that `hasattr` answers."""


def missing(module: str, instead: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module: every name it has not is refused in a sentence.

    Args:
        module: its name, "cuda".
        instead: what there is, or what to do, as the second half of the sentence.

    Examples:
        >>> missing("hub", "load weights with io.load")("list")
        Traceback (most recent call last):
        chainrule.absent.AbsentError: chainrule has no hub.list; load weights with io.load
    """

    def asked(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AbsentError(f"chainrule has no {module}.{name}; {instead}")

    return asked


def refuse(name: str, instead: str) -> Callable[..., NoReturn]:
    """Return a function of that name that can be asked for, but not called.

    Examples:
        >>> refuse("jit.load", "load weights with io.load")("model.pt")
        Traceback (most recent call last):
        chainrule.absent.AbsentError: chainrule has no jit.load; load weights with io.load
    """

    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise AbsentError(f"chainrule has no {name}; {instead}")

    refused.__name__ = refused.__qualname__ = name.rpartition(".")[2]
    refused.__doc__ = f"Not here: {instead}."
    return refused


# --- what programs ask of a machine before they use it ------------------------------------------


def is_available() -> bool:
    """Whether this machine is there: it is not, everything runs on the processor."""
    return False


def is_initialized() -> bool:
    """Whether this machine has been used: never."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether this machine computes in bfloat16: it is not there."""
    return False


def device_count() -> int:
    """How many of these machines there are: none."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator on a machine that is not there. Use `manual_seed`."""


def manual_seed_all(seed: int) -> None:
    """Do nothing, as `manual_seed`."""


def empty_cache() -> None:
    """Do nothing: nothing is kept."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on this machine: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """Bytes that were in use at most: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes set apart on this machine: 0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Do nothing: nothing is counted."""
