"""What computes, as in `torch.backends`, to programs that ask or choose (floor 3).

The switches are accepted and change nothing: here the same numbers are always computed alike.

Examples:
    >>> import chainrule as cr
    >>> cr.backends.cudnn.deterministic = True
    >>> cr.backends.mps.is_available()
    False
"""

from __future__ import annotations

from types import SimpleNamespace

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]


def _absent() -> bool:
    """Return that it is not there."""
    return False


cudnn = SimpleNamespace(
    is_available=_absent, enabled=False, benchmark=False, deterministic=True, allow_tf32=False
)
cuda = SimpleNamespace(is_built=_absent, matmul=SimpleNamespace(allow_tf32=False))
mps = SimpleNamespace(is_available=_absent, is_built=_absent)
mkldnn = SimpleNamespace(is_available=_absent, enabled=False)
