"""Layers and neurons made of single numbers, each made of the other, with copied weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule import layers, scalar
from chainrule.errors import OptionError

__all__ = ["net_of_neurons", "neurons_of"]

_LIMIT = 100_000  # scalars, each an object of its own: some seconds a pass

_ACTIVATIONS: dict[str, type[layers.Function]] = {
    "tanh": layers.Tanh,
    "relu": layers.ReLU,
    "sigmoid": layers.Sigmoid,
}


def net_of_neurons(mlp: scalar.MLP) -> layers.Net:
    """Return the neurons as layers of arrays."""
    parts: list[layers.Function] = []
    for neurons in (layer.neurons for layer in mlp.layers):
        linear = layers.Linear(len(neurons[0].w), len(neurons), rng=0)
        linear.weight["W"] = np.array([[w.data for w in neuron.w] for neuron in neurons]).T
        linear.weight["b"] = np.array([[neuron.b.data for neuron in neurons]])
        parts.append(linear)
        if neurons[0].activation in _ACTIVATIONS:
            parts.append(_ACTIVATIONS[neurons[0].activation]())
    return layers.Net(parts)


def neurons_of(net: layers.Net) -> scalar.MLP:
    """Return linear layers and their activations as neurons."""
    _not_too_many(sum(w.size for w in net.weight.values()))
    pairs = list(_pairs(net))
    if not pairs:
        raise OptionError("a network without Linear layers has no neurons to convert")
    mlp = scalar.MLP(pairs[0][0].in_dim, [linear.out_dim for linear, _ in pairs])
    for layer, (linear, activation) in zip(mlp.layers, pairs):
        b = linear.weight["b"].ravel() if linear.bias else np.zeros(linear.out_dim)
        for neuron, column, shift in zip(layer.neurons, linear.weight["W"].T, b):
            neuron.activation = activation
            neuron.b.data = float(shift)
            for value, number in zip(neuron.w, column):
                value.data = float(number)
    return mlp


def _not_too_many(count: int) -> None:
    if count > _LIMIT:
        raise OptionError(
            f"{count:,} weights are too many to be scalars, of which {_LIMIT:,} take seconds; "
            "use a smaller network"
        )


def _pairs(net: layers.Net) -> Iterator[tuple[layers.Linear, str]]:
    """Each linear layer with the name of the activation behind it, "linear" if there is none."""
    names = {kind: name for name, kind in _ACTIVATIONS.items()}
    waiting: layers.Linear | None = None
    for place, f in _parts(net):
        if isinstance(f, layers.Linear):
            if waiting is not None:
                yield waiting, "linear"
            waiting = f
        elif type(f) in names and waiting is not None:
            yield waiting, names[type(f)]
            waiting = None
        else:
            known = ", ".join(kind.__name__ for kind in names)
            raise OptionError(
                f"{place}: {f!r} has no counterpart among neurons, which are Linear layers with "
                f"{known} or nothing behind each"
            )
    if waiting is not None:
        yield waiting, "linear"


def _parts(net: layers.Net, path: str = "") -> Iterator[tuple[str, layers.Function]]:
    """The functions of a net in order, those of nets in it too, each with its path."""
    for i, f in enumerate(net.layers):
        if isinstance(f, layers.Net):
            yield from _parts(f, f"{path}{i}.")
        else:
            yield f"{path}{i}", f
