"""The page of a search: what was tried, what it came to, and what it hung on (floor 4)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.picture import GOOD, Markup, Svg, bar_chart, dots_chart, element, line_chart
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.reporting.contents import Passage, Report
from chainrule.train.reporting.reporting import environment_of, setting_pairs
from chainrule.train.reporting.sections.parts import facts, look_at, scrolling, table
from chainrule.train.tuning.ensemble import Ensembled
from chainrule.train.tuning.space import Choice, Range
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.telling import ensembled_pairs, figure_text, value_text
from chainrule.train.tuning.trials import METHODS, Done

__all__ = ["page_of", "shares"]

_MOST_ROWS = 200
_LEAST_TRIALS = 8  # with fewer, shares would say nothing
_SHOWN = 0.75  # of the trainings, the best ones, against each setting
_GROUPS = 4  # into which the values of a range are put


def page_of(study: Study, command: str, ensembled: Ensembled | None = None) -> Report:
    """Return what the page of a search shows.

    Args:
        study: with a trial that came to something.
        command: that trains with the best settings.
        ensembled: what came of the best as one model, if they were made one.
    """
    best = study.best
    sound = [one for one in study.done if not one.error]
    failed = len(study.done) - len(sound)
    assert best is not None
    return Report(
        f"chainrule tune {study.examples.name}",
        kind="Search for good settings",
        headline=[
            (f"best validation {_measure(study)[0]}", _told(study, best)),
            *([("as it was", _told(study, first))] if (first := _first(study)) else []),
            ("trainings", f"{len(study.done):,}"),
            *([("failed", f"{failed:,}")] if failed else []),
            ("time of all", format_seconds(sum(one.seconds for one in study.done))),
        ],
        passages=[*_passages(study, sound, best), *_together(ensembled)],
        settings=setting_pairs(study.settings),
        command=command,
        environment=environment_of(),
    )


def _passages(study: Study, sound: Sequence[Done], best: Done) -> Iterator[Passage]:
    yield Passage(
        "best",
        "What is best",
        "The settings of the best trial, chosen by the validation examples alone. Of many trials "
        "the best owes some of its lead to luck: what it is worth, the test set says.",
        _best(study, best),
    )
    yield Passage(
        "course",
        "How it was found",
        "What each training came to, in the order in which they were done, and the best until "
        "then. Few epochs come first: most trials end there, the best are trained again for "
        f"longer ({METHODS[study.method]}).",
        look_at(_course(study, sound)),
    )
    if found := shares(study):
        yield Passage(
            "shares",
            "What it hangs on",
            "How much of the differences between the trials of the first round each setting "
            "explains by itself: nothing at 0 %, all at 100 %. What settings do together is not "
            "seen here.",
            _shares(found),
        )
    side = "high" if _measure(study)[1] else "low"
    yield Passage(
        "settings",
        "What each setting does",
        "A dot for each training, the stronger the longer it was trained; ringed is the best, and "
        "the worst quarter is left out. Where the best dots are as "
        f"{side} all along, the setting does not matter; where they are {side}est at an end, it is "
        "worth looking beyond.",
        _settings(study, sound, best),
    )
    yield Passage(
        "trials",
        "All trials",
        "The best first, those that were trained longest before the others.",
        _table(study),
    )


def _together(ensembled: Ensembled | None) -> Iterator[Passage]:
    if ensembled is not None:
        yield Passage(
            "ensemble",
            "The best together",
            "The settings of the best trials, each trained once more, and the mean of their "
            "answers: what they come to on the test examples, which no choice has seen.",
            element("div", facts(ensembled_pairs(ensembled))),
        )


# --- figures ------------------------------------------------------------------------------------


def _measure(study: Study) -> tuple[str, bool]:
    """What trials are chosen by, and whether it is a share of which more is better."""
    return ("mean error", False) if study.examples.classes is None else ("accuracy", True)


def _figure(study: Study, one: Done) -> float:
    return one.figures["accuracy" if _measure(study)[1] else "mae"]


def _told(study: Study, one: Done) -> str:
    return figure_text(one).removeprefix(f"{_measure(study)[0]} ")


def _first(study: Study) -> Done | None:
    """The settings as they were, trained longest; if they are among the trials."""
    last = len(study.plan.budgets) - 1
    found = (one for one in study.done if (one.number, one.rung) == (0, last) and not one.error)
    return next(found, None) if study.plan.kept else None


def _best(study: Study, best: Done) -> Markup:
    pairs = [(name.replace("_", " "), value_text(best.values[name])) for name in study.space]
    pairs += [("parameters", f"{best.parameters:,}"), ("epochs", f"{best.epochs:,}")]
    return element("div", facts(pairs))


def _course(study: Study, sound: Sequence[Done]) -> Svg:
    """Each training as a dot, the best until then as a line."""
    name, share = _measure(study)
    figures = [_figure(study, one) for one in sound]
    until = list(itertools.accumulate(figures, max if share else min))
    dots = [(i, f) for i, f in enumerate(figures, start=1)]
    gaps = [point for dot in dots for point in (dot, (dot[0], math.nan))]
    return line_chart(
        {"best so far": until, "a training": np.array(gaps)},
        x_label="trainings done",
        y_label=f"validation {name}",
        y_format="%" if share else "number",
        width=760,
        height=320,
    )


def _settings(study: Study, sound: Sequence[Done], best: Done) -> Markup:
    share = _measure(study)[1]
    shown = sorted(sound, key=lambda one: one.rank)[: math.ceil(_SHOWN * len(sound))]
    shown += [best] * (best not in shown)
    longest = max(study.plan.budgets)
    charts = [
        dots_chart(
            [_place(among, one.values[setting]) for one in shown],
            [_figure(study, one) for one in shown],
            order=_order(among),
            weights=[math.log1p(one.epochs) / math.log1p(longest) for one in shown],
            best=shown.index(best),
            told=[f"trial {one.number}, {one.epochs} epochs: {_told(study, one)}" for one in shown],
            title=setting.replace("_", " "),
            y_format="%" if share else "number",
            log_x=isinstance(among, Range) and among.log,
        ).inline()
        for setting, among in study.space.items()
    ]
    return element("div", *charts, class_="side-by-side")


def _place(among: Range | Choice, value: Any) -> Any:
    """Where a value stands: numbers of a range by their size, the values of a choice by name."""
    return value_text(value) if _order(among) else value


def _order(among: Range | Choice) -> list[str]:
    """The values side by side, if they are few."""
    if isinstance(among, Choice):
        return [value_text(value) for value in among.values]
    few = among.whole and among.high - among.low < _GROUPS * 2
    return [value_text(value) for value in among.points(2 * _GROUPS)] if few else []


def _table(study: Study) -> Markup:
    order = sorted(study.done, key=lambda one: (bool(one.error), -one.rung, one.rank))
    names = list(study.space)
    rows = [_row(study, one, names) for one in order[:_MOST_ROWS]]
    heads = (
        "trial",
        "epochs",
        _measure(study)[0],
        "seconds",
        *(n.replace("_", " ") for n in names),
    )
    head = (
        element("th", name, class_="number" if i < 4 else None, scope="col")
        for i, name in enumerate(heads)
    )
    rest = len(order) - _MOST_ROWS
    note = element("p", f"and {rest:,} more", class_="note") if rest > 0 else None
    return element("div", scrolling(table(head, rows)), note)


def _row(study: Study, one: Done, names: Sequence[str]) -> Markup:
    told = "failed" if one.error else _told(study, one)
    return element(
        "tr",
        element("td", str(one.number), class_="number"),
        element("td", f"{one.epochs:,}", class_="number"),
        element("td", told, class_="number", title=one.error or None),
        element("td", f"{one.seconds:.1f}", class_="number"),
        *(element("td", value_text(one.values[name])) for name in names),
        class_="best" if one is study.best else None,
    )


# --- what it hangs on ---------------------------------------------------------------------------


def shares(study: Study) -> dict[str, float]:
    """Return how much of the differences between trials each setting explains by itself.

    The trials of the first round are put into groups by their value of the setting (of a range: by
    quarters), and 1 - (1 - s) (n - 1) / (n - g) is told, s being the share of the variance of their
    ranks that lies between the groups, n the trials and g the groups: about 0 where the setting
    does nothing, however many groups there are.

    Args:
        study: with some trials; of too few nothing is told.

    Returns:
        Shares from 0 to 1 by setting, the largest first.
    """
    first = [one for one in study.done if one.rung == 0]
    if len(first) < _LEAST_TRIALS:
        return {}
    ordered = sorted(first, key=lambda one: one.rank)
    ranks = np.arange(len(ordered), dtype=np.float64)
    found = {}
    for name, among in study.space.items():
        groups = _groups(among, [one.values[name] for one in ordered])
        found[name] = _explained(ranks, groups)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _groups(among: Range | Choice, values: Sequence[Any]) -> list[Any]:
    """The group of each value."""
    if isinstance(among, Choice) or len(set(values)) <= _GROUPS:
        return list(values)
    numbers = np.array(values, dtype=np.float64)
    return list(np.searchsorted(np.quantile(numbers, [0.25, 0.5, 0.75]), numbers).tolist())


def _explained(ranks: np.ndarray[Any, Any], groups: Sequence[Any]) -> float:
    """The share of the variance between groups, less what chance would give."""
    members = {g: [i for i, own in enumerate(groups) if own == g] for g in set(groups)}
    n, g = len(ranks), len(members)
    if g < 2 or n <= g:
        return 0.0
    within = sum(float(((ranks[of] - ranks[of].mean()) ** 2).sum()) for of in members.values())
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    return max(0.0, 1 - within / whole * (n - 1) / (n - g))


def _shares(found: dict[str, float]) -> Markup:
    named = {name.replace("_", " "): 100 * share for name, share in found.items()}
    return bar_chart(named, told=lambda share: f"{share:.0f} %", color=GOOD, width=480).inline()
