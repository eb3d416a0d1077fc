"""What is seen in a network, each look with its pictures (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Look
from chainrule.train.reporting.sections.parts import section

__all__ = ["look"]


def look(one: Look) -> Markup:
    """One look: its pictures, one below the other."""
    pictures = (
        element(
            "div",
            picture.inline(),
            class_="scroll",
            style=f"--least: {min(0.8 * picture.width, 560):.0f}px",
        )
        for picture in one.pictures
    )
    return section(one.name, one.title, one.reading, *pictures)
