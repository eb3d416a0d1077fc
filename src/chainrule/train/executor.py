"""Which executor carries out a recorded step (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chainrule.errors import MissingExtraError, OptionError, did_you_mean
from chainrule.ops import Array
from chainrule.plan.passes import simplified
from chainrule.plan.program import Program
from chainrule.plan.replay import Replay

__all__ = ["EXECUTORS", "Maker", "maker"]

Executor: TypeAlias = Callable[..., Sequence[Array]]
Maker: TypeAlias = Callable[[Program], Executor]


def _numpy(program: Program) -> Executor:
    return Replay(simplified(program))


def _native(program: Program) -> Executor:
    from chainrule.plan.native.blocked import executor

    return executor(simplified(program))


def _auto(program: Program) -> Executor:
    try:
        return _native(program)
    except MissingExtraError:
        return _numpy(program)


EXECUTORS: dict[str, Maker] = {"auto": _auto, "numpy": _numpy, "native": _native}


def maker(name: str) -> Maker:
    """Return what makes an executor of a program.

    Raises:
        OptionError: there is none of that name.

    Examples:
        >>> maker("numpy")(Program([], [], [], []))()
        ()
    """
    if name not in EXECUTORS:
        raise OptionError(
            f"there is no executor {name!r}; use one of {', '.join(EXECUTORS)}"
            + did_you_mean(name, EXECUTORS)
        )
    return EXECUTORS[name]
