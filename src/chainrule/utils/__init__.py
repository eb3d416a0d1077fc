"""What PyTorch keeps under `utils`, under the same names (floor 4)."""

from chainrule.utils import data

__all__ = ["data"]
