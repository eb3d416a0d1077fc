"""Tensors within dictionaries, lists and tuples, beside plain values, in one file (floor 4).

The file is a safetensors file. Its tensors carry the path by which they were found, and its
metadata one entry in JSON: the structure, in which a tensor stands by its name. JSON's own values
stand for themselves and a list for a list; whatever JSON has no word for is `{kind: content}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, from_numpy
from chainrule.backend.arrays import to_host
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["packed", "unpacked"]

_DEEPEST = 200  # within each other


def packed(value: Any) -> tuple[dict[str, Array], str]:
    """Return the arrays in a structure by name, and the rest as JSON.

    Raises:
        DataError: there is something in it that is neither a tensor nor a plain value.

    Examples:
        >>> packed({"epoch": 3, "at": (from_numpy(np.zeros(2)), None)})
        ({'at.0': array([0., 0.])}, '{"dict": [["epoch", 3], ["at", {"tuple": [{"tensor": "at.0"}, \
null]}]]}')
    """
    packer = _Packer()
    described = packer.described(value, ())
    return packer.arrays, json.dumps(described, allow_nan=False)


class _Packer:
    """Takes a structure apart; what stands in it twice is kept once."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._names: dict[int, str] = {}
        self._kept: list[Array] = []  # what has a name, whose identity stays taken by that

    def described(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return JSON for a value at a path."""
        if len(path) > _DEEPEST:
            raise DataError(f"what is saved may be nested {_DEEPEST} deep, this is deeper")
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Tensor):
            kind = "leaf" if value.requires_grad else "tensor"
            return {kind: self._name(value.array, path)}
        if isinstance(value, (np.ndarray, np.generic)):
            return {"array": self._name(np.asarray(value), path)}
        if isinstance(value, int):
            return value if abs(value) < 1 << 53 else {"int": str(value)}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, Mapping):
            pairs = [(key, value[key], (*path, str(key))) for key in value]
            return {"dict": [[self.described(k, at), self.described(v, at)] for k, v, at in pairs]}
        if isinstance(value, (list, tuple)):
            parts = [self.described(v, (*path, str(i))) for i, v in enumerate(value)]
            return parts if isinstance(value, list) else {"tuple": parts}
        raise DataError(
            f"{'.'.join(path) or 'what is saved'} is a {type(value).__name__}; tensors, numbers, "
            "texts, and dictionaries, lists and tuples of them can be saved, of a module its "
            "state_dict()"
        )

    def _name(self, array: Array, path: tuple[str, ...]) -> str:
        if id(array) not in self._names:
            name = ".".join(path) or "tensor"
            while name in self.arrays:
                name += "_"
            self._names[id(array)] = name
            self._kept.append(array)
            self.arrays[name] = to_host(array)
        return self._names[id(array)]


def unpacked(arrays: Mapping[str, Array], text: str) -> Any:
    """Return the structure that `packed` took apart.

    Raises:
        DataError: the text describes none.

    Examples:
        >>> unpacked({"a": np.ones(1)}, '{"dict": [[1, {"tensor": "a"}]]}')
        {1: tensor([1.], dtype=float64)}
    """
    made: dict[str, Tensor] = {}

    def tensor(name: str) -> Tensor:
        if name not in made:
            made[name] = from_numpy(arrays[name])
        return made[name]

    kinds: dict[str, Any] = {
        "tensor": tensor,
        "leaf": lambda name: tensor(name).requires_grad_(),
        "array": lambda name: arrays[name],
        "int": int,
        "float": float,
        "tuple": lambda parts: tuple(map(rebuilt, parts)),
        "dict": lambda pairs: {rebuilt(key): rebuilt(value) for key, value in pairs},
    }

    def rebuilt(described: Any) -> Any:
        if isinstance(described, list):
            return [rebuilt(part) for part in described]
        if not isinstance(described, dict):
            return described
        ((kind, content),) = described.items()
        return kinds[kind](content)

    try:
        return rebuilt(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"the file's description of its structure is damaged ({type(error).__name__}: {error})"
        ) from None
