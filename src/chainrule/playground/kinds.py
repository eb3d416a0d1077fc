"""The pages that there are, and the session of each (floor 5)."""

from __future__ import annotations

from chainrule.playground.engine.session import Session

__all__ = ["PAGES", "kinds"]

PAGES = ("plane", "digits", "descent")


def kinds() -> dict[str, type[Session]]:
    """Return the kinds of sessions by the names of their pages.

    Examples:
        >>> kinds()["descent"].__name__
        'Descent'
    """
    from chainrule.playground.engine.descent.session import Descent
    from chainrule.playground.engine.digits.session import Digits
    from chainrule.playground.engine.plane.session import Plane

    return {"plane": Plane, "digits": Digits, "descent": Descent}
