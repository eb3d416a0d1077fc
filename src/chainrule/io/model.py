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

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor, from_numpy
from chainrule.backend.devices import CPU, available, device, moved
from chainrule.errors import DataError
from chainrule.files import replace_text
from chainrule.io.architecture import build, describe
from chainrule.io.nested import packed, unpacked
from chainrule.io.torch_file import read_torch
from chainrule.io.weights import parsed, read_bytes, read_weights, write_weights
from chainrule.ops import Array

__all__ = ["Saved", "load", "load_model", "save", "save_model"]

FORMAT = 1
_JSON_LIMIT = 64 << 20
_ZIP = b"PK\x03\x04"  # how PyTorch's files begin


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


def load_model(folder: str | os.PathLike[str], device: Any = None) -> Saved:
    """Read what `save_model` wrote; the model is in eval mode.

    Args:
        folder: with `model.json` and `model.safetensors`.
        device: where to put it; the processor's memory if `None`.

    Raises:
        DataError: a file is missing, damaged, or the two do not belong together.
        OptionError: the device is not available.
    """
    place = Path(folder)
    info = _read_json(place / "model.json")
    weights = read_weights(place / "model.safetensors")
    model = build(info.pop("model", None), limit=_size(weights))
    _fill(model, weights, place / "model.safetensors")
    return Saved(model.to(available("cpu" if device is None else device)).eval(), info)


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


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write a model, into a folder, or tensors and plain values, into one safetensors file.

    Args:
        obj: a module made of layers of `chainrule.nn`; or tensors, numbers and texts, also within
            dictionaries, lists and tuples: a `state_dict()`, or a checkpoint of several.
        f: a folder for a module; else a path, or a file open for writing bytes.
        pickle_module: as the arguments after it accepted for PyTorch's sake; nothing is pickled.
        pickle_protocol: see `pickle_module`.

    Raises:
        DataError: the value holds something else, or cannot be described.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(nn.Linear(2, 3), folder)
        ...     print(load(folder))
        Linear(in_features=2, out_features=3, bias=True)
    """
    if isinstance(obj, nn.Module):
        if hasattr(f, "write"):
            raise DataError("a module is saved as a folder; give its path, or its state_dict()")
        save_model(f, obj, {})
    elif isinstance(obj, Mapping) and obj and all(_is_weight(*item) for item in obj.items()):
        write_weights(f, obj)
    else:
        write_weights(f, *packed(obj))


def _is_weight(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, (Tensor, np.ndarray))


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` wrote, what `chainrule train` left, or PyTorch's own file of tensors.

    Args:
        f: a folder, for a module; else a path, or a file open for reading bytes.
        map_location: the device to put all tensors on; the processor's memory if `None`, wherever
            they were when they were saved. PyTorch's other forms, which say of each device what
            stands for it, are asked for "cpu".
        pickle_module: as the arguments after it accepted for PyTorch's sake. Nothing in a file is
            executed, and tensors and plain values are all that is ever read from it.
        weights_only: see `pickle_module`.
        mmap: see `pickle_module`.
        **pickle_load_args: see `pickle_module`.

    Returns:
        A module in eval mode, or what was saved.

    Raises:
        DataError: nothing is there, or it is damaged, or there is something else in it.
        OptionError: the device is not available.

    Examples:
        >>> import io
        >>> from chainrule.autograd import ones
        >>> file = io.BytesIO()
        >>> save({"epoch": 3, "weights": [ones(2)]}, file)
        >>> file.seek(0)
        0
        >>> load(file)
        {'epoch': 3, 'weights': [tensor([1., 1.])]}
    """
    where = _place(map_location)
    return _put(_loaded(f), where)


def _place(map_location: Any) -> device:
    """Where what is in the processor's memory is to go."""
    if isinstance(map_location, Mapping):
        map_location = map_location.get("cpu")
    if map_location is None or callable(map_location):
        return CPU
    return available(map_location)


def _put(value: Any, where: device) -> Any:
    """What was read, every tensor in it on a device."""
    if where is CPU:
        return value
    if isinstance(value, nn.Module):
        value.to(where)
    elif isinstance(value, Tensor):
        value.array = moved(value.array, where)
    elif isinstance(value, Mapping):
        for part in value.values():
            _put(part, where)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _put(part, where)
    return value


def _loaded(f: Any) -> Any:
    name = "the file"
    if not hasattr(f, "read"):
        name = str(f)
        if Path(f).is_dir():
            return load_model(f).model
        if not Path(f).exists():
            raise DataError(f"there is no file or folder {f}")
    content = read_bytes(f)
    if content.startswith(_ZIP):
        try:
            return read_torch(content)
        except DataError as error:
            raise DataError(f"{name} cannot be loaded: {error}") from None
    arrays, described = parsed(content, name)
    if described is not None:
        return unpacked(arrays, described)
    weights: dict[str, Tensor] = {k: from_numpy(v) for k, v in arrays.items()}
    return weights
