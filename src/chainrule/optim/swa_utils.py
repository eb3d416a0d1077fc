"""Models whose parameters are averages of another's, and what goes with them (floor 3).

    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    for x, y in loader:
        ...
        optimizer.step()
        averaged.update_parameters(model)

P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov and A. G. Wilson, "Averaging weights leads to
wider optima and better generalization", UAI 2018.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from chainrule import nn, ops
from chainrule.autograd import Tensor, no_grad, tensor
from chainrule.errors import OptionError
from chainrule.nn.norm import _BatchNorm
from chainrule.optim.lr_scheduler.base import LRScheduler, per_group
from chainrule.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

# From an average, the present value and how many were averaged so far to the new average.
Average: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]
# The same for lists, in place.
Averages: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the exponential moving average: decay average + (1 - decay) p.

    Args:
        decay: how much of the average is kept at each step, from 0 to 1.

    Raises:
        OptionError: `decay` is outside.

    Examples:
        >>> get_ema_avg_fn(0.75)(tensor(0.0), tensor(1.0), 1).item()
        0.25
    """
    if not 0 <= decay <= 1:
        raise OptionError(f"decay must be a number from 0 to 1, got {decay}")
    return lambda average, p, _n: decay * average + (1 - decay) * p


def get_swa_avg_fn() -> Average:
    """Return the mean of all so far: average + (p - average) / (n + 1).

    Examples:
        >>> get_swa_avg_fn()(tensor(1.0), tensor(4.0), 2)
        tensor(2.)
    """
    return lambda average, p, n: average + (p - average) / (n + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Return the exponential moving average of lists; see `get_ema_avg_fn`.

    Raises:
        OptionError: `decay` is outside of 0 to 1.
    """
    return _of_each(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Averages:
    """Return the mean of lists; see `get_swa_avg_fn`."""
    return _of_each(get_swa_avg_fn())


def _of_each(average: Average) -> Averages:
    def update(averages: Sequence[Tensor], present: Sequence[Tensor], n: Any) -> None:
        with no_grad():
            for kept, p in zip(averages, present, strict=True):
                ops.assign(kept, average(kept, p, n))

    return update


class AveragedModel(nn.Module):
    """A copy of a model with averages of its parameters; the mean, if nothing else is said.

    Args:
        model: the model to average.
        device: where the copy is; where the model is if `None`.
        avg_fn: the new average of the old one, the parameter and the count so far.
        multi_avg_fn: the same for lists, in place.
        use_buffers: average buffers too, rather than copy them.

    Attributes:
        module: the copy.
        n_averaged: how often it was updated.

    Raises:
        OptionError: both functions were given.

    Examples:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> averaged = AveragedModel(model)
        >>> for value in (1.0, 3.0):
        ...     _ = nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged(tensor([1.0])).item()
        2.0
    """

    def __init__(
        self,
        model: nn.Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise OptionError("avg_fn and multi_avg_fn were both given; give one of them")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, device="cpu"))
        if device is not None:
            self.module.to(device)
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the copy returns."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: nn.Module) -> None:
        """Take the parameters of the model as they are now into the averages."""
        count = int(self.n_averaged.item())
        kept, present = (self._averaged(m) for m in (self.module, model))
        present = [p.to(k.device) for p, k in zip(present, kept, strict=True)]
        update = self.multi_avg_fn or _of_each(self.avg_fn or get_swa_avg_fn())
        with no_grad():
            if count == 0:
                _copy(kept, present)
            else:
                update(kept, present, self.n_averaged)
            if not self.use_buffers:
                _copy([*self.module.buffers()], [*model.buffers()])
            ops.assign(self.n_averaged, self.n_averaged + 1)

    def _averaged(self, model: nn.Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [p.detach() for p in chain(model.parameters(), buffers)]


def _copy(kept: Sequence[Tensor], present: Sequence[Tensor]) -> None:
    for to, value in zip(kept, present, strict=True):
        ops.assign(to, value.to(to.device))


def update_bn(loader: Iterable[Any], model: nn.Module, device: Any = None) -> None:
    """Set the running statistics of batch norms to the means over all batches.

    Averaged parameters have other activations than those that the statistics were taken of.

    Args:
        loader: batches; of a tuple or list the first part is the input.
        model: whose batch norms are set.
        device: where to bring the batches; left where they are if `None`.

    Examples:
        >>> model = nn.BatchNorm1d(1)
        >>> update_bn([tensor([[1.0], [3.0]]), tensor([[5.0], [7.0]])], model)
        >>> model.running_mean
        tensor([4.])
    """
    norms = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not norms:
        return
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    try:
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (tuple, list)) else batch
                model(x if device is None else x.to(device))
    finally:
        for norm, momentum in norms.items():
            norm.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """The rate goes from where it is to `swa_lr` in `anneal_epochs` calls, and stays.

    Args:
        optimizer: whose groups it sets.
        swa_lr: the rate in the end, or one for each group.
        anneal_epochs: calls until it is reached, at least 0.
        anneal_strategy: along half a wave of the cosine, "cos", or a straight line, "linear".
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: an option is outside what it may be.

    Examples:
        >>> from chainrule.optim import SGD
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(4):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        0.75
        0.5
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise OptionError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise OptionError(
                f"anneal_epochs must be a whole number of at least 0, got {anneal_epochs}"
            )
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates, from where they would have come from without the last call."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._done(step - 1), self._done(step)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

    def _done(self, step: int) -> float:
        """How much of the way is over after so many calls, from 0 to 1."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
