"""Networks as ONNX files, and ONNX files as networks (floor 4).

`write` makes a file of a recorded program: `sizes` finds which sizes stay open, `graph` collects
nodes, and a file for each family of operations says which nodes they become. `reading` goes the
other way.
"""

from chainrule.export.onnx.reading.network import OnnxGraph, read_onnx
from chainrule.export.onnx.write import model_of, onnx_bytes, write_onnx

__all__ = ["OnnxGraph", "model_of", "onnx_bytes", "read_onnx", "write_onnx"]
