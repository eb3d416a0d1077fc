"""The layers for JAX: functions on a dictionary of arrays, which are named as in the modules.

Images are channels-last, and a pooling in training is a maximum over a reshaped array: both are
what XLA is quickest with on a processor.
"""

from __future__ import annotations

from typing import Any

MOMENTUM, EPS = 0.1, 1e-5  # of a norm


def linear(p: Any, name: str, x: Any) -> Any:
    """Return x W^T + b, or without b where there is none."""
    y = x @ p[f"{name}.weight"].T
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def convolution(p: Any, name: str, x: Any, stride: int = 1, padding: int = 0) -> Any:
    """Return the convolution of images (N, H, W, C), with the bias where there is one."""
    from jax import lax

    y = lax.conv_general_dilated(
        x,
        p[f"{name}.weight"],
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "OIHW", "NHWC"),
    )
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def halved(x: Any, training: bool) -> Any:
    """Return the maxima of 2 x 2 pixels of images (N, H, W, C) of even height and width."""
    import jax.numpy as jnp
    from jax import lax

    if training:  # the gradient of a windowed maximum takes long
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def layer_norm(p: Any, name: str, x: Any) -> Any:
    """Return x with mean 0 and variance 1 along the last dimension, then scaled and moved."""
    from jax import lax

    x = x - x.mean(-1, keepdims=True)
    x = x * lax.rsqrt((x * x).mean(-1, keepdims=True) + EPS)
    return x * p[f"{name}.weight"] + p[f"{name}.bias"]


def batch_norm(p: Any, name: str, x: Any, training: bool, changed: dict[str, Any]) -> Any:
    """Return images (N, H, W, C) normalised by channel; in training note the running statistics."""
    from jax import lax

    mean, variance = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    if training:
        many = x.size // x.shape[-1]
        kept = {"running_mean": mean, "running_var": variance}
        mean = x.mean((0, 1, 2))
        variance = ((x - mean) ** 2).mean((0, 1, 2))
        found = {"running_mean": mean, "running_var": variance * (many / (many - 1))}
        for what, value in found.items():
            changed[f"{name}.{what}"] = (1 - MOMENTUM) * kept[what] + MOMENTUM * value
    scale = p[f"{name}.weight"] * lax.rsqrt(variance + EPS)
    return (x - mean) * scale + p[f"{name}.bias"]
