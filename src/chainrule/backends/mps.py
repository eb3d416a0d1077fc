"""What programs ask of Apple's graphics processors before they use them (floor 3)."""

from chainrule.absent import is_available

__all__ = ["is_available", "is_built"]


def is_built() -> bool:
    """Whether there is code for them: no."""
    return False
