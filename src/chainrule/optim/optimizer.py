"""What all optimisers share: parameter groups, state, and saving both (floor 3).

An optimiser itself is little more than a list of its options and one call of its operation from
`chainrule.ops.update`. Whatever changes from step to step is in an array that is changed in place:
the options that are numbers (see `group`), the count of steps, the running averages.
"""

from __future__ import annotations

import difflib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from inspect import GEN_CLOSED, getgeneratorstate
from types import GeneratorType
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, enable_grad, from_numpy, no_grad, zeros, zeros_like
from chainrule.autograd.tape import use
from chainrule.errors import GradientError, OptionError
from chainrule.nn.module import Parameters
from chainrule.nn.overlooked import overlooked
from chainrule.ops import Array
from chainrule.ops.core import LISTENERS, SETTINGS, tell
from chainrule.ops.update import check_gradient
from chainrule.optim import checkpoint
from chainrule.optim.group import ParamGroup
from chainrule.optim.hooks import Hooked, hooked
from chainrule.optim.number import AT_LEAST_0, Allowed
from chainrule.optim.told import States, ToldList

__all__ = ["UNUSED", "Optimizer"]

# Stands in for state that an option has switched off.
UNUSED: Array = np.empty(0, dtype=np.float32)

# Optimisers are told apart by numbers, in what is noted with the gradients that they have used.
_numbers = itertools.count()

# How like an option's name another one is that is taken for it.
_ALIKE = 0.8
# What schedules keep in a group, which may look like an option.
_NOTES = (
    "params",
    "param_names",
    "name",
    "initial_lr",
    "max_lr",
    "min_lr",
    "base_momentum",
    "max_momentum",
)


class Optimizer(Hooked):
    """Base of the optimisers.

    An optimiser of one's own declares its numbers in `numbers` and writes `_state_names` and
    `_update`; or, as in PyTorch, a `step` of its own.

    Args:
        params: tensors, or pairs of a name and a tensor, or parameter groups: dictionaries with
            `"params"` and options of their own.
        defaults: the options of groups that do not say otherwise.

    Attributes:
        numbers: options that are numbers, and what they may be. They live in arrays.
        param_groups: the groups, each a `ParamGroup`.
        state: for each parameter what is remembered from step to step, by name.
        defaults: as given.

    Raises:
        OptionError: there are no parameters; one is no tensor, is computed from others or
            comes twice; an option is misspelt or outside what it may be.

    Examples:
        >>> class SignDescent(Optimizer):
        ...     def __init__(self, params, lr=0.1):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     def _update(self, p, group):
        ...         ops.assign(p, p - p.grad.sign() * group.array("lr"))
        >>> p = Tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = SignDescent([p])
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    numbers: ClassVar[Mapping[str, Allowed]] = {"lr": AT_LEAST_0}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: Mapping[str, Any]) -> None:
        super().__init__()
        self._number = next(_numbers)
        self.defaults: dict[str, Any] = dict(defaults)
        self.state: defaultdict[Tensor, Any] = States()
        self.param_groups: list[ParamGroup] = ToldList()
        for group in _groups(params):
            self.add_param_group(group)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "state":
            value = value if isinstance(value, States) else States(value)
            SETTINGS.changes += 1
        elif name == "param_groups":
            value = value if isinstance(value, ToldList) else ToldList(value)
            SETTINGS.changes += 1
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])

    # --- groups ---------------------------------------------------------------------------------

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimise further parameters, with options of their own where they differ.

        Args:
            param_group: `"params"`, and any of the options.

        Raises:
            OptionError: as for the constructor.

        Examples:
            >>> from chainrule.optim import SGD
            >>> body, head = (zeros(2, requires_grad=True) for _ in range(2))
            >>> optimizer = SGD([body], lr=0.1)
            >>> optimizer.add_param_group({"params": [head], "lr": 1.0})
            >>> [group["lr"] for group in optimizer.param_groups]
            [0.1, 1.0]
        """
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise OptionError(
                f'a parameter group is a dictionary with "params", got {_described(param_group)}'
            )
        options = {**param_group, **_named(param_group["params"])}
        for name in options:
            # A person may keep notes in a group, but one that is nearly an option is misspelt.
            near = difflib.get_close_matches(name, self.defaults, n=1, cutoff=_ALIKE)
            if near and name not in (*self.defaults, *_NOTES):
                raise OptionError(
                    f"{type(self).__name__} has no option {name!r}; did you mean {near[0]!r}?; "
                    f"it has: {', '.join(self.defaults)}"
                )
        for name, default in self.defaults.items():
            options.setdefault(name, default)
        self._check_options(options)
        self._check_params(options["params"], options.get("param_names"))
        self.param_groups.append(ParamGroup(options, self.numbers))
        SETTINGS.changes += 1

    def _check_options(self, options: Mapping[str, Any]) -> None:
        """Let the options of a group pass, or raise an `OptionError`."""
        for name, allowed in self.numbers.items():
            if name in options:
                allowed.check(name, options[name])
        if options.get("differentiable"):
            raise OptionError(
                "differentiable=True, a gradient through the steps themselves, is not offered; "
                "write the step with operations on tensors instead: p = p - lr * grad"
            )

    def _check_params(self, params: list[Any], names: list[str] | None) -> None:
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for i, p in enumerate(params):
            place = f"parameter {i} of group {len(self.param_groups)}"
            which = f"{place} ({names[i]})" if names else place
            _check_param(which, p)
            if id(p) in seen:
                raise OptionError(
                    f"{which}, of shape {tuple(p.shape)}, was given before; "
                    "an optimiser takes each parameter once"
                )
            seen.add(id(p))

    # --- steps ----------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, so that the next `backward` starts anew.

        Args:
            set_to_none: drop them; otherwise they become zeros, in place.

        Examples:
            >>> from chainrule.optim import SGD
            >>> p = Tensor([1.0], requires_grad=True)
            >>> optimizer = SGD([p])
            >>> (p * p).sum().backward()
            >>> optimizer.zero_grad()
            >>> p.grad is None
            True
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    if LISTENERS:
                        tell("forgotten", p)
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    ops.assign(p.grad, 0.0)

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient, once.

        Args:
            closure: computes the loss and its gradients first.

        Returns:
            What `closure` returns, or `None`.

        Raises:
            ShapeError: a gradient has not the shape of its parameter.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for p, group in self._moving():
                self._update(p, group)
        return loss

    def _moving(self) -> list[tuple[Tensor, ParamGroup]]:
        """The parameters that have a gradient, each looked at before any is changed."""
        moving = [(p, g) for g in self.param_groups for p in g["params"] if p.grad is not None]
        for p, _ in moving:
            check_gradient(p.array.shape, p.grad.array.shape)
            if p.grad.rest is not None and p.grad.rest[0] == self._number:
                raise GradientError(self._not_cleared(p))
        use([p.grad for p, _ in moving], self._number)
        return moving

    def _not_cleared(self, p: Tensor) -> str:
        return (
            f"{type(self).__name__}: the gradient of {self._place(p)}, of shape {tuple(p.shape)}, "
            "still holds that of an earlier step(), because backward() adds to what is there; call "
            "optimizer.zero_grad() before backward(), or, to add up over steps on purpose, set "
            "p.grad = p.grad.clone() after each"
        )

    def _place(self, p: Tensor) -> str:
        """The name of a parameter, or where it stands."""
        k, i = next(
            (k, i)
            for k, group in enumerate(self.param_groups)
            for i, other in enumerate(group["params"])
            if other is p
        )
        names = self.param_groups[k].get("param_names")
        return f"{names[i]}" if names else f"parameter {i} of group {k}"

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        """Change one parameter by its gradient."""
        raise NotImplementedError(f"{type(self).__name__} needs an _update or a step of its own")

    @property
    def declares_state(self) -> bool:
        """Whether what is in the state is known beforehand: not of a `step` written anew."""
        return type(self).step is Optimizer.step

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        """Return the names of what is remembered of a parameter under these options."""
        return ()

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        """Return what is remembered of `p` under `name` before the first step."""
        if name == "step":
            # float32 cannot count beyond 2^24; the processor counts, wherever the parameter is
            return zeros((), dtype=np.float64, device="cpu")
        return zeros_like(p)

    def _keeps(self, p: Tensor) -> bool:
        """Whether this process has the state of a parameter, and not another."""
        return True

    def _state_of(self, p: Tensor, group: ParamGroup) -> dict[str, Any]:
        state = self.state[p]
        for name in self._state_names(p, group):
            if name not in state:
                state[name] = self._initial(name, p, group)
        return state

    def _slope(self, p: Tensor, group: ParamGroup, penalised: bool = True) -> Tensor:
        """The gradient, uphill if asked, with that of the penalty weight_decay / 2 |p|^2 added."""
        g = -p.grad if group["maximize"] else p.grad
        (decay,) = self._numbers(group, "weight_decay")
        return g + p * decay if penalised and group.array("weight_decay") else g

    def _numbers(self, group: ParamGroup, *names: str) -> list[Tensor]:
        """Options that are numbers, as tensors that share the group's arrays."""
        return [from_numpy(group.array(name)) for name in names]

    # --- saving ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of state and options, with parameters as numbers in order.

        Returns:
            `"state"`, by parameter, and `"param_groups"`, in PyTorch's layout.

        Examples:
            >>> from chainrule.optim import SGD
            >>> p = Tensor([1.0], requires_grad=True)
            >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
            >>> (p * p).sum().backward()
            >>> optimizer.step()
            >>> state = optimizer.state_dict()
            >>> state["state"]
            {0: {'momentum_buffer': tensor([2.])}}
            >>> state["param_groups"][0]["lr"], state["param_groups"][0]["params"]
            (0.1, [0])
        """
        for hook in self._hooks["save"]:
            hook(self)
        return self._passed("saved", checkpoint.packed(self.param_groups, self.state))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over, in place, the state and the options that `state_dict` returned.

        PyTorch's own, of the optimiser of the same name, is understood too.

        Raises:
            OptionError: it belongs to another optimiser or to other parameters; nothing has been
                changed then.
        """
        checkpoint.load(self, self._passed("load", state_dict))
        for hook in self._hooks["loaded"]:
            hook(self)


def _groups(params: Any) -> list[Any]:
    """Return `params` as a list of groups."""
    if isinstance(params, (Tensor, Mapping, str)) or not isinstance(params, Iterable):
        raise OptionError(
            f"params must be a list of tensors or of groups, got {_described(params)}; "
            f"use {_instead_of(params)}"
        )
    is_spent = params.begun if isinstance(params, Parameters) else _is_closed(params)
    listed = _in_order(params)
    if not listed:
        raise OptionError(f"params is empty; {_why_empty(params, is_spent)}")
    return listed if isinstance(listed[0], Mapping) else [{"params": listed}]


def _instead_of(params: Any) -> str:
    """What may have been meant by something that is no list of parameters."""
    if hasattr(params, "parameters"):
        return "model.parameters()"
    if callable(params):
        return "it with brackets behind it: model.parameters()"
    return "[tensor]" if isinstance(params, Tensor) else "a list"


def _is_closed(params: Any) -> bool:
    return isinstance(params, GeneratorType) and getgeneratorstate(params) == GEN_CLOSED


def _why_empty(params: Any, is_spent: bool) -> str:
    if is_spent:
        return "it has been gone through before, which can be done once; call parameters() anew"
    found = overlooked(params.module) if isinstance(params, Parameters) else ""
    return found or "there is nothing to optimise"


def _in_order(params: Any) -> list[Any]:
    if isinstance(params, (set, frozenset)):
        raise OptionError(
            "params is a set, whose order differs from run to run; use a list instead"
        )
    if isinstance(params, Tensor):
        return [params]
    if not isinstance(params, Iterable):
        raise OptionError(f'"params" must be a list of tensors, got {_described(params)}')
    return list(params)


def _named(params: Any) -> dict[str, list[Any]]:
    """Return parameters, given with or without names, as options of a group."""
    listed = _in_order(params)
    pairs = [p for p in listed if isinstance(p, tuple) and len(p) == 2]
    if not pairs:
        return {"params": listed}
    if len(pairs) < len(listed):
        raise OptionError(
            f"{len(pairs)} of {len(listed)} parameters have names; give all of them one, or none"
        )
    return {"params": [p for _, p in pairs], "param_names": [str(name) for name, _ in pairs]}


def _check_param(which: str, p: Any) -> None:
    if not isinstance(p, Tensor):
        raise OptionError(f"{which} must be a Tensor, got {_described(p)}")
    if not p.is_leaf:
        raise OptionError(
            f"{which}, of shape {tuple(p.shape)}, was computed by {p.grad_fn}; an optimiser "
            "changes tensors that are computed from nothing, for example x.detach()"
        )


def _described(value: Any) -> str:
    return f"{type(value).__name__}: {value!r:.60}".replace("\n", " ")
