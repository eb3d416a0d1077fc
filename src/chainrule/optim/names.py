"""Optimisers by name (floor 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.errors import OptionError, chosen, kind_of
from chainrule.optim.adagrad import Adagrad
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.rmsprop import RMSprop
from chainrule.optim.sgd import SGD

__all__ = ["OPTIMIZERS", "optimizer_of"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}


def optimizer_of(
    given: Optimizer | str, parameters: Iterable[Any], **options: float | None
) -> Optimizer:
    """Return the optimiser that was asked for.

    Args:
        given: the optimiser itself, or a name from `OPTIMIZERS`.
        parameters: what one that is named is to change.
        options: of one that is named, as `lr`; `None` for those that are to be as usual.

    Raises:
        OptionError: there is none of that name, it is no optimiser, or an option is given beside
            one that was made already.

    Examples:
        >>> from chainrule.autograd import zeros
        >>> made = optimizer_of("sgd", [zeros(1, requires_grad=True)], lr=0.5)
        >>> type(made).__name__, made.param_groups[0]["lr"]
        ('SGD', 0.5)
    """
    told = {name: value for name, value in options.items() if value is not None}
    if isinstance(given, str):
        made: Optimizer = chosen("optimizer", given, OPTIMIZERS)(parameters, **told)
        return made
    if not isinstance(given, Optimizer):
        raise OptionError(f"optimizer must be a name or an optim.Optimizer, got {kind_of(given)}")
    if told:
        raise OptionError(
            f"{' and '.join(told)} cannot be given beside an optimizer that was made already; "
            "give them to the optimizer"
        )
    return given
