"""`chainrule predict`: a saved model applied to files (floor 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from chainrule.data import read_image, table_rows
from chainrule.errors import ChainruleError, DataError, OptionError, one_line
from chainrule.io import load_model
from chainrule.ops import Array, softmax
from chainrule.train import predict
from chainrule.train.job.described import Input, classes_of, input_of

__all__ = ["predict_command"]

_TABLES = (".csv", ".tsv", ".txt")


def predict_command(
    run: str, inputs: Sequence[str], *, top: int, resize: bool, invert: bool
) -> None:
    """Print what the model in `run` makes of every input.

    Args:
        run: the folder that `chainrule train` wrote.
        inputs: image files, or CSV files, of which every row is an input.
        top: how many classes to show.
        resize: bring images to the model's size.
        invert: exchange black and white.

    Raises:
        DataError: the model or an input cannot be read, or they do not go together.
        OptionError: an option that does not apply to an input.
    """
    model, info = load_model(run)
    takes = input_of(info, run)
    read: list[tuple[str, Array]] = []
    for name in inputs:
        read.extend(_examples(name, takes, resize=resize, invert=invert))
    x = np.stack([row for _, row in read])
    try:
        outputs = predict(model, x)
    except ChainruleError as error:
        raise DataError(f"{run} does not take inputs of shape {x.shape[1:]}: {error}") from None
    console = Console(highlight=False, emoji=False)
    for (name, _), line in zip(read, _lines(outputs, classes_of(info, outputs, run), top)):
        console.print(f"{one_line(name)}  {line}", soft_wrap=True, markup=False)


def _examples(
    name: str, takes: Input, *, resize: bool, invert: bool
) -> Iterator[tuple[str, Array]]:
    """Yield each input in a file, with its name."""
    path = Path(name)
    if path.suffix.lower() in _TABLES:
        if resize or invert:
            raise OptionError(f"{name}: --resize and --invert apply to image files only")
        rows = table_rows(path, takes.columns)
        if rows.shape[1:] != takes.shape:
            raise DataError(
                f"{name} has rows of shape {rows.shape[1:]}, the model takes {takes.shape}"
            )
        for number, row in enumerate(rows, start=1):
            yield f"{path.name} row {number}", row
        return
    if len(takes.shape) != 3:
        raise DataError(f"{name}: the model takes rows of a table, not images; give a CSV file")
    channels, *size = takes.shape
    pixels = read_image(path, size=(size[0], size[1]), channels=channels, resize=resize)
    if invert:
        pixels = 255 - pixels
    # The model knows pixels on the scale of its training data, 0 to `levels`.
    yield path.name, (pixels * np.float32(takes.levels / 255)).astype(np.float32)


def _lines(outputs: Array, classes: Sequence[str], top: int) -> Iterator[str]:
    """What to say of each output: the value, or the likeliest classes with their probabilities."""
    if not classes:
        yield from (f"{value:.6g}" for value in outputs.reshape(-1))
        return
    for row in softmax(outputs, dim=1):
        best = np.argsort(-row, kind="stable")[:top]
        first, *others = [f"{one_line(classes[k])} {100 * row[k]:.1f} %" for k in best]
        yield first + (f"  ({', '.join(others)})" if others else "")
