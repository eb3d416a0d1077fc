"""Networks to watch and touch: a page in the browser, and the engine behind it (floor 5).

Each name is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.later import later

if TYPE_CHECKING:
    from chainrule.playground.engine.descent.session import Descent
    from chainrule.playground.engine.digits.session import Digits
    from chainrule.playground.engine.plane.session import Plane
    from chainrule.playground.engine.player import Player
    from chainrule.playground.inline import play

__all__ = ["Descent", "Digits", "Plane", "Player", "play"]

_LATER = {
    "Descent": "engine.descent.session",
    "Digits": "engine.digits.session",
    "Plane": "engine.plane.session",
    "Player": "engine.player",
    "play": "inline",
}

__getattr__, __dir__ = later(__name__, _LATER)
