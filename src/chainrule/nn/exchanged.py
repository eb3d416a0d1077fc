"""A module that trains on several ranks, each with its own part of the data (floor 3).

The gradients of the ranks are averaged in buckets: as soon as `backward` has made all that a bucket
holds, its sum over the ranks is begun, and while that is under way `backward` goes on. Parameters
are put into buckets from the last to the first, which is about the order in which their gradients
are made. In a step that is recorded the exchanges are part of its program.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, is_grad_enabled
from chainrule.autograd.tape import at_the_end, wrap, zeros_for
from chainrule.backend.ranks import world
from chainrule.backend.ranks.agreement import agree, different_data
from chainrule.errors import GradientError, OptionError
from chainrule.nn.module import Module
from chainrule.nn.parameter import Parameter
from chainrule.nn.synced import SyncBatchNorm
from chainrule.ops import Array, clone
from chainrule.ops.core import checked, constant
from chainrule.ops.exchange import (
    Bucket,
    exchange_fill,
    exchange_reduce,
    exchange_start,
    exchange_wait,
    hand_out,
)

__all__ = ["DistributedDataParallel"]

_MIB = 2**20
# The bucket that is filled first is small, so that the exchange begins early.
_FIRST = 1.0

# What PyTorch's can be told besides.
_PYTORCH = {
    "delay_all_reduce_named_params",
    "device_mesh",
    "init_sync",
    "mixed_precision",
    "param_to_hook_all_reduce",
    "skip_all_reduce_unused_params",
}


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
            training whose gradients are exchanged.
        bucket_cap_mb: how large a bucket may be, in MiB.
        find_unused_parameters: let there be parameters that a loss does not depend on, which are an
            error without it. Where the loss of another rank depends on them their gradient is that;
            where none does their `.grad` stays as it is.
        gradient_as_bucket_view: leave gradients in the memory in which they travel, which the next
            step overwrites; without it `.grad` is a copy.
        static_graph: implies `find_unused_parameters`.
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
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        **pytorch: Any,
    ) -> None:
        super().__init__()
        if pytorch.keys() - _PYTORCH:
            name = min(pytorch.keys() - _PYTORCH)
            raise TypeError(f"DistributedDataParallel has no argument {name!r}")
        self.module = module
        self.share = np.ones(())
        for layer in module.modules():
            if isinstance(layer, SyncBatchNorm):
                layer.share = self.share
        self.checks_data = True
        self._size = world().size
        self._synchronised = True
        self._buffers_too = broadcast_buffers
        self._options = (
            bucket_cap_mb * _MIB,
            find_unused_parameters or static_graph,
            gradient_as_bucket_view,
        )
        named = self._wanting()
        if not named:
            raise OptionError("DistributedDataParallel needs a parameter that wants a gradient")
        self._refuse(named)
        if self._size > 1:
            for t in (*module.parameters(), *module.buffers()):
                world().broadcast_(t.array)
        self._listen()

    def _wanting(self) -> list[tuple[str, Parameter]]:
        return [(name, p) for name, p in self.module.named_parameters() if p.needs_grad]

    def _listen(self) -> None:
        """Hear of the gradients from now on, for as long as this object is there."""
        named = self._wanting()
        self._exchange = _Exchange(named, self.share, *self._options)
        self._routes = list(_routes(self.module.buffers()))
        self._holds: list[Any] = []
        if self._size > 1:
            hook = _hook(self._exchange)
            self._holds = [p.register_post_accumulate_grad_hook(hook) for _, p in named]

    def __deepcopy__(self, memo: dict[int, Any]) -> DistributedDataParallel:
        """A copy that exchanges gradients of its own."""
        out = object.__new__(type(self))
        memo[id(self)] = out
        own = {k: v for k, v in vars(self).items() if k not in ("_exchange", "_routes", "_holds")}
        vars(out).update(copy.deepcopy(own, memo))
        out._listen()
        return out

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

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the module makes of its inputs."""
        if self._size > 1 and is_grad_enabled():
            if self._synchronised:
                self._exchange.prepare()
                if self.training:
                    self._begin(inputs)
            else:
                self._exchange.rest()
        return self.module(*inputs, **kwargs)

    def _begin(self, inputs: Sequence[Any]) -> None:
        """Have the buffers of rank 0, and in the first step other data than the others."""
        if self._buffers_too:
            for bucket, buffers in self._routes:
                hand_out(bucket, buffers, root=0)
        self._check_data(inputs)

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

        Both the call and its `backward` belong inside.

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
        before = self._synchronised
        self._synchronised, self._exchange.quiet = False, True
        try:
            yield
        finally:
            self._synchronised, self._exchange.quiet = before, not before


# Those whose gradients are still to come, which may be all that is left of their owner.
_awaiting: set[_Exchange] = set()


def _hook(exchange: _Exchange) -> Callable[[Any], None]:
    """What tells of a gradient whoever exchanges it, for as long as that is there."""
    take = weakref.WeakMethod(exchange.take)

    def hook(p: Any) -> None:
        alive = take()
        if alive is not None:
            alive(p)

    return hook


@dataclass(frozen=True)
class _Same:
    """A check that the losses depend on the same parameters as when the step was recorded."""

    used: tuple[bool, ...]

    def __call__(self, found: Array) -> None:
        if tuple((found > 0).tolist()) != self.used:
            raise GradientError(
                "the losses depend on other parameters than when the step was recorded; leave a "
                "step in which that changes uncompiled"
            )


class _Exchange:
    """The buckets of a module and how far they are in the walk back that is under way.

    Args:
        named: the parameters that want gradients, by name.
        share: the weight of this rank's gradients, asked when a bucket sets out.
        cap: bytes that a bucket may have.
        unused: whether there may be parameters without a gradient.
        as_views: whether gradients are left in the memory of the buckets.
    """

    def __init__(
        self,
        named: Sequence[tuple[str, Parameter]],
        share: Array,
        cap: float,
        unused: bool,
        as_views: bool,
    ) -> None:
        self._share, self._unused, self._as_views = share, unused, as_views
        self._names = {id(p): name for name, p in named}
        self._groups = list(_groups([p for _, p in reversed(named)], cap))
        self._buckets = [
            Bucket(
                str(k),
                [p.array.shape for p in group],
                group[0].array.dtype,
                is_last=k == len(self._groups) - 1,
            )
            for k, group in enumerate(self._groups)
        ]
        self._bucket_of = {id(p): k for k, group in enumerate(self._groups) for p in group}
        # On how many ranks each parameter has a gradient, where some may have none.
        self._map = Bucket("map", [(len(named),)], np.dtype(np.float32))
        self._missing: list[set[int]] = [set() for _ in self._groups]
        self._wanted = True
        self.quiet = False

    def prepare(self) -> None:
        """Wait for the gradients of a new step."""
        self._wanted = True
        _awaiting.add(self)
        self._missing = [{id(p) for p in group} for group in self._groups]
        self._started = 0
        self._announced = False

    def rest(self) -> None:
        """Leave the gradients of what is computed now to their rank."""
        self._wanted = False

    def take(self, p: Any) -> None:
        """Hear that the gradient of `p` is complete, and begin what can be begun."""
        k = self._bucket_of.get(id(p))
        if k is None or self.quiet or not self._wanted:
            return
        if id(p) not in self._missing[k]:
            raise GradientError(
                f"{self._names[id(p)]} was given a gradient twice since DistributedDataParallel "
                "was called, or without a call of it; call that, and not its module, once for "
                "each backward(), or go back inside no_sync()"
            )
        self._missing[k].discard(id(p))
        if not self._announced:
            self._announced = True
            at_the_end(self._finish)
        # In one order on every rank, whatever the order in which gradients come.
        while self._started < len(self._buckets) and not self._missing[self._started]:
            self._start(self._started)

    def _start(self, k: int) -> None:
        bucket = self._buckets[k]
        gradients = [zeros_for(p) if p.grad is None else p.grad.array for p in self._groups[k]]
        exchange_start(bucket.buffer, self._share, *gradients, bucket=bucket)
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
        used = self._used() if self._unused else self._names.keys()
        for bucket, group in zip(self._buckets, self._groups):
            exchange_wait(bucket.buffer, bucket=bucket)
            for p, view in zip(group, bucket.views):
                if id(p) in used:
                    p.grad = wrap(view if self._as_views else clone(view))
        _awaiting.discard(self)
        self._missing = [set() for _ in self._groups]

    def _used(self) -> set[int]:
        """The parameters that the loss of any rank depends on."""
        missing = set().union(*self._missing)
        own = np.array([key not in missing for key in self._names], np.float32)
        exchange_fill(self._map.buffer, constant(own), bucket=self._map)
        exchange_reduce(self._map.buffer, how="sum")
        found = clone(self._map.buffer)
        used = tuple((found > 0).tolist())
        checked(_Same(used), found)
        return {key for key, is_used in zip(self._names, used) if is_used}


def _routes(buffers: Iterable[Tensor]) -> Iterator[tuple[Bucket, list[Tensor]]]:
    """Buffers, those of one format together, each with the bucket in which they travel."""
    listed = [b for b in buffers if b.array.size]
    for dtype in dict.fromkeys(b.array.dtype for b in listed):
        those = [b for b in listed if b.array.dtype == dtype]
        yield Bucket("of buffers", [b.array.shape for b in those], dtype), those


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
