"""A saved run ready to use: what people have goes in, classes and numbers come out (floor 4).

Files, records and images become the rows that the network knows, and its outputs become answers.
The command line and the service both stand on it; what they print or send is their business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.data import read_image, table_columns, table_rows
from chainrule.data.tables.cells import FLOAT32_MAX
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import ChainruleError, DataError, did_you_mean, kind_of
from chainrule.io import load_model
from chainrule.ops import Array, softmax
from chainrule.train.fitting.loop import predict
from chainrule.train.job.described import Input, classes_of, input_of

__all__ = ["Answer", "Predictor", "Rows"]

_MOST_NUMBERS = 1 << 26  # of one example: more than the largest image that is read


class Answer(NamedTuple):
    """What a model says of one example.

    Attributes:
        value: the class, or the number.
        probabilities: of the likeliest classes, the likeliest first; empty for a number.
    """

    value: str | float
    probabilities: dict[str, float]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it, which has no place for numbers that are not finite."""
        if isinstance(self.value, float):
            return {"value": self.value if math.isfinite(self.value) else None}
        return {"class": self.value, "probabilities": self.probabilities}


class Rows(NamedTuple):
    """What a model is given.

    Attributes:
        x: rows as the model takes them, (N, ...).
        notes: sentences on what in them was never met in training.
    """

    x: Array
    notes: list[str]


@dataclass(frozen=True)
class Predictor:
    """The model of a run, with all that is needed to ask it something.

    Attributes:
        run: the folder.
        model: in eval mode.
        takes: what the model takes.
        classes: the names of its classes; none where it predicts a number.
        recipe: how the columns of a table become numbers, if there is more to it than to read them.

    Examples:
        >>> import tempfile
        >>> from chainrule.io import save_model
        >>> run = tempfile.mkdtemp()
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.5)
        >>> save_model(run, model, {"shape": [2], "columns": ["age", "weight"]})
        >>> predictor = Predictor.of(run)
        >>> rows = predictor.from_records([{"age": 3, "weight": 4.0}, [1, 1]])
        >>> [answer.value for answer in predictor.answers(predictor.outputs(rows.x))]
        [3.5, 1.0]
    """

    run: str
    model: nn.Module
    takes: Input
    classes: list[str]
    recipe: Recipe | None = None

    @classmethod
    def of(cls, run: str, device: Any = None) -> Predictor:
        """Take up a run, once its model has answered for an example of nothing.

        Args:
            run: the folder that `chainrule train` wrote.
            device: where the model is to answer; on the processor if `None`.

        Raises:
            DataError: it is none, or something in it is damaged.
            OptionError: the device is not available.
        """
        model, info = load_model(run, device)
        takes = input_of(info, run)
        if math.prod(takes.shape) > _MOST_NUMBERS:
            raise DataError(f"{run} says that an example has the shape {takes.shape}; too large")
        nothing = np.zeros((1, *takes.shape), dtype=np.float32)
        classes = classes_of(info, _outputs(model, nothing, run), run)
        return cls(run, model, takes, classes, _recipe_of(info, takes, run))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that a row needs; none where they have no names."""
        if self.recipe is not None:
            return self.recipe.needed
        return tuple(self.takes.columns or ())

    @property
    def width(self) -> int:
        """How many values a row has."""
        return len(self.columns) or math.prod(self.takes.shape)

    # --- what people have, as rows --------------------------------------------------------------

    def from_table(self, path: Path | str) -> Rows:
        """Read the rows of a table.

        Args:
            path: a file with the columns that the model was trained on; others are passed over.

        Raises:
            DataError: a missing file or column, or a cell that is not what it should be.
        """
        if self.recipe is not None:
            return self._encoded(table_columns(path), f"{path}: ")
        x = table_rows(path, self.takes.columns)
        if x.shape[1:] != self.takes.shape:
            raise DataError(
                f"{path} has rows of shape {x.shape[1:]}, the model takes {self.takes.shape}"
            )
        return Rows(x, [])

    def from_records(self, records: Sequence[Any]) -> Rows:
        """Make rows of plain values, such as JSON has.

        Args:
            records: of each row the values by column, where the columns have names; or a list of
                the values in their order.

        Raises:
            DataError: a record that is neither, a column that is missing, or a value that is none
                for its column; with the number of the row, counted from 1.
        """
        if not isinstance(records, (list, tuple)) or not records:
            raise DataError("a list of at least one row is due")
        rows = [self._listed(record, n) for n, record in enumerate(records, start=1)]
        if self.recipe is not None:
            self._check(rows, (int, float, str, bool, type(None)), "a number or a text")
            columns = map(list, zip(*rows, strict=True))
            return self._encoded(dict(zip(self.columns, columns, strict=True)))
        x = _all_numbers(rows)
        if x is None:
            self._check(rows, (int, float), "a number")
        return Rows(np.array(x, np.float32).reshape(len(rows), *self.takes.shape), [])

    def _encoded(self, columns: Mapping[str, Any], where: str = "") -> Rows:
        assert self.recipe is not None
        try:
            return Rows(self.recipe.encode(columns), self.recipe.notes(columns))
        except DataError as error:
            raise DataError(f"{where}{error}") from None

    def _check(self, rows: Sequence[Sequence[Any]], allowed: Sequence[type], due: str) -> None:
        """Name the first value that cannot stand in its column."""
        for number, values in enumerate(rows, start=1):
            for place, value in enumerate(values):
                fits = type(value) in allowed
                if not fits or (type(value) in (int, float) and not abs(value) <= FLOAT32_MAX):
                    which = repr(self.columns[place]) if self.columns else f"value {place + 1}"
                    raise DataError(f"row {number}: {which} is {_shown(value)}, {due} is due")

    def _listed(self, record: Any, number: int) -> Sequence[Any]:
        """The values of a record in the order that the model knows."""
        if isinstance(record, Mapping):
            if not self.columns:
                raise DataError(
                    f"row {number} names its columns, but those of this model have no names; give "
                    f"a list of {self.width} numbers"
                )
            missing = next((name for name in self.columns if name not in record), None)
            if missing is not None:
                near = did_you_mean(missing, [k for k in record if isinstance(k, str)])
                raise DataError(f"row {number} has no {missing!r}{near}")
            return [record[name] for name in self.columns]
        if not isinstance(record, (list, tuple)):
            raise DataError(
                f"row {number} is a {kind_of(record)}; a list of values, or values by column, "
                "is due"
            )
        if len(record) != self.width:
            raise DataError(f"row {number} has {len(record)} values, the model takes {self.width}")
        return record

    def from_image(
        self, image: Path | str | bytes, *, resize: bool = False, invert: bool = False
    ) -> Array:
        """Read an image.

        Args:
            image: a file, or what stands in one.
            resize: bring it to the size that the model takes.
            invert: exchange black and white.

        Returns:
            One example as the model takes it, on the scale of its training data.

        Raises:
            DataError: it is none, or of another size, or the model takes no images.
        """
        if len(self.takes.shape) != 3:
            if isinstance(image, bytes):
                raise DataError("the model takes rows of a table, not images; give rows")
            raise DataError(
                f"{image}: the model takes rows of a table, not images; give a CSV file"
            )
        channels, *size = self.takes.shape
        pixels = read_image(image, size=(size[0], size[1]), channels=channels, resize=resize)
        if invert:
            pixels = 255 - pixels
        return (pixels * np.float32(self.takes.levels / 255)).astype(np.float32)

    # --- what the model says --------------------------------------------------------------------

    def outputs(self, x: Array) -> Array:
        """Return the outputs of the model for rows, (N, K).

        Args:
            x: rows as the model takes them, (N, ...).

        Raises:
            DataError: the model does not take such rows.
        """
        return _outputs(self.model, x, self.run)

    def answers(self, outputs: Array, top: int | None = None) -> list[Answer]:
        """Say what outputs mean.

        Args:
            outputs: of the model, (N, K).
            top: how many classes to name for each; all if `None`.
        """
        if not self.classes:
            return [Answer(float(value), {}) for value in outputs.reshape(-1)]
        return [self._answer(row, top) for row in softmax(outputs, dim=1)]

    def _answer(self, row: Array, top: int | None) -> Answer:
        best = np.argsort(-row, kind="stable")[:top]
        return Answer(self.classes[best[0]], {self.classes[k]: float(row[k]) for k in best})


def _outputs(model: nn.Module, x: Array, run: str) -> Array:
    try:
        return predict(model, x)
    except ChainruleError as error:
        raise DataError(f"{run} does not take inputs of shape {x.shape[1:]}: {error}") from None


def _all_numbers(rows: Sequence[Sequence[Any]]) -> Array | None:
    """The rows as numbers, float64, if all of them are such as a float32 can hold."""
    if not all(set(map(type, row)) <= {int, float} for row in rows):
        return None
    try:
        x = np.array(rows, np.float64)
    except OverflowError:
        return None
    return x if (np.abs(x) <= FLOAT32_MAX).all() else None


def _recipe_of(info: Mapping[str, Any], takes: Input, run: str) -> Recipe | None:
    if info.get("recipe") is None:
        return None
    recipe = Recipe.read(info["recipe"])
    if takes.shape != (len(recipe.features),):
        raise DataError(
            f"{run} describes columns that become {len(recipe.features)} numbers, its model takes "
            f"inputs of shape {takes.shape}; train it anew"
        )
    return recipe


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
