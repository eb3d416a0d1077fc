"""What is seen in a network, each look with its pictures (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup
from chainrule.train.reporting.contents import Look
from chainrule.train.reporting.sections.parts import look_at, section

__all__ = ["look"]


def look(one: Look) -> Markup:
    """One look: its pictures, one below the other."""
    pictures = map(look_at, one.pictures)
    return section(one.name, one.title, one.reading, *pictures)
