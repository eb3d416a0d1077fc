"""Saving and loading: tensors in one file, or a whole model in a folder (floor 4).

A model is two files side by side: `model.json`, its architecture and what else is known about it,
and `model.safetensors`, its weights. What loads them executes nothing and trusts nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chainrule import nn
from chainrule.errors import DataError
from chainrule.files import replace_text
from chainrule.io.architecture import build, describe
from chainrule.io.weights import read_weights, write_weights
from chainrule.ops import Array
from chainrule.tensor import Tensor, from_numpy

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
        DataError: a module that cannot be described.
    """
    description = {"format": FORMAT, "model": describe(model), **info}
    text = json.dumps(description, indent=1, allow_nan=False)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_weights(place / "model.safetensors", model.state_dict())
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
    model = build(info.pop("model", None), limit=sum(a.size for a in weights.values()))
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


def _fill(model: nn.Module, weights: Mapping[str, Array], path: Path) -> None:
    """Give the model the arrays of the file as they are, after comparing every name and shape."""
    own = model.state_dict()
    if list(own) != list(weights) and set(own) != set(weights):
        odd = sorted(set(own) ^ set(weights))[0]
        where = "is not in the description" if odd in weights else "is missing"
        raise DataError(f"{path} does not belong to the model.json beside it: {odd!r} {where}")
    places = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, tensor in own.items():
        if weights[name].shape != tuple(tensor.shape):
            raise DataError(
                f"{path}: {name!r} has shape {weights[name].shape}, but model.json describes "
                f"{tuple(tensor.shape)}"
            )
    for name, tensor in places.items():
        if name in weights:
            tensor.array = weights[name].astype(tensor.dtype, copy=False)


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
        >>> from chainrule.tensor import ones
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
