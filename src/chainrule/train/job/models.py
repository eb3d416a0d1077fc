"""The networks that `chainrule train` knows by name (floor 4).

Each begins by bringing the raw data to a scale that networks like, so that it takes them as they
come from a file, and ends in one output for each class, or in one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import Recipe
from chainrule.errors import OptionError, ShapeError, chosen
from chainrule.ops import Array

__all__ = ["ACTIVATIONS", "MODELS", "build_model", "chosen_model", "columns_of", "scaling"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "none": nn.Identity,
}
_BLOCK = 4096
_SMALL = 16  # pixels along a side up to which convolutions take seconds rather than minutes
MODELS = ("auto", "mlp", "cnn", "linear")


def scaling(x: Array) -> nn.Normalize:
    """Return the layer that gives the training data mean 0 and deviation 1.

    Args:
        x: images (N, C, H, W), scaled by one mean and deviation for all pixels of a channel; or a
            table (N, columns), scaled column by column (a constant column is only shifted).
    """
    dims = tuple(d for d in range(x.ndim) if d != 1)
    mean = x.mean(axis=dims, dtype=np.float64)
    centre = mean.reshape(-1, *([1] * (x.ndim - 2)))
    squares = np.zeros_like(mean)
    for i in range(0, len(x), _BLOCK):  # so that no copy of all data in float64 is made
        squares += np.square(x[i : i + _BLOCK] - centre).sum(axis=dims)
    std = np.sqrt(squares * (mean.size / max(x.size, 1)))
    return nn.Normalize(mean, np.where(std > 0, std, 1.0))


def columns_of(x: Array, recipe: Recipe, generator: Generator) -> nn.Columns:
    """Return the layer that scales the numbers of a table and looks its categories up.

    A category that is missing or new, which the table may hardly ever show, begins as zeros: it
    says nothing until it has been learned.

    Args:
        x: the training data, (N, columns).
        recipe: what the columns are.
        generator: where the initial vectors come from.
    """
    columns = nn.Columns(recipe.sizes, recipe.gaps, generator=generator).scale(x)
    for table in columns.tables:
        table.weight.detach()[0].zero_()
    return columns


def _regularised(modules: list[nn.Module], dropout: float, generator: Generator) -> None:
    if dropout:
        modules.append(nn.Dropout(dropout, generator=generator))


def _affine_stack(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    activation: str,
    dropout: float,
    generator: Generator,
) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for n in hidden:
        modules += [nn.Linear(inputs, n, generator=generator), ACTIVATIONS[activation]()]
        _regularised(modules, dropout, generator)
        inputs = n
    return [*modules, nn.Linear(inputs, outputs, generator=generator)]


def _convolutions(
    shape: Sequence[int], activation: str, generator: Generator
) -> tuple[list[nn.Module], int]:
    """Two blocks of convolution, activation, pooling; and how many numbers come out."""
    channels, height, width = shape
    if min(height, width) < 4:
        raise ShapeError(
            f"a convolutional network needs images of at least 4x4, got {height}x{width}"
        )
    modules: list[nn.Module] = []
    for filters in (32, 64):
        modules += [
            nn.Conv2d(channels, filters, 3, padding=1, generator=generator),
            ACTIVATIONS[activation](),
            nn.MaxPool2d(2),
        ]
        channels, height, width = filters, height // 2, width // 2
    return [*modules, nn.Flatten()], channels * height * width


def chosen_model(name: str, x: Array) -> str:
    """Return `name`, or for "auto" what is soon trained: "cnn" for small images, else "mlp".

    Raises:
        OptionError: an unknown name.
    """
    chosen("model", name, dict.fromkeys(MODELS))
    if name != "auto":
        return name
    small = x.ndim == 4 and min(x.shape[2:]) >= 4 and max(x.shape[2:]) <= _SMALL
    return "cnn" if small else "mlp"


def build_model(
    name: str,
    x: Array,
    outputs: int,
    *,
    hidden: Sequence[int] = (128,),
    activation: str = "relu",
    dropout: float = 0.0,
    recipe: Recipe | None = None,
    generator: Generator,
) -> nn.Sequential:
    """Return a new network for data like `x`.

    Args:
        name: "linear" (no hidden layer), "mlp" (affine layers), "cnn" (two convolutions with
            pooling, then affine layers), or "auto".
        x: the training data, (N, C, H, W) or (N, columns).
        outputs: how many numbers it returns.
        hidden: sizes of the hidden affine layers.
        activation: a name from `ACTIVATIONS`.
        dropout: probability with which a hidden value is dropped in training.
        recipe: of a table, what its columns are; all are numbers if `None`.
        generator: where the initial weights come from.

    Raises:
        OptionError: an unknown name, or convolutions for data that are no images.
    """
    name = chosen_model(name, x)
    chosen("activation", activation, ACTIVATIONS)
    shape = x.shape[1:]
    modules: list[nn.Module] = [scaling(x)]
    inputs = int(np.prod(shape))
    if recipe is not None and not recipe.plain:
        modules = [columns := columns_of(x, recipe, generator)]
        inputs = columns.out_features
    if name == "cnn":
        if len(shape) != 3:
            raise OptionError("--model cnn needs images; for a table use --model mlp")
        blocks, inputs = _convolutions(shape, activation, generator)
        modules += blocks
        _regularised(modules, dropout, generator)
    elif len(shape) > 1:
        modules.append(nn.Flatten())
    sizes = () if name == "linear" else hidden
    modules += _affine_stack(inputs, sizes, outputs, activation, dropout, generator)
    return nn.Sequential(*modules)
