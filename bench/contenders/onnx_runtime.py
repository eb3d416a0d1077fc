"""onnxruntime, on a model of plain `Gemm` and `Relu` nodes."""

from __future__ import annotations

from typing import Any

from bench.contender import Contender
from bench.workloads import Array, Data, Workload


class OnnxRuntime(Contender):
    """Inference only."""

    label = "onnxruntime"
    needs = ("onnx", "onnxruntime")
    tasks = ("infer",)

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

    def outputs(self) -> Array:
        """The scores."""
        scores: Array = self.session.run(None, {"x": self.data.x})[0]
        return scores


def _model(workload: Workload, data: Data) -> bytes:
    """The network in ONNX's format."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, kept, value = [], [], "x"
    for i, (w, b) in enumerate(zip(data.weights, data.biases)):
        kept += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"z{i}"], transB=1))
        value = f"z{i}"
        if i < len(data.weights) - 1:
            bend = "Tanh" if workload.activation == "tanh" else "Relu"
            nodes.append(helper.make_node(bend, [value], [f"h{i}"]))
            value = f"h{i}"
    ends = [("x", workload.sizes[0]), (value, workload.sizes[-1])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", size]) for n, size in ends)
    graph = helper.make_graph(nodes, "mlp", [x], [y], kept)
    # What it writes by default is newer than what onnxruntime reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    written: bytes = model.SerializeToString()
    return written
