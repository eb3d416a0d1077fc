"""An optimiser whose state is shared out over the ranks (floor 3).

Every rank has all parameters and all gradients, but remembers and updates only the parameters that
it owns; after a step each owner tells the others what its parameters have become. The owner sends
its part once, side by side in a bucket, and everybody takes it: of P bytes of parameters a rank
takes in P (n - 1) / n. Summing a buffer that is zero but for the own part would move twice that,
and would turn -0.0 into 0.0. The buckets travel one after the other and so lie in one memory.

All of it is operations, so that a recorded step has the exchange in its program.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, enable_grad, from_numpy, no_grad
from chainrule.backend.arrays import to_host
from chainrule.backend.ranks import world
from chainrule.errors import OptionError
from chainrule.ops.core import Array
from chainrule.ops.exchange import Bucket, hand_out
from chainrule.optim import checkpoint
from chainrule.optim.group import ParamGroup
from chainrule.optim.hooks import Hooked
from chainrule.optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer", "shared_out"]

# By parameter: what is remembered, by name.
States: TypeAlias = dict[Tensor, dict[str, Tensor]]


def shared_out(sizes: Sequence[int], loads: Sequence[int]) -> list[int]:
    """Return the owner of each thing: the largest first, each to whoever has least by then.

    Args:
        sizes: of the things.
        loads: what each owner has already.

    Examples:
        >>> shared_out([3, 1, 2, 2], [0, 0])
        [0, 0, 1, 1]
    """
    owners = [0] * len(sizes)
    heap = [(load, rank) for rank, load in enumerate(loads)]
    heapq.heapify(heap)
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        load, owners[i] = heap[0]
        heapq.heapreplace(heap, (load + sizes[i], owners[i]))
    return owners


class ZeroRedundancyOptimizer(Optimizer):
    """An optimiser of which each rank keeps and computes a part: PyTorch's, by its name.

    Of an optimiser that remembers s bytes, each of n ranks keeps about s / n. Parameters are not
    divided: a rank has at least the largest. Every rank calls every method in the same order, but
    for `state_dict`; gradients are to be the same everywhere, as `DistributedDataParallel` makes
    them. The weights are then, to the last bit, those of the plain optimiser. In one process it is
    the plain optimiser.

    Args:
        params: as for `optimizer_class`; the same on every rank.
        optimizer_class: an optimiser that changes one parameter at a time: all but `LBFGS`.
        process_group: None, all ranks.
        parameters_as_bucket_view: of no effect; there is one way.
        overlap_with_ddp: must be False.
        **defaults: the options of `optimizer_class`.

    Attributes:
        optim: the optimiser of the class, with the state of this rank's part.
        owners: the rank that owns each parameter, in order.

    Raises:
        OptionError: as for `optimizer_class`; or the parameters are not the same everywhere.

    Examples:
        >>> from chainrule.optim import Adam
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = ZeroRedundancyOptimizer([p], Adam, lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p, optimizer.owners
        (tensor([0.9000], requires_grad=True), [0])

    References:
        Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models",
        SC 2020 (its first stage).
    """

    def __init__(
        self,
        params: Any,
        optimizer_class: type[Optimizer],
        process_group: None = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        _check_class(optimizer_class)
        if process_group is not None or overlap_with_ddp:
            raise OptionError(
                "ZeroRedundancyOptimizer takes all ranks together, one step after the other; leave "
                f"out {'overlap_with_ddp' if process_group is None else 'process_group'}"
            )
        self.owners: list[int] = []
        self._world = world()
        self._others: States | None = {} if self._world.size == 1 else None
        # 1 where `_others` is of now; an array, so that a step that is replayed makes it 0 too.
        self._is_whole = from_numpy(np.array(float(self._world.size == 1)))
        self._wrap(optimizer_class(params, **defaults))
        self._share_out()

    def _wrap(self, optim: Optimizer) -> None:
        """Be `optim` to whoever looks: its groups, its state, its options."""
        Hooked.__init__(self)
        self.optim = optim
        self.numbers = optim.numbers  # type: ignore[misc]
        self.defaults = optim.defaults
        self.state = optim.state
        self.param_groups = optim.param_groups
        self._number = optim._number

    # --- who owns what --------------------------------------------------------------------------

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimise further parameters; who owns the ones before stays the same.

        Args:
            param_group: as for the plain optimiser; the same on every rank.
        """
        self.optim.add_param_group(param_group)
        self._share_out()

    def _share_out(self) -> None:
        """Give the parameters that have no owner one."""
        fresh = self._parameters()[len(self.owners) :]
        self._check_same(fresh)
        loads = [0] * self._world.size
        for p, owner in zip(self._parameters(), self.owners):
            loads[owner] += p.array.size
        self.owners += shared_out([p.array.size for p in fresh], loads)
        self._parts: list[list[Tensor]] = [[] for _ in loads]
        for p, owner in zip(self._parameters(), self.owners):
            self._parts[owner].append(p)
        self._own = {id(p) for p in self._parts[self._world.rank]}
        self._routes = list(_routes(self._parts)) if self._world.size > 1 else []

    def _check_same(self, params: Sequence[Tensor]) -> None:
        """Refuse, on every rank, parameters that are not the same on all."""
        told = self._world.tell([[p.array.dtype.name, *p.array.shape] for p in params])
        for rank, theirs in enumerate(told):
            if theirs != told[0]:
                i = next((i for i, (a, b) in enumerate(zip(told[0], theirs)) if a != b), None)
                raise OptionError(
                    f"the parameters of rank {rank} are not those of rank 0: there are "
                    f"{len(theirs)} and {len(told[0])}"
                    + (f", number {i} is {theirs[i]} and {told[0][i]}" if i is not None else "")
                    + "; build the same model on every rank"
                )

    def _parameters(self) -> list[Tensor]:
        return list(chain.from_iterable(group["params"] for group in self.param_groups))

    # --- steps ----------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change this rank's parameters by their gradients, and take those of the others.

        Args:
            closure: computes the loss and its gradients first.

        Returns:
            What `closure` returns, or `None`.

        Raises:
            ShapeError: a gradient has not the shape of its parameter.
            RankLostError: another rank is gone.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for p, group in self._moving():
                if self._keeps(p):
                    self.optim._update(p, group)
            if self._routes:
                self._spread()
        return loss

    def _spread(self) -> None:
        """Make every parameter what it is on its owner."""
        self._forget_others()
        ops.assign(self._is_whole, 0.0)
        for owner, bucket, params in self._routes:
            hand_out(bucket, params, owner)

    # --- what the plain optimiser answers -------------------------------------------------------

    @property
    def declares_state(self) -> bool:
        """Whether what is in the state is known beforehand: it is, of every class that is taken."""
        return True

    def _keeps(self, p: Tensor) -> bool:
        return id(p) in self._own

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return self.optim._state_names(p, group)

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        return self.optim._initial(name, p, group)

    # --- saving ---------------------------------------------------------------------------------

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Bring the whole state to one rank, whose `state_dict` can be asked for then.

        Args:
            to: its number.

        Raises:
            OptionError: there is no such rank.
        """
        self._world.check_rank(to)
        found: States = {}
        for owner, about in enumerate(self._world.tell(self._about())):
            states = self._states_of(owner, about)
            found.update(states if self._world.rank == to else {})
        self._others = found if self._world.rank == to else None
        self._is_whole.array[...] = 1.0

    def forget_consolidated(self) -> None:
        """Let go of what `consolidate_state_dict` has brought here, as the next step does."""
        if self._world.size > 1:
            self._forget_others()

    def _forget_others(self) -> None:
        self._others = None

    def _about(self) -> list[list[Any]]:
        """What this rank remembers: number of the parameter, name, dtype and shape of each."""
        return [
            [i, name, value.array.dtype.name, list(value.array.shape)]
            for i, p in enumerate(self._parameters())
            for name, value in self.state.get(p, {}).items()
            if self._keeps(p)
        ]

    def _states_of(self, owner: int, about: Sequence[Sequence[Any]]) -> States:
        """Take what a rank remembers; of oneself, nothing."""
        params = self._parameters()
        kinds = [(np.dtype(dtype), tuple(shape)) for _, _, dtype, shape in about]
        flat = np.empty(sum(_size(*kind) for kind in kinds), np.uint8)
        is_own = owner == self._world.rank
        if is_own:
            for place, (i, name, _, _) in zip(_places(flat, kinds), about):
                np.copyto(place, to_host(self.state[params[i]][name].array))
        self._world.broadcast_(flat, owner)
        found: States = {}
        for place, (i, name, _, _) in zip(_places(flat, kinds), () if is_own else about):
            found.setdefault(params[i], {})[name] = Tensor(place)
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the whole state, in the plain optimiser's layout.

        Call `consolidate_state_dict` on all ranks before, and this on the rank that it named.

        Raises:
            OptionError: the state was not brought to this rank since the last step.
        """
        if self._others is None or not self._is_whole.array:
            raise OptionError(
                "the state of the optimizer has not been brought to this rank since its last "
                f"step; call consolidate_state_dict(to={self._world.rank}) on all ranks before "
                "state_dict()"
            )
        for hook in self._hooks["save"]:
            hook(self)
        whole = {**self.state, **self._others}
        return self._passed("saved", checkpoint.packed(self.param_groups, whole))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over this rank's part of a whole state, which any number of ranks has saved.

        Args:
            state_dict: of this class or of the plain optimiser; the same on every rank.

        Raises:
            OptionError: it belongs to another optimiser or to other parameters.
        """
        super().load_state_dict(state_dict)
        self.forget_consolidated()


def _check_class(given: Any) -> None:
    if not (isinstance(given, type) and issubclass(given, Optimizer)):
        raise OptionError(
            f"optimizer_class must be an optimizer such as chainrule.optim.Adam, got {given!r:.60}"
        )
    if given.step is not Optimizer.step:
        raise OptionError(
            f"{given.__name__} looks at all parameters at once, so its state cannot be shared out; "
            "use one that changes a parameter at a time, such as Adam"
        )


def _size(dtype: np.dtype[Any], shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _places(flat: Array, kinds: Iterable[tuple[np.dtype[Any], Sequence[int]]]) -> Iterator[Array]:
    """Views of bytes: one array of each kind after the other."""
    at = 0
    for dtype, shape in kinds:
        end = at + _size(dtype, shape)
        yield flat[at:end].view(dtype).reshape(tuple(shape))
        at = end


def _routes(parts: Sequence[Sequence[Tensor]]) -> Iterator[tuple[int, Bucket, list[Tensor]]]:
    """Who sends which parameters, and in which bucket: of each owner one for each format."""
    lots: list[tuple[int, np.dtype[Any], list[Tensor]]] = []
    for owner, part in enumerate(parts):
        formats = dict.fromkeys(p.array.dtype for p in part if p.array.size)
        lots += [(owner, d, [p for p in part if p.array.dtype == d]) for d in formats]
    size = max((sum(p.array.nbytes for p in params) for _, _, params in lots), default=0)
    memory = np.zeros(size, np.uint8)
    for owner, dtype, params in lots:
        shapes = [tuple(p.array.shape) for p in params]
        yield owner, Bucket(f"of rank {owner}", shapes, dtype, memory), params
