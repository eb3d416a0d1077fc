"""Every layer and loss of `nn` as an ONNX file: onnxruntime answers as it does, whatever the batch.

A row of the tables that cannot be exported is listed here with the reason.
"""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ChainruleError, DataError
from chainrule.export.onnx import onnx_bytes, read_onnx
from export.onnx_judge import Called, agree, answers, ours
from nn.rows import ACTIVATIONS, LAYERS, LOSSES
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

onnx = pytest.importorskip("onnx")

ROWS = [*LAYERS, *ACTIVATIONS, *LOSSES, *SEQUENCES, *WINDOWS]

# What is not exported, and a part of the sentence that says so.
REFUSED = {
    "CTCLoss() one after another": "reads numbers",
}

# What is exported for one size of the batch alone, and why.
ONE_SIZE = {
    "BatchNorm1d(3, track_running_stats=False)": "its correction of the variance is a number",
    "BatchNorm1d(3, 0.001, None, False, False) by position": "likewise",
    "BatchNorm2d(3, affine=False, track_running_stats=False)": "likewise",
    "CrossEntropyLoss(label_smoothing=0.1) probabilities without a batch": "classes stand there",
    "RNN(4, 3, bias=False, batch_first=True) one sequence": "time stands there",
    "LSTM(4, 3, bias=False, batch_first=True) one sequence": "time stands there",
    "GRU(4, 3, bias=False, batch_first=True) one sequence": "time stands there",
}

# Of these the first dimension is time unless `batch_first`.
TIME_FIRST = {
    "RNN", "LSTM", "GRU", "MultiheadAttention", "TransformerEncoderLayer",
    "TransformerDecoderLayer", "Transformer",
}  # fmt: skip

each_row = pytest.mark.parametrize("row", ROWS, ids=str)


@each_row
def test_a_layer_is_exported_and_loaded(row):
    case = Called(row)
    reason = REFUSED.get(str(row))
    if reason:
        with pytest.raises(DataError, match=reason):
            onnx_bytes(case, *case.examples, dynamic_batch=False)
        return
    content = onnx_bytes(case, *case.examples, dynamic_batch=False)
    expected = ours(case, case.examples)
    agree(answers(content, case.examples), expected)
    agree(ours(read_onnx(content), case.examples), expected, near=1e-6)


def test_refusals_are_rows():
    assert {*REFUSED, *ONE_SIZE} <= {str(row) for row in ROWS}


def batch_axis(row):
    return int(row.kind in TIME_FIRST and not row.options.get("batch_first", False))


def of_size(arrays, axis, n):
    return [
        np.take(a, np.arange(n) % a.shape[axis], axis) if a.ndim > axis and a.shape[axis] else a
        for a in arrays
    ]


@each_row
def test_the_batch_stays_open(row):
    case, axis = Called(row), batch_axis(row)
    names = [f"x{k}" for k in range(len(case.examples))]
    axes = {n: {axis: "batch"} for n, a in zip(names, case.examples) if a.ndim > axis}
    if any(a.ndim > axis and not a.shape[axis] for a in case.examples):
        with pytest.raises(DataError, match="at least one row"):
            onnx_bytes(case, *case.examples, input_names=names, dynamic_axes=axes)
        return
    try:
        expected = {n: ours(case, of_size(case.examples, axis, n)) for n in (1, 3, 7)}
        ours(case, of_size(case.examples, axis, 2))
    except (ChainruleError, IndexError):
        # It has no batch: the row is of a single example, or of lengths that are given.
        with pytest.raises(ChainruleError):
            onnx_bytes(case, *case.examples, input_names=names, dynamic_axes=axes)
        return
    if str(row) in {*ONE_SIZE, *REFUSED}:
        with pytest.raises(DataError, match=r"another size of batch|reads numbers"):
            onnx_bytes(case, *case.examples, input_names=names, dynamic_axes=axes)
        return
    content = onnx_bytes(case, *case.examples, input_names=names, dynamic_axes=axes)
    network = read_onnx(content)
    for n, wanted in expected.items():
        arrays = of_size(case.examples, axis, n)
        agree(answers(content, arrays), wanted)
        agree(ours(network, arrays), wanted, near=1e-6)


# onnxruntime computes these for float32 alone.
SINGLE = {"Conv", "ConvTranspose", "Erf"}


@pytest.mark.parametrize("row", [*LAYERS, *ACTIVATIONS, *SEQUENCES], ids=str)
def test_doubles_stay_doubles(row):
    case = Called(row, np.float64)
    if str(row) in REFUSED:
        return
    content = onnx_bytes(case, *case.examples, dynamic_batch=False)
    expected = ours(case, case.examples)
    agree(ours(read_onnx(content), case.examples), expected, near=1e-12)
    if SINGLE & {node.op_type for node in onnx.load_from_string(content).graph.node}:
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED .* implementation for"):
            answers(content, case.examples, plainly=True)
        return
    agree(answers(content, case.examples, plainly=True), expected)
