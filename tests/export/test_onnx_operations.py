"""Every operation of the table of cases as an ONNX file, or the reason why it is none."""

from __future__ import annotations

import numpy as np
import pytest

from case import own_state
from cases import CASES
from chainrule import ops
from chainrule.errors import DataError
from chainrule.export.forward import forward_of
from chainrule.export.onnx import onnx_bytes, read_onnx
from chainrule.export.onnx.graph import UNWRITTEN, WRITERS
from export.onnx_judge import agree, answers, ours

# Where onnxruntime is no judge: it, or a release of it, gives something else.
OTHERWISE = {
    "cummax-tie": "its ArgMax passes over NaN",
    "quantile-nan": "its TopK had no place for NaN before 1.32",
    "nanmedian-nan": "its TopK had no place for NaN before 1.32",
    "repeat-never": "its Expand makes one of none",
}
UNSAID = {"max_pooling_winners-lowest"}  # where all is -inf the border may win

# The median that passes over NaN is the only form that is refused of an operation that is written.
REFUSED = {"nanmedian", "nanmedian-only-nan", "middle-ignored", "attention-dropped"}
UNREAD = {"ctc_loss-one after another"}  # reads numbers to know shapes

STATEFUL = {name for name, case in CASES.items() if case.form is own_state}


def test_every_operation_is_written_or_has_a_reason():
    assert not WRITERS.keys() & UNWRITTEN.keys()
    assert ops.REGISTRY.keys() - WRITERS.keys() == UNWRITTEN.keys()


def test_exceptions_are_cases():
    assert {*OTHERWISE, *UNSAID, *REFUSED, *UNREAD} <= CASES.keys()


class Applied:
    """A case as a function of its arrays."""

    def __init__(self, case):
        self.case, self.inputs = case, case.arrays(np.float32)
        self.places = [k for k, x in enumerate(self.inputs) if isinstance(x, np.ndarray)]
        self.arrays = [self.inputs[k] for k in self.places]

    def __call__(self, *arrays):
        given = list(self.inputs)
        for k, a in zip(self.places, arrays):
            given[k] = a
        return self.case.ours(*given)


@pytest.mark.parametrize("name", [n for n in CASES if n not in STATEFUL])
def test_an_operation_is_exported_and_loaded(name):
    applied = Applied(CASES[name])
    if name in REFUSED | UNREAD or not _is_written(applied):
        with pytest.raises(DataError):
            onnx_bytes(applied, *applied.arrays, dynamic_batch=False)
        return
    content = onnx_bytes(applied, *applied.arrays, dynamic_batch=False)
    expected = ours(applied, applied.arrays)
    read = ours(read_onnx(content), applied.arrays)
    if name in UNSAID:
        with pytest.raises(AssertionError):
            agree(read, expected)
        return
    agree(read, expected, near=1e-6)
    if name not in OTHERWISE:
        agree(answers(content, applied.arrays), expected)


def _is_written(applied):
    """Whether all that is recorded has a writer; what changes arguments cannot be recorded."""
    if applied.case.kind in ("update", "random"):
        return False
    found = {step.op.name for step in forward_of(applied, *applied.arrays).program}
    return not found & UNWRITTEN.keys()


@pytest.mark.parametrize("name", ["lgamma", "solution", "convolution_weight", "nextafter"])
def test_what_is_not_written_is_named_with_the_reason(name):
    applied = Applied(CASES[name])
    with pytest.raises(DataError, match=f"^the operation {name} {UNWRITTEN[name][:12]}"):
        onnx_bytes(applied, *applied.arrays, dynamic_batch=False)
