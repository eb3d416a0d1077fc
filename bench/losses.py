"""Every loss three times: with PyTorch's names, for JAX, and as what came of a run is measured.

A loss takes what the network gives, the inputs and the targets. `elbo` is what a variational
autoencoder lowers: the cross-entropy of its pixels with those of the input and the divergence of
its codes from standard normal ones, added up over the rows; all others are means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from bench.workloads import Array

Loss: TypeAlias = Callable[[Any, Any, Any], Any]


def criterion(lib: Any, name: str) -> Loss:
    """Return a loss in a library with PyTorch's names."""
    F = lib.nn.functional

    def elbo(found: Any, x: Any, _: Any) -> Any:
        scores, mean, spread = found
        pixels = F.binary_cross_entropy_with_logits(scores, x, reduction="sum")
        return pixels - 0.5 * (1 + spread - mean.pow(2) - spread.exp()).sum()

    losses: dict[str, Loss] = {
        "mse": lambda found, _, y: F.mse_loss(found, y),
        "bce": lambda found, _, y: F.binary_cross_entropy_with_logits(found, y),
        "cross_entropy": lambda found, _, y: F.cross_entropy(found, y),
        "letters": lambda found, _, y: F.cross_entropy(found.flatten(0, 1), y.flatten()),
        "elbo": elbo,
    }
    return losses[name]


def jax_loss(name: str, found: Any, x: Any, y: Any) -> Any:
    """Return a loss in JAX."""
    import jax
    import jax.numpy as jnp

    if name == "mse":
        return jnp.mean((found - y) ** 2)
    if name == "bce":
        return jnp.mean(jnp.logaddexp(0.0, found) - y * found)
    if name == "elbo":
        scores, mean, spread = found
        pixels = jnp.sum(jnp.logaddexp(0.0, scores) - x * scores)
        return pixels - 0.5 * jnp.sum(1 + spread - mean**2 - jnp.exp(spread))
    logs = jax.nn.log_softmax(found)
    return -jnp.mean(jnp.take_along_axis(logs, y[..., None], axis=-1))


def measured_loss(name: str, found: Any, x: Array, y: Array) -> float:
    """Return the mean of a loss over rows, in float64, by the same lines for every contender."""
    if name == "elbo":
        scores, mean, spread = (np.asarray(each, dtype=np.float64) for each in found)
        pixels = np.sum(np.logaddexp(0, scores) - x * scores)
        return float(pixels - 0.5 * np.sum(1 + spread - mean**2 - np.exp(spread))) / len(x)
    scores = np.asarray(found, dtype=np.float64)
    if name == "mse":
        return float(np.mean((scores - y) ** 2))
    if name == "bce":
        return float(np.mean(np.logaddexp(0, scores) - y * scores))
    highest = scores.max(axis=-1)
    total = highest + np.log(np.exp(scores - highest[..., None]).sum(axis=-1))
    return float(np.mean(total - np.take_along_axis(scores, y[..., None], axis=-1)[..., 0]))
