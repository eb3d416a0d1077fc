"""What a training job tells the person who started it, line by line (floor 4)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from chainrule.data import Examples, Recipe
from chainrule.data.stored import is_stored
from chainrule.data.tables.columns import Column
from chainrule.errors import one_line
from chainrule.explain.overview.summary import Summary
from chainrule.explain.telling.words import shape_text, size_text
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.job.memory import peak_memory
from chainrule.train.job.outcome import Outcome

__all__ = ["conclude", "explain_smoothing", "introduce", "show_columns", "show_network"]

_MOST_COLUMNS = 30  # that are shown one by one


def introduce(
    console: Any,
    examples: Examples,
    training: Examples,
    validation: Examples | None,
    test: Examples,
) -> None:
    """Say what the data are and how they are split."""
    kind = "images of" if examples.is_image else "rows of"
    shape = shape_text(examples.x.shape[1:])
    unit = "" if examples.is_image else " numbers" if examples.is_plain else " columns"
    goal = (
        "a number to predict"
        if examples.classes is None
        else f"{len(examples.classes)} classes ({_listed(examples.classes)})"
    )
    total = len(examples) + (0 if examples.test is None else len(examples.test))
    # As texts, not as markup: a name may have brackets in it.
    name, about = one_line(examples.name), one_line(examples.about)
    console.print(Text.assemble((name, "bold"), f": {about}"))
    console.print(Text(f"{total:,} {kind} {shape}{unit}, {goal}"))
    if examples.recipe is not None:
        show_columns(console, examples.recipe)
    parts = [f"{len(training):,} to train on"]
    if validation is not None:
        parts.append(f"{len(validation):,} to choose the best weights by")
    parts.append(f"{len(test):,} to test on")
    console.print(", ".join(parts))


def show_columns(console: Any, recipe: Recipe) -> None:
    """Show what was found of the columns of a table: one by one, or how many of each kind.

    Args:
        console: a rich console.
        recipe: of the table.
    """
    console.print()
    if len(recipe.columns) <= _MOST_COLUMNS:
        console.print(_columns_table(recipe.columns))
    else:
        kinds = Counter(column.kind for column in recipe.columns)
        console.print(", ".join(f"{kind}: {count:,}" for kind, count in kinds.items()))
        unused = [column.name for column in recipe.columns if not column.used]
        if unused:
            console.print(Text(f"left out: {_listed(unused)}"))
    console.print()


def _columns_table(columns: Sequence[Column]) -> Table:
    table = Table("column", "kind", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("different", "missing"):
        table.add_column(name, justify="right")
    table.add_column("example", max_width=24, no_wrap=True)
    table.add_column("", style="dim")
    for column in columns:
        left_out = [] if column.used else ["left out"]
        table.add_row(
            Text(one_line(column.name)),
            column.kind,
            f"{column.different:,}",
            f"{column.missing:,}" if column.missing else "",
            Text(one_line(column.example)),
            ", ".join([*left_out, *([column.note] if column.note else [])]),
            style="" if column.used else "dim",
        )
    return table


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(one_line(name) for name in names[:most])
    return shown + (f", ... {len(names) - most} more" if len(names) > most else "")


def show_network(console: Any, network: Summary) -> None:
    """Show the network layer by layer."""
    console.print()
    console.print(Text(str(network.table(times=False))), soft_wrap=True)
    console.print()


def explain_smoothing(console: Any, share: float, examples: Examples) -> None:
    """Say how far the loss can fall: smoothed targets have an entropy of their own."""
    if not share or examples.classes is None or len(examples.classes) < 2:
        return
    count = len(examples.classes)
    least, most = share / count, 1 - share + share / count
    entropy = -(most * math.log(most) + (count - 1) * least * math.log(least))
    console.print(f"with label smoothing {share:g} the loss can fall to {entropy:.2f}, not to 0")
    console.print()


def conclude(console: Any, outcome: Outcome) -> None:
    """Say how it went; the last figure is that of the test."""
    history = outcome.history
    if history.stopped and not outcome.interrupted:
        console.print(f"stopped early: {history.stopped}")
    if history.best_epoch is not None and not outcome.interrupted:
        console.print(f"best weights: those of epoch {history.best_epoch}")
    console.print(f"trained in {format_seconds(outcome.seconds)}")
    _compare(console, outcome)
    if "accuracy" in outcome.figures:
        console.print(f"[bold]test accuracy {100 * outcome.figures['accuracy']:.1f} %[/bold]")
    else:
        r2 = f", R2 {outcome.figures['r2']:.3f}" if "r2" in outcome.figures else ""
        error = _told(outcome.figures["mae"])
        console.print(f"[bold]test error {error} on average{r2}[/bold]")
    others = {k: v for k, v in outcome.figures.items() if k not in ("accuracy", "mae", "r2")}
    if others:
        told = ", ".join(f"test {name} {v:.4g}" for name, v in others.items())
        console.print(Text(told), soft_wrap=True)
    if is_stored(outcome.examples.x) and (peak := peak_memory()):
        held, kept = size_text(peak), size_text(outcome.examples.x.nbytes)
        console.print(f"memory held at most: {held}, with what was at hand of {kept} in a file")
    folder = one_line(str(outcome.folder))
    console.print(Text(f"model, figures and report: {folder}"), soft_wrap=True)
    if outcome.interrupted:
        console.print(Text(f"to go on: chainrule train --resume {folder}"), soft_wrap=True)


def _told(error: float) -> str:
    return f"{error:,.0f}" if error >= 1000 else f"{error:.4g}"


def _compare(console: Any, outcome: Outcome) -> None:
    """Say what simpler models make of the same examples."""
    if not outcome.baselines:
        return
    if "accuracy" in outcome.figures:
        told = [f"{name} {100 * found['accuracy']:.1f} %" for name, found in outcome.baselines]
    else:
        told = [f"{name} {_told(found['mae'])}" for name, found in outcome.baselines]
    console.print(Text(one_line(f"to compare: {', '.join(told)}")), soft_wrap=True)
