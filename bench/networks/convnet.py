"""Two convolutions with pooling, and two linear layers: the small network of every MNIST tutorial.

Sizes are the side of the images, channels of both convolutions, units between, outputs.
"""

from __future__ import annotations

from typing import Any

from bench.network import Network
from bench.networks.parts import convolution, halved, linear

WINDOW = 5


class Convnet(Network):
    """A chain of layers, as `Sequential` numbers them."""

    @property
    def row(self) -> tuple[int, ...]:
        return (1, self.sizes[0], self.sizes[0])

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width after each convolution."""
        first = self.sizes[0] - WINDOW + 1
        return first, first // 2 - WINDOW + 1

    @property
    def features(self) -> int:
        """How many numbers of an image go into the linear layers."""
        return self.sizes[2] * (self.sides[1] // 2) ** 2

    def products(self) -> list[float]:
        """2 out_height out_width window^2 in out of a convolution, 2 in out of a linear layer."""
        _, one, two, units, outputs = self.sizes
        first, second = (2 * (side * WINDOW) ** 2 for side in self.sides)
        linears = [2 * self.features * units, 2 * units * outputs]
        return [first * one, second * one * two, *linears]

    def module(self, lib: Any) -> Any:
        nn = lib.nn
        _, one, two, units, outputs = self.sizes
        return nn.Sequential(
            nn.Conv2d(1, one, WINDOW),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(one, two, WINDOW),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(self.features, units),
            nn.ReLU(),
            nn.Linear(units, outputs),
        )

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        from jax.nn import relu

        training = key is not None
        x = x.transpose(0, 2, 3, 1)
        x = halved(relu(convolution(p, "0", x)), training)
        x = halved(relu(convolution(p, "3", x)), training)
        x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)  # channels first, as the weights are
        return linear(p, "9", relu(linear(p, "7", x)))
