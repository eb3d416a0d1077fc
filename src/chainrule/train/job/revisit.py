"""A run that has ended, taken up from its folder: model, figures, and its data again (floor 4).

Nothing in the folder is trusted, and nothing of it is changed. Where the data cannot be had any
more, or are others by now, everything else is still there.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.backend import devices
from chainrule.data import Examples, load
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.explain.overview.summary import Summary, summary
from chainrule.io import load_model
from chainrule.nn.place import placed
from chainrule.train.fitting.loop import predict
from chainrule.train.fitting.run import History
from chainrule.train.job.described import Input, classes_of, input_of
from chainrule.train.job.outcome import Outcome, Settings
from chainrule.train.job.parts import figures_of, split

__all__ = ["Visit", "data_of", "settings_of", "visit"]

_FIGURES = "metrics.jsonl"
_SHARES = ("validation", "test", "label_smoothing", "dropout")  # below 1
_MOST_BYTES = 64 << 20  # of the figures


@dataclass(frozen=True)
class Visit:
    """What is known of a run.

    Attributes:
        folder: of the run.
        name: of its data.
        model: in eval mode.
        takes: what the model takes.
        classes: the names of its classes; none where it predicts a number.
        settings: what was chosen for the job.
        history: the figures of every epoch.
        figures: of the test, as they were noted: name and value.
        summary: of the network, for one example.
        outcome: the job as it was, if its data are there; `None` if not.
        missing: why they are not; empty if they are.
    """

    folder: Path
    name: str
    model: nn.Module
    takes: Input
    classes: list[str]
    settings: Settings
    history: History
    figures: dict[str, float]
    summary: Summary
    outcome: Outcome | None = None
    missing: str = ""

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return sum(value for value in self.history["seconds"] if math.isfinite(value))


def visit(
    folder: str,
    *,
    source: str | None = None,
    data_dir: str | None = None,
    device: Any = None,
) -> Visit:
    """Take up a run.

    Args:
        folder: that `chainrule train` wrote.
        source: the data, by name or path; those that the run notes if not given.
        data_dir: the folder where data sets such as mnist are kept.
        device: where the model answers for the test examples; on the processor if `None`.

    Raises:
        DataError: the folder is none of a run, or something in it is damaged.
        OptionError: `source` or `data_dir` was given, and what is there cannot be read or is not
            what the run was trained on; or the device is not available.
    """
    where = devices.available("cpu" if device is None else device)
    model, info = load_model(folder)
    takes = input_of(info, folder)
    nothing = np.zeros((1, *takes.shape), dtype=np.float32)
    try:
        outputs = predict(model, nothing)
    except ChainruleError as error:
        raise DataError(f"{folder} does not take inputs of shape {takes.shape}: {error}") from None
    found = Visit(
        Path(folder),
        _text(info.get("data")) or Path(folder).name,
        model,
        takes,
        classes_of(info, outputs, folder),
        settings_of(info.get("settings"), folder),
        _history_of(Path(folder) / _FIGURES, info.get("best_epoch")),
        _numbers(info.get("test")),
        summary(model, nothing),
    )
    try:
        examples = data_of(info, folder, found.settings.seed, source, data_dir)
        _check_same(examples, found)
        return dataclasses.replace(found, outcome=_outcome(found, examples, where))
    except (ChainruleError, OSError) as error:
        for option, given in (("--data", source), ("--data-dir", data_dir)):
            if given is not None:
                raise OptionError(f"{option} {given}: {error}") from None
        return dataclasses.replace(found, missing=str(error))


def _outcome(found: Visit, examples: Examples, where: devices.device) -> Outcome:
    """The job as it was, its test set measured again."""
    _, _, test = split(examples, found.settings)
    with placed(found.model, where):
        outputs = predict(found.model, test.x)
    return Outcome(
        found.model,
        found.history,
        examples,
        test,
        outputs,
        figures_of(outputs, test),
        found.summary,
        found.seconds,
        found.settings,
        folder=found.folder,
    )


# --- the data -----------------------------------------------------------------------------------


def data_of(
    info: dict[str, Any], run: str, seed: int, source: str | None, data_dir: str | None
) -> Examples:
    """Load the data that a run was trained on, as they were loaded then.

    Args:
        info: what the run notes, from outside.
        run: its folder, for the sentence.
        seed: of its settings.
        source: the data, by name or path; those that the run notes if `None`.
        data_dir: the folder where data sets such as mnist are kept.

    Raises:
        DataError: the run does not say what they are, or they are not there.
        OptionError: an option that such data do not have.
    """
    noted = _text(info.get("source")) or _text(info.get("data"))
    size, grey, memory = info.get("image_size"), info.get("grey"), info.get("memory")
    if not (source or noted):
        raise DataError(f"{run} does not say what it was trained on; name it by --data")
    return load(
        source or noted,
        data_dir=data_dir,
        target=_text(info.get("target")) or None,
        size=size if type(size) is int and size > 0 else None,
        grey=grey if isinstance(grey, bool) else None,
        categorical=_names(info.get("categorical")),
        numeric=_names(info.get("numeric")),
        drop=_names(info.get("drop")),
        memory=memory if type(memory) is int and memory >= 0 else None,
        seed=seed,
    )


def _check_same(examples: Examples, found: Visit) -> None:
    """Refuse data of another kind than those the model was trained on."""
    for what, here, there in (
        ("examples of shape", examples.x.shape[1:], found.takes.shape),
        ("the classes", list(examples.classes or ()), found.classes),
        ("the columns", list(examples.columns), found.takes.columns or []),
    ):
        if here != there:
            raise DataError(
                f"{examples.name} has {what} {_short(here)}, the model was trained on "
                f"{_short(there)}; they are not the data that it has seen"
            )


def _short(value: Any) -> str:
    text = ", ".join(map(str, value))
    return text if len(text) <= 60 else text[:60].rstrip() + " ..."


# --- the description ----------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _numbers(value: Any) -> dict[str, float]:
    """What of a mapping is names with numbers."""
    if not isinstance(value, dict):
        return {}
    return {k: float(v) for k, v in value.items() if type(v) in (int, float)}


def settings_of(value: Any, run: str) -> Settings:
    """Return the settings of a run, those that it does not name as they are by default.

    Args:
        value: what it says of them, from outside.
        run: its folder, for the sentence.

    Raises:
        DataError: a value that cannot be.
    """
    if not isinstance(value, dict):
        raise DataError(f"{run} does not say how it was trained; train it anew")
    usual = Settings()
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        default = getattr(usual, field.name)
        given = value.get(field.name, default)
        given = tuple(given) if isinstance(given, list) else given
        most = 1.0 if field.name in _SHARES else math.inf
        if not _fits(given, default, most):
            raise DataError(
                f"{run} says {field.name} = {given!r:.40}, which cannot be; train it anew"
            )
        chosen[field.name] = given
    return Settings(**chosen)


def _fits(given: Any, default: Any, most: float) -> bool:
    """Whether a setting is of the kind of its default, and a number from 0 to below `most`."""
    if default is None:
        return given is None or (type(given) is int and given > 0)
    if isinstance(default, tuple):
        return isinstance(given, tuple) and all(type(n) is int and n > 0 for n in given)
    if isinstance(default, (str, bool)):
        return type(given) is type(default)
    if isinstance(default, int):
        return type(given) is int and given >= 0
    return type(given) in (int, float) and 0 <= given < most


def _history_of(path: Path, best: Any) -> History:
    """The figures of every epoch; none where nothing was written."""
    history = History()
    history.best_epoch = best if type(best) is int else None
    if not path.exists():
        return history
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path} has {path.stat().st_size:,} bytes, too many for figures")
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    for row in rows:
        if not isinstance(row, dict) or not all(
            value is None or type(value) in (int, float) for value in row.values()
        ):
            raise DataError(f"{path} is damaged: {row!r:.40} is not the figures of an epoch")
        history.rows.append({k: math.nan if v is None else float(v) for k, v in row.items()})
    return history
