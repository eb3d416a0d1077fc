"""The three ways between floors: `to_layers`, `to_module` and `to_scalar`."""

from __future__ import annotations

from typing import Any, TypeAlias

from chainrule import layers, nn, scalar
from chainrule.convert.modules import layer_of, module_of
from chainrule.convert.neurons import net_of_neurons, neurons_of
from chainrule.errors import OptionError

__all__ = ["to_layers", "to_module", "to_scalar"]

Network: TypeAlias = nn.Module | layers.Net | scalar.MLP


def to_layers(network: Network, loss: layers.Loss | None = None) -> layers.Net:
    """Return `network` as layers with explicit backpropagation, its arrays shared.

    Args:
        network: a module made of those in `nn.Sequential` that have a counterpart, a `scalar.MLP`,
            or a net, which is returned itself.
        loss: of the net.

    Raises:
        OptionError: a module that has no counterpart in `layers`; names it.

    Examples:
        >>> module = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        >>> net = to_layers(module)
        >>> net
        Net(
          0: Linear(2, 3)
          1: Tanh()
          loss: None
        )
        >>> net.layers[0].weight["W"][...] = 0
        >>> float(module[0].weight.abs().sum())
        0.0
    """
    if isinstance(network, layers.Net):
        net = network
    elif isinstance(network, scalar.MLP):
        net = net_of_neurons(network)
    elif isinstance(network, nn.Module):
        converted = layer_of(network)
        net = converted if isinstance(converted, layers.Net) else layers.Net([converted])
    else:
        raise _unknown(network)
    if loss is not None:
        net.loss_function = loss
    return net


def to_module(network: Network) -> nn.Module:
    """Return `network` as an `nn.Sequential`, its arrays shared; a module is returned itself.

    Args:
        network: a `layers.Net` made of the layers that have a counterpart, or a `scalar.MLP`.

    Raises:
        OptionError: a layer that has no counterpart in `nn`; names it.

    Examples:
        >>> to_module(layers.Net([layers.Linear(2, 3, rng=0), layers.Tanh()]))
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): Tanh()
        )
    """
    return network if isinstance(network, nn.Module) else module_of(to_layers(network))


def to_scalar(network: Network) -> scalar.MLP:
    """Return `network` as neurons made of single numbers, with the same weights, copied.

    Args:
        network: `Linear` layers, each with an activation behind it or none, as a `layers.Net` or a
            module; a `scalar.MLP` is returned itself.

    Raises:
        OptionError: another layer, which neurons have no counterpart for; or too many weights.

    Examples:
        >>> to_scalar(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)))
        MLP(2, [4, 1])
    """
    if isinstance(network, scalar.MLP):
        return network
    return neurons_of(to_layers(network))


def _unknown(network: Any) -> OptionError:
    return OptionError(
        "a network to convert is an nn.Module, a layers.Net or a scalar.MLP, "
        f"got {type(network).__name__}"
    )
