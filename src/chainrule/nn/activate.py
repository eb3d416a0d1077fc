"""Activations as functions, with PyTorch's names and arguments (floor 3).

The formulas are in `ops.activation`; here are the generator that some draw from, and `inplace`,
which makes the input take over the result.
"""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Generator, Tensor
from chainrule.autograd.generator import state_of
from chainrule.backend.dtypes import as_dtype
from chainrule.errors import OptionError

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "silu",
    "softmax",
    "softmin",
    "threshold",
    "threshold_",
]


def _kept(x: Any, y: Any, inplace: bool) -> Any:
    """y, or x after it has taken over the numbers and the history of y."""
    return x._become(y) if inplace else y


def relu(input: Tensor, inplace: bool = False) -> Any:
    """max(x, 0).

    Examples:
        >>> from chainrule.autograd import tensor
        >>> relu(tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return _kept(input, ops.relu(input), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Any:
    """x, clipped to [0, 6]."""
    return _kept(input, ops.relu6(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x above 0, negative_slope x below."""
    return _kept(input, ops.leaky_relu(input, negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x above 0, alpha (e^x - 1) below."""
    return _kept(input, ops.elu(input, alpha), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x above 0, alpha (e^(x / alpha) - 1) below."""
    return _kept(input, ops.celu(input, alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Any:
    """1.0507 elu(x, 1.6733)."""
    return _kept(input, ops.selu(input), inplace)


def silu(input: Tensor, inplace: bool = False) -> Any:
    """x sigmoid(x)."""
    return _kept(input, ops.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Any:
    """x tanh(softplus(x))."""
    return _kept(input, ops.mish(input), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    """x, clipped to [min_val, max_val]."""
    if min_val > max_val:
        raise OptionError(f"hardtanh needs min_val <= max_val, got {min_val} and {max_val}")
    return _kept(input, ops.hardtanh(input, min_val, max_val), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Any:
    """x / 6 + 1/2, clipped to [0, 1]."""
    return _kept(input, ops.hardsigmoid(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Any:
    """x hardsigmoid(x)."""
    return _kept(input, ops.hardswish(input), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Any:
    """x above `threshold`, `value` elsewhere."""
    return _kept(input, ops.threshold(input, threshold, value), inplace)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Any:
    """x above 0, a x below: a drawn from [lower, upper) in training, their mean in use."""
    y = ops.rrelu(input, lower, upper, training, state=state_of(generator, input))
    return _kept(input, y, inplace)


def relu_(input: Tensor) -> Any:
    """`relu`, in place."""
    return relu(input, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Any:
    """`leaky_relu`, in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Any:
    """`elu`, in place."""
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Any:
    """`celu`, in place."""
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Any:
    """`selu`, in place."""
    return selu(input, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """`hardtanh`, in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Any:
    """`threshold`, in place."""
    return _kept(input, ops.threshold(input, threshold, value), inplace=True)


def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Any:
    """`rrelu`, in place."""
    return rrelu(input, lower, upper, training, inplace=True)


# --- along a dimension --------------------------------------------------------------------------


def _prepared(x: Any, dim: int | None, dtype: Any) -> tuple[Any, int]:
    """x in `dtype`, and the dimension, by PyTorch's old rule if there is none."""
    if dtype is not None:
        x = ops.cast(x, dtype=as_dtype(dtype))
    if dim is None:
        dim = 0 if len(x.shape) in (0, 1, 3) else 1
    return x, dim


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """e^x divided by its sum along `dim`.

    Args:
        input: x, any shape.
        dim: along which the results add up to 1; name it. If `None` it is 0 for 1 or 3 dimensions
            and 1 otherwise, which PyTorch has given up recommending.
        dtype: to convert x to before.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> softmax(tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    x, d = _prepared(input, dim, dtype)
    return ops.softmax(x, dim=d)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    """The logarithm of `softmax`, whose arguments it has."""
    x, d = _prepared(input, dim, dtype)
    return ops.log_softmax(x, dim=d)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-x); the arguments are those of `softmax`."""
    x, d = _prepared(input, dim, dtype)
    return ops.softmin(x, dim=d)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    generator: Generator | None = None,
) -> Any:
    """softmax((x + g) / tau), g of Gumbel's distribution; see `ops.gumbel_softmax`.

    Args:
        logits: x, any shape.
        tau: the smaller, the nearer to a draw from softmax(x).
        hard: whether to give 1 and 0s, with the slope of the soft ones.
        eps: PyTorch's, without effect there too.
        dim: along which they add up to 1.
        generator: where the random numbers come from.
    """
    return ops.gumbel_softmax(logits, tau, hard, dim, state=state_of(generator, logits))
