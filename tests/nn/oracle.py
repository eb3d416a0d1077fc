"""The same module in chainrule and in PyTorch, and what it means that they agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import from_numpy, tensor

# Of the largest element: a few units in the last place, as many as a sum of some hundred terms in
# another order may differ by.
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}


def plain(v: Any) -> np.ndarray:
    """The numbers of a tensor of either library."""
    return np.asarray(v.detach())


def close(ours: Any, theirs: Any, what: str, slack: float = 1) -> None:
    """Fail unless two tensors agree in shape, dtype and, but for rounding, in every number."""
    if theirs is None or ours is None:
        assert ours is None, f"{what}: PyTorch has none"
        assert theirs is None, f"{what}: only PyTorch has one"
        return
    a, b = plain(ours), plain(theirs)
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    tolerance = slack * TOLERANCE.get(str(b.dtype), 0)
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=what)
    scale = max(1.0, np.abs(b[finite]).max(initial=0))
    np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=tolerance * scale, err_msg=what)


def filled(module: Any, rng: np.random.Generator, torch: Any) -> Any:
    """Give PyTorch's `module` random parameters and running values."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                drawn = rng.uniform(0.5, 2.0, value.shape)
                drawn = drawn if "var" in name else drawn - 1.2
                value.copy_(torch.as_tensor(drawn))
    return module


def pair(row: Any, torch: Any, dtype: str, fill: bool = True, **more: Any) -> tuple[Any, Any]:
    """The module of a row in both libraries, with the same weights and running values."""
    theirs = row.build(torch.nn, torch.as_tensor, **more).to(getattr(torch, dtype))
    ours = row.build(nn, tensor, **more).to(dtype)
    if fill:
        filled(theirs, row.rng(), torch)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def inputs(arrays: Any, dtype: str, torch: Any) -> tuple[list[Any], list[Any]]:
    """The arrays as tensors of both libraries, those of real numbers in `dtype` and tracked."""
    ours, theirs = [], []
    for a in arrays:
        real = a.dtype.kind == "f"
        a = a.astype(dtype) if real else a
        ours.append(from_numpy(a).requires_grad_() if real else from_numpy(a))
        theirs.append(torch.tensor(a, requires_grad=real))
    return ours, theirs


def backward(ours: Any, theirs: Any, rng: np.random.Generator, torch: Any) -> None:
    """Go back through both from the same random weights of every output."""
    if theirs.requires_grad:
        g = rng.normal(size=tuple(theirs.shape)).astype(str(theirs.dtype).removeprefix("torch."))
        theirs.backward(torch.as_tensor(g))
        ours.backward(from_numpy(np.asarray(g)))
