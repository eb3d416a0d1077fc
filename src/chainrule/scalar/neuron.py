"""Neurons, layers of them, and layers in a row, one `Value` at a time (floor 0).

A neuron weighs its inputs, adds a bias and bends the sum with an activation. A layer is neurons
that see the same inputs; a multi-layer perceptron (MLP) feeds each layer with the outputs of the
one before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import OptionError, ShapeError, did_you_mean
from chainrule.scalar.value import Value

__all__ = ["MLP", "Layer", "Neuron"]

ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "tanh": Value.tanh,
    "relu": Value.relu,
    "sigmoid": Value.sigmoid,
    "linear": lambda total: total,
}


class Neuron:
    """y = activation(b + w1 x1 + ... + wn xn).

    Args:
        nin: the number of inputs.
        activation: "tanh", "relu", "sigmoid" or "linear".
        rng: draws the weights, evenly from -1 to 1; by default one that always begins alike. The
            bias begins at 0.

    Attributes:
        w: the weights, `nin` Values.
        b: the bias, a Value.
        activation: its name.

    Raises:
        OptionError: an activation that does not exist, or no inputs.
        ShapeError: a call with more or fewer numbers than inputs.

    Examples:
        >>> neuron = Neuron(2)
        >>> neuron.w[0].data, neuron.w[1].data, neuron.b.data = -3.0, 1.0, 6.0
        >>> neuron([2.0, 0.0])
        Value(0, grad=0)
    """

    def __init__(
        self, nin: int, activation: str = "tanh", rng: random.Random | None = None
    ) -> None:
        if activation not in ACTIVATIONS:
            hint = did_you_mean(activation, ACTIVATIONS)
            raise OptionError(
                f"an activation is one of {', '.join(ACTIVATIONS)}, got {activation!r}{hint}"
            )
        _check_size("a Neuron has at least 1 input", nin)
        rng = rng or random.Random(0)
        self.w = [Value(rng.uniform(-1, 1), label=f"w{i + 1}") for i in range(nin)]
        self.b = Value(0.0, label="b")
        self.activation = activation

    def __call__(self, x: Sequence[Value | float]) -> Value:
        if len(x) != len(self.w):
            raise ShapeError(f"{self!r} takes {len(self.w)} numbers, got {len(x)}")
        total = sum((w * x for w, x in zip(self.w, x)), self.b)
        return ACTIVATIONS[self.activation](total)

    def parameters(self) -> list[Value]:
        """Return the weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, {self.activation!r})"


class Layer:
    """Neurons side by side, each with weights of its own on the same inputs.

    Args:
        nin: the number of inputs.
        nout: the number of neurons, and so of outputs.
        activation: of every neuron: "tanh", "relu", "sigmoid" or "linear".
        rng: draws the weights; by default one that always begins alike.

    Attributes:
        neurons: the neurons, in order.

    Examples:
        >>> layer = Layer(3, 2, "linear")
        >>> len(layer([1.0, 2.0, 3.0])), len(layer.parameters())
        (2, 8)
    """

    def __init__(
        self, nin: int, nout: int, activation: str = "tanh", rng: random.Random | None = None
    ) -> None:
        _check_size("a Layer has at least 1 neuron", nout)
        rng = rng or random.Random(0)
        self.neurons = [Neuron(nin, activation, rng) for _ in range(nout)]

    def __call__(self, x: Sequence[Value | float]) -> list[Value]:
        # A number is made a Value once here, not once in each neuron.
        x = [v if isinstance(v, Value) else Value(v, label=f"x{i + 1}") for i, v in enumerate(x)]
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        """Return the parameters of every neuron in turn."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Layer({len(first.w)}, {len(self.neurons)}, {first.activation!r})"


class MLP:
    """Layers in a row: a multi-layer perceptron.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons in each layer, the last one's being the outputs.
        activation: of every layer but the last: "tanh", "relu", "sigmoid" or "linear".
        output: the activation of the last layer.
        seed: of the weights.

    Attributes:
        layers: the layers, in order.

    Examples:
        >>> mlp = MLP(3, [4, 4, 1])
        >>> len(mlp.parameters())
        41
        >>> loss = (mlp([2.0, 3.0, -1.0]) - 1) ** 2
        >>> loss.backward()
        >>> for p in mlp.parameters():
        ...     p.data -= 0.1 * p.grad
        >>> bool((mlp([2.0, 3.0, -1.0]) - 1) ** 2 < loss)
        True
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str = "tanh",
        output: str = "tanh",
        seed: int = 0,
    ) -> None:
        _check_size("an MLP has at least 1 layer", len(nouts))
        rng = random.Random(seed)
        sizes = [nin, *nouts]
        bends = [activation] * (len(nouts) - 1) + [output]
        self.layers = [Layer(*each, rng) for each in zip(sizes, nouts, bends)]

    def __call__(self, x: Sequence[Value | float]) -> Any:
        """Return the one output, or the list of them if the last layer has several neurons."""
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        """Return the parameters of every layer in turn."""
        return [p for layer in self.layers for p in layer.parameters()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, before the next `backward`."""
        for p in self.parameters():
            p.grad = 0.0

    def __repr__(self) -> str:
        sizes = [len(layer.neurons) for layer in self.layers]
        return f"MLP({len(self.layers[0].neurons[0].w)}, {sizes})"


def _check_size(expected: str, size: int) -> None:
    if size < 1:
        raise OptionError(f"{expected}, got {size}")
