"""`chainrule predict`: a saved model applied to files (floor 5)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from chainrule.data import table_columns
from chainrule.data.tables.csvfile import read_header
from chainrule.errors import OptionError, one_line
from chainrule.files import replace_text
from chainrule.ops import Array
from chainrule.train.job.predictor import Answer, Predictor

__all__ = ["predict_command"]

_TABLES = (".csv", ".tsv", ".txt", ".parquet")


class _Read(NamedTuple):
    """An input: what it is called, and what the model is given."""

    name: str
    row: Array


def predict_command(
    run: str,
    inputs: Sequence[str],
    *,
    top: int,
    resize: bool,
    invert: bool,
    out: str | None = None,
    as_json: bool = False,
    device: str = "cpu",
) -> None:
    """Print what the model in `run` makes of every input.

    Args:
        run: the folder that `chainrule train` wrote.
        inputs: image files, or CSV files, of which every row is an input.
        top: how many classes to show.
        resize: bring images to the model's size.
        invert: exchange black and white.
        out: a CSV file to write instead.
        as_json: print JSON, a line for each input.
        device: where the model answers.

    Raises:
        DataError: the model or an input cannot be read, or they do not go together.
        OptionError: an option that does not apply to an input, or a device that is not available.
    """
    if out is not None:
        _writable(out, inputs)
    predictor = Predictor.of(run, device)
    read: list[_Read] = []
    for name in inputs:
        read.extend(_read(name, predictor, resize=resize, invert=invert))
    outputs = predictor.outputs(np.stack([one.row for one in read]))
    answers = predictor.answers(outputs, top)
    console = Console(highlight=False, emoji=False)
    if out is not None:
        _write(out, inputs, [one.name for one in read], answers)
        console.print(f"{len(answers):,} predictions: {one_line(out)}", markup=False)
        return
    for one, answer in zip(read, answers):
        line = (
            json.dumps({"input": one.name, **answer.plain()})
            if as_json
            else f"{one_line(one.name)}  {_line(answer)}"
        )
        console.print(line, soft_wrap=True, markup=False)


def _read(name: str, predictor: Predictor, *, resize: bool, invert: bool) -> Iterator[_Read]:
    """Yield each input in a file."""
    path = Path(name)
    if not _is_table(name):
        yield _Read(path.name, predictor.from_image(path, resize=resize, invert=invert))
        return
    if resize or invert:
        raise OptionError(f"{name}: --resize and --invert apply to image files only")
    rows = predictor.from_table(path)
    for note in rows.notes:
        Console(stderr=True, highlight=False, emoji=False).print(
            f"{one_line(path.name)}: {one_line(note)}", markup=False, soft_wrap=True
        )
    for number, row in enumerate(rows.x, start=1):
        yield _Read(f"{path.name} row {number}", row)


def _is_table(name: str) -> bool:
    return Path(name).suffix.lower() in _TABLES


def _line(answer: Answer) -> str:
    """The value, or the likeliest classes with their probabilities."""
    if not answer.probabilities:
        return f"{answer.value:.6g}"
    shares = answer.probabilities.items()
    first, *others = [f"{one_line(name)} {100 * share:.1f} %" for name, share in shares]
    return first + (f"  ({', '.join(others)})" if others else "")


# --- a file of predictions ----------------------------------------------------------------------


def _writable(out: str, inputs: Sequence[str]) -> None:
    """Refuse what would leave a person without the input, or without knowing whose row it is."""
    if any(Path(out).resolve() == Path(name).resolve() for name in inputs):
        raise OptionError(f"--out {out} is an input too; choose another file")
    if Path(out).is_dir() or not Path(out).resolve().parent.is_dir():
        raise OptionError(f"--out {out} is no file in a folder that is there; choose another")
    if len(inputs) > 1 and any(map(_is_table, inputs)):
        raise OptionError("--out takes the predictions of one table, or of images; give it alone")


def _write(
    out: str, inputs: Sequence[str], names: Sequence[str], answers: Sequence[Answer]
) -> None:
    """Write the cells of the table with the predictions beside them; of images their names."""
    rows = _cells(Path(inputs[0])) if _is_table(inputs[0]) else [["file"], *([n] for n in names)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    added = ["prediction"] + ["probability"] * bool(answers[0].probabilities)
    writer.writerow([*rows[0], *(_free(name, rows[0]) for name in added)])
    for cells, answer in zip(rows[1:], answers, strict=True):
        value = answer.value if isinstance(answer.value, str) else f"{answer.value:.9g}"
        share = [f"{max(answer.probabilities.values()):.6f}"] if answer.probabilities else []
        writer.writerow([*cells, value, *share])
    replace_text(out, text.getvalue())


def _cells(path: Path) -> list[list[str]]:
    """The rows of a table that has been read once, as they are written."""
    if path.suffix.lower() == ".parquet":
        columns = table_columns(path)
        texts = [[cells.names[k] for k in cells.codes] for cells in columns.values()]
        return [list(columns), *map(list, zip(*texts, strict=True))]
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=read_header(path).delimiter, strict=True)
        return [cells for cells in rows if len(cells) > 1 or "".join(cells).strip()]


def _free(name: str, taken: Sequence[str]) -> str:
    """A name that no column has."""
    while name in taken:
        name += "_"
    return name
