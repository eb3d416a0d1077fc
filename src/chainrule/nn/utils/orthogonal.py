"""Weights that stay orthogonal while they are learned (floor 3).

M. Lezcano-Casado and D. Martinez-Rubio, "Cheap orthogonal constraints in neural networks", ICML
2019, and M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds",
NeurIPS 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, from_numpy, no_grad, randn
from chainrule.backend.arrays import near, to_host
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.module import Module
from chainrule.nn.utils.parametrize import register_parametrization
from chainrule.ops.core import constant

__all__ = ["orthogonal"]

_MAPS = ("matrix_exp", "cayley", "householder")


def _identity(n: int, like: Any) -> ops.Array:
    return near(constant(np.eye(n, dtype=like.dtype)), like)


def _rotation(x: Any, how: str) -> Any:
    """The orthogonal matrix (..., n, n) of the lower triangle of x (..., n, k)."""
    n, k = x.shape[-2:]
    x = x.tril()
    if n != k:
        x = ops.pad_constant(x, widths=(*((0, 0) for _ in x.shape[:-1]), (0, n - k)))
    skew = x - x.transpose(-2, -1)
    if how == "matrix_exp":
        return ops.matrix_exp(skew)
    one = _identity(n, x)
    return ops.solve(one - skew * 0.5, one + skew * 0.5)


def _reflections(x: Any) -> Any:
    """The first columns (..., n, k) of a product of k reflections, each along a column of x."""
    n, k = x.shape[-2:]
    along = x.tril(-1) + _identity(n, x)[:, :k]
    scale = 2.0 / (along * along).sum(-2)
    y: Any = _identity(n, x)[:, :k]
    for i in reversed(range(k)):
        v = along[..., :, i : i + 1]
        y = y - scale[..., i : i + 1].unsqueeze(-1) * ops.matmul(
            v, ops.matmul(v.transpose(-2, -1), y)
        )
    signs = ops.trunc(ops.diagonal(x.detach(), dim1=-2, dim2=-1))
    return y * signs.unsqueeze(-2)


def _orthonormal(a: ops.Array) -> ops.Array:
    """The orthogonal factor of a, whose triangular one has a positive diagonal."""
    q, r = np.linalg.qr(a)
    signs: ops.Array = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return q * signs[..., None, :]


class _Orthogonal(Module):
    """A matrix of any numbers made orthogonal, as seen from an orthogonal one, `base`."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Any:
        """Make it orthogonal."""
        wide = x.shape[-2] < x.shape[-1]
        x = x.transpose(-2, -1) if wide else x
        if self.orthogonal_map == "householder":
            q = _reflections(x)
        else:
            q = _rotation(x, self.orthogonal_map)[..., : x.shape[-1]]
        if self.use_trivialization and self.base is not None:
            q = ops.matmul(self.base, q)
        return q.transpose(-2, -1) if wide else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """Begin anew from the orthogonal matrix nearest to q in the sense of its QR factors."""
        if tuple(q.shape) != self.shape:
            raise ShapeError(f"expected a weight of shape {self.shape}, got {tuple(q.shape)}")
        wide = q.shape[-2] < q.shape[-1]
        tall = q.transpose(-2, -1) if wide else q
        n, k = tall.shape[-2:]
        if not self.use_trivialization:
            return self._as_reflections(tall, wide)
        numbers = to_host(tall.detach().array)
        if n != k:
            more = randn(*numbers.shape[:-1], n - k, dtype=tall.dtype).cpu().numpy()
            numbers = np.concatenate([numbers, more], axis=-1)
        self.base = from_numpy(_orthonormal(numbers).astype(tall.dtype)).to(q.device)
        begin = np.zeros(self.shape, dtype=tall.dtype)
        along = np.arange(k)
        begin[..., along, along] = -1
        return from_numpy(begin).to(q.device)

    def _as_reflections(self, tall: Tensor, wide: bool) -> Tensor:
        if self.orthogonal_map != "householder":
            raise OptionError(
                f"a weight cannot be set under {self.orthogonal_map!r} without use_trivialization"
            )
        packed, scale = np.linalg.qr(to_host(tall.detach().array), mode="raw")
        found = np.swapaxes(packed, -2, -1).copy()
        along = np.arange(found.shape[-1])
        signs = np.sign(found[..., along, along])
        found[..., along, along] = np.where(scale == 0, -signs, signs)
        y = from_numpy(found).to(tall.device)
        return y.transpose(-2, -1) if wide else y


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal: its rows, or its columns if they are fewer, of length 1 and apart.

    Args:
        module: that has the weight.
        name: of the weight, a matrix or a stack of them.
        orthogonal_map: "matrix_exp" or "cayley", which turn, or "householder", which reflects; by
            default the first for square weights and the last for others.
        use_trivialization: whether turns begin from the weight as it was.

    Returns:
        The module.

    Raises:
        OptionError: no such weight or map.
        ShapeError: a weight that is no matrix.

    Examples:
        >>> from chainrule import nn
        >>> q = orthogonal(nn.Linear(3, 3)).weight.detach()
        >>> bool(((q @ q.T).numpy().round(5) == np.eye(3)).all())
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise OptionError(f"{type(module).__name__} has no parameter or buffer {name!r}")
    if weight.ndim < 2:
        raise ShapeError(f"an orthogonal weight is a matrix, got shape {tuple(weight.shape)}")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _MAPS:
        raise OptionError(f"orthogonal_map must be one of {_MAPS}, got {orthogonal_map!r}")
    how = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, how, unsafe=True)
