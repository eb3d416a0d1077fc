"""What is launched: kernels with the values they are given, before anybody knows where these lie.

The texts of a program's kernels become one module; kernels of the same text are one (floor 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.program import Value

__all__ = ["STOP", "THREADS", "Argument", "Kernel", "module_text", "numbered"]

THREADS = 256  # of a block

# Stands for the flag that a check sets.
STOP = "stop"

# A value's memory, the flag, or a number.
Argument: TypeAlias = "Value | str | np.generic[Any]"

PRELUDE = """// Written for one recorded program.
template <class T> struct alignas(sizeof(T) > 4 ? 16 : 4 * sizeof(T)) Four { T at[4]; };
"""


@dataclass(frozen=True)
class Kernel:
    """One launch.

    Attributes:
        text: of the kernel, its name being `@`.
        arguments: in order.
        grid: blocks.
        block: threads of each.
    """

    text: str
    arguments: Sequence[Argument]
    grid: tuple[int, ...]
    block: tuple[int, ...] = (THREADS,)

    @property
    def name(self) -> str:
        """Its name in the module: of the text, so that equal ones are one."""
        return "k" + hashlib.sha256(self.text.encode()).hexdigest()[:12]


def numbered(kernels: Sequence[Kernel]) -> dict[str, str]:
    """Return the text of each kernel by its name, each once."""
    return {k.name: k.text.replace("@", k.name) for k in kernels}


def module_text(kernels: Sequence[Kernel]) -> str:
    """Return the text of a module that has these kernels."""
    return "\n".join([PRELUDE, *numbered(kernels).values()])
