"""What programs ask of Intel's library: products are NumPy's (floor 3)."""

from chainrule.absent import is_available

__all__ = ["is_available"]
