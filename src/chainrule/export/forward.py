"""What a network computes, as a program without its training (floor 4).

The network is run once in eval mode, on examples, while the door of the operations is watched: what
comes of it is straight-line, every weight a value with the name that the state dict gives it. The
writers of files read this and nothing of the network's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule import nn, ops
from chainrule.autograd import Tensor, as_tensor, no_grad
from chainrule.autograd.tape import wrap
from chainrule.errors import CaptureError, DataError
from chainrule.ops import Array
from chainrule.plan.program import Program, Value
from chainrule.plan.record import record

__all__ = ["Forward", "forward_of"]


@dataclass(frozen=True)
class Forward:
    """A network's way forward.

    Attributes:
        program: from the inputs to the outputs, for inputs of the examples' shapes.
        names: of the values that are weights or buffers, as the state dict has them; a value of
            the program's state that is not here is a constant.
    """

    program: Program
    names: Mapping[Value, str]


@ops.quiet
def forward_of(model: nn.Module | Callable[..., Any], *examples: Any) -> Forward:
    """Record what a network does with inputs of some shapes.

    Args:
        model: a module, taken in eval mode and left as it is; or a function of tensors.
        examples: an input each, arrays or tensors.

    Raises:
        DataError: what the network does depends on the numbers that it is given.

    Examples:
        >>> import numpy as np
        >>> forward = forward_of(nn.Linear(3, 2), np.zeros((1, 3), np.float32))
        >>> sorted(forward.names.values())
        ['bias', 'weight']
    """
    arrays = [as_tensor(x).array for x in examples]

    def run(*inputs: Array) -> Sequence[Array]:
        with no_grad():
            return _arrays(model(*map(wrap, inputs)))

    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    try:
        _, program = record(run, arrays)
    except CaptureError as error:
        raise DataError(f"the network cannot be written down as a program: {error}") from None
    finally:
        if isinstance(model, nn.Module):
            model.train(training)
    return Forward(program, _names(model, program))


def _arrays(result: Any) -> list[Array]:
    """The tensors of a nested result, in order."""
    if isinstance(result, Tensor):
        return [result.array]
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [array for one in result for array in _arrays(one)]
    return []


def _names(model: Any, program: Program) -> dict[Value, str]:
    """Of each value that is a weight or a buffer its name."""
    if not isinstance(model, nn.Module):
        return {}
    places = {_place(t.array): name for name, t in model.state_dict(keep_vars=True).items()}
    found = {v: places.get(_place(v.array)) for v in program.state if v.array is not None}
    return {value: name for value, name in found.items() if name is not None}


def _place(array: Array) -> tuple[Any, ...]:
    return array.ctypes.data, array.shape, array.strides, array.dtype
