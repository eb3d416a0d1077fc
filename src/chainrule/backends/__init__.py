"""What programs ask of PyTorch's back ends; switches may be set, without effect (floor 3).

Examples:
    >>> from chainrule import backends
    >>> backends.cudnn.benchmark = True
    >>> backends.mps.is_available()
    False
"""

from chainrule.absent import missing
from chainrule.backends import cuda, cudnn, mkl, mps

__all__ = ["cuda", "cudnn", "mkl", "mps"]

__getattr__ = missing("backends", "everything runs on the processor with NumPy, so leave it out")
