"""The loader and its collating, where PyTorch's programs import them from (floor 4)."""

from chainrule.data.collate import default_collate
from chainrule.data.loader import DataLoader

__all__ = ["DataLoader", "default_collate"]
