"""Every row of the case table, forward and backward, by eager and by both executors.

Primitives and composites alike, as a person calls them: on tensors, with the gradients of whatever
has one. What cannot be recorded is named here with its reason, and has to be refused.
"""

from __future__ import annotations

import numpy as np
import pytest

from case import is_real
from cases import CASES, LISTS
from chainrule.autograd import Tensor, grad
from chainrule.autograd.tape import Traced
from chainrule.errors import CaptureError
from chainrule.plan.passes import simplified
from chainrule.plan.record import record
from chainrule.plan.replay import Replay

FORMATS = [np.float64, np.float32]

# Rows that do what a replay could not. Targets that lie one after another are cut by their lengths,
# which are numbers in a tensor.
REFUSED = {"ctc_loss-one after another"}


def is_asked(case):
    """Not steps, which change their arguments, nor what draws, whose generator moves on."""
    drawn = any(getattr(a, "dtype", None) == np.uint64 for a in case.arrays())
    return case.kind not in ("update", "random") and not drawn


ROWS = [case for case in CASES.values() if is_asked(case)]


def holds_numbers(a):
    """Whether `a` is an array of what a tensor holds; the state of a generator is not."""
    return isinstance(a, np.ndarray) and a.dtype != np.uint64


def there_and_back(case, given):
    """The row as a function of its arrays, giving outputs and gradients, and those arrays."""
    places = [i for i, a in enumerate(given) if holds_numbers(a)]
    wanted = [places.index(i) for i in case.wanted() if is_real(given[i])]

    def function(*arrays):
        full = list(given)
        tensors = [Tensor(a, requires_grad=k in wanted) for k, a in enumerate(arrays)]
        for i, t in zip(places, tensors):
            full[i] = t
        ys = [y for y in case.ours(*full) if isinstance(y, Traced)]
        roots = [y for y in ys if y.requires_grad]
        slopes = [np.cos(np.arange(y.numel())).reshape(y.shape).astype(y.dtype) for y in roots]
        leaves = [tensors[k] for k in wanted]
        found = grad(roots, leaves, slopes, allow_unused=True) if roots else []
        return [t.array for t in (*ys, *found) if t is not None]

    return function, [given[i] for i in places]


def bits(arrays):
    return [(a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, arrays)]


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_numpys_executor_agrees_to_the_last_bit(case):
    for dtype in FORMATS:
        function, arrays = there_and_back(case, case.arrays(dtype))
        if case.name in REFUSED:
            with pytest.raises(CaptureError, match="reads numbers"):
                record(function, arrays)
            continue
        _, program = record(function, arrays)
        expected = bits(function(*arrays))
        replay = Replay(simplified(program))
        assert [bits(replay(*arrays)) for _ in range(2)] == [expected] * 2


def together(cases, dtype):
    """Many rows as one function of all their arrays, and those."""
    parts = [there_and_back(case, case.arrays(dtype)) for case in cases]

    def function(*arrays):
        given = iter(arrays)
        return [y for part, own in parts for y in part(*(next(given) for _ in own))]

    return function, [a for _, own in parts for a in own]


@pytest.mark.parametrize("dtype", FORMATS, ids=["double", "float"])
@pytest.mark.parametrize("rows", LISTS, ids=lambda rows: rows[0].op)
def test_machine_code_agrees_to_rounding(rows, dtype, folder):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")
    from chainrule.plan.native.executor import Native

    cases = [case for case in rows if is_asked(case) and case.name not in REFUSED]
    function, arrays = together(cases, dtype)
    _, program = record(function, arrays)
    native = Native(simplified(program), folder)
    for _ in range(2):
        for found, expected in zip(native(*arrays), function(*arrays), strict=True):
            assert_close(found, expected)


def assert_close(found, expected):
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    near = 256 * np.finfo(expected.dtype).eps
    scale = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
    np.testing.assert_allclose(found, expected, rtol=near, atol=near * min(scale, 1))
