"""A module that trains on several ranks, each with its own part of the data (floor 3).

The gradients of the ranks are averaged in buckets: as soon as `backward` has made all that a bucket
holds, its sum over the ranks is begun, and while that is under way `backward` goes on. Parameters
are put into buckets from the last to the first, which is about the order in which their gradients
are made. In a step that is recorded the exchanges are part of its program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, is_grad_enabled
from chainrule.autograd.tape import at_the_end, wrap
from chainrule.backend.ranks import world
from chainrule.backend.ranks.agreement import agree, different_data
from chainrule.errors import GradientError, OptionError
from chainrule.nn.module import Module
from chainrule.nn.parameter import Parameter
from chainrule.nn.synced import SyncBatchNorm
from chainrule.ops.exchange import Bucket, exchange_start, exchange_wait, from_rank

__all__ = ["DistributedDataParallel"]

_MIB = 2**20
# The bucket that is filled first is small, so that the exchange begins early.
_FIRST = 1.0


class DistributedDataParallel(Module):
    """Train `module` on all ranks: each step changes the weights by the mean of their gradients.

    With the loss L_r of rank r a mean over its own rows, `.grad` is after `backward()`

        g = sum over r of share_r / size * dL_r/dw

    where share_r is 1, so that ranks with equally many rows take the step of one process that has
    all rows. Each rank is to be given rows of its own: see `DistributedSampler`. When the object is
    made, parameters and buffers of rank 0 become everybody's.

    The source is Li et al., PyTorch Distributed, VLDB 2020.

    Args:
        module: whose parameters want gradients, on the processor; the same on every rank.
        broadcast_buffers: take over the buffers (running statistics) of rank 0 at each call in
            training.
        bucket_cap_mb: how large a bucket may be, in MiB.
        find_unused_parameters: let parameters that a loss does not depend on have a gradient of 0
            there; without it they are an error.
        pytorch: further arguments of PyTorch's, accepted and without effect.

    Attributes:
        module: the module.
        share: an array without dimensions, the weight of this rank's gradients. Where ranks have
            different numbers of rows it is to be rows * size / all rows.
        checks_data: whether the next step in training refuses ranks that have the same batch.

    Raises:
        OptionError: there is no parameter that wants a gradient, or one is on a GPU; or the modules
            of the ranks differ.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = DistributedDataParallel(nn.Linear(2, 1))
        >>> model(cr.ones(3, 2)).sum().backward()
        >>> model.module.weight.grad
        tensor([[3., 3.]])
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float = 25,
        find_unused_parameters: bool = False,
        **pytorch: Any,
    ) -> None:
        super().__init__()
        self.module = module
        self.share = np.ones(())
        for layer in module.modules():
            if isinstance(layer, SyncBatchNorm):
                layer.share = self.share
        self.checks_data = True
        self._size = world().size
        self._synchronised = True
        self._unused = find_unused_parameters
        self._buffers_too = broadcast_buffers
        named = [(name, p) for name, p in module.named_parameters() if p.needs_grad]
        if not named:
            raise OptionError("DistributedDataParallel needs a parameter that wants a gradient")
        self._refuse(named)
        self._exchange = _Exchange(named, bucket_cap_mb * _MIB, self)
        self._holds: list[Any] = []
        if self._size > 1:
            for t in (*module.parameters(), *module.buffers()):
                world().broadcast_(t.array)
            take = self._exchange.take
            self._holds = [p.register_post_accumulate_grad_hook(take) for _, p in named]

    def _refuse(self, named: Sequence[tuple[str, Parameter]]) -> None:
        """Raise, on every rank, where a parameter cannot be exchanged or they are not the same."""
        away = [name for name, p in named if not isinstance(p.array, np.ndarray)]
        if away:
            raise OptionError(
                f"DistributedDataParallel exchanges parameters that are on the processor, and "
                f"{away[0]} is on {dict(named)[away[0]].device}; move the module with .cpu()"
            )
        agree(
            "the model's parameters",
            {name: [str(p.array.dtype), *p.array.shape] for name, p in named},
        )

    @property
    def synchronises(self) -> bool:
        """Whether gradients are summed over the ranks: not inside `no_sync`."""
        return self._synchronised

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the module makes of its inputs."""
        if self._size > 1 and self.training:
            if self._buffers_too:
                for b in self.module.buffers():
                    from_rank(b.array, root=0)
            if self._synchronised and is_grad_enabled():
                self._exchange.prepare(self._unused)
                self._check_data(inputs)
        return self.module(*inputs, **kwargs)

    def release(self) -> Module:
        """Exchange nothing any more, and return the module, which is each rank's own from then on.

        Examples:
            >>> from chainrule import nn
            >>> model = DistributedDataParallel(nn.Linear(1, 1))
            >>> model.release()
            Linear(in_features=1, out_features=1, bias=True)
        """
        for hold in self._holds:
            hold.remove()
        self._holds.clear()
        return self.module

    def _check_data(self, inputs: Sequence[Any]) -> None:
        """In the first step, raise on every rank where two ranks have the same batch."""
        if self.checks_data:
            self.checks_data = False
            arrays = [t.array for t in inputs if isinstance(t, Tensor)]
            if all(world().tell(bool(arrays))):
                different_data(arrays)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients stay each rank's own and add up; the next `backward` sums all of it.

        Examples:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> model = DistributedDataParallel(nn.Linear(1, 1))
            >>> with model.no_sync():
            ...     model(cr.ones(1, 1)).sum().backward()
            >>> model(cr.ones(1, 1)).sum().backward()
            >>> model.module.bias.grad
            tensor([2.])
        """
        before, self._synchronised = self._synchronised, False
        try:
            yield
        finally:
            self._synchronised = before


class _Exchange:
    """The buckets of a module and how far they are in the walk back that is under way.

    Args:
        named: the parameters that want gradients, by name.
        cap: bytes that a bucket may have.
        owner: whose share is asked for when a bucket sets out.
    """

    def __init__(
        self, named: Sequence[tuple[str, Parameter]], cap: float, owner: DistributedDataParallel
    ) -> None:
        self._owner = owner
        self._names = {id(p): name for name, p in named}
        self._groups = list(_groups([p for _, p in reversed(named)], cap))
        self._buckets = [
            Bucket(str(k), [p.array.shape for p in group], group[0].array.dtype)
            for k, group in enumerate(self._groups)
        ]
        self._bucket_of = {id(p): k for k, group in enumerate(self._groups) for p in group}
        self.prepare(False)

    def prepare(self, unused: bool) -> None:
        """Wait for the gradients of a new step; parameters may be `unused`."""
        self._unused = unused
        self._missing = [{id(p) for p in group} for group in self._groups]
        self._started = 0
        self._announced = False

    def take(self, p: Any) -> None:
        """Hear that the gradient of `p` is complete, and begin what can be begun."""
        if not self._owner.synchronises:
            return
        k = self._bucket_of[id(p)]
        if id(p) not in self._missing[k]:
            raise GradientError(
                f"{self._names[id(p)]} was given a gradient twice since the module was called, "
                "and the first is on its way already; call the module once for each backward(), "
                "or all but the last inside no_sync()"
            )
        self._missing[k].discard(id(p))
        if not self._announced:
            self._announced = True
            at_the_end(self._finish)
        # In one order on every rank, whatever the order in which gradients come.
        while self._started < len(self._buckets) and not self._missing[self._started]:
            self._start(self._started)

    def _start(self, k: int) -> None:
        bucket, share = self._buckets[k], self._owner.share
        gradients = [
            np.zeros_like(p.array) if p.grad is None else p.grad.array for p in self._groups[k]
        ]
        exchange_start(bucket.buffer, share, *gradients, bucket=bucket)
        self._started = k + 1

    def _finish(self) -> None:
        """Begin what is left, wait for all, and hand the sums out."""
        left = [name for missing in self._missing for name in map(self._names.get, missing)]
        if left and not self._unused:
            raise GradientError(
                f"{sorted(map(str, left))[0]} had no gradient in this step, and the other ranks "
                "wait for it; let the loss depend on every parameter, or give "
                "DistributedDataParallel find_unused_parameters=True"
            )
        for k in range(self._started, len(self._buckets)):
            self._start(k)
        for bucket, group in zip(self._buckets, self._groups):
            exchange_wait(bucket.buffer, bucket=bucket)
            for p, view in zip(group, bucket.views):
                p.grad = wrap(view)


def _groups(parameters: Sequence[Parameter], cap: float) -> Iterator[list[Parameter]]:
    """The parameters, those of a bucket together: of one format, and below `cap` bytes."""
    group: list[Parameter] = []
    room = min(_FIRST * _MIB, cap)
    for p in parameters:
        size = sum(q.array.nbytes for q in group) + p.array.nbytes
        if group and (size > room or p.array.dtype != group[0].array.dtype):
            yield group
            group, room = [], cap
        group.append(p)
    yield group
