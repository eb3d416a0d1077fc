"""The gradients of a network by parameter: how large, how spread, how large beside the weights.

Floor 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import as_tensor, enable_grad
from chainrule.errors import OptionError
from chainrule.explain.look.rows import inputs_of
from chainrule.explain.look.seen import Seen, short, sizes
from chainrule.explain.look.still import fed, still
from chainrule.nn.place import looks
from chainrule.nn.usual import loss_of
from chainrule.ops import Array
from chainrule.picture import Strip, Svg, strip_chart

__all__ = ["Gradients", "gradients"]


@dataclass(frozen=True)
class Gradients(Seen):
    """The gradients of one loss.

    Attributes:
        loss: its value.
        gradients: by the name of the parameter, in its shape.
        weights: the parameters themselves, likewise.
        without: the names of the parameters that get none: frozen, or not on the way.
    """

    loss: float
    gradients: Mapping[str, Array] = field(repr=False)
    weights: Mapping[str, Array] = field(repr=False)
    without: tuple[str, ...] = ()

    @property
    def norms(self) -> dict[str, float]:
        """The length of each gradient, the root of the sum of its squares."""
        return {name: _length(g) for name, g in self.gradients.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """The length of each gradient as a multiple of the length of its parameter."""
        return {
            name: norm / size if (size := _length(self.weights[name])) else float("inf")
            for name, norm in self.norms.items()
        }

    def _drawn(self) -> Svg:
        strips = [
            Strip(
                name,
                g,
                {
                    "length": short(self.norms[name]),
                    "of the weights": short(_length(self.weights[name])),
                    "ratio": short(self.ratios[name]),
                    "zero": f"{100 * float(np.mean(g == 0)):.0f} %",
                },
                sizes(g.shape),
            )
            for name, g in self.gradients.items()
        ]
        note = f"without a gradient: {', '.join(self.without)}" if self.without else ""
        return strip_chart(
            strips, title=f"The gradients of a loss of {short(self.loss)}", note=note
        )


@looks
def gradients(
    model: nn.Module, x: Any, y: Any = None, loss: Callable[[Any, Any], Any] | str | None = None
) -> Gradients:
    """Return the gradient of a loss by every parameter, `dL / dw`.

    Args:
        model: is left as it is; it runs in eval mode, dropout off and batch norm by its means.
        x: inputs `(N, ...)`; or `Examples`, which bring their answers.
        y: answers, one for each input.
        loss: takes outputs and answers, gives one number; or its name. Cross-entropy for whole
            answers, mean squares for others, if not given.

    Raises:
        OptionError: no answers, an unknown loss, or no parameter gets a gradient.

    Examples:
        >>> from chainrule import nn
        >>> net = nn.Linear(2, 1, bias=False)
        >>> seen = gradients(net, [[1.0, 2.0]], [[0.0]], lambda outputs, y: outputs.sum())
        >>> seen.gradients["weight"]
        array([[1., 2.]], dtype=float32)
    """
    rows = inputs_of(x)
    answers = rows.y if y is None else as_tensor(y).array
    if answers is None:
        raise OptionError("gradients are those of a loss; give the answers y beside x")
    with still(model) as copied, enable_grad():
        value = loss_of(loss, answers)(copied(fed(copied, rows.x)), as_tensor(answers))
        if not value.requires_grad:
            raise OptionError("no parameter of this model has a part in the loss; all are frozen")
        value.backward()
        named = list(copied.named_parameters())
        found = {name: p.grad.array for name, p in named if p.grad is not None}
        weights = {name: p.array for name, p in named}
    without = tuple(name for name in weights if name not in found)
    return Gradients(value.item(), found, weights, without)


def _length(array: Array) -> float:
    return float(np.sqrt(np.sum(np.square(array.astype(np.float64)))))
