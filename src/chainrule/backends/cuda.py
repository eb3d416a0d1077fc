"""The switches of products on a GPU (floor 3).

Examples:
    >>> from chainrule import backends
    >>> backends.cuda.matmul.allow_tf32
    False
"""

from __future__ import annotations

from chainrule.absent import missing
from chainrule.backend import precision
from chainrule.cuda import is_available

__all__ = ["is_built", "matmul"]


class _Products:
    """How products of float32 matrices may be computed: see `set_float32_matmul_precision`."""

    @property
    def allow_tf32(self) -> bool:
        """Whether their numbers may lose digits on the way in."""
        return precision.get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        if bool(allowed) != self.allow_tf32:
            precision.set_float32_matmul_precision("high" if allowed else "highest")


matmul = _Products()


def is_built() -> bool:
    """Whether there is code for a GPU: wherever one can be used."""
    return is_available()


__getattr__ = missing("backends.cuda", "its products have one switch, matmul.allow_tf32")
