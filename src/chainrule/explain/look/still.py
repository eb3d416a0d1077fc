"""A network held still: a copy in eval mode, from which nothing comes back (floor 4)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.autograd.generator import default_generator
from chainrule.errors import OptionError, ShapeError, kind_of
from chainrule.ops import Array

__all__ = ["fed", "given_by", "outputs_of", "still"]

_ROWS = 512  # at a time


@contextmanager
def still(model: nn.Module) -> Iterator[nn.Module]:
    """Lend a copy of `model` in eval mode; the default generator goes on from where it was.

    Args:
        model: is left as it is.

    Raises:
        OptionError: it is no module.
    """
    if not isinstance(model, nn.Module):
        raise OptionError(f"looking inside takes an nn.Module, got {kind_of(model)}")
    before = default_generator.get_state()
    copied = copy.deepcopy(model).eval()
    copied.zero_grad()
    try:
        yield copied
    finally:
        default_generator.set_state(before)


def fed(model: nn.Module, x: Array, *, slopes: bool = False) -> Tensor:
    """Return inputs as a tensor that the model takes.

    Args:
        model: numbers with a point are brought to the dtype of its parameters.
        x: whole numbers stay as they are, unless slopes are wanted.
        slopes: whether the input is to have a gradient.
    """
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), np.dtype("f4"))
    if slopes or x.dtype.kind == "f":
        x = x.astype(dtype)
    return from_numpy(x).requires_grad_(slopes)


def outputs_of(model: nn.Module, x: Array) -> Array:
    """Return the outputs of a network for every row, `(N, K)`, changing nothing.

    Args:
        model: gives one number or K numbers for a row.
        x: `(N, ...)`.

    Raises:
        ShapeError: the model gives something else.
    """
    with still(model) as copied:
        return given_by(copied, x)


def given_by(copied: nn.Module, x: Array) -> Array:
    """Return the outputs, `(N, K)`, of a network that is held still already.

    Args:
        copied: from `still`.
        x: `(N, ...)`.

    Raises:
        ShapeError: the model gives something else.
    """
    with no_grad():
        parts = [copied(fed(copied, x[i : i + _ROWS])) for i in range(0, len(x), _ROWS)]
    outputs = np.concatenate([part.array for part in parts])
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2 or len(outputs) != len(x):
        raise ShapeError(
            f"expected outputs of shape (N,) or (N, K) for {len(x)} rows, got {outputs.shape}"
        )
    return outputs
