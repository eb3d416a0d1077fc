"""Saving and loading what an optimiser remembers, in PyTorch's layout (floor 3).

A state dict names parameters by their place, so it fits another process. Loading checks all of it
before it changes anything, and then changes the arrays in place: whoever holds one, such as a
recorded step, goes on with the loaded numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.backend.arrays import as_array
from chainrule.backend.devices import beside, device_of
from chainrule.errors import OptionError
from chainrule.ops import Array
from chainrule.ops.core import SETTINGS
from chainrule.optim.group import ParamGroup

__all__ = ["load", "packed"]

State: TypeAlias = Mapping[Tensor, Mapping[str, Any]]
Optimizer: TypeAlias = Any  # an optimiser: its groups, its state, and how its state begins


def packed(groups: Sequence[ParamGroup], state: State) -> dict[str, Any]:
    """Return copies of the options and the state, with parameters numbered in order."""
    params = list(chain.from_iterable(group["params"] for group in groups))
    place = {id(p): i for i, p in enumerate(params)}
    options = [
        {
            **{name: copy.copy(value) for name, value in group.items() if name != "params"},
            "params": [place[id(p)] for p in group["params"]],
        }
        for group in groups
    ]
    remembered = {
        i: {name: _copied(value) for name, value in state[p].items()}
        for i, p in enumerate(params)
        if state.get(p)
    }
    return {"state": remembered, "param_groups": options}


def _copied(value: Any) -> Any:
    return Tensor(value) if isinstance(value, Tensor) else copy.deepcopy(value)


def load(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Check `saved` against `optimizer`, then take it over.

    Raises:
        OptionError: it does not fit; nothing has been changed then.
    """
    for part in ("state", "param_groups"):
        if not isinstance(saved, Mapping) or part not in saved:
            raise OptionError(f'a state dict of an optimiser has "{part}", this one has not')
    groups = [_new_group(optimizer, i, given) for i, given in enumerate(_fitting(optimizer, saved))]
    declared = optimizer.declares_state
    loaded = _new_states(optimizer, groups, saved) if declared else {}
    for group, new in zip(optimizer.param_groups, groups):
        group.update(new)
    for p, (values, fresh) in loaded.items():
        if optimizer._keeps(p):
            _take_over(optimizer.state[p], values, fresh)
    if not declared:
        _take_as_it_is(optimizer, saved)


def _fitting(optimizer: Optimizer, saved: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the saved groups, if they are as many and as large as those of the optimiser."""
    theirs: Sequence[Mapping[str, Any]] = saved["param_groups"]
    ours = optimizer.param_groups
    if len(theirs) != len(ours):
        raise OptionError(
            f"the state dict has {len(theirs)} parameter groups, this optimiser has {len(ours)}"
        )
    for i, (their, our) in enumerate(zip(theirs, ours)):
        if len(their["params"]) != len(our["params"]):
            raise OptionError(
                f"group {i} of the state dict has {len(their['params'])} parameters, "
                f"that of this optimiser {len(our['params'])}"
            )
    return theirs


def _new_group(optimizer: Optimizer, i: int, given: Mapping[str, Any]) -> ParamGroup:
    """Return group `i` as it will be."""
    group = optimizer.param_groups[i]
    numbers = [name for name in optimizer.numbers if name in group]
    for name in numbers:
        if name not in given:
            raise OptionError(
                f"group {i} of the state dict has no {name!r}, which "
                f"{type(optimizer).__name__} needs; was it saved by another optimiser?"
            )
    new = ParamGroup({**group, **given, "params": group["params"]}, optimizer.numbers)
    for name in numbers:
        if new.array(name).shape != group.array(name).shape:
            raise OptionError(
                f"{name} in group {i} of the state dict is {new[name]}, "
                f"which cannot replace {group[name]}"
            )
    return new


def _new_states(
    optimizer: Optimizer, groups: Sequence[ParamGroup], saved: Mapping[str, Any]
) -> dict[Tensor, tuple[dict[str, Array], dict[str, Tensor]]]:
    """Return for each parameter the state that was saved, and that before its first step."""
    found = {}
    for group, given in zip(groups, saved["param_groups"]):
        for p, key in zip(group["params"], given["params"]):
            names = optimizer._state_names(p, group)
            fresh = {name: optimizer._initial(name, p, group) for name in names}
            values = _new_state(f"parameter {key}", saved["state"].get(key, {}), fresh)
            found[p] = values, fresh
    return found


def _new_state(
    which: str, given: Mapping[str, Any], fresh: Mapping[str, Tensor]
) -> dict[str, Array]:
    """Return the saved state of one parameter as arrays of the right shape and format."""
    values = {name: as_array(_plain(v)) for name, v in given.items() if v is not None}
    for name, array in values.items():
        if array.dtype.kind not in "fiub":
            raise OptionError(f"{name} of {which} in the state dict holds no numbers")
    if not values:
        return {}
    for name, like in fresh.items():
        if name not in values:
            raise OptionError(
                f"the state dict has no {name} for {which}, but {', '.join(values)}; "
                "was it saved by another optimiser?"
            )
        if values[name].shape != tuple(like.shape):
            raise OptionError(
                f"{name} of {which} has shape {values[name].shape} in the state dict, "
                f"here it is {tuple(like.shape)}"
            )
        values[name] = beside(values[name].astype(like.dtype, copy=False), like.array)
    return values


def _take_as_it_is(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Take over copies of whatever an optimiser of a person's own has put into its state."""
    SETTINGS.changes += 1
    for group, given in zip(optimizer.param_groups, saved["param_groups"]):
        for p, key in zip(group["params"], given["params"]):
            state = optimizer.state[p]
            state.clear()
            given_state = saved["state"].get(key, {})
            state.update({k: _copied_beside(v, p) for k, v in given_state.items()})


def _copied_beside(value: Any, p: Tensor) -> Any:
    """A copy, where the parameter is; counts, which have no dimensions, stay where they are."""
    copied = _copied(value)
    return copied.to(p.device) if isinstance(copied, Tensor) and copied.ndim else copied


def _plain(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else value


def _take_over(
    state: dict[str, Any], values: Mapping[str, Array], fresh: Mapping[str, Tensor]
) -> None:
    """Make `state` what was saved; nothing saved means: as before the first step."""
    SETTINGS.changes += 1
    # Emptied rather than dropped, for a recorded step has the arrays. The one thing this does not
    # bring back is that SGD leaves its first gradient undampened.
    if not values:
        values = {name: fresh[name].array for name in state if name in fresh}
    for name in [n for n in state if n not in values]:
        del state[name]
    for name, array in values.items():
        kept = state.get(name)
        alike = isinstance(kept, Tensor) and kept.array.shape == array.shape
        if isinstance(kept, Tensor) and alike and kept.device == device_of(array):
            ops.assign(kept, array)
        else:
            state[name] = Tensor(array)
