"""A network on points of a plane: the session (floor 5)."""

from __future__ import annotations

from typing import Any, ClassVar

from chainrule.playground.engine.session import Session
from chainrule.playground.engine.settings import Count, Setting, Sizes

__all__ = ["Plane"]


class Plane(Session):
    """A network on points of a plane."""

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "layers": Sizes(label="Hidden layers", usual=[4, 2], most=64, high=4096),
        "seed": Count(label="Seed", usual=0, low=0, high=2**31 - 1),
    }

    def _begin(self) -> None:
        self.steps = 0

    def _state(self) -> Any:
        return self.steps

    def _restore(self, state: Any) -> None:
        self.steps = state

    def advance(self, until: float, most: int | None = None) -> int:
        """Train."""
        self.steps += 1
        return 1

    def frame(self) -> dict[str, Any]:
        """What moves."""
        return {"steps": self.steps}
