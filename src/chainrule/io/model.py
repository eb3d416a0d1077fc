"""Saving and loading: tensors in one file, or a whole model in a folder (floor 4).

A model is two files side by side: `model.json`, its architecture and what else is known about it,
and `model.safetensors`, its weights. What loads them executes nothing and trusts nothing.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chainrule import nn
from chainrule.autograd import Tensor, from_numpy
from chainrule.errors import DataError
from chainrule.files import replace_text
from chainrule.io.architecture import build, describe
from chainrule.io.weights import read_weights, write_weights
from chainrule.ops import Array

__all__ = ["Saved", "load", "load_model", "save", "save_model"]

FORMAT = 1
_JSON_LIMIT = 64 << 20


class Saved(NamedTuple):
    """A model from a folder, and what was noted about it."""

    model: nn.Module
    info: dict[str, Any]


def save_model(folder: str | os.PathLike[str], model: nn.Module, info: Mapping[str, Any]) -> None:
    """Write a model as `model.json` and `model.safetensors`.

    Args:
        folder: made if it is not there.
        model: layers of `chainrule.nn`.
        info: plain data to keep with it: classes, input, settings.

    Raises:
        DataError: a module that cannot be described, or a path that is no folder.
    """
    weights = model.state_dict()
    described = describe(model)
    misfit = _misfit(build(described, limit=_size(weights)), weights)
    if misfit:
        raise DataError(
            f"the layers of this {type(model).__name__} do not say all that is in it: {misfit}; "
            "save its state_dict() instead"
        )
    text = json.dumps({"format": FORMAT, "model": described, **info}, indent=1, allow_nan=False)
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{place} cannot be made a folder: {error.strerror or error}; a model is saved as one"
        ) from None
    write_weights(place / "model.safetensors", weights)
    replace_text(place / "model.json", text + "\n")


def load_model(folder: str | os.PathLike[str]) -> Saved:
    """Read what `save_model` wrote; the model is in eval mode.

    Args:
        folder: with `model.json` and `model.safetensors`.

    Raises:
        DataError: a file is missing, damaged, or the two do not belong together.
    """
    place = Path(folder)
    info = _read_json(place / "model.json")
    weights = read_weights(place / "model.safetensors")
    model = build(info.pop("model", None), limit=_size(weights))
    _fill(model, weights, place / "model.safetensors")
    return Saved(model.eval(), info)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes, too many to describe a model"
            )
        info = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "; give the folder that chainrule train wrote" if not path.exists() else ""
        raise DataError(f"{path} cannot be read: {error.strerror or error}{hint}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not whole JSON: {error}") from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise DataError(f"{path} does not describe a model of format {FORMAT}")
    return info


def _size(weights: Mapping[str, Any]) -> int:
    return sum(math.prod(value.shape) for value in weights.values())


def _misfit(model: nn.Module, weights: Mapping[str, Any]) -> str:
    """Say where a model and weights differ in names or shapes; nothing if they do not."""
    own = model.state_dict()
    odd = sorted(set(own) ^ set(weights))
    if odd:
        return f"{odd[0]!r} is " + ("not described" if odd[0] in weights else "missing")
    for name, tensor in own.items():
        there, described = tuple(weights[name].shape), tuple(tensor.shape)
        if there != described:
            return f"{name!r} has the shape {there}, {described} is described"
    return ""


def _fill(model: nn.Module, weights: Mapping[str, Array], path: Path) -> None:
    """Give the model the arrays of the file as they are, after comparing every name and shape."""
    misfit = _misfit(model, weights)
    if misfit:
        raise DataError(f"{path} does not belong to the model.json beside it: {misfit}")
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name in weights:
            found = weights[name]
            alike = found.dtype.kind == tensor.dtype.kind  # float64 stays float64
            tensor.array = found if alike else found.astype(tensor.dtype)


def save(value: Any, path: str | os.PathLike[str]) -> None:
    """Write a model, into a folder, or tensors by name, into one safetensors file.

    Args:
        value: a module made of layers of `chainrule.nn`, or a mapping such as `state_dict()`.
        path: a folder for a module, a file for tensors.

    Raises:
        DataError: the value is neither, or cannot be described.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(nn.Linear(2, 3), folder)
        ...     print(load(folder))
        Linear(in_features=2, out_features=3, bias=True)
    """
    if isinstance(value, nn.Module):
        save_model(path, value, {})
    elif isinstance(value, Mapping):
        write_weights(path, value)
    else:
        raise DataError(
            f"save takes a module or tensors by name, got {type(value).__name__}; "
            "for one tensor use save({'x': x}, path)"
        )


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote, or what `chainrule train` left.

    Args:
        path: a folder, for a module; a safetensors file, for tensors by name.

    Returns:
        A module in eval mode, or a dictionary of tensors.

    Raises:
        DataError: nothing is there, or it is damaged.

    Examples:
        >>> import tempfile
        >>> from chainrule.autograd import ones
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save({"x": ones(2)}, folder + "/x.safetensors")
        ...     print(load(folder + "/x.safetensors"))
        {'x': tensor([1., 1.])}
    """
    place = Path(path)
    if place.is_dir():
        return load_model(place).model
    if not place.exists():
        raise DataError(f"there is no file or folder {place}")
    weights: dict[str, Tensor] = {k: from_numpy(v) for k, v in read_weights(place).items()}
    return weights
