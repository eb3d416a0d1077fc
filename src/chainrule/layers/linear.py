"""The affine layer, and what prepares data for it: scale and shape (floor 2)."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from chainrule import init, ops
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.layers.function import Function, Layer, Random
from chainrule.ops import Array

__all__ = ["Flatten", "Linear", "Normalize"]


def at_least_1(**sizes: int) -> None:
    """Refuse sizes below 1, by name."""
    for name, n in sizes.items():
        if n < 1:
            raise OptionError(f"{name} must be at least 1, got {n}")


def not_bytes(X: Array) -> None:
    """Refuse images as they are stored, whose large numbers would saturate whatever follows."""
    if X.dtype == np.uint8:
        raise DataError(
            "expected numbers near 0 and 1, got bytes from 0 to 255; divide images by 255, or put "
            "Normalize first"
        )


class Linear(Layer):
    """Y = X W + b, each row of X an example.

    Args:
        in_dim: features of an example.
        out_dim: outputs for it.
        bias: whether to add b.
        rng: where the initial weights come from: a seed, a `numpy.random.Generator`, or `None`.

    Attributes:
        weight: W (in_dim, out_dim) and b (1, out_dim), at first normal with deviation
            1/sqrt(in_dim), so that an output is about as large as an input.

    Raises:
        OptionError: a size below 1.
        ShapeError: an input with another number of features.

    Examples:
        >>> layer = Linear(2, 3, rng=0)
        >>> layer(np.ones((5, 2))).shape
        (5, 3)
        >>> layer.backward(np.ones((5, 3))).shape
        (5, 2)
        >>> {name: dw.shape for name, dw in layer.weight_update.items()}
        {'W': (2, 3), 'b': (1, 3)}
    """

    def __init__(self, in_dim: int, out_dim: int, *, bias: bool = True, rng: Random = None) -> None:
        at_least_1(in_dim=in_dim, out_dim=out_dim)
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.bias = bias
        super().__init__(rng)

    def _init_weights(self, state: Array) -> None:
        scale = 1 / math.sqrt(self.in_dim)
        shape = (self.in_dim, self.out_dim)
        self.weight["W"] = init.normal(state, shape, 0.0, scale, np.float64)
        if self.bias:
            self.weight["b"] = init.normal(state, (1, self.out_dim), 0.0, scale, np.float64)

    def forward(self, X: Array) -> Any:
        """Return X W + b, (..., out_dim) for X (..., in_dim)."""
        if not X.ndim or X.shape[-1] != self.in_dim:
            raise ShapeError(self._misfit(X.shape))
        not_bytes(X)
        Y = ops.matmul(X, self.weight["W"])
        return ops.add(Y, self.weight["b"]) if self.bias else Y

    def backward(self, dY: Array) -> Any:
        """Return dX = dY W^T; the updates are dW = X^T dY and db = the sum of the rows of dY."""
        X, g = rows(self.cache["X"]), rows(dY)
        self.weight_update["W"] = ops.matmul(X.T, g)
        if self.bias:
            self.weight_update["b"] = ops.sum(g, dim=0, keepdim=True)
        return ops.matmul(dY, self.weight["W"].T)

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return what dY is multiplied by: dX = dY "X", dW = "W" dY, db = "b" dY."""
        local = {"X": self.weight["W"].T, "W": rows(X).T}
        return local | {"b": np.ones((1, len(rows(X))), X.dtype)} if self.bias else local

    def _misfit(self, shape: tuple[int, ...]) -> str:
        expected = f"expected {self.in_dim} features"
        if not shape:
            return f"{expected}, got a single number; give it shape (1, {self.in_dim})"
        if math.prod(shape[1:]) == self.in_dim:
            return f"{expected}, got shape {shape}; put Flatten before it"
        return f"{expected}, got {shape[-1]}: an input of shape {shape}"

    def __repr__(self) -> str:
        return f"Linear({self.in_dim}, {self.out_dim}{'' if self.bias else ', bias=False'})"


def rows(X: Array) -> Array:
    """X as a matrix: all dimensions but the last in one."""
    return X if X.ndim == 2 else X.reshape(-1, X.shape[-1])


class Flatten(Function):
    """Each example as one row: (N, C, H, W) becomes (N, C H W).

    Examples:
        >>> Flatten()(np.ones((2, 3, 4))).shape
        (2, 12)
    """

    def forward(self, X: Array) -> Any:
        """Return X as (N, features)."""
        return ops.reshape(X, shape=(len(X), math.prod(X.shape[1:])))

    def backward(self, dY: Array) -> Any:
        """Return dY in the shape of X."""
        return ops.reshape(dY, shape=self.cache["X"].shape)


class Normalize(Function):
    """Y = (X - mean) / std: raw data, bytes too, brought to the scale that networks like.

    Args:
        mean: one number, or one for each channel or column (the second dimension of X).
        std: likewise, above 0.

    Raises:
        OptionError: a `std` that is not above 0, or not as many as `mean`.

    Examples:
        >>> Normalize(127.5, 127.5)(np.array([[0, 255]], dtype=np.uint8))
        array([[-1.,  1.]])
    """

    def __init__(self, mean: Any, std: Any) -> None:
        super().__init__()
        mean, std = np.atleast_1d(mean), np.atleast_1d(std)
        dtype = np.result_type(mean, std, np.float32)
        self.mean, self.std = mean.astype(dtype), std.astype(dtype)
        if self.mean.shape != self.std.shape or self.mean.ndim != 1 or not (self.std > 0).all():
            raise OptionError("Normalize takes as many std as mean, and every std above 0")

    def _beside(self, v: Array, X: Array) -> Array:
        """v (C,) so that it broadcasts along the second dimension of X."""
        if len(v) > 1 and (X.ndim < 2 or X.shape[1] != len(v)):
            raise ShapeError(f"expected {len(v)} channels or columns, got shape {X.shape}")
        return v.reshape(-1, *([1] * (X.ndim - 2)))

    def forward(self, X: Array) -> Any:
        """Return (X - mean) / std, in floating point."""
        mean, std = self._beside(self.mean, X), self._beside(self.std, X)
        numbers = X if X.dtype.kind == "f" else ops.cast(X, dtype=mean.dtype)
        return ops.div(ops.sub(numbers, mean), std)

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return 1 / std."""
        slope = ops.reciprocal(self._beside(self.std, X))
        return {"X": ops.broadcast_to(slope, shape=X.shape)}

    def astype(self, dtype: Any) -> Self:
        """Keep mean and std in another dtype, and return the function."""
        self.mean, self.std = self.mean.astype(dtype), self.std.astype(dtype)
        return self

    def __repr__(self) -> str:
        if len(self.mean) > 1:
            return f"Normalize({len(self.mean)} columns)"
        return f"Normalize({self.mean[0]:.4g}, {self.std[0]:.4g})"
