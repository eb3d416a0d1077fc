"""The switches of products on CUDA: they may be set, and change nothing (floor 3)."""

from types import SimpleNamespace

from chainrule.absent import missing

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False)


def is_built() -> bool:
    """Whether there is code for it: no."""
    return False


__getattr__ = missing("backends.cuda", "everything runs on the processor, so leave it out")
