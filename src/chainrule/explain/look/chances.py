"""The probabilities that a network gives to its classes (floor 4)."""

from __future__ import annotations

import numpy as np

from chainrule.ops import Array, sigmoid, softmax

__all__ = ["chances"]


def chances(outputs: Array) -> Array:
    """Return the probability of each class, `(N, K)`.

    Args:
        outputs: `(N, K)`, a number for each class in front of a softmax; or `(N, 1)`, one in front
            of a sigmoid, of which two classes are made.

    Examples:
        >>> chances(np.array([[0.0]], dtype=np.float32)).tolist()
        [[0.5, 0.5]]
    """
    if outputs.shape[1] > 1:
        return np.asarray(softmax(outputs, dim=1))
    second = np.asarray(sigmoid(outputs))
    return np.concatenate([1 - second, second], axis=1)
