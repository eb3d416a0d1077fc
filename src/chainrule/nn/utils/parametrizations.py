"""Parametrizations to be had ready: length and direction apart, and spectral norm (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, no_grad, randn
from chainrule.errors import OptionError
from chainrule.nn.module import Module
from chainrule.nn.utils.orthogonal import orthogonal
from chainrule.nn.utils.parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def norm_except_dim(v: Any, dim: int) -> Any:
    """The length of v over all dimensions but `dim`, kept with size 1; over all if `dim` is -1."""
    if dim == -1:
        return ops.norm(v)
    rest = tuple(d for d in range(len(v.shape)) if d != dim)
    return ops.norm(v, dim=rest, keepdim=True)


class _WeightNorm(Module):
    """g v / |v|: length and direction apart."""

    def __init__(self, dim: int | None = 0) -> None:
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Any:
        """Put them together."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> Any:
        """Take a weight apart."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn a weight as length and direction: w = g v / |v|.

    T. Salimans and D. Kingma, "Weight normalization", NeurIPS 2016.

    Args:
        module: that has the weight.
        name: of the weight.
        dim: along which there are several lengths; `None` for one length of all.

    Returns:
        The module, with `parametrizations.weight.original0` (g) and `original1` (v).

    Examples:
        >>> from chainrule import nn
        >>> layer = weight_norm(nn.Linear(2, 3))
        >>> [tuple(p.shape) for p in layer.parametrizations.parameters()]
        [(3, 1), (3, 2)]
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """w divided by its largest singular value, which power iteration finds step by step.

    Attributes:
        _u: the left singular vector, as far as it is known.
        _v: the right one.
    """

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations < 1:
            raise OptionError(f"n_power_iterations must be at least 1, got {n_power_iterations}")
        if not -weight.ndim <= dim < weight.ndim:
            raise OptionError(f"dim {dim} is not one of {weight.ndim} dimensions")
        self.n_power_iterations = n_power_iterations
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            matrix = self._matrix(weight.detach())
            u, v = (randn(n, dtype=weight.dtype).to(weight.device) for n in matrix.shape)
            self.register_buffer("_u", ops.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", ops.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        """The weight as a matrix whose rows are the entries along `dim`."""
        rest = [d for d in range(weight.ndim) if d != self.dim]
        return weight.permute(self.dim, *rest).reshape(weight.shape[self.dim], -1)

    @no_grad()
    def _iterate(self, matrix: Any, times: int) -> None:
        for _ in range(times):
            u = ops.normalize(ops.matmul(matrix, self._v), dim=0, eps=self.eps)
            v = ops.normalize(ops.matmul(u, matrix), dim=0, eps=self.eps)
            ops.assign(self._u, u)
            ops.assign(self._v, v)

    def forward(self, weight: Tensor) -> Any:
        """Divide the weight; in training, take a step towards the singular vectors before."""
        if weight.ndim == 1:
            return ops.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # Copies: the next step changes the vectors, which this one's gradient needs as they are.
        u, v = ops.clone(self._u), ops.clone(self._v)
        return weight / ops.matmul(u, ops.matmul(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself, whatever its norm."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value.

    T. Miyato and others, "Spectral normalization for generative adversarial networks", ICLR 2018.

    Args:
        module: that has the weight.
        name: of the weight.
        n_power_iterations: steps towards the singular vectors at each use in training.
        eps: keeps lengths away from 0.
        dim: which dimension the outputs are; 1 for transposed convolutions and 0 otherwise.

    Returns:
        The module, with `parametrizations.weight.original`.

    Examples:
        >>> from chainrule import nn
        >>> layer = spectral_norm(nn.Linear(2, 1)).eval()
        >>> (layer.weight**2).sum().round()
        tensor(1., grad_fn=<round>)
    """
    if not isinstance(getattr(module, name, None), Tensor):
        raise OptionError(f"{type(module).__name__} has no parameter or buffer {name!r}")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    how = _SpectralNorm(getattr(module, name), n_power_iterations, dim, eps)
    return register_parametrization(module, name, how)
