"""Networks written for others to run: ONNX, C, NumPy, plain JSON (floor 4)."""

from chainrule.export.c.program import Field, fields_of
from chainrule.export.c.source import c_source, write_c
from chainrule.export.forward import Forward, forward_of
from chainrule.export.onnx.write import write_onnx
from chainrule.export.plain import read_json, write_json
from chainrule.export.python.source import python_source, write_python
from chainrule.export.torch_file import write_torch

__all__ = [
    "Field",
    "Forward",
    "c_source",
    "fields_of",
    "forward_of",
    "python_source",
    "read_json",
    "write_c",
    "write_json",
    "write_onnx",
    "write_python",
    "write_torch",
]
