"""What PyTorch keeps under `utils`, under the same names (floor 4)."""

from chainrule.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
