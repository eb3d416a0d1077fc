"""Names for the values of a run: X, W1, b1, Z1, A1 and so on (floor 4).

Parameters are named by their layer, or as the variables that a function has them in; values by what
made them: Z what is linear in a layer's weights, A an activation, P a pooling, N a normalisation.
The number of a value is that of the layer it came from.
"""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.explain.equations.reading.record import Unit
from chainrule.explain.equations.terms.term import Term, leaf
from chainrule.nn import Module
from chainrule.ops import COMPOSITES, Array

__all__ = ["Names"]

# What a value is called by the file of the operations that its maker is in.
_BY_FILE = {
    "activation": "A",
    "norm": "N",
    "pooling": "P",
    "adaptive": "P",
    "loss": "L",
    "margins": "L",
    "likelihood": "L",
    "ctc": "L",
    "conv": "Z",
    "transposed": "Z",
    "linalg": "Z",
    "products": "Z",
    "attention": "O",
    "recurrent": "H",
    "steps": "H",
}
_ACTIVATIONS = ("relu", "sigmoid", "tanh", "erf", "clip", "clamp")
_BUFFERS = {"running_mean": ("mu", ""), "running_var": ("v", "")}
_GREEK = {"weight": "gamma", "bias": "beta"}


class Names:
    """The names that were given, by array.

    Attributes:
        leaves: a name for each array that has one, by id.
        arrays: those arrays, which so live as long as their ids are looked at.
        wanted: the ids of the arrays whose gradients are looked for, in order.
        paths: the names of parameters and variables, by what they are called in the program.
        reserved: names that are kept for what they will be given to.
    """

    def __init__(self) -> None:
        self.leaves: dict[int, Term] = {}
        self.wanted: list[int] = []
        self.paths: dict[str, Term] = {}
        self.arrays: dict[int, Array] = {}
        self.reserved: set[str] = set()
        self._taken: set[str] = {"m"}

    def give(self, array: Array, name: str, index: str = "", *, data: bool = False) -> Term:
        """Name an array; where the name is taken, a letter is added to its index.

        Args:
            array: what is named.
            name: the letter or letters.
            index: what stands below the line.
            data: whether it holds what was given, so that its own numbers may be looked at.
        """
        further = "abcdefghijklmnopqrstuvwxyz" if index else map(str, range(2, 1000))
        index = next(index + s for s in ("", *further) if name + index + s not in self._taken)
        found = leaf(name, index, shape=np.shape(array), value=array if data else None)
        self._taken.add(found.label)
        self.leaves[id(array)] = found
        self.arrays[id(array)] = array
        return found

    def values(self) -> dict[str, Array]:
        """The arrays, by the labels of their names."""
        return {t.label: self.arrays[key] for key, t in self.leaves.items()}

    # --- what is given --------------------------------------------------------------------------

    def module(self, module: Module, used: set[int]) -> None:
        """Name the parameters of a module, layer by layer, as far as a run used them."""
        layers: dict[tuple[str, bool], dict[str, Any]] = {}
        for path, p in module.named_parameters():
            if id(p.array) in used and id(p.array) not in self.leaves:
                owner, _, own = path.rpartition(".")
                layers.setdefault((owner, _is_norm(module, owner)), {})[own] = p
        for norm in (False, True):
            mine = {path: owned for (path, n), owned in layers.items() if n == norm}
            lettered = {path: _letter(path.rpartition(".")[2]) for path in mine}
            count = [path for path in mine if not lettered[path]]
            for path, owned in mine.items():
                number = str(count.index(path) + 1) if len(count) > 1 and path in count else ""
                self._layer(owned, lettered[path] or number, norm)
        for path, p in module.named_parameters():
            if id(p.array) in self.leaves:
                self.paths[path] = self.leaves[id(p.array)]

        for path, buffer in module.named_buffers():
            if id(buffer.array) in used and id(buffer.array) not in self.leaves:
                own = path.rpartition(".")[2]
                self.give(buffer.array, *_BUFFERS.get(own, (own, "")), data=True)

    def _layer(self, parameters: Mapping[str, Any], index: str, norm: bool) -> None:
        for own, p in parameters.items():
            name, part = _parameter(own, norm)
            self.give(p.array, name, part if not index else f"{part}{index}")
            if p.requires_grad:
                self.wanted.append(id(p.array))

    def variables(self, function: Callable[..., Any], used: set[int]) -> None:
        """Name the tensors that a function reads from around it, as it calls them there."""
        for word, thing in _around(function):
            if isinstance(thing, Module):
                self.module(thing, used)
            for name, t in _tensors(word, thing):
                if id(t.array) in used and id(t.array) not in self.leaves:
                    given = self.give(t.array, *_split(name), data=not t.requires_grad)
                    if t.requires_grad:
                        self.wanted.append(id(t.array))
                        self.paths[name] = given

    # --- what is made ---------------------------------------------------------------------------

    def made(
        self, array: Array, units: Sequence[Unit], reads: Sequence[Term], formula: Term
    ) -> Term:
        """Name what units made.

        Args:
            array: what they made.
            units: the last of them made it.
            reads: the names of what they were given.
            formula: what they made of that.
        """
        weights = [t for t in reads if t.name in ("W", "w")]
        base = "D" if any(t.name == "M" for t in reads) else _base(units, formula)
        if weights and base == "Z":
            index = weights[-1].index
            if index[:1].isalpha() and len(index) == 1:
                return self.give(array, index.upper())
            return self.give(array, "Z", index)
        numbers = [t.index for t in reads if t.name in "XZANPHFE" and t.index[:1].isdigit()]
        if base in self.reserved:
            return self.give(array, base, "1")
        if base == "Z":  # a product without weights: of scores with values, or what gives scores
            base = "O" if any(t.name == "A" for t in reads) else "S"
        number = numbers[0] if numbers else ""
        return self.give(array, base, "" if base + number in self._taken else number)


def _base(units: Sequence[Unit], formula: Term) -> str:
    unit = units[-1]
    if formula.called in ("softmax", *_ACTIVATIONS):
        return "A"
    called = unit.called
    op = unit.calls[-1].op
    if called in COMPOSITES:
        file = inspect.unwrap(COMPOSITES[called]).__module__.rpartition(".")[2]
    else:
        file = op.__module__.rpartition(".")[2]
    if file in _BY_FILE:
        return _BY_FILE[file]
    if any(call.op.kind == "contract" for u in units for call in u.calls):
        return "Z"
    return "E" if op.name == "index" else "H"


def _is_norm(module: Module, path: str) -> bool:
    """Whether a layer's weight is one number for each feature, as that of a normalisation."""
    owner = module.get_submodule(path) if path else module
    weight = getattr(owner, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim == 1 and "Norm" in type(owner).__name__


def _letter(attribute: str) -> str:
    """The letter in the name of an attribute such as "wq", "q_proj" or "query"."""
    words = {"query": "q", "key": "k", "value": "v", "output": "o", "out": "o"}
    found = re.fullmatch(
        r"(?:w_?)?([qkvo])(?:_?proj)?|(query|key|value|output|out)(?:_?proj)?", attribute
    )
    return (found[1] or words[found[2]]) if found else ""


def _parameter(own: str, norm: bool) -> tuple[str, str]:
    """A parameter's letter, and what comes before the number below the line."""
    if norm and own in _GREEK:
        return _GREEK[own], ""
    if own in ("weight", "bias"):
        return ("W", "") if own == "weight" else ("b", "")
    found = re.fullmatch(r"(?:(\w*?)_)?(weight|bias)(?:_(\w+))?", own)
    if found:
        part = (found[3] or found[1] or "").removesuffix("_l0").removesuffix("_proj")
        return "W" if found[2] == "weight" else "b", part
    return _split(own)


def _split(word: str) -> tuple[str, str]:
    """A variable's name as letters and an index: "W1" as W and 1, "Wq" as W and q."""
    found = re.fullmatch(r"([A-Za-z]+?)_?(\d+|(?<=[A-Z])[a-z]|(?<=_)\w+)", word)
    return (found[1], found[2]) if found else (word, "")


def _around(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The variables that a function reads and that are not its own."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(plain):
        return []
    own = getattr(function, "__self__", None)  # of a method
    if isinstance(own, Module):
        return [("self", own)]
    seen = inspect.getclosurevars(plain)
    found = {**seen.globals, **seen.nonlocals}
    order = [*plain.__code__.co_names, *plain.__code__.co_freevars]
    return sorted(
        ((n, v) for n, v in found.items() if not hasattr(builtins, n)),
        key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order),
    )


def _tensors(word: str, thing: Any) -> list[tuple[str, Tensor]]:
    """The tensors in a variable: itself, or numbered those of a list, or by key of a mapping."""
    if isinstance(thing, Tensor):
        return [(word, thing)]
    if isinstance(thing, (list, tuple)):
        return [(f"{word}{i + 1}", t) for i, t in enumerate(thing) if isinstance(t, Tensor)]
    if isinstance(thing, Mapping):
        return [(str(k), t) for k, t in thing.items() if isinstance(t, Tensor)]
    return []
