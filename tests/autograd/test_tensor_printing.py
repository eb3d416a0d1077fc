"""Tensors print as PyTorch's do, to the character, but for the names of formats and operations."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError

RNG = np.random.default_rng(0)
ARRAYS = {
    "fractions": np.array([[0.1, -2.5, 3.25], [1.0, 0.0, 12.0]], np.float32),
    "whole": np.array([1.0, -2.0, 30.0], np.float32),
    "number": np.array(2.5, np.float32),
    "whole-number": np.array(3.0, np.float32),
    "tiny": np.array([1e-5, 1.0], np.float32),
    "large": np.array([1e9, 2.0], np.float32),
    "large-fractions": np.array([12345.678, 0.5], np.float32),
    "special": np.array([np.nan, np.inf, -np.inf, 1.5], np.float32),
    "special-whole": np.array([np.nan, np.inf, 2.0], np.float32),
    "only-special": np.array([np.nan, -np.inf], np.float32),
    "zeros": np.zeros((2, 3), np.float32),
    "integers": np.array([[1, -20], [300, 4]]),
    "truth": np.array([[True, False]]),
    "empty": np.zeros(0, np.float32),
    "empty-matrix": np.zeros((0, 3), np.float32),
    "long": np.arange(30, dtype=np.float32),
    "long-integers": np.arange(60),
    "long-fractions": RNG.normal(size=(3, 15)).astype(np.float32),
    "three": RNG.normal(size=(2, 3, 4)).astype(np.float32),
    "four": np.ones((2, 1, 2, 2), np.float32),
    "summary": np.arange(2000, dtype=np.float32),
    "summary-matrix": RNG.normal(size=(50, 40)).astype(np.float32),
    "summary-three": np.arange(4000).reshape(20, 10, 20),
    "summary-thin": np.arange(3000).reshape(1500, 2),
    "double": np.array([0.5, 1 / 3]),
    "half": np.array([0.5, 2.0], np.float16),
    "bytes": np.array([1, 255], np.uint8),
}
OPTIONS = {
    "default": {},
    "precision": {"precision": 2},
    "narrow": {"linewidth": 60},
    "short": {"profile": "short"},
    "full": {"profile": "full"},
    "ends": {"threshold": 10, "edgeitems": 1},
    "powers": {"sci_mode": True},
    "no-powers": {"sci_mode": False},
}


@pytest.fixture
def options(request, torch):
    """Both libraries with the same choice of how to print, for one test."""
    for library in (cr, torch):
        library.set_printoptions(profile="default")
        library.set_printoptions(**request.param)
    yield
    for library in (cr, torch):
        library.set_printoptions(profile="default")


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS, indirect=True)
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.usefixtures("options")
def test_as_pytorch(array, torch):
    expected = repr(torch.tensor(array)).replace("torch.", "")
    assert repr(cr.tensor(array)) == expected
    if array.dtype == np.float32:
        wanting = repr(torch.tensor(array, requires_grad=True))
        assert repr(cr.tensor(array, requires_grad=True)) == wanting


def test_history():
    x = cr.tensor([1.0], requires_grad=True)
    assert repr(x * 2.5) == f"tensor([2.5000], grad_fn={(x * 2.5).grad_fn})"


def test_another_profile():
    with pytest.raises(OptionError, match="one of default, short, full, got 'long'"):
        cr.set_printoptions(profile="long")
