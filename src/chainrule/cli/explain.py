"""`chainrule explain`: what is in a trained network, told here and on a page (floor 5)."""

from __future__ import annotations

import copy
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.text import Text

from chainrule import explain
from chainrule.autograd import Tensor, from_numpy
from chainrule.data import Examples
from chainrule.errors import ChainruleError, one_line
from chainrule.explain.look.confusion import Confusion, counted
from chainrule.explain.look.mistakes import most_wrong
from chainrule.explain.look.seen import short
from chainrule.explain.telling.words import seconds_text, shape_text, size_text
from chainrule.optim.names import optimizer_of
from chainrule.picture import Markup, element
from chainrule.train.fitting.loop import predict
from chainrule.train.job.outcome import Outcome
from chainrule.train.job.parts import split
from chainrule.train.job.revisit import Visit, visit
from chainrule.train.job.task import task_of
from chainrule.train.reporting.contents import Passage
from chainrule.train.reporting.report import write
from chainrule.train.reporting.reporting import report_again

__all__ = ["explain_command"]

_PAGE = "explain.html"
_FEW = 5  # mistakes, columns and confusions that are told here
_ROWS = 300  # by which the columns are judged


def explain_command(
    run: str, *, data: str | None, data_dir: str | None, open_it: bool, device: str = "cpu"
) -> None:
    """Tell what is in the model of a run, and write a page with all of it into its folder.

    Args:
        run: the folder that `chainrule train` wrote.
        data: what it was trained on, by name or path, if that is no longer where it was.
        data_dir: the folder where data sets such as mnist are kept.
        open_it: whether to open the page in the browser.
        device: where the model answers for the test examples.

    Raises:
        DataError: the folder is none of a run, or something in it is damaged.
        OptionError: `data` cannot be read, or is not what the run was trained on; or the device is
            not available.
    """
    console = Console(highlight=False, emoji=False)
    seen = visit(run, source=data, data_dir=data_dir, device=device)
    _introduce(console, seen)
    passages = []
    for part in _parts(seen):
        _tell(console, part.passage.title, part.text)
        passages.append(part.passage)
    if seen.outcome is not None:
        for title, lines in _judged(seen.outcome):
            _tell(console, title, *lines)
    page = seen.folder / _PAGE
    write(report_again(seen, passages), page)
    _say(console, f"\nwith pictures: {one_line(str(page))}")
    if open_it:
        webbrowser.open(Path(page).resolve().as_uri())


def _say(console: Any, text: str, style: str = "") -> None:
    """Print words as they are, not as markup: a name may have brackets in it."""
    console.print(Text(text, style=style), soft_wrap=True)


def _tell(console: Any, title: str, *lines: str) -> None:
    _say(console, f"\n{title}", "bold")
    for line in lines:
        _say(console, line)


def _introduce(console: Any, seen: Visit) -> None:
    shape = shape_text(seen.takes.shape)
    takes = f"images of {shape}" if len(seen.takes.shape) == 3 else f"rows of {shape} numbers"
    goal = "a number"
    if seen.classes:
        goal = f"{len(seen.classes)} classes ({_listed(seen.classes)})"
    name = one_line(seen.name)
    _say(console, f"{one_line(str(seen.folder))}: trained on {name}", "bold")
    _say(console, f"{seen.summary.parameters:,} parameters, from {takes} to {goal}")
    told = [_figure(name, value) for name, value in seen.figures.items()]
    if seen.history.best_epoch is not None:
        told.append(f"best epoch {seen.history.best_epoch} of {len(seen.history)}")
    if told:
        _say(console, one_line(", ".join(told)))
    if seen.missing:
        _say(console, f"told without its data: {one_line(seen.missing)}", "yellow")


def _figure(name: str, value: float) -> str:
    return f"test {name} " + (f"{100 * value:.1f} %" if name == "accuracy" else short(value))


def _listed(names: list[str], most: int = 10) -> str:
    shown = ", ".join(one_line(name) for name in names[:most])
    return shown + (f", ... {len(names) - most} more" if len(names) > most else "")


# --- the network: summary, equations, prediction --------------------------------------------------


class _Part(NamedTuple):
    """A chapter for the terminal, and the same for the page."""

    text: str
    passage: Passage


def _parts(seen: Visit) -> Iterator[_Part]:
    """The chapters; one that cannot be written of this network says why."""
    chapters: list[tuple[str, str, str, Callable[[_Batch], tuple[str, str]]]] = [
        (
            "summary",
            "What it is made of",
            "A row for each layer: what leaves it, how many numbers it learns, how many "
            "multiply-adds it takes forward and back, what it keeps for the way back, and its "
            "share of the time.",
            _summary,
        ),
        (
            "equations",
            "What it computes",
            "The network as formulas, forward and backward, made by running the derivative rules "
            "of its operations on symbols.",
            _equations,
        ),
        (
            "prediction",
            "What training it takes",
            "Reckoned from what a step has to do and from what this machine was measured to do: "
            "the steps of the run, not compiled.",
            _prediction,
        ),
    ]
    batch = _batch(seen)
    for name, title, reading, chapter in chapters:
        try:
            text, html = chapter(batch)
        except ChainruleError as error:
            text = f"left out: {one_line(str(error))}"
            html = element("p", text)
        content = element("div", Markup(html), class_="passage")
        yield _Part(text, Passage(name, title, reading, content))


class _Batch(NamedTuple):
    """What the network would be trained on in one step."""

    seen: Visit
    x: Tensor
    y: Tensor
    loss: Any
    rows: int  # in an epoch


def _batch(seen: Visit) -> _Batch:
    """Rows of the test set, or zeros where there are no data."""
    count = max(1, seen.settings.batch_size)
    if seen.outcome is not None:
        test = seen.outcome.test
        chosen = test.take(np.arange(count) % len(test))
        rows = len(split(seen.outcome.examples, seen.settings)[0])
    else:
        x = np.zeros((count, *seen.takes.shape), dtype=np.float32)
        y = np.zeros(count, dtype=np.int64 if seen.classes else np.float32)
        chosen = Examples(seen.name, x, y, tuple(seen.classes) or None, "")
        rows = count
    loss = task_of(chosen, seen.settings.label_smoothing).loss
    x = chosen.x.astype(np.float32)
    return _Batch(seen, from_numpy(x), from_numpy(chosen.y), loss, rows)


def _summary(batch: _Batch) -> tuple[str, str]:
    found = explain.summary(batch.seen.model, batch.x)
    return str(found), found._repr_html_()


def _equations(batch: _Batch) -> tuple[str, str]:
    found = explain.equations(batch.seen.model, batch.x, batch.y, batch.loss)
    return str(found), found._repr_html_()


def _prediction(batch: _Batch) -> tuple[str, str]:
    """A step of training, on a copy; it is taken once, and undone."""
    settings = batch.seen.settings
    model = copy.deepcopy(batch.seen.model).train()
    optimizer = optimizer_of(settings.optimizer, model.parameters(), lr=settings.lr)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        batch.loss(model(x), y).backward()
        optimizer.step()

    found = explain.napkin(step, batch.x, batch.y, rows=batch.rows, epochs=settings.epochs or 1)
    told = (
        f"a step {seconds_text(found.seconds)}, an epoch {seconds_text(found.epoch)}, "
        f"all {seconds_text(found.total)}; {size_text(found.memory.total)} of memory; "
        f"bound by {found.bound}"
    )
    return f"{told}\n\n{found.by_layer()}", found._repr_html_()


# --- its answers: what it confuses, gets wrong, looks at ------------------------------------------


def _judged(outcome: Outcome) -> Iterator[tuple[str, list[str]]]:
    """Titles, each with its lines."""
    test, outputs = outcome.test, outcome.outputs
    if test.classes is not None:
        counts = counted(test.y, outputs.argmax(axis=1), len(test.classes))
        found = Confusion(counts, test.classes)
        yield f"Of {len(test):,} test examples {100 * found.accuracy:.1f} % right", _confused(found)
    wrong = most_wrong(test, outputs, _FEW)
    if wrong:
        told = [f"row {one.index}: {one.told()}{': ' * bool(one.text)}{one.text}" for one in wrong]
        yield "Most wrong", [one_line(line) for line in told]
    if not test.is_image:
        yield "What its answers hang on", _columns(outcome)


def _confused(found: Confusion) -> list[str]:
    """The most frequent confusions."""
    totals = dict(zip(found.classes, found.counts.sum(axis=1).tolist()))
    return [
        f"{one_line(truth)} taken for {one_line(given)}: {count:,} of {totals[truth]:,}"
        for truth, given, count in found.commonest(_FEW)
    ] or ["nothing is confused"]


def _columns(outcome: Outcome) -> list[str]:
    """By how much each column moves the output, the strongest first."""
    test = outcome.test.take(np.arange(min(_ROWS, len(outcome.test))))
    if outcome.examples.is_plain:
        baseline = outcome.examples.x.mean(axis=0)
        found = explain.integrated_gradients(outcome.model, test, baseline=baseline, steps=32)
        moved = found.by_column
    else:
        moved = _moved(outcome, test)
    ordered = sorted(moved.items(), key=lambda item: -item[1])[:_FEW]
    return [f"{one_line(name)} moves the output by {short(size)}" for name, size in ordered]


def _moved(outcome: Outcome, test: Examples) -> dict[str, float]:
    """How far an answer moves where a column says what is usual; categories have no slope."""
    before = predict(outcome.model, test.x)
    rows, chosen = np.arange(len(before)), before.argmax(axis=1)
    moved = {}
    for place, name in enumerate(test.columns):
        changed = test.x.copy()
        changed[:, place] = _usual(outcome.examples, place)
        after = predict(outcome.model, changed)
        moved[name] = float(np.abs(after - before)[rows, chosen].mean())
    return moved


def _usual(examples: Examples, place: int) -> float:
    """The mean of a column of numbers, the commonest of categories."""
    assert examples.recipe is not None
    values = examples.x[:, place]
    if examples.recipe.sizes[place]:
        return float(np.bincount(values.astype(np.int64)).argmax())
    return float(np.nanmean(values, dtype=np.float64))
