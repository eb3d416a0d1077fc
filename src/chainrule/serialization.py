"""What PyTorch keeps under `serialization`, under the same names (floor 5)."""

from chainrule.io import load, save
from chainrule.io.torch_file import add_safe_globals, safe_globals

__all__ = ["add_safe_globals", "load", "safe_globals", "save"]
