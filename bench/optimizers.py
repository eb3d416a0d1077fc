"""Every optimiser twice: by PyTorch's names, and for JAX.

`momentum` is descent with the usual momentum and decay of the weights for images.
"""

from __future__ import annotations

from typing import Any

MOMENTUM = {"momentum": 0.9, "weight_decay": 5e-4}
DECAY = 0.01  # of AdamW
ALONG, SQUARED, EPS = 0.9, 0.999, 1e-8  # of Adam

# By name in the table of workloads: the class, and what it is given beside the learning rate.
OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", MOMENTUM),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {"weight_decay": DECAY}),
}


def optimizer(lib: Any, name: str, parameters: Any, lr: float, **options: bool) -> Any:
    """Return an optimiser of a library with PyTorch's names."""
    kind, settings = OPTIMIZERS[name]
    return getattr(lib.optim, kind)(parameters, lr=lr, **settings, **options)


def jax_update(name: str, lr: float, p: Any, m: Any, v: Any, t: Any, g: Any) -> tuple[Any, ...]:
    """Return parameters and both averages after step number `t`, counted from 1, in JAX."""
    import jax
    import jax.numpy as jnp

    each = jax.tree.map
    if name == "sgd":
        return each(lambda p, g: p - lr * g, p, g), m, v
    if name == "momentum":
        along, decay = MOMENTUM["momentum"], MOMENTUM["weight_decay"]
        m = each(lambda p, m, g: along * m + (g + decay * p), p, m, g)
        return each(lambda p, m: p - lr * m, p, m), m, v
    if name == "adamw":
        p = each(lambda p: p * (1 - lr * DECAY), p)
    m = each(lambda m, g: ALONG * m + (1 - ALONG) * g, m, g)
    v = each(lambda v, g: SQUARED * v + (1 - SQUARED) * g * g, v, g)
    rate, root = lr / (1 - ALONG**t), jnp.sqrt(1 - SQUARED**t)
    return each(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + EPS), p, m, v), m, v
