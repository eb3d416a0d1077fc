"""A small network as one JSON file that a person can read, and back (floor 4).

What `io` writes as two files is here in one: the description of the layers, and the weights as
lists of numbers, a row of a matrix on a line. A file from outside can name nothing but layers of
`nn`, and takes no more memory than its own numbers do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError
from chainrule.files import replace_text
from chainrule.io.architecture import build, describe
from chainrule.io.model import Saved
from chainrule.nn.place import looks
from chainrule.ops import Array

__all__ = ["MOST_NUMBERS", "json_text", "read_json", "write_json"]

FORMAT = "a network of chainrule, 1"
MOST_NUMBERS = 1_000_000
_MOST_BYTES = 64 << 20
_DEEPEST = 16  # dimensions of an array


# --- writing ------------------------------------------------------------------------------------


def write_json(
    path: str | os.PathLike[str], model: nn.Module, about: Mapping[str, Any] | None = None
) -> None:
    """Write a small network, layers and weights, as one JSON file.

    Args:
        path: the file to make or replace.
        model: as `json_text` takes it, like the next.
        about: plain data to keep with it: classes, columns.

    Raises:
        DataError: the network cannot be described, is too large, or the file cannot be written.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json(Path(folder, "net.json"), nn.Linear(2, 3))
        ...     print(read_json(Path(folder, "net.json")).model)
        Linear(in_features=2, out_features=3, bias=True)
    """
    text = json_text(model, about)
    try:
        replace_text(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


@looks
def json_text(model: nn.Module, about: Mapping[str, Any] | None = None) -> str:
    """Return a small network as JSON.

    Every number has as many digits as tell it from its neighbours, so nothing is lost.

    Args:
        model: layers of `chainrule.nn`.
        about: plain data to keep with it.

    Raises:
        DataError: a layer that no file can describe, a weight that is not finite, or more than
            a million numbers.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> _ = layer.weight.data.copy_(tensor([[0.1, -2.0]]))
        >>> print(json_text(layer))
        {
          "format": "a network of chainrule, 1",
          "about": {},
          "network": {"type": "Linear", "in_features": 2, "out_features": 1, "bias": false},
          "weights": {
            "weight": [
              [0.1, -2.0]
            ]
          }
        }
        <BLANKLINE>
    """
    weights = {name: t.detach().numpy() for name, t in model.state_dict().items()}
    count = sum(a.size for a in weights.values())
    if count > MOST_NUMBERS:
        raise DataError(
            f"a network with {count:,} numbers is too large to be read as JSON, which takes up to "
            f"{MOST_NUMBERS:,}; write it as safetensors"
        )
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise DataError(f"{name!r} holds numbers that are not finite, which JSON has none for")
    shown = ",\n".join(f"    {json.dumps(n)}: {_listed(a, '    ')}" for n, a in weights.items())
    return (
        f'{{\n  "format": {json.dumps(FORMAT)},\n'
        f'  "about": {json.dumps(dict(about or {}), allow_nan=False)},\n'
        f'  "network": {_told(describe(model), "  ")},\n'
        f'  "weights": {{\n{shown}\n  }}\n}}\n'
    )


def _told(description: Mapping[str, Any], margin: str) -> str:
    """A description with a layer on each line."""
    if "modules" not in description:
        return json.dumps(description)
    deeper = margin + "    "
    layers = ",\n".join(
        f"{deeper}{json.dumps(name)}: {_told(layer, deeper)}"
        for name, layer in description["modules"].items()
    )
    kind = json.dumps(description["type"])
    modules = f'"modules": {{\n{layers}\n{margin}  }}'
    return f'{{\n{margin}  "type": {kind},\n{margin}  {modules}\n{margin}}}'


def _listed(array: Array, margin: str) -> str:
    """An array as lists within lists, the innermost on one line each."""
    if array.ndim == 0:
        return _word(array[()])
    if array.ndim == 1:
        return f"[{', '.join(map(_word, array))}]"
    deeper = margin + "  "
    return "[\n" + ",\n".join(deeper + _listed(a, deeper) for a in array) + f"\n{margin}]"


def _word(number: Any) -> str:
    """A number in the fewest digits from which it comes back."""
    if isinstance(number, np.bool_):
        return "true" if number else "false"
    text = str(number)
    if isinstance(number, np.floating) and type(number)(float(text)) != number:
        return repr(float(number))
    return text


# --- reading ------------------------------------------------------------------------------------


def read_json(path: str | os.PathLike[str]) -> Saved:
    """Read what `write_json` wrote; the network is in eval mode.

    Args:
        path: the file, from anywhere: nothing in it is executed.

    Returns:
        The network, and what was kept with it.

    Raises:
        DataError: it cannot be read, is too large, or is not such a file.
    """
    place = Path(path)
    content = _parsed(place)
    try:
        return _network(content)
    except DataError as error:
        raise DataError(f"{place} is not a network as JSON: {error}") from None


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has {path.stat().st_size:,} bytes, too many for a network")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not whole JSON: {error}") from None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _network(content: Any) -> Saved:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f'"format" must be {FORMAT!r}')
    weights, about = content.get("weights"), content.get("about", {})
    if not isinstance(weights, dict) or not isinstance(about, dict):
        raise DataError('"weights" and "about" must be objects')
    count = sum(1 for values in weights.values() for _ in _numbers(values))
    model = build(content.get("network"), limit=count)
    own = model.state_dict()
    odd = sorted(set(own) ^ set(weights))
    if odd:
        raise DataError(
            f"the weight {odd[0]!r:.80} is {'missing' if odd[0] in own else 'of no layer'}"
        )
    arrays = {n: _array(weights[n], tuple(t.shape), t.dtype, n) for n, t in own.items()}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name in arrays:
            tensor.array = arrays[name]
    return Saved(model.eval(), about)


def _numbers(values: Any, depth: int = 0) -> Iterator[Any]:
    """Every number in lists within lists."""
    if not isinstance(values, list):
        yield values
    elif depth == _DEEPEST:
        raise DataError(f"weights have at most {_DEEPEST} dimensions")
    else:
        for value in values:
            yield from _numbers(value, depth + 1)


def _array(values: Any, shape: Sequence[int], dtype: np.dtype[Any], name: str) -> Array:
    """Lists within lists as an array of the shape that the layer has."""
    _check_shape(values, tuple(shape), name)
    numbers = list(_numbers(values))
    kinds = {"f": (int, float), "b": (bool,)}.get(dtype.kind, (int,))
    if not all(type(v) in kinds for v in numbers):
        raise DataError(f"{name!r} must hold {'numbers' if dtype.kind == 'f' else 'whole numbers'}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(numbers, dtype).reshape(shape)
    except OverflowError:
        raise DataError(f"{name!r} holds a number that {dtype} has no room for") from None
    if array.size and not np.isfinite(array).all():
        raise DataError(f"{name!r} holds a number that {dtype} has no room for")
    return array


def _check_shape(values: Any, shape: tuple[int, ...], name: str) -> None:
    if not shape:
        if isinstance(values, list):
            raise DataError(f"{name!r} has more dimensions than the layer's")
        return
    if not isinstance(values, list) or len(values) != shape[0]:
        raise DataError(f"{name!r} does not have the shape that the layer has")
    for value in values:
        _check_shape(value, shape[1:], name)
