"""Which executor carries out a recorded step (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from chainrule.backend.arrays import is_gpu
from chainrule.errors import MissingExtraError, OptionError, did_you_mean
from chainrule.ops import Array
from chainrule.plan.costs import Part
from chainrule.plan.passes import simplified
from chainrule.plan.program import Program
from chainrule.plan.replay import Replay

__all__ = ["EXECUTORS", "Maker", "maker"]


class Executor(Protocol):
    """What carries a program out."""

    @property
    def bytes(self) -> int:
        """Size of the memory for what is made on the way."""

    @property
    def parts(self) -> Sequence[Part]:
        """What is carried out together."""

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        """Carry the program out, and return its outputs."""

    def laps(self, inputs: Sequence[Array], runs: int) -> Sequence[float]:
        """Return the least seconds of each of the parts in so many runs."""


Maker: TypeAlias = Callable[[Program], Executor]


def _numpy(program: Program) -> Executor:
    return Replay(simplified(program))


def _native(program: Program) -> Executor:
    from chainrule.plan.native.blocked import executor

    return executor(simplified(program))


def _cuda(program: Program) -> Executor:
    if not _is_on_gpu(program):
        raise OptionError(
            'the executor "cuda" is for steps on a GPU, and nothing that this step keeps is on '
            'one; move the model there (model.to("cuda")), or use executor="auto"'
        )
    from chainrule.plan.cuda.executor import Cuda

    return Cuda(simplified(program))


def _auto(program: Program) -> Executor:
    if _is_on_gpu(program):
        return _cuda(program)
    try:
        return _native(program)
    except MissingExtraError:
        return _numpy(program)


def _is_on_gpu(program: Program) -> bool:
    """Whether the step keeps anything on a GPU, or was given or made it there."""
    return any(is_gpu(v.array) for v in program.state) or program.notes.get("on gpu", False)


def _of_processor(make: Maker, name: str) -> Maker:
    def made(program: Program) -> Executor:
        if _is_on_gpu(program):
            raise OptionError(
                f'the executor "{name}" is for steps on the processor, and this one is on a GPU; '
                'use executor="auto" or "cuda"'
            )
        return make(program)

    return made


EXECUTORS: dict[str, Maker] = {
    "auto": _auto,
    "numpy": _of_processor(_numpy, "numpy"),
    "native": _of_processor(_native, "native"),
    "cuda": _cuda,
}


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
