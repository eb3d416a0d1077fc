"""Activations as modules; the formulas are with the functions of the same name (floor 3).

`inplace` makes the input take over the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from chainrule.autograd import Generator, Tensor, full
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module, Parameter
from chainrule.nn.weights import placed, positive

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _Activation(Module):
    """A function of a tensor, with options that are attributes of this module.

    Attributes:
        function: what is called.
        options: the names of its further arguments, and of the attributes that hold them.
        inplace: whether the input takes over the result.
    """

    function: ClassVar[Callable[..., Any]]
    options: ClassVar[tuple[str, ...]] = ()
    inplace: bool | None = None

    def forward(self, input: Tensor) -> Any:
        """Apply it."""
        function = type(self).function
        given = [getattr(self, name) for name in self.options] if self.options else ()
        return function(input, *given, inplace=True) if self.inplace else function(input, *given)

    def extra_repr(self) -> str:
        """Return the options."""
        said = [f"{name}={getattr(self, name)!r}" for name in self.options]
        return ", ".join([*said, *(["inplace=True"] if self.inplace else [])])


class ReLU(_Activation):
    """max(x, 0)."""

    function = staticmethod(F.relu)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class ReLU6(_Activation):
    """x, clipped to [0, 6]."""

    function = staticmethod(F.relu6)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class LeakyReLU(_Activation):
    """x above 0, negative_slope x below."""

    function = staticmethod(F.leaky_relu)
    options = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace


class ELU(_Activation):
    """x above 0, alpha (e^x - 1) below."""

    function = staticmethod(F.elu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace


class CELU(_Activation):
    """x above 0, alpha (e^(x / alpha) - 1) below."""

    function = staticmethod(F.celu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace


class SELU(_Activation):
    """1.0507 elu(x, 1.6733)."""

    function = staticmethod(F.selu)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class GELU(_Activation):
    """x Phi(x), Phi the normal distribution function; approximate="tanh" for the quicker form."""

    function = staticmethod(F.gelu)
    options = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate


class SiLU(_Activation):
    """x sigmoid(x)."""

    function = staticmethod(F.silu)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class Mish(_Activation):
    """x tanh(softplus(x))."""

    function = staticmethod(F.mish)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class Sigmoid(_Activation):
    """1 / (1 + e^-x)."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_Activation):
    """ln(1 / (1 + e^-x))."""

    function = staticmethod(F.logsigmoid)


class Hardsigmoid(_Activation):
    """x / 6 + 1/2, clipped to [0, 1]."""

    function = staticmethod(F.hardsigmoid)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class Hardswish(_Activation):
    """x hardsigmoid(x)."""

    function = staticmethod(F.hardswish)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class Tanh(_Activation):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    function = staticmethod(F.tanhshrink)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    function = staticmethod(F.softsign)


class Softplus(_Activation):
    """ln(1 + e^(beta x)) / beta, x itself where beta x is above `threshold`."""

    function = staticmethod(F.softplus)
    options = (
        "beta",
        "threshold",
    )

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold


class Threshold(_Activation):
    """x above `threshold`, `value` elsewhere."""

    function = staticmethod(F.threshold)
    options = (
        "threshold",
        "value",
    )

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = threshold
        self.value = value
        self.inplace = inplace


class Hardshrink(_Activation):
    """x, but 0 from -lambd to lambd."""

    function = staticmethod(F.hardshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def extra_repr(self) -> str:
        """Return lambd."""
        return str(self.lambd)


class Softshrink(_Activation):
    """x brought nearer to 0 by lambd; 0 from -lambd to lambd."""

    function = staticmethod(F.softshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def extra_repr(self) -> str:
        """Return lambd."""
        return str(self.lambd)


class Hardtanh(_Activation):
    """x, clipped to [min_val, max_val]."""

    function = staticmethod(F.hardtanh)
    options = (
        "min_val",
        "max_val",
    )

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        # PyTorch's former names.
        self.min_value, self.max_value = min_value, max_value
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.min_val >= self.max_val:
            raise OptionError(
                f"Hardtanh needs min_val < max_val, got {self.min_val} and {self.max_val}"
            )


class GLU(_Activation):
    """The first half of x along `dim`, times the sigmoid of the second."""

    function = staticmethod(F.glu)
    options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim


class Softmax(_Activation):
    """e^x divided by its sum along `dim`."""

    function = staticmethod(F.softmax)
    options = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim


class LogSoftmax(_Activation):
    """The logarithm of softmax along `dim`."""

    function = staticmethod(F.log_softmax)
    options = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim


class Softmin(_Activation):
    """softmax(-x) along `dim`."""

    function = staticmethod(F.softmin)
    options = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim


class Softmax2d(Module):
    """Softmax over the channels of images (N, C, H, W) or (C, H, W).

    Raises:
        ShapeError: another number of dimensions.

    Examples:
        >>> from chainrule.autograd import zeros
        >>> Softmax2d()(zeros(1, 2, 1, 1)).tolist()
        [[[[0.5]], [[0.5]]]]
    """

    def forward(self, input: Tensor) -> Any:
        """Apply it."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"expected images of 3 or 4 dimensions, got {tuple(input.shape)}")
        return F.softmax(input, -3)


class RReLU(Module):
    """x above 0, a x below: a drawn from [lower, upper) in training, their mean in use.

    Args:
        lower: the least a.
        upper: the largest a.
        inplace: whether the input takes over the result.
        generator: where the random numbers come from.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> RReLU(0.25, 0.75).eval()(tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        inplace: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        self.lower = lower
        self.upper = upper
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Tensor) -> Any:
        """Apply it."""
        return F.rrelu(
            input, self.lower, self.upper, self.training, self.inplace, generator=self.generator
        )

    def extra_repr(self) -> str:
        """Return the bounds."""
        inplace = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{inplace}"


class PReLU(Module):
    """x above 0, weight x below: a slope that is learned.

    Args:
        num_parameters: 1, or as many as there are channels.
        init: what the slopes begin with.
        device: where its numbers are; the default device if `None`.
        dtype: of the weight.

    Attributes:
        weight: (num_parameters,).

    Examples:
        >>> from chainrule.autograd import tensor
        >>> PReLU()(tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        positive(num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init)))
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Any:
        """Apply it."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return how many slopes there are."""
        return f"num_parameters={self.num_parameters}"
