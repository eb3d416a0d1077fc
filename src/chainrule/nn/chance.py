"""Dropout and pooling by chance as functions, with PyTorch's names and arguments (floor 3).

The formulas are in `ops`; here are the generator that they draw from, and `inplace`, which makes
the input take over the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule import ops
from chainrule.autograd import Generator, Tensor
from chainrule.autograd.generator import state_of
from chainrule.errors import ShapeError
from chainrule.ops.window import layout, on_batch

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]


def _kept(x: Any, y: Any, inplace: bool) -> Any:
    """y, or x after it has taken over the numbers and the history of y."""
    return x._become(y) if inplace and y is not x else y


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Set each element to 0 with probability p, scale the others by 1 / (1 - p).

    Args:
        input: any shape.
        p: 0 to 1.
        training: if not, the input is returned as it is.
        inplace: whether the input takes over the result.
        generator: where the random numbers come from; the default one if `None`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> dropout(ones(3), 0.5, training=False)
        tensor([1., 1., 1.])
    """
    return _kept(input, ops.dropout(input, p, training, state=state_of(generator, input)), inplace)


def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Set each element to the floor of SELU with probability p, keep mean 0 and variance 1."""
    y = ops.alpha_dropout(input, p, training, state=state_of(generator, input))
    return _kept(input, y, inplace)


def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    y = ops.feature_alpha_dropout(input, p, training, state=state_of(generator, input))
    return _kept(input, y, inplace)


def _channels(
    rank: int,
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool,
    generator: Generator | None,
) -> Any:
    """Whole channels set to 0, of a batch or of one image."""
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"expected images {layout(rank)}, or one of them, got shape {tuple(input.shape)}"
        )
    drop = partial(ops.feature_dropout, p=p, training=training, state=state_of(generator, input))
    return _kept(input, on_batch(drop, input, rank), inplace)


def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Set each channel of (N, C, L), or (C, L), to 0 with probability p."""
    return _channels(1, input, p, training, inplace, generator)


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Set each channel of (N, C, H, W) to 0 with probability p; of (N, C, L) too, as PyTorch does.

    Examples:
        >>> from chainrule.autograd import ones
        >>> dropout2d(ones(1, 2, 1, 1), 1.0).sum()
        tensor(0.)
    """
    return _channels(2 if input.ndim != 3 else 1, input, p, training, inplace, generator)


def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Set each channel of (N, C, D, H, W), or (C, D, H, W), to 0 with probability p."""
    return _channels(3, input, p, training, inplace, generator)


# --- pooling ------------------------------------------------------------------------------------


def _samples(rank: int, input: Tensor, given: Tensor | None, generator: Generator | None) -> Any:
    """Numbers from 0 to 1, one for each dimension of each channel of each image."""
    if given is not None:
        return given
    lead = (1,) * (rank + 2 - input.ndim) + tuple(input.shape[:-rank])
    return ops.random_uniform(state_of(generator, input), shape=(*lead, rank), dtype=input.dtype)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
    *,
    generator: Generator | None = None,
) -> Any:
    """The largest of windows that begin where chance says: see `ops.fractional_max_pool2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> fractional_max_pool2d(ones(1, 1, 5, 5), 2, output_size=3).shape
        (1, 1, 3, 3)
    """
    samples = _samples(2, input, _random_samples, generator)
    return ops.fractional_max_pool2d(
        input, samples, kernel_size, output_size, output_ratio, return_indices
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
    *,
    generator: Generator | None = None,
) -> Any:
    """`fractional_max_pool2d` of volumes (N, C, D, H, W)."""
    samples = _samples(3, input, _random_samples, generator)
    return ops.fractional_max_pool3d(
        input, samples, kernel_size, output_size, output_ratio, return_indices
    )


fractional_max_pool2d_with_indices = partial(fractional_max_pool2d, return_indices=True)
fractional_max_pool3d_with_indices = partial(fractional_max_pool3d, return_indices=True)
