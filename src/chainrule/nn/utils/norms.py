"""Weight and spectral norm by their former names, whose parts are the module's own (floor 3).

The formulas are in `nn.utils.parametrizations`, which new programs use.
"""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, no_grad
from chainrule.errors import OptionError
from chainrule.nn.module import Module, Parameter
from chainrule.nn.utils.computed import compute, part_of, restore
from chainrule.nn.utils.parametrizations import _SpectralNorm, norm_except_dim

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn a weight as length `weight_g` and direction `weight_v`: w = g v / |v|.

    Args:
        module: that has the weight.
        name: of the weight.
        dim: along which there are several lengths; `None` for one length of all.

    Returns:
        The module.

    Examples:
        >>> from chainrule import nn
        >>> [n for n, _ in weight_norm(nn.Linear(2, 3)).named_parameters()]
        ['bias', 'weight_g', 'weight_v']
    """
    along = -1 if dim is None else dim
    weight = part_of(module, name)

    def get(module: Any) -> Any:
        g, v = getattr(module, f"{name}_g"), getattr(module, f"{name}_v")
        return v * (g / norm_except_dim(v, along))

    with no_grad():
        lengths = norm_except_dim(weight, along)
    compute(module, name, get)
    module.register_parameter(f"{name}_g", Parameter(lengths))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again, of the value that it has."""
    return _removed(module, name, ("g", "v"))


class _RightFirst(_SpectralNorm):
    """Power iteration that begins with the right vector, as the former spectral norm does."""

    @no_grad()
    def _iterate(self, matrix: Any, times: int) -> None:
        for _ in range(times):
            ops.assign(self._v, ops.normalize(ops.matmul(self._u, matrix), dim=0, eps=self.eps))
            ops.assign(self._u, ops.normalize(ops.matmul(matrix, self._v), dim=0, eps=self.eps))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight, kept as `weight_orig`, by its largest singular value.

    Args:
        module: that has the weight.
        name: of the weight.
        n_power_iterations: steps towards the singular vectors at each use in training.
        eps: keeps lengths away from 0.
        dim: which dimension the outputs are; 1 for transposed convolutions and 0 otherwise.

    Returns:
        The module, whose buffers `weight_u` and `weight_v` are the singular vectors.

    Examples:
        >>> from chainrule import nn
        >>> list(spectral_norm(nn.Linear(2, 3)).state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    weight: Tensor = part_of(module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    norm = _RightFirst(weight, n_power_iterations, dim, eps)

    def get(module: Any) -> Any:
        norm._u, norm._v = getattr(module, f"{name}_u"), getattr(module, f"{name}_v")
        norm.training = module.training
        return norm(getattr(module, f"{name}_orig"))

    compute(module, name, get)
    module.register_parameter(f"{name}_orig", Parameter(weight.detach()))
    module.register_buffer(f"{name}_u", norm._u)
    module.register_buffer(f"{name}_v", norm._v)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again, of the value that it has."""
    return _removed(module, name, ("orig", "u", "v"))


def _removed(module: Module, name: str, parts: tuple[str, ...]) -> Module:
    if any(f"{name}_{part}" not in vars(module) for part in parts):
        raise OptionError(f"{name!r} of {type(module).__name__} has no such norm")
    training = module.training
    with no_grad():
        value = Parameter(ops.clone(getattr(module.train(False), name)))
    module.train(training)
    for part in parts:
        delattr(module, f"{name}_{part}")
    restore(module, name, value)
    return module
