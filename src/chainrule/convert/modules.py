"""Modules and layers, each made of the other, with the same arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule import layers, nn
from chainrule.autograd import Generator, default_generator, from_numpy
from chainrule.errors import ChainruleError, OptionError
from chainrule.nn import Parameter
from chainrule.ops import Array, pair

__all__ = ["layer_of", "module_of"]


# --- modules to layers --------------------------------------------------------------------------


def _array(parameter: Any) -> Array:
    """The memory of a parameter or buffer."""
    array: Array = parameter.array
    return array


def _linear(m: nn.Linear) -> layers.Function:
    layer = layers.Linear(m.in_features, m.out_features, bias=m.bias is not None, rng=0)
    layer.weight["W"] = _array(m.weight).T
    if m.bias is not None:
        layer.weight["b"] = _array(m.bias).reshape(1, -1)
    return layer


def _conv(m: nn.Conv2d) -> layers.Function:
    _only(m, m.dilation == (1, 1) and m.groups == 1, "without dilation and groups")
    _only(m, m.padding_mode == "zeros", "padded with zeros")
    even = m.padding == "same" and any(k % 2 == 0 for k in m.kernel_size)
    _only(m, not even, "with filters of odd size, if they keep the size")
    named = {"valid": (0, 0), "same": tuple(k // 2 for k in m.kernel_size)}
    padding: Any = named[m.padding] if isinstance(m.padding, str) else m.padding
    layer = layers.Conv2D(
        m.in_channels,
        m.out_channels,
        m.kernel_size,
        m.stride,
        padding,
        bias=m.bias is not None,
        rng=0,
    )
    layer.weight["W"] = _array(m.weight)
    if m.bias is not None:
        layer.weight["b"] = _array(m.bias)
    return layer


def _batch_norm(m: nn.BatchNorm2d) -> layers.Function:
    whole = m.bias is not None and m.track_running_stats and m.momentum is not None
    _only(m, whole, "with weights, running values and a momentum")
    layer = layers.BatchNorm2D(m.num_features, m.eps, m.momentum or 0.0)
    layer.weight["gamma"] = _array(m.weight).reshape(1, -1, 1, 1)
    layer.weight["beta"] = _array(m.bias).reshape(1, -1, 1, 1)
    layer.running_mean = _array(m.running_mean)
    layer.running_var = _array(m.running_var)
    return layer


def _normalize(m: nn.Normalize) -> layers.Function:
    layer = layers.Normalize(_array(m.mean), _array(m.std))
    layer.mean, layer.std = _array(m.mean), _array(m.std)
    return layer


def _pool(m: nn.MaxPool2d) -> layers.Function:
    plain = pair(m.dilation) == (1, 1) and not m.ceil_mode and not m.return_indices
    _only(m, plain, "without dilation, ceil_mode and indices")
    return layers.MaxPool2D(m.kernel_size, m.stride, m.padding)


def _flatten(m: nn.Flatten) -> layers.Function:
    _only(m, (m.start_dim, m.end_dim) == (1, -1), "from 1 to -1")
    return layers.Flatten()


def _softmax(m: nn.Softmax) -> layers.Function:
    _only(m, m.dim == -1, "with dim=-1")
    return layers.Softmax()


def _only(m: nn.Module, fits: bool, condition: str) -> None:
    if not fits:
        raise OptionError(f"{m!r} has a counterpart in layers only {condition}")


_LAYER_OF: dict[type[nn.Module], Callable[[Any], layers.Function]] = {
    nn.Sequential: lambda m: layers.Net([layer_of(part, name) for name, part in m._named_row()]),
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _batch_norm,
    nn.MaxPool2d: _pool,
    nn.Flatten: _flatten,
    nn.Normalize: _normalize,
    nn.Dropout: lambda m: layers.Dropout(m.p, rng=(m.generator or default_generator).state),
    nn.Identity: lambda m: layers.Net([]),
    nn.Sigmoid: lambda m: layers.Sigmoid(),
    nn.Tanh: lambda m: layers.Tanh(),
    nn.ReLU: lambda m: layers.ReLU(),
    nn.LeakyReLU: lambda m: layers.LeakyReLU(m.negative_slope),
    nn.Softmax: _softmax,
}


def layer_of(m: nn.Module, name: str = "") -> layers.Function:
    """Return the layer, or the net, that does what a module does, its arrays shared."""
    try:
        if type(m) not in _LAYER_OF:
            raise _without_counterpart(m, "layers", _LAYER_OF)
        f = _LAYER_OF[type(m)](m)
    except ChainruleError as error:
        _place(error, name)
        raise
    f.training = m.training
    return f


def _place(error: ChainruleError, name: object) -> None:
    """Put the path of the part that cannot be converted before the sentence."""
    path = [str(name)] * (name != "") + [error.where] * bool(error.where)
    error.where = ".".join(path)


# --- layers to modules --------------------------------------------------------------------------


def _parameter(array: Array) -> Parameter:
    return Parameter(from_numpy(array))


def _affine_module(layer: layers.Linear) -> nn.Module:
    m = nn.Linear(layer.in_dim, layer.out_dim, layer.bias, generator=Generator(0))
    m.weight = _parameter(layer.weight["W"].T)
    if layer.bias:
        m.bias = _parameter(layer.weight["b"].reshape(-1))
    return m


def _conv_module(layer: layers.Conv2D) -> nn.Module:
    m = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        bias=layer.bias,
        generator=Generator(0),
    )
    m.weight = _parameter(layer.weight["W"])
    if layer.bias:
        m.bias = _parameter(layer.weight["b"])
    return m


def _batch_norm_module(layer: layers.BatchNorm2D) -> nn.Module:
    m = nn.BatchNorm2d(layer.channels, layer.eps, layer.momentum)
    m.weight = _parameter(layer.weight["gamma"].reshape(-1))
    m.bias = _parameter(layer.weight["beta"].reshape(-1))
    m.register_buffer("running_mean", from_numpy(layer.running_mean))
    m.register_buffer("running_var", from_numpy(layer.running_var))
    return m


def _pool_module(layer: layers.MaxPool2D) -> nn.Module:
    return nn.MaxPool2d(layer.window.size, layer.window.stride, layer.window.padding)


def _normalize_module(layer: layers.Normalize) -> nn.Module:
    m = nn.Normalize(layer.mean, layer.std)
    m.register_buffer("mean", from_numpy(layer.mean))
    m.register_buffer("std", from_numpy(layer.std))
    return m


def _dropout_module(layer: layers.Dropout) -> nn.Module:
    generator = Generator(0)
    generator.state = layer.state
    return nn.Dropout(layer.p, generator=generator)


_MODULE_OF: dict[type[layers.Function], Callable[[Any], nn.Module]] = {
    layers.Net: lambda net: nn.Sequential(*(module_of(f, i) for i, f in enumerate(net.layers))),
    layers.Linear: _affine_module,
    layers.Conv2D: _conv_module,
    layers.BatchNorm2D: _batch_norm_module,
    layers.MaxPool2D: _pool_module,
    layers.Flatten: lambda f: nn.Flatten(),
    layers.Normalize: _normalize_module,
    layers.Dropout: _dropout_module,
    layers.Sigmoid: lambda f: nn.Sigmoid(),
    layers.Tanh: lambda f: nn.Tanh(),
    layers.ReLU: lambda f: nn.ReLU(),
    layers.LeakyReLU: lambda f: nn.LeakyReLU(f.negative_slope),
    layers.Softmax: lambda f: nn.Softmax(-1),
}


def module_of(f: layers.Function, name: object = "") -> nn.Module:
    """Return the module that does what a layer or a net does, its arrays shared."""
    try:
        if type(f) not in _MODULE_OF:
            raise _without_counterpart(f, "nn", _MODULE_OF)
        m = _MODULE_OF[type(f)](f)
    except ChainruleError as error:
        _place(error, name)
        raise
    m.training = f.training
    return m


def _without_counterpart(part: object, floor: str, table: Any) -> OptionError:
    kinds = ", ".join(kind.__name__ for kind in table)
    return OptionError(f"{part!r} has no counterpart in {floor}, which has those of {kinds}")
