"""Drawing with given probabilities (floor 2)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd.generator import Generator, state_of

__all__ = ["bernoulli", "multinomial"]


def bernoulli(x: Any, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """Return 1 with the probabilities in x, or with probability `p`, else 0; in the dtype of x.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> bernoulli(tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    chances = x if p is None else ops.add(ops.mul(x, 0), p)
    return ops.bernoulli(chances, state=state_of(generator, x))


def multinomial(
    x: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Any:
    """Return numbers of entries of x, drawn with probabilities in proportion to it.

    Args:
        x: (n,) or (m, n), not negative.
        num_samples: how many to draw, from each row.
        replacement: whether an entry can be drawn again.
        generator: to draw from, rather than the default one.

    Returns:
        int64 of shape (num_samples,) or (m, num_samples).

    Raises:
        DataError: a negative or infinite number, or too few that are not 0.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> multinomial(tensor([0.0, 3.0, 0.0]), 2, True)
        tensor([1, 1])
    """
    return ops.multinomial(x, num_samples, replacement, state=state_of(generator, x))
