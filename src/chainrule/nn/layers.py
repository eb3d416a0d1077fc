"""Affine maps, and layers that only arrange or scale their input (floor 3).

Weights begin as in PyTorch: evenly drawn from +-1/sqrt(inputs of a unit). `generator` says from
which source, the default one if `None`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Generator, Tensor, as_tensor, from_numpy
from chainrule.autograd.tape import Node
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.nn.weights import even, floating, placed, positive, spread_evenly

__all__ = ["Flatten", "Identity", "Linear", "Normalize", "Unflatten"]


class Linear(Module):
    """y = x W^T + b, an affine map of the last dimension.

    Args:
        in_features: size of the last dimension of x.
        out_features: size of the last dimension of y.
        bias: whether to add b.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Attributes:
        weight: W, (out_features, in_features).
        bias: b, (out_features,), or `None`.

    Raises:
        OptionError: a size below 1.
        ShapeError: an input of another size.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Linear(2, 3)(ones(5, 2)).shape
        (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self._draw(bias, generator, device, dtype)

    def _draw(self, bias: bool, generator: Generator | None, device: Any, dtype: Any) -> None:
        """Set weight and bias."""
        bound = 1 / math.sqrt(self.in_features)
        self.weight = even((self.out_features, self.in_features), bound, generator)
        self.bias = even((self.out_features,), bound, generator) if bias else None
        placed(self, device, dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        spread_evenly(self, 1 / math.sqrt(self.in_features))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., in_features) to (..., out_features)."""
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ShapeError(self._misfit(x))
        floating(x)
        return F.linear(x, self.weight, self.bias)

    def _misfit(self, x: Tensor) -> str:
        n, shape = self.in_features, tuple(x.shape)
        if not shape:
            return f"expected {n} input features, got a single number; give it shape ({n},)"
        if len(shape) > 2:
            return f"expected {n} input features, got shape {shape}; {self._of_images(shape)}"
        said = f"expected {n} input features, got {_counted(x)}"
        if len(shape) == 1 and n == 1:
            return f"{said}; for rows of one feature put x.unsqueeze(1), of shape {(*shape, 1)}"
        if len(shape) == 2 and shape[0] == n:
            return f"{said}; if the features come first put x.T, or else set in_features={shape[1]}"
        return f"{said}; set in_features={shape[-1]}"

    def _of_images(self, shape: tuple[int, ...]) -> str:
        """What to do with inputs of more than two dimensions."""
        n, features = self.in_features, math.prod(shape[1:])
        if len(shape) == 3 and shape[1] == n:
            return f"if the features come second put x.transpose(1, 2), of shape (..., {n})"
        flat = f"flattened it has {features} = {_product(shape[1:])}: put Flatten before it"
        if features == n:
            return flat
        also = f"set in_features={shape[-1]}; or, " if len(shape) == 3 else ""
        return f"{also}{flat} and set in_features={features}"

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def _counted(x: Tensor) -> str:
    """The number of features, and what it is the product of where x has just been flattened."""
    node, features = x.node, x.shape[-1]
    if type(node) is Node and node.op is ops.reshape and node.xs is not None:
        before = node.xs[0].shape
        if len(before) > 2 and math.prod(before[1:]) == features:
            return f"{features} = {_product(before[1:])}"
    return str(features)


def _product(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


class Flatten(Module):
    """Join the dimensions from `start_dim` to `end_dim`: by default all but the batch.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Flatten()(ones(2, 3, 4)).shape
        (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return x with those dimensions joined."""
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension as several: `Flatten` undone.

    Args:
        dim: which.
        unflattened_size: the sizes it becomes; one may be -1.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Unflatten(1, (3, 4))(ones(2, 12)).shape
        (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = dim
        self.unflattened_size = tuple(int(n) for n in unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with that dimension taken apart."""
        if not -x.ndim <= self.dim < x.ndim:
            raise ShapeError(f"expected a dimension {self.dim}, got shape {tuple(x.shape)}")
        d = self.dim % x.ndim
        return x.reshape(*x.shape[:d], *self.unflattened_size, *x.shape[d + 1 :])

    def extra_repr(self) -> str:
        """Return the dimension and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Return the input as it is.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Identity()(ones(2))
        tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take any arguments, and need none."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Normalize(Module):
    """y = (x - mean) / std: raw data, integers too, brought to the scale that networks like.

    Being part of the model it travels with it, and the model takes data as they come.

    Args:
        mean: one number, or one for each channel or column (the second dimension of x).
        std: likewise, above 0.

    Attributes:
        mean: a buffer, (C,) or (1,).
        std: a buffer, (C,) or (1,).

    Raises:
        OptionError: a `std` that is not above 0, or not as many as `mean`.
        ShapeError: an input with another number of channels.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> Normalize(127.5, 127.5)(tensor([[0, 255]]))
        tensor([[-1.,  1.]])
    """

    def __init__(self, mean: Any, std: Any) -> None:
        centre = np.atleast_1d(np.asarray(mean, dtype=np.float32))
        spread = np.atleast_1d(np.asarray(std, dtype=np.float32))
        if centre.shape != spread.shape or centre.ndim != 1 or not (spread > 0).all():
            raise OptionError("Normalize takes as many std as mean, and every std above 0")
        self.register_buffer("mean", from_numpy(centre))
        self.register_buffer("std", from_numpy(spread))

    def forward(self, x: Tensor) -> Tensor:
        """Return (x - mean) / std in floating point."""
        x = as_tensor(x)
        count = self.mean.numel()
        if count > 1 and (x.ndim < 2 or x.shape[1] != count):
            raise ShapeError(f"expected {count} channels or columns, got shape {tuple(x.shape)}")
        shape = (1,) * (count == 1) or (1, count, *([1] * (x.ndim - 2)))
        x = x if x.is_floating_point() else x.to(self.mean.dtype)
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def extra_repr(self) -> str:
        """Return mean and std where they are single numbers."""
        if self.mean.numel() == 1:
            return f"mean={self.mean.item():.4g}, std={self.std.item():.4g}"
        return f"{self.mean.numel()} columns"
