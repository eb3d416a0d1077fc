"""`equations`: of a network, of one weight in it, or of a single number (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import OptionError
from chainrule.explain.equations.equations import Equations
from chainrule.explain.equations.following.numbers import with_numbers
from chainrule.explain.equations.network import of_network
from chainrule.explain.equations.scalars import of_scalar
from chainrule.nn.place import looks
from chainrule.scalar import Value

__all__ = ["equations"]


@looks
def equations(
    model: Callable[..., Any] | Value,
    x: Any = None,
    y: Any = None,
    loss: Callable[..., Any] | None = None,
    *,
    numbers: bool = False,
    example: int = 0,
    weight: str | None = None,
    names: Mapping[str, Any] | None = None,
) -> Equations:
    r"""Return the derivation of a network: what it computes, and every gradient, with shapes.

    One run is recorded, its values get names (X, W1, Z1, A1, ..., L), and the derivative rules of
    the operations in it are performed on symbols. What the chain rule makes of them, dL/dx = the
    sum of dL/dy dy/dx over all y that x was used in, is simplified until it reads like a textbook.

    Args:
        model: a module, or a function of tensors; or a `Value`, whose own derivation is returned,
            with its numbers, and which takes `names` alone.
        x: one batch of inputs, or a tuple of them.
        y: the targets that the loss is given.
        loss: a function or module of output and targets; without one the output itself is derived.
        numbers: follow one example and one weight in numbers, of each value one element; every
            slope is held against `backward()` and against a difference. In float64, on a copy.
        example: which example to follow.
        weight: which weight, such as `"0.weight[3, 5]"`; by default one that the example moves.
        names: of Values, such as `locals()`; otherwise their labels are their names.

    Returns:
        The derivation. `print` writes it as text, a notebook shows it as formulas, and `save`
        writes a page (`.html`), LaTeX (`.tex`) or text (`.txt`). `["dW1"]` is a line of it.

    Raises:
        OptionError: inputs are missing, or there is no such example or weight; a model that gives
            no tensor; a Value of more than 200 operations.

    The model is not changed: not its weights, buffers, mode or gradients, nor any generator.

    Source: D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323 (1986).

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> from chainrule.explain import equations
        >>> net = nn.Sequential(nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10))
        >>> digits, labels = cr.zeros(64, 784), cr.zeros(64, dtype=cr.int64)
        >>> derivation = equations(net, digits, labels, nn.CrossEntropyLoss())
        >>> for section in str(derivation).split("\n\n")[-2:]:
        ...     print(section)
        Backward
          2 (Linear)
            dZ₂ = A₂ − Y                                           (64, 10)
            dW₂ = dZ₂ᵀ A₁ / m                                      (10, 10)
            db₂ = sum₀(dZ₂) / m                                    (10,)
          0 (Linear)
            dZ₁ = dZ₂ W₂ ⊙ ReLU′(Z₁)                               (64, 10)
            dW₁ = dZ₁ᵀ X / m                                       (10, 784)
            db₁ = sum₀(dZ₁) / m                                    (10,)

        >>> from chainrule.scalar import Value
        >>> a, b = Value(2, "a"), Value(-3, "b")
        >>> equations(a * b + a)["dL/da"].steps[-1]
        -2.0
    """
    if isinstance(model, Value):
        if x is not None or y is not None or loss is not None:
            raise OptionError("the equations of a Value take names alone; leave out x, y and loss")
        return of_scalar(model, names)
    if x is None:
        raise OptionError("equations of a model need x, one batch of inputs to run it on")
    if numbers or weight is not None:
        return with_numbers(model, x, y, loss, example=example, weight=weight)
    return of_network(model, x, y, loss)
