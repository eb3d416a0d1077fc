"""A network whose weights are settled: what is left to compute from an input (floor 4).

For files that carry the weights in them. What depends on weights alone is computed now, so that a
normalisation that follows running values is left as a product and a sum. Every constant keeps a
name that says where it is from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError
from chainrule.export.forward import Forward, forward_of
from chainrule.ops import Array
from chainrule.plan.changes import changed
from chainrule.plan.passes import simplified
from chainrule.plan.passes.rewrite import Substitution, with_instructions
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Settled", "answering", "layer_of", "settled", "unsupported"]


@dataclass(frozen=True)
class Settled:
    """A network's way forward with constants in place of weights.

    Attributes:
        program: its states are constants, read-only and compact: a dimension along which numbers
            only repeat has the stride 0.
        names: for each constant the name of the weight that it is, the way a state dict has them,
            or "from" those that it was computed from; `""` where no weight is in it.
    """

    program: Program
    names: Mapping[Value, str]


def settled(model: nn.Module | Callable[..., Any], *examples: Any) -> Settled:
    """Record what a network computes of inputs of these shapes, with its weights as they are now.

    Args:
        model: a module, or a function of tensors.
        examples: an input each.

    Raises:
        DataError: what it does depends on the numbers that it is given, or changes its own state.

    Examples:
        >>> program = settled(nn.BatchNorm1d(2), np.zeros((1, 2), np.float32)).program
        >>> [instruction.op.name for instruction in program]
        ['sub', 'mul', 'mul', 'add']
    """
    if any(0 in np.shape(x) for x in examples):
        raise DataError("an example without elements leaves nothing to compute; give one row")
    forward = forward_of(model, *examples)
    for instruction in forward.program:
        if changed(instruction):
            raise unsupported(instruction, "it changes numbers that outlive a call")
    program = simplified(_constant(_unchecked(forward.program)))
    program = replace(program, state=[_compact(v) for v in program.state])
    return _settled(program, _sources(forward))


def answering(model: Any) -> nn.Module:
    """The network with softmax behind it, the names of its layers as they are.

    Examples:
        >>> list(answering(nn.Sequential(nn.Linear(2, 2))).state_dict())
        ['0.weight', '0.bias']
    """
    layers = dict(model.named_children()) if isinstance(model, nn.Sequential) else {"0": model}
    whole = nn.Sequential({**layers, _free("softmax", layers): nn.Softmax(-1)})
    return whole.train(model.training)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def layer_of(instruction: Instruction) -> str:
    """The path and class of the layer that an instruction belongs to, `""` if to none."""
    return instruction.place.module if instruction.place else ""


def unsupported(instruction: Instruction, why: str) -> DataError:
    """The error that says which operation of which layer cannot be written, and why."""
    layer = layer_of(instruction)
    where = f" of {layer}" if layer else ""
    return DataError(f"the operation {instruction.op.name}{where} cannot be written down: {why}")


# --- weights become constants -------------------------------------------------------------------


def _unchecked(program: Program) -> Program:
    """The program without the checks of what is made on the way."""
    stands, kept = Substitution(), []
    for before in program:
        instruction = stands.into(before)
        if instruction.op.name == "check":
            stands.instead[instruction.out] = instruction.values[0]
        else:
            kept.append(instruction)
    return with_instructions(program, kept, stands)


def _constant(program: Program) -> Program:
    """The program with every state as a read-only copy of itself."""
    stands = Substitution()
    for value in program.state:
        array = np.array(value.array)
        array.flags.writeable = False
        stands.instead[value] = replace(value, array=array)
    program = with_instructions(program, [stands.into(i) for i in program], stands)
    return replace(program, state=[stands.of(v) for v in program.state])


def _compact(value: Value) -> Value:
    """The same value, its array in row-major order without what only repeats."""
    array = value.array
    assert array is not None
    once = [slice(0, 1) if not step and n > 1 else slice(None) for step, n in _steps(array)]
    value.array = np.broadcast_to(np.array(array[tuple(once)], order="C"), array.shape)
    return value


def _steps(array: Array) -> list[tuple[int, int]]:
    return list(zip(array.strides, array.shape))


# --- names --------------------------------------------------------------------------------------


def _sources(forward: Forward) -> dict[str, tuple[str, ...]]:
    """For each value, by its name in the program, the weights from which alone it is made."""
    found: dict[str, tuple[str, ...]] = {
        v.name: (forward.names[v],) if v in forward.names else () for v in forward.program.state
    }
    for instruction in forward.program:
        if all(v.name in found for v in instruction.values):
            own = [name for v in instruction.values for name in found[v.name]]
            seen = instruction.op.kind == "view" or not own
            told = own if seen else [f"from {', '.join(n.removeprefix('from ') for n in own)}"]
            found[instruction.out.name] = tuple(dict.fromkeys(told))
    return found


def _settled(program: Program, sources: Mapping[str, tuple[str, ...]]) -> Settled:
    return Settled(program, {v: ", ".join(sources.get(v.name, ())) for v in program.state})
