"""The sampler of processes that train together, where PyTorch has it (floor 4)."""

from chainrule.data.sampler import DistributedSampler

__all__ = ["DistributedSampler"]
