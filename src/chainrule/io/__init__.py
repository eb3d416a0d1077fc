"""Models in files: weights as safetensors, architecture as JSON; nothing is executed (floor 4)."""

from chainrule.io.model import Saved, load, load_model, save, save_model

__all__ = ["Saved", "load", "load_model", "save", "save_model"]
