"""Optimisers of many processes, under PyTorch's name for the module (floor 4)."""

from chainrule.optim.zero import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
