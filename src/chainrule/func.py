"""Functions from functions, as in `torch.func`: gradients, Jacobians, batches (floor 3).

Examples:
    >>> from chainrule import func, nn, ones, tensor
    >>> model = nn.Linear(2, 1)
    >>> params = {"weight": ones(1, 2), "bias": tensor([0.5])}
    >>> loss = lambda params, x: func.functional_call(model, params, (x,)).sum()
    >>> func.grad(loss)(params, tensor([3.0, 4.0]))["weight"]
    tensor([[3., 4.]])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.autograd.batching import vmap
from chainrule.autograd.transforms import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    vjp,
)
from chainrule.errors import OptionError, did_you_mean
from chainrule.nn import Module
from chainrule.ops import stack

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers in the place of its own.

    Args:
        module: what is called; it is afterwards as it was.
        parameter_and_buffer_dicts: tensors by the names of `named_parameters` and `named_buffers`,
            in one dictionary or several.
        args: its argument, or a tuple of them.
        kwargs: those by name.
        tie_weights: let a tensor stand also where its parameter is found by another name.
        strict: refuse to leave one out.

    Raises:
        OptionError: a name that is not there, or, if `strict`, one that was left out.
    """
    given = parameter_and_buffer_dicts
    dicts = [given] if isinstance(given, Mapping) else list(given)
    tensors = {name: t for one in dicts for name, t in one.items()}
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, tensors, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


@contextmanager
def _replaced(
    module: Module, tensors: Mapping[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    unknown, left_out = tensors.keys() - own.keys(), own.keys() - tensors.keys()
    if unknown:
        name = min(unknown)
        raise OptionError(f"the module has no tensor {name!r}" + did_you_mean(name, own))
    if strict and left_out:
        raise OptionError(f"strict: there is no tensor for {sorted(left_out)}")
    wanted = dict(tensors)
    if tie_weights:
        by_identity = {id(own[name]): t for name, t in tensors.items()}
        tied = {name: by_identity[id(p)] for name, p in own.items() if id(p) in by_identity}
        wanted = {**tied, **wanted}
    places = [(_owner(module, name), name.rpartition(".")[2], t) for name, t in wanted.items()]
    before = [(attributes, name, attributes[name]) for attributes, name, _ in places]
    try:
        for attributes, name, t in places:
            attributes[name] = t
        yield
    finally:
        for attributes, name, t in before:
            attributes[name] = t


def _owner(module: Module, name: str) -> dict[str, Any]:
    """The attributes of the part of a module that a tensor of that name belongs to."""
    path = name.rpartition(".")[0]
    return vars(module.get_submodule(path) if path else module)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the buffers of several models of one kind, each name's stacked.

    Raises:
        OptionError: there are none, or they are of several kinds.

    Examples:
        >>> from chainrule import nn
        >>> params, buffers = stack_module_state([nn.Linear(2, 3), nn.Linear(2, 3)])
        >>> params["weight"].shape
        (2, 3, 2)
    """
    if not models or len({type(m) for m in models}) > 1:
        raise OptionError("stack_module_state takes models of one kind, and at least one")
    params: dict[str, Any] = {}
    for name, p in models[0].named_parameters():
        each = [dict(m.named_parameters())[name].detach() for m in models]
        params[name] = stack(each).requires_grad_(p.requires_grad)
    buffers = {
        name: stack([dict(m.named_buffers())[name] for m in models])
        for name, _ in models[0].named_buffers()
    }
    return params, buffers
