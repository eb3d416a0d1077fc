"""One training by everything that can carry it out: as it stands, by NumPy, as machine code.

A training is made anew for each, from the same seed, and taken step by step. What comes of it, the
results of every step and what its tensors hold in the end, is compared: NumPy's executor with the
step as it stands to the last bit, machine code to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule as cr

STEPS = 100

# Of the largest number of a tensor: what rounding may come to in a hundred steps.
TOLERANCE = {"float64": 1e-12, "float32": 1e-4}


class Training:
    """Something that is trained by calls of `step`, and after that perhaps used.

    Attributes:
        batches: arguments of the steps, taken in turn, the first again at the last of them.
    """

    batches: Sequence[Sequence[Any]] = ((),)

    def step(self, *batch: Any) -> Any:
        """Take a step, and return a loss, or several."""
        raise NotImplementedError

    def after(self, number: int) -> None:
        """Do what is done between two steps."""

    def state(self) -> dict[str, Any]:
        """The tensors and arrays that steps change."""
        raise NotImplementedError

    def uses(self) -> Any:
        """What is computed with what was learned, as a function of a batch, if anything."""
        return None


def arrays(result: Any) -> list[np.ndarray]:
    """All arrays in nested results, copied."""
    if isinstance(result, (tuple, list)):
        return [a for part in result for a in arrays(part)]
    if isinstance(result, cr.Tensor):
        result = result.detach().numpy()
    return [] if result is None else [np.array(result)]


def course(make: Callable[[], Training], executor: str) -> tuple[dict[str, np.ndarray], set[str]]:
    """All that comes of a training, by name, one executor having carried it out.

    What machine code has left to NumPy is there too.
    """
    cr.manual_seed(7)
    training = make()
    quick = _compiled(training.step, executor)
    results = []
    for k in range(STEPS):
        results.append(arrays(quick(*training.batches[k % len(training.batches)])))
        training.after(k)
    assert executor == "" or quick.program is not None, "it was never recorded"
    found = {f"result {i}": np.stack(column) for i, column in enumerate(zip(*results))}
    outside = set(quick.outside) if executor == "native" else set()
    use = training.uses()
    if use:
        quick = _compiled(use, executor)
        with cr.no_grad():
            used = [arrays(quick(*training.batches[k % 2])) for k in range(6)]
        assert executor == "" or quick.program is not None, "its use was never recorded"
        outside |= set(quick.outside) if executor == "native" else set()
        found |= {f"use {i}": np.stack(column) for i, column in enumerate(zip(*used))}
    for name, value in training.state().items():
        found |= {f"{name} {i}": a for i, a in enumerate(arrays(value))}
    return found, outside


def _compiled(function: Any, executor: str) -> Any:
    return cr.compile(function, executor=executor) if executor else function


@pytest.fixture(autouse=True)
def own_code(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code is kept where these tests alone find it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))


def assert_agreement(make: Callable[[], Training]) -> None:
    """Fail unless a training comes to the same whatever carries it out, machine code all of it."""
    expected, _ = course(make, "")
    _assert_learned(expected)
    found, _ = course(make, "numpy")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, f"{name} by NumPy's executor")
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    found, left = course(make, "native")
    for name, array in expected.items():
        assert_close(found[name], array, f"{name} as machine code")
    assert not left, "this machine code leaves to NumPy"


def _assert_learned(found: dict[str, np.ndarray]) -> None:
    """Fail where the last step, with the arguments of the first, gives what that gave."""
    results = [a for name, a in found.items() if name.startswith("result")]
    assert any((a[0] != a[-1]).any() for a in results), "nothing was learned"


def assert_close(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected, what)
        return
    near = TOLERANCE[str(expected.dtype)]
    scale = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
    np.testing.assert_allclose(found, expected, rtol=near, atol=near * scale, err_msg=what)
