"""From the outcome of a training job to the plain data of its report (floor 4)."""

from __future__ import annotations

import dataclasses
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.backend import threads
from chainrule.data import Examples
from chainrule.explain.look.confusion import counted
from chainrule.explain.look.mistakes import most_wrong
from chainrule.explain.telling.words import shape_text
from chainrule.ops import Array, softmax
from chainrule.picture import format_value
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.fitting.loop import predict
from chainrule.train.job.folder import fingerprint
from chainrule.train.job.outcome import Outcome, Settings
from chainrule.train.job.revisit import Visit
from chainrule.train.reporting.contents import Boundary, Passage, Report
from chainrule.train.reporting.judged import judged
from chainrule.train.reporting.looks import looks_of
from chainrule.train.reporting.sections.parts import is_share
from chainrule.train.reporting.summaries import class_means, columns_of

__all__ = ["environment_of", "figure_pairs", "report_again", "report_of", "setting_pairs"]

_MISTAKES = 42
_SAMPLES = 20
_GRID = 120  # points of the plane along each side at which the network is asked
_POINTS = 1500
_DIGITS = 16  # of the fingerprint: enough to see that data are others


def report_of(outcome: Outcome, command: str) -> Report:
    """Return what `report.html` shows of a job.

    Args:
        outcome: of the job.
        command: the command line that repeats it.
    """
    examples, test = outcome.examples, outcome.test
    samples, labels = _samples(examples)
    common: dict[str, Any] = {
        "title": f"chainrule train {examples.name}",
        "headline": _headline(outcome),
        "figures": outcome.figures,
        "baselines": outcome.baselines,
        "data": _data(examples, test),
        "network": [
            {
                "layer": row.path,
                "output shape": shape_text(row.shape[1:]) if row.shape else "",
                "parameters": f"{row.parameters:,}",
                "multiply-adds": f"{row.forward:,.0f}",
            }
            for row in outcome.summary.rows[1:]
        ],
        "history": _history(outcome),
        "best_epoch": outcome.history.best_epoch,
        "findings": outcome.findings,
        "mistakes": most_wrong(test, outcome.outputs, _MISTAKES),
        "weights": _first_weights(outcome.model, examples),
        "judged": judged(outcome),
        "looks": looks_of(outcome),
        "samples": samples,
        "sample_labels": labels,
        "columns": columns_of(examples),
        "class_counts": examples.counts(),
        "class_means": class_means(examples),
        "settings": setting_pairs(outcome.settings),
        "command": command,
        "environment": environment_of(),
        "foreseen": outcome.foreseen,
        "uses": _uses(outcome) if command else (),
    }
    if test.classes is None:
        guesses = outcome.outputs.reshape(-1)
        return Report(**common, scatter=(test.y, guesses))
    return Report(
        **common,
        confusion=counted(test.y, outcome.outputs.argmax(axis=1), len(test.classes)),
        classes=test.classes,
        boundary=_boundary(outcome),
    )


def report_again(seen: Visit, passages: Sequence[Passage]) -> Report:
    """Return what `explain.html` shows of a run that has ended.

    Args:
        seen: the run; without its data only what is known without them is shown.
        passages: what comes first; it says what the network is.
    """
    about: dict[str, Any] = {
        "title": f"chainrule explain {seen.name}",
        "kind": "What is in a trained network",
        "passages": passages,
        "network": (),
    }
    if seen.outcome is not None:
        return dataclasses.replace(report_of(seen.outcome, ""), **about)
    return Report(
        **about,
        headline=_headline(seen),
        history=_history(seen),
        best_epoch=seen.history.best_epoch,
        settings=setting_pairs(seen.settings),
        environment=environment_of(),
    )


def _headline(of: Outcome | Visit) -> list[tuple[str, str]]:
    return [
        *_test_figures(of.figures),
        ("parameters", f"{of.summary.parameters:,}"),
        ("epochs", str(len(of.history))),
        ("training time", format_seconds(of.seconds)),
    ]


def figure_pairs(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return figures of a test by name, in words."""
    return [
        (name, f"{100 * value:.1f} %" if is_share(name) else format_value(float(f"{value:.4g}")))
        for name, value in figures.items()
    ]


_SPOKEN = {"accuracy": "test accuracy", "mae": "mean error", "r2": "R2"}


def _test_figures(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(_SPOKEN[name], told) for name, told in figure_pairs(figures) if name in _SPOKEN]


def _history(of: Outcome | Visit) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "examples_per_second"} for row in of.history.rows]


def _data(examples: Examples, test: Examples) -> list[tuple[str, str]]:
    total = len(examples) + (0 if examples.test is None else len(examples.test))
    facts = [
        ("data", examples.name),
        ("source", examples.about),
        ("examples", f"{total:,}"),
        ("held out for the test", f"{len(test):,}"),
        ("shape of one", shape_text(examples.x.shape[1:])),
    ]
    if examples.classes is not None:
        facts.append(("classes", ", ".join(examples.classes)))
    if examples.columns:
        facts.append(("columns", ", ".join(examples.columns)))
    facts.append(("fingerprint", fingerprint(examples)[:_DIGITS]))
    return facts


def setting_pairs(settings: Settings) -> list[tuple[str, str]]:
    """Return the settings of a job by name, in words."""
    return [(name.replace("_", " "), _setting(value)) for name, value in vars(settings).items()]


def _setting(value: Any) -> str:
    if isinstance(value, tuple):
        value = ", ".join(str(v) for v in value)
    return "-" if value in (None, "") else str(value)


def environment_of() -> list[tuple[str, str]]:
    """Return what it ran on: versions, machine, threads."""
    return [
        ("chainrule", version("chainrule")),
        ("Python", platform.python_version()),
        ("NumPy", np.__version__),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        ("threads", str(threads.get_num_threads())),
    ]


# --- examples -----------------------------------------------------------------------------------


def _pictures(examples: Examples, rows: Array) -> Array:
    return (examples.x[rows] / np.float32(examples.levels or 255)).astype(np.float32)


def _samples(examples: Examples) -> tuple[Array | None, Sequence[str]]:
    """The first images of each class in turn, with their class."""
    if not examples.is_image or examples.classes is None:
        return None, ()
    each = max(1, _SAMPLES // len(examples.classes))
    rows = [
        row
        for label in range(len(examples.classes))
        for row in np.flatnonzero(examples.y == label)[:each]
    ][:_SAMPLES]
    chosen = np.asarray(rows, dtype=np.int64)
    return _pictures(examples, chosen), [examples.classes[examples.y[r]] for r in rows]


# --- the network --------------------------------------------------------------------------------


def _first_weights(model: nn.Module, examples: Examples) -> Array | None:
    """The first layer's weights as images, (units, C, H, W), if it looks at images."""
    if not examples.is_image:
        return None
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module.weight.array
        if isinstance(module, nn.Linear):
            return module.weight.array.reshape(-1, *examples.x.shape[1:])
    return None


def _uses(outcome: Outcome) -> list[tuple[str, str]]:
    """What can be done with the folder of a run."""
    folder = shlex.quote(str(outcome.folder))
    inputs = "image.png" if outcome.examples.is_image else "new.csv"
    return [
        ("Predict", f"chainrule predict {folder} {inputs}"),
        ("Serve over HTTP", f"chainrule serve {folder}"),
        ("See what is in it", f"chainrule explain {folder}"),
        ("Take it elsewhere", f"chainrule export {folder} --to c"),
        ("Go on in Python", f"chainrule.io.load_model({str(outcome.folder)!r})"),
    ]


def _boundary(outcome: Outcome) -> Boundary | None:
    """For points in the plane, what the network says all over it."""
    x = outcome.examples.x
    if x.ndim != 2 or x.shape[1] != 2:
        return None
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.08 * np.maximum(high - low, 1e-6)
    (x0, y0), (x1, y1) = low - margin, high + margin
    across, up = np.meshgrid(np.linspace(x0, x1, _GRID), np.linspace(y0, y1, _GRID))
    grid = np.stack([across, up], axis=-1).reshape(-1, 2).astype(x.dtype)
    outputs = predict(outcome.model, grid)
    probabilities = softmax(outputs, dim=1).reshape(_GRID, _GRID, -1)
    names = outcome.examples.columns or ("x", "y")
    return Boundary(
        probabilities,
        (float(x0), float(x1), float(y0), float(y1)),
        outcome.test.x[:_POINTS],
        outcome.test.y[:_POINTS],
        names[0],
        names[1],
    )
