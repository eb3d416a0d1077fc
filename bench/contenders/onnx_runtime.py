"""onnxruntime, on a model of plain nodes, one for each layer of a chain."""

from __future__ import annotations

from typing import Any

from bench.contender import Contender
from bench.networks import network
from bench.workloads import Array, Data, Workload


class OnnxRuntime(Contender):
    """Inference only."""

    label = "onnxruntime"
    needs = ("onnx", "onnxruntime")
    tasks = ("infer",)
    networks = ("mlp", "convnet")

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            _model(workload, data), options, providers=["CPUExecutionProvider"]
        )

    def run(self) -> None:
        """Array in, array out."""
        for _ in range(self.workload.steps):
            self.session.run(None, {"x": self.data.x})

    def outputs(self, rows: slice) -> Array:
        """The scores."""
        scores: Array = self.session.run(None, {"x": self.data.x[rows]})[0]
        return scores


# Of each layer the node's name, and of which of the layer's attributes which of its own are made.
NODES: dict[str, tuple[str, dict[str, str]]] = {
    "Linear": ("Gemm", {}),
    "Conv2d": ("Conv", {"kernel_shape": "kernel_size", "strides": "stride"}),
    "MaxPool2d": ("MaxPool", {"kernel_shape": "kernel_size", "strides": "stride"}),
    "ReLU": ("Relu", {}),
    "Tanh": ("Tanh", {}),
    "Flatten": ("Flatten", {}),
}


def _model(workload: Workload, data: Data) -> bytes:
    """The network in ONNX's format."""
    from onnx import TensorProto, helper, numpy_helper

    import chainrule as cr

    described = network(workload)
    nodes, value = [], "x"
    for name, layer in described.module(cr).named_children():
        kind, attributes = NODES[type(layer).__name__]
        given: dict[str, Any] = {"transB": 1} if kind == "Gemm" else {}
        given |= {theirs: _pair(getattr(layer, own)) for theirs, own in attributes.items()}
        weights = [key for key in data.weights if key.startswith(f"{name}.")]
        nodes.append(helper.make_node(kind, [value, *weights], [f"y{name}"], **given))
        value = f"y{name}"
    kept = [numpy_helper.from_array(array, key) for key, array in data.weights.items()]
    ends = [("x", described.row), (value, workload.sizes[-1:])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", *row]) for n, row in ends)
    graph = helper.make_graph(nodes, workload.network, [x], [y], kept)
    # What it writes by default is newer than what onnxruntime reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    written: bytes = model.SerializeToString()
    return written


def _pair(size: Any) -> list[int]:
    return [size] * 2 if isinstance(size, int) else list(size)
