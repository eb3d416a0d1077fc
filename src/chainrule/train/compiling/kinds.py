"""Plans by the kind of arguments that they are for: the latest few, so memory is bounded (floor 4).

A kind is what tells arguments but for the numbers in arrays: shapes, dtypes, plain values. The last
batch of an epoch is of another kind than the rest, and so is a sequence of another length.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from chainrule.errors import CaptureError
from chainrule.train.compiling.executor import Maker
from chainrule.train.compiling.recording import Plan, Signature

__all__ = ["KEPT", "Kinds"]

# Kinds of which recordings and plans are kept; the one that was not used for longest goes first.
KEPT = 16


class Kinds:
    """What is known of each of the kinds of arguments that a step was given lately.

    Args:
        maker: makes the executors.
        refuse: told why the step cannot be recorded, if plain values change in every call.
    """

    def __init__(self, maker: Maker, refuse: Callable[[CaptureError], None]) -> None:
        self._maker, self._refuse = maker, refuse
        self._known: dict[Any, Signature] = {}  # the latest last
        self._let_go = 0

    def find(self, key: Any) -> Signature | None:
        """What is known of a kind, which is the latest from now on; if there is anything."""
        known = self._known.pop(key, None)
        if known is not None:
            self._known[key] = known
        return known

    def meet(self, key: Any, pinned: Any) -> Signature:
        """Make room for a kind that has not come, or not for long.

        Args:
            key: of the kind.
            pinned: what must stay, so that its identity stays taken.
        """
        self._expect_repetition()
        if len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
            self._let_go += 1
            if self._let_go == KEPT:
                self._warn()
        known = self._known[key] = Signature(pinned, self._maker)
        return known

    def stages(self) -> dict[str, tuple[bool, bool, bool]]:
        """Of each kind: is there a plan, does a recording wait for its like, are they wide?"""
        return {
            repr(key): (bool(known.plans), known.is_waiting, known.is_wide)
            for key, known in self._known.items()
        }

    def latest(self) -> Plan | None:
        """The plan for the latest arguments that there is one for."""
        plans = [plan for known in self._known.values() for plan in known.plans]
        return plans[-1] if plans else None

    def _expect_repetition(self) -> None:
        fruitless = {_plain(key) for key, known in self._known.items() if not known.plans}
        if len(fruitless) >= KEPT:
            self._known.clear()
            self._refuse(
                CaptureError(
                    f"the step was given arguments of {KEPT} kinds and of none often enough; a "
                    "number that changes from call to call is recorded anew each time, so give "
                    "numbers as tensors"
                )
            )

    def _warn(self) -> None:
        warnings.warn(
            f"a compiled step is given arguments of ever other shapes: {2 * KEPT} so far, and it "
            f"keeps what it has recorded for {KEPT}; for the others it is recorded and compiled "
            "anew, so pad sequences to a few lengths, and leave out the rest of an epoch "
            "(drop_last=True)",
            stacklevel=5,
        )


def _plain(key: Any) -> tuple[Any, ...]:
    """What tells arguments besides shapes."""
    return tuple(v for v in key if not isinstance(v, tuple))
