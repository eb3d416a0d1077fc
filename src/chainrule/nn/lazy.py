"""Lazy layers: those that learn the size of their input when they first see one (floor 3).

Until then their weights are `UninitializedParameter`s and their buffers `UninitializedBuffer`s,
which have no numbers. At the first call, or when a state is loaded, they get them; at the call the
layer becomes an ordinary one, of the class without "Lazy". The parameters stay the same objects, so
an optimiser may be made before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from chainrule.autograd import Generator, Tensor, zeros
from chainrule.backend.devices import CPU, moved
from chainrule.errors import ChainruleError, OptionError, ShapeError
from chainrule.nn import conv, layers, norm
from chainrule.nn.module import Module, Parameter
from chainrule.nn.weights import placed

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "UninitializedBuffer",
    "UninitializedParameter",
]


# --- what has no numbers yet --------------------------------------------------------------------


class _Uninitialized(Tensor):
    """A tensor whose numbers are still to come; whoever asks for them is told so."""

    settled: ClassVar[type[Tensor]]
    _format: Any = None  # the dtype that it was converted to meanwhile
    _where = CPU  # and the device that it was moved to

    def _missing(self) -> NoReturn:
        raise OptionError(
            "the weights of a lazy layer have no numbers before its first call; call the network "
            "once on a batch"
        )

    array = property(_missing)

    def materialize(self, shape: Sequence[int], dtype: Any = np.float32) -> None:
        """Become an ordinary tensor of that shape, its numbers yet to be set."""
        self._take(np.empty(tuple(shape), dtype=dtype))

    def _take(self, array: Any) -> None:
        kept = array.astype(self._format or array.dtype, copy=False)
        kept, self._format = moved(kept, self._where), None
        self.__class__ = self.settled  # type: ignore[assignment]
        self.array = kept

    @property
    def device(self) -> Any:
        """Where its numbers will be."""
        return self._where

    def detach(self) -> Any:
        """Return the tensor itself."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tensor itself, whose numbers will come in another dtype or place."""
        like = zeros((), device=self._where).to(*args, **kwargs)
        self._format, self._where = like.dtype, like.device
        return self

    def _on(self, where: Any) -> Any:
        self._where = where
        return self

    def is_floating_point(self) -> bool:
        """Say yes, as its numbers will be."""
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet.

    Examples:
        >>> weight = UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> weight.shape
        (2, 3)
    """

    settled = Parameter

    def __init__(self, requires_grad: bool = True) -> None:
        self.needs_grad = requires_grad


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet.

    Examples:
        >>> UninitializedBuffer()
        <UninitializedBuffer>
    """

    settled = Tensor

    def __init__(self) -> None:
        self.needs_grad = False


# --- lazy layers --------------------------------------------------------------------------------


class LazyModuleMixin(Module):
    """A layer that settles at its first call; what it then becomes is `cls_to_become`."""

    cls_to_become: ClassVar[type[Module]]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            self.initialize_parameters(*args, **kwargs)
        except ChainruleError as error:
            self._locate(error)
            raise
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def has_uninitialized_params(self) -> bool:
        """Say whether there are weights or buffers without numbers."""
        return bool(self._lazy())

    def _lazy(self) -> dict[str, _Uninitialized]:
        return {name: v for name, v in vars(self).items() if isinstance(v, _Uninitialized)}

    def initialize_parameters(self, x: Tensor, *_: Any, **__: Any) -> None:
        """Learn the size from an input, and give numbers to what has none."""
        self._learn(x)
        lazy = self._lazy()
        if lazy:
            self._fill()
        for name, tensor in lazy.items():
            tensor._take(getattr(self, name).array)
            setattr(self, name, tensor)
        del self._later

    _later: Any

    def _learn(self, x: Tensor) -> None:
        """Keep the size that an input shows."""
        raise NotImplementedError

    def _fill(self) -> None:
        """Set weights and buffers as the class without "Lazy" does."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Do nothing: numbers that are still to come are drawn anew anyway."""


class LazyLinear(LazyModuleMixin, layers.Linear):
    """A `Linear` that takes `in_features` from its first input.

    Args:
        out_features: size of the last dimension of y.
        bias: whether to add b.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> layer = LazyLinear(3)
        >>> layer(ones(5, 2)).shape
        (5, 3)
        >>> layer
        Linear(in_features=2, out_features=3, bias=True)
    """

    cls_to_become = layers.Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(1, out_features, bias, device, dtype, generator=generator)
        self.in_features = 0

    def _draw(self, bias: bool, generator: Generator | None, device: Any, dtype: Any) -> None:
        self._later = (bias, generator, device, dtype)
        self.weight = UninitializedParameter()
        self.bias = UninitializedParameter() if bias else None

    def _learn(self, x: Tensor) -> None:
        self.in_features = x.shape[-1] if x.ndim else 0

    def _fill(self) -> None:
        super()._draw(*self._later)


class _LazyConvNd(LazyModuleMixin, conv._ConvNd):
    """A convolution that takes `in_channels` from its first input."""

    def _draw(self, bias: bool, generator: Generator | None, device: Any, dtype: Any) -> None:
        self._later = (bias, generator, device, dtype)
        self.weight = UninitializedParameter()
        self.bias = UninitializedParameter() if bias else None
        self.in_channels = 0

    def _learn(self, x: Tensor) -> None:
        if x.ndim not in (self.rank + 1, self.rank + 2):
            raise ShapeError(self._misfit(tuple(x.shape)))
        channels = x.shape[-self.rank - 1]
        if channels % self.groups:
            raise ShapeError(f"groups={self.groups} must divide the {channels} channels of x")
        self.in_channels = channels

    def _fill(self) -> None:
        super()._draw(*self._later)


class _LazyConv(_LazyConvNd, conv._Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            groups,  # stands for the channels to come, which it divides
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            generator=generator,
        )


class _LazyConvTranspose(_LazyConvNd, conv._ConvTranspose):
    def __init__(
        self,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            groups,  # stands for the channels to come, which it divides
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
            generator=generator,
        )


class _LazyNorm(LazyModuleMixin, norm._Running):
    """A norm of channels that takes `num_features` from its first input."""

    def _begin(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
    ) -> None:
        super()._begin(num_features, eps, momentum, affine, track_running_stats, bias)
        self.num_features = 0
        self.weight = UninitializedParameter() if affine else None
        self.bias = UninitializedParameter() if affine and bias else None
        if track_running_stats:
            self.register_buffer("running_mean", UninitializedBuffer())
            self.register_buffer("running_var", UninitializedBuffer())

    def _learn(self, x: Tensor) -> None:
        place = -self.dimensions[-1] + 1 if isinstance(self, norm._InstanceNorm) else 1
        if x.ndim < 2 or (x.ndim not in self.dimensions and place > 0):
            raise ShapeError(f"expected images (N, C, ...), got shape {tuple(x.shape)}")
        self.num_features = x.shape[place]

    def _fill(self) -> None:
        bias, *rest = self._later
        settings = (self.eps, self.momentum, self.affine, self.track_running_stats)
        super()._begin(self.num_features, *settings, bias)
        placed(self, *rest)


class _LazyBatchNorm(_LazyNorm, norm._BatchNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._later = (bias, device, dtype)
        super().__init__(1, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)


class _LazyInstanceNorm(_LazyNorm, norm._InstanceNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._later = (bias, device, dtype)
        super().__init__(1, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)


class LazyConv1d(_LazyConv, conv.Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConv1d(8, 3)(ones(2, 3, 4)).shape
        (2, 8, 2)
    """

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConv, conv.Conv2d):
    """A `Conv2d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConv2d(8, 3)(ones(2, 3, 4, 4)).shape
        (2, 8, 2, 2)
    """

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConv, conv.Conv3d):
    """A `Conv3d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConv3d(8, 3)(ones(2, 3, 4, 4, 4)).shape
        (2, 8, 2, 2, 2)
    """

    cls_to_become = conv.Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, conv.ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConvTranspose1d(8, 3)(ones(2, 3, 4)).shape
        (2, 8, 6)
    """

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, conv.ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConvTranspose2d(8, 3)(ones(2, 3, 4, 4)).shape
        (2, 8, 6, 6)
    """

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, conv.ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyConvTranspose3d(8, 3)(ones(2, 3, 4, 4, 4)).shape
        (2, 8, 6, 6, 6)
    """

    cls_to_become = conv.ConvTranspose3d


class LazyBatchNorm1d(_LazyBatchNorm, norm.BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyBatchNorm1d()(ones(2, 3, 4)).shape
        (2, 3, 4)
    """

    cls_to_become = norm.BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, norm.BatchNorm2d):
    """A `BatchNorm2d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyBatchNorm2d()(ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)
    """

    cls_to_become = norm.BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, norm.BatchNorm3d):
    """A `BatchNorm3d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyBatchNorm3d()(ones(2, 3, 4, 4, 4)).shape
        (2, 3, 4, 4, 4)
    """

    cls_to_become = norm.BatchNorm3d


class LazyInstanceNorm1d(_LazyInstanceNorm, norm.InstanceNorm1d):
    """An `InstanceNorm1d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyInstanceNorm1d()(ones(2, 3, 4)).shape
        (2, 3, 4)
    """

    cls_to_become = norm.InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, norm.InstanceNorm2d):
    """An `InstanceNorm2d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyInstanceNorm2d()(ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)
    """

    cls_to_become = norm.InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, norm.InstanceNorm3d):
    """An `InstanceNorm3d` that takes `num_features` from its first input.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LazyInstanceNorm3d()(ones(2, 3, 4, 4, 4)).shape
        (2, 3, 4, 4, 4)
    """

    cls_to_become = norm.InstanceNorm3d
