"""Dropout: in training, some values are left out at random (floor 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError
from chainrule.layers.function import Function, Random, random_state
from chainrule.ops import Array

__all__ = ["Dropout"]


class Dropout(Function):
    """In training, each value is 0 with probability p, the others are scaled by 1 / (1 - p).

    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple
    way to prevent neural networks from overfitting", 2014.

    Args:
        p: 0 to 1.
        rng: where the random numbers come from: a seed, a `numpy.random.Generator`, or `None`.

    Raises:
        OptionError: p outside 0 to 1.

    Examples:
        >>> dropout = Dropout(0.5, rng=0)
        >>> sorted(set(dropout(np.ones(100)).tolist()))
        [0.0, 2.0]
        >>> dropout.eval()(np.ones(3))
        array([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: Random = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise OptionError(f"dropout's probability must be between 0 and 1, got {p}")
        self.p = p
        self.state = random_state(rng)

    def forward(self, X: Array) -> Any:
        """Return X with values left out, or in use X itself; the factors are kept as "mask"."""
        self.cache["mask"] = mask = self._mask(X)
        return X if mask is None else ops.mul(X, mask)

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return what the last call multiplied each value by."""
        mask = self.cache["mask"]
        return {"X": np.ones_like(X) if mask is None else mask}

    def _mask(self, X: Array) -> Any:
        if not self.training or not self.p:
            return None
        dtype = np.result_type(X, np.float32)
        return ops.random_mask(self.state, shape=X.shape, p=self.p, dtype=dtype)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
