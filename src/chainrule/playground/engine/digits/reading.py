"""An image on its way through the network, layer by layer to ten chances (floor 5).

It is a drawing, `strokes`, or one of the test images, a `row`; which of the two, and what is asked
about it, comes from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import from_numpy, no_grad
from chainrule.errors import OptionError
from chainrule.explain import saliency
from chainrule.explain.look.chances import chances
from chainrule.ops import Array
from chainrule.playground.engine.digits.data import Digital
from chainrule.playground.engine.digits.figures import inked
from chainrule.playground.engine.digits.network import Network
from chainrule.playground.engine.digits.strokes import checked_strokes, drawn

__all__ = ["first_weights", "read", "slide", "unit"]

_MOST_SHOWN = 64  # of the first layer's units


def read(network: Network, data: Digital, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what becomes of an image.

    Args:
        network: that reads it.
        data: the set of digits that a drawing is brought to the form of.
        asked: `strokes` or a `row`.

    Returns:
        `input`, the image (H, W) as bytes; `layers`, of each its name, shape and values;
        `probabilities` (10,); `saliency` (H, W), the size of the slope of the likeliest digit's
        score by each pixel, for a change from no ink to full ink.

    Raises:
        OptionError: there is no such image.
    """
    x = _image(data, asked)
    layers, y = [], from_numpy(x)
    with no_grad():
        for stage in network.stages:
            for module in stage.modules:
                y = module(y)
            values = np.array(y.array[0], dtype=np.float32)
            name = f"{stage.name}, {_told(stage.name, values.shape)}"
            layers.append({"name": name, "shape": list(values.shape), "values": values})
    return {
        "input": inked(x[0, 0], data.levels),
        "layers": layers[1:],  # the first is the input again, only brought to scale
        "probabilities": chances(y.array)[0].astype(np.float32),
        "saliency": saliency(network.still, x).map[0].astype(np.float32) * data.levels,
    }


def _image(data: Digital, asked: Mapping[str, Any]) -> Array:
    """Return the image as a batch of one, in the levels of the set; an empty pad is a blank."""
    if "row" in asked:
        row = _number("row", asked["row"], len(data.unknown))
        return data.unknown.x[row : row + 1]
    strokes = asked.get("strokes")
    if strokes == []:
        return np.zeros((1, 1, *data.shape), np.uint8)
    image = drawn(checked_strokes(strokes), data.shape[0]) * data.levels
    return np.rint(image).astype(np.uint8)[None, None]


def _number(name: str, value: Any, count: int) -> int:
    """Return a number from 0 to below a count, as it came from outside."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
        raise OptionError(f"{name} must be a whole number from 0 to {count - 1:,}")
    return value


def _told(name: str, shape: tuple[int, ...]) -> str:
    """What a layer gives, in words."""
    if len(shape) == 3:
        maps = "map" if shape[0] == 1 else "maps"
        return f"{shape[0]} {maps} of {shape[1]}x{shape[2]}"
    kind = "score" if name == "output" else "unit"
    return f"{shape[0]:,} {kind}{'s' * (shape[0] != 1)}"


def slide(network: Network, data: Digital, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how one kernel of the first convolution slides over an image.

    Args:
        network: with a convolution.
        data: the set of digits that a drawing is brought to the form of.
        asked: `strokes` or a `row`, and the `channel`, the number of the kernel, from 0.

    Returns:
        `input` (H, W) as the convolution is given it, `kernel` (K, K), `bias`, `padding` on each
        side, and `output`, the map that comes of it before the activation.

    Raises:
        OptionError: there is no convolution, or no such kernel.
    """
    convolution = network.convolution
    if convolution is None:
        raise OptionError("a fully connected network has no kernel that slides; set kind to cnn")
    weight, bias = convolution.weight.array, convolution.bias
    channel = _number("channel", asked.get("channel", 0), len(weight))
    with no_grad():
        scaled = network.stages[0].modules[0](from_numpy(_image(data, asked)))
        output = convolution(scaled)
    return {
        "input": scaled.array[0, 0].astype(np.float32),
        "kernel": weight[channel, 0].copy(),
        "bias": 0.0 if bias is None else float(bias.array[channel]),
        "padding": convolution.kernel_size[0] // 2,
        "output": output.array[0, channel].astype(np.float32),
    }


def unit(network: Network, data: Digital, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one unit of the first layer makes of an image.

    Args:
        network: without convolutions.
        data: the set of digits that a drawing is brought to the form of.
        asked: `strokes` or a `row`, and the number of the `unit`, from 0.

    Returns:
        `input` (H, W) as the layer is given it, the unit's `weights` (H, W), its `bias`, and its
        `value` before the activation.

    Raises:
        OptionError: there are convolutions, or there is no such unit.
    """
    _, layer = network.first
    if network.convolution is not None or not isinstance(layer, nn.Linear):
        raise OptionError("units of a convolutional network see no whole drawing; ask for slide")
    weight, bias = layer.weight.array, layer.bias
    number = _number("unit", asked.get("unit", 0), len(weight))
    with no_grad():
        scaled = network.stages[0].modules[0](from_numpy(_image(data, asked)))
        value = layer(scaled.flatten(1))
    return {
        "input": scaled.array[0, 0].astype(np.float32),
        "weights": weight[number].reshape(data.shape).copy(),
        "bias": 0.0 if bias is None else float(bias.array[number]),
        "value": float(value.array[0, number]),
    }


def first_weights(network: Network, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the weights of the first layer as images.

    Args:
        network: that has them.
        shape: height and width of an input image.

    Returns:
        `images` (K, H, W), bytes, 128 for 0; `limit` (K,), the weight that 255 stands for; and
        the `name` of the layer.
    """
    name, layer = network.first
    weight = layer.weight.array[:_MOST_SHOWN]
    images = weight[:, 0] if weight.ndim == 4 else weight.reshape(-1, *shape)
    limit = np.maximum(np.abs(images).max(axis=(1, 2)), np.float32(1e-12))
    scaled = np.rint(128 + 127 * images / limit[:, None, None])
    return {
        "images": np.nan_to_num(scaled, nan=128).astype(np.uint8),
        "limit": limit.astype(np.float32),
        "name": name,
    }
