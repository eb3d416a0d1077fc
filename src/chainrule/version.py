"""Which version this is, and of what it is not made, under PyTorch's names (floor 3)."""

from chainrule import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip"]

debug, git_version = False, ""
cuda = hip = None
