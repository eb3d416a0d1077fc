"""ONNX by PyTorch's name: a program may import it, and is told when it would use it (floor 3)."""

from chainrule.absent import missing, refuse

__all__ = ["export"]

_instead = "save weights as safetensors with chainrule.save(model.state_dict(), path)"
export = refuse("onnx.export", _instead)
__getattr__ = missing("onnx", _instead)
