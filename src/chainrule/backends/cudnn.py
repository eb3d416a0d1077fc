"""The switches of cuDNN, which is not here: they may be set, and change nothing (floor 3)."""

from chainrule.absent import is_available

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

enabled, benchmark, deterministic, allow_tf32 = False, False, True, False


def version() -> None:
    """Return the version of cuDNN: there is none."""
