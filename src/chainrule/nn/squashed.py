"""Losses that refuse what has been through softmax or sigmoid where that is a mistake (floor 3).

A loss of scores has its own softmax or sigmoid, and a second one before it leaves hardly a slope to
learn by, without a word from anybody. What a prediction was computed by is on the tape; softmax has
no operation of its own there, but is known by what it is made of. What has been through
`log_softmax` may be a score: it is its own `log_softmax`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule import ops
from chainrule.autograd.tape import Node
from chainrule.errors import OptionError

__all__ = ["refusing", "squashed_by"]

Loss = Callable[..., Any]


def squashed_by(x: Any) -> str:
    """Return "softmax" or "sigmoid" if `x` is what one of them gave, reshaped or not; or "".

    Examples:
        >>> from chainrule.autograd import ones
        >>> scores = ones(2, 3, requires_grad=True)
        >>> squashed_by(scores.softmax(1)), squashed_by(scores.sigmoid()[:, 0]), squashed_by(scores)
        ('softmax', 'sigmoid', '')
        >>> squashed_by(scores.softmax(1).log())
        ''
    """
    node = getattr(x, "node", None)
    while type(node) is Node and (node.op.kind == "view" or node.op is ops.cast):
        node = node.parents[0]
    if type(node) is not Node:
        return ""
    if node.op is ops.sigmoid:
        return "sigmoid"
    return "softmax" if node.op is ops.exp and _is_log_softmax(node.parents[0]) else ""


def _is_log_softmax(node: Any) -> bool:
    """Whether a node is z - log(sum(exp(z))), as `ops.log_softmax` makes it."""
    if type(node) is not Node or node.op is not ops.sub:
        return False
    z, rest = node.parents
    for op in (ops.log, ops.sum, ops.exp):
        if type(rest) is not Node or rest.op is not op:
            return False
        rest = rest.parents[0]
    return z is not None and rest is z


def refusing(loss: Loss, sentence: str) -> Loss:
    """Return `loss`, refusing a prediction that softmax or sigmoid gave.

    Args:
        loss: of a prediction and more.
        sentence: what the loss takes, and what to do; `{squashed}` stands for the function's name.

    Raises:
        OptionError: from what is returned, for such a prediction.
    """

    @functools.wraps(loss)
    def careful(x: Any, *args: Any, **kwargs: Any) -> Any:
        squashed = squashed_by(x)
        if squashed:
            raise OptionError(f"{loss.__name__} {sentence.format(squashed=squashed)}")
        return loss(x, *args, **kwargs)

    return careful
