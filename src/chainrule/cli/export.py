"""`chainrule export`: a trained network in another form (floor 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from chainrule.errors import OptionError, one_line
from chainrule.export.c.program import Field, fields_of
from chainrule.export.c.source import write_c
from chainrule.export.onnx import write_onnx
from chainrule.export.plain import write_json
from chainrule.export.python.source import write_python
from chainrule.export.torch_file import write_torch
from chainrule.io import save
from chainrule.train.job.predictor import Predictor

__all__ = ["FORMS", "export_command"]


def export_command(run: str, *, form: str, out: str | None, probabilities: bool) -> None:
    """Write the network of a run to a file.

    Args:
        run: the folder that `chainrule train` wrote.
        form: one of `FORMS`.
        out: the file; by default the name of the run with the form's suffix, in this folder, which
            must not be there yet.
        probabilities: whether the outputs are to be probabilities rather than scores.

    Raises:
        DataError: the run cannot be read, or its network cannot take that form.
        OptionError: an option that does not go with the run or the form.
    """
    predictor = Predictor.of(run)
    if probabilities and (not predictor.classes or form not in ("c", "python", "onnx")):
        what = "a network that predicts a number" if not predictor.classes else form
        raise OptionError(f"--probabilities is for classes, in C, Python or ONNX; not for {what}")
    suffix, write = FORMS[form]
    path = Path(out) if out else Path(f"{_stem(run)}{suffix}")
    if out is None and path.exists():
        raise OptionError(f"{path} is there already; name the file with --out")
    _check_folder(path)
    write(path, predictor, probabilities)
    _tell(path, predictor, form)


def _stem(run: str) -> str:
    return re.sub(r"\W+", "_", Path(run).resolve().name, flags=re.ASCII).strip("_") or "model"


def _check_folder(path: Path) -> None:
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise OptionError(f"{path} cannot be written: --out takes a file in a folder that is there")


def _example(predictor: Predictor) -> Any:
    return np.zeros((1, *predictor.takes.shape), np.float32)


def _columns(predictor: Predictor) -> list[str]:
    """The names of the numbers that a row of a table becomes."""
    recipe = predictor.recipe
    return list(recipe.features if recipe else predictor.takes.columns or ())


# --- forms --------------------------------------------------------------------------------------


def _to_c(path: Path, predictor: Predictor, probabilities: bool) -> None:
    write_c(
        path,
        predictor.model,
        _example(predictor),
        classes=predictor.classes,
        fields=_fields(predictor),
        probabilities=probabilities,
    )


def _fields(predictor: Predictor) -> list[Field]:
    if predictor.recipe is not None:
        return fields_of(predictor.recipe)
    return [Field(name) for name in predictor.takes.columns or ()]


def _to_python(path: Path, predictor: Predictor, probabilities: bool) -> None:
    write_python(
        path,
        predictor.model,
        _example(predictor),
        classes=predictor.classes,
        columns=_columns(predictor),
        probabilities=probabilities,
    )


def _to_onnx(path: Path, predictor: Predictor, probabilities: bool) -> None:
    write_onnx(
        path,
        predictor.model,
        _example(predictor),
        classes=predictor.classes or None,
        probabilities=probabilities,
        metadata={"columns": ", ".join(_columns(predictor))} if _columns(predictor) else None,
    )


def _to_safetensors(path: Path, predictor: Predictor, probabilities: bool) -> None:
    save(predictor.model.state_dict(), path)


def _to_torch(path: Path, predictor: Predictor, probabilities: bool) -> None:
    write_torch(path, predictor.model.state_dict())


def _to_json(path: Path, predictor: Predictor, probabilities: bool) -> None:
    about = {"shape": list(predictor.takes.shape), "classes": predictor.classes}
    write_json(path, predictor.model, about | {"columns": _columns(predictor)})


# Of each form its suffix and what writes it.
FORMS: dict[str, tuple[str, Callable[[Path, Predictor, bool], None]]] = {
    "c": (".c", _to_c),
    "python": (".py", _to_python),
    "onnx": (".onnx", _to_onnx),
    "safetensors": (".safetensors", _to_safetensors),
    "torch": (".pt", _to_torch),
    "json": (".json", _to_json),
}


# --- what is told -------------------------------------------------------------------------------


def _tell(path: Path, predictor: Predictor, form: str) -> None:
    console = Console(highlight=False, emoji=False)
    size = path.stat().st_size
    said = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
    lines = [f"{one_line(str(path))}: {said}; {_use(path, form)}"]
    shape = " x ".join(map(str, predictor.takes.shape))
    if form in ("c", "python", "onnx"):
        lines.append(f"it takes {_taken(predictor, shape)}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _use(path: Path, form: str) -> str:
    name = one_line(path.stem)
    return {
        "c": f"cc -O2 -std=c99 -c {one_line(path.name)}",
        "python": f"from {name} import predict",
        "onnx": f'onnxruntime.InferenceSession("{one_line(path.name)}")',
        "safetensors": f'safetensors.torch.load_file("{one_line(path.name)}")',
        "torch": f'torch.load("{one_line(path.name)}")',
        "json": f'chainrule.export.read_json("{one_line(path.name)}")',
    }[form]


def _taken(predictor: Predictor, shape: str) -> str:
    columns = _columns(predictor)
    if columns:
        named = ", ".join(map(one_line, columns[:12])) + (", ..." if len(columns) > 12 else "")
        coded = " with categories as their codes" if predictor.recipe else ""
        return f"{len(columns)} numbers, in this order{coded}: {named}"
    if len(predictor.takes.shape) == 3:
        return f"images of {shape}, their pixels from 0 to {predictor.takes.levels:g}"
    return f"rows of {shape} numbers"
