"""`Parameter` and `Buffer` where PyTorch's programs also look for them (floor 3)."""

from chainrule.nn.module import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
