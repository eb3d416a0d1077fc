"""`doctor`: the examination before training, check by check (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chainrule import nn, ops, optim
from chainrule.explain.doctor import data_checks, network_checks, step_checks
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.check import Check
from chainrule.explain.doctor.finding import Diagnosis, Finding
from chainrule.nn.place import looks
from chainrule.nn.usual import Loss

__all__ = ["CHECKS", "doctor"]

# In this order, so that what one finds can explain what another would: see `Check.unless`.
CHECKS: tuple[Check, ...] = (
    *data_checks.CHECKS,
    *network_checks.CHECKS,
    *step_checks.CHECKS,
)


@looks
@ops.quiet
def doctor(
    model: nn.Module,
    data: Any,
    loss: Loss | str | None = None,
    optimizer: optim.Optimizer | str | None = None,
    *,
    validation: Any = None,
    step: Callable[..., Any] | None = None,
    batch_size: int = 64,
) -> Diagnosis:
    """Examine a network and its data before training, and name one edit for each fault.

    Some rows are looked at, a few hundred go through the network, forward and back, and a handful
    are learned by heart, all on copies: nothing of the model, the optimiser or the data is changed,
    and the same call finds the same.

    Args:
        model: takes a batch of x, returns outputs.
        data: as for `fit`: a pair (x, y), a `Dataset` of pairs, or a `DataLoader`.
        loss: takes outputs and targets, returns one number; or a name, as for `fit`. By default
            cross-entropy for integer targets, mean squared error for others.
        optimizer: an optimiser of the model's parameters, or a name; without one nothing is said
            about it.
        validation: further data, as `data`, that is held out.
        step: a training step of your own, `step(x, y)`, of this model. It is taken twice and taken
            back.
        batch_size: examples in a batch, unless `data` is a `DataLoader`.

    Returns:
        The findings, worst first. `print` shows them, each with what was measured and what to do.

    Raises:
        OptionError: no module, or data that are not what `fit` takes.
        DataError: there are no examples.

    References:
        Karpathy, "A Recipe for Training Neural Networks" (2019).

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 3)).astype("float32") * np.float32([1, 1, 1000])
        >>> y = (x[:, 0] > x[:, 1]).astype(int)
        >>> model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> print(doctor(model, (x, y)))
        1. inputs unscaled, column 2: it runs from -2,967 to 2,000, column 1 from -3.9 to 2.55;
           layers start with weights for numbers of about 1
           -> put nn.Normalize in front:
              model = nn.Sequential(nn.Normalize(x.mean(0), x.std(0) + 1e-6), model)
        >>> model = nn.Sequential(nn.Normalize(x.mean(0), x.std(0) + 1e-6), model)
        >>> print(doctor(model, (x, y)))  # doctest: +ELLIPSIS
        nothing found in ... checks
    """
    case = Case(
        model, data, loss, optimizer, validation=validation, step=step, batch_size=batch_size
    )
    return examined(case, CHECKS)


def examined(case: Any, checks: Sequence[Check], before: Iterable[Finding] = ()) -> Diagnosis:
    """Make the checks one after another, but for those whose cause is found already.

    Args:
        case: what they look at.
        checks: in order.
        before: what was found earlier.
    """
    found: list[Finding] = []
    known = {finding.check for finding in before}
    for each in checks:
        finding = None if known & set(each.unless) else each.look(case)
        if finding is not None:
            found.append(finding)
            known.add(finding.check)
    return Diagnosis(tuple(found), {each.name: each.looks_for for each in checks})
