"""ONNX's own tests of operators: every one whose operators are read, with what it expects.

Those that expect something else of us are listed with the reason.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from chainrule import from_numpy
from chainrule.errors import DataError
from chainrule.export.onnx import read_onnx
from chainrule.export.onnx.reading.call import READERS

onnx = pytest.importorskip("onnx", reason="the tests are those of the onnx package")

# Parts of the sentences that refuse a file, each with the reason.
REFUSED = {
    r"has elements of kind (8|16|17|18|19|20|21|22|23|24|25|26), ": (
        "text, bfloat16 and numbers of eight bits and less are not NumPy's"
    ),
    r"makes elements of kind \d+, which is not supported": "likewise",
    r"is no tensor": "sequences and optional values are not tensors",
    r"version [1-6] of ONNX's operators": "they broadcast in another way",
    r"\(Resize\): it resizes with a crop or with antialiasing": "not written",
    r"\(Dropout\): it draws random numbers": "a loaded network does not",
    r"\(BatchNormalization\): it is to learn its means": "they are buffers that stay",
    r"\(LSTM\): its gates look at the cells": "LSTMs here do not",
    r"\(MaxPool\): it counts columns first": "places are counted row by row",
    r"\(Col2Im\): its images have another rank": "fold is for images",
}

# Rounding of float16 in another order than the expected numbers were made in.
ROUNDED = re.compile("_fp16_expanded$")


def collected():
    """The tests by name; they have been at more than one place in the package."""
    case = pytest.importorskip("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {c.name: c for c in case.collect_testcases(None)}


def arrays(values):
    proto = onnx.TensorProto
    made = onnx.numpy_helper.to_array
    return [made(v) if isinstance(v, proto) else np.asarray(v) for v in values]


def computed(case):
    """The results of a test, and those that it expects."""
    network = read_onnx(case.model.SerializeToString())
    for inputs, outputs in case.data_sets:
        y = network(*(from_numpy(np.array(a)) for a in arrays(inputs)))
        found = y if isinstance(y, tuple) else (y,)
        yield [v.detach().numpy() for v in found], arrays(outputs)


def agrees(case):
    for found, expected in computed(case):
        assert len(found) == len(expected)
        for y, z in zip(found, expected):
            assert (y.shape, y.dtype) == (z.shape, z.dtype)
            slack = 2e-3 if ROUNDED.search(case.name) else 0
            np.testing.assert_allclose(y, z, rtol=case.rtol, atol=case.atol + slack)


def test_operators_do_what_onnx_says():
    wrong, done, reasons = {}, 0, set()
    for name, case in collected().items():
        if not {n.op_type for n in case.model.graph.node} <= READERS.keys():
            continue
        try:
            agrees(case)
            done += 1
        except DataError as error:
            reason = next((r for r in REFUSED if re.search(r, str(error))), None)
            reasons.add(reason)
            if reason is None:
                wrong[name] = str(error)
        except (AssertionError, ValueError) as error:
            wrong[name] = str(error)
    assert not wrong
    assert reasons <= REFUSED.keys()
    assert done > 500
