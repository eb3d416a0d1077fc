"""How far the answers of a network can be trusted, as sections of its page (floor 4).

The looks are `explain`'s; here they are chosen and bounded, as in `looks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from chainrule import explain, ops
from chainrule.errors import ChainruleError
from chainrule.explain.look.calibration import calibrated
from chainrule.explain.look.roc import roc_of
from chainrule.explain.look.rows import rows_of
from chainrule.explain.look.seen import short
from chainrule.picture import Strip, points_chart, strip_chart
from chainrule.train.job.outcome import Outcome
from chainrule.train.reporting.contents import Look

__all__ = ["judged"]

_ROWS = 1000  # by which columns are judged
_REPEATS = 5
_WORK = 2e10  # floating-point operations for all shuffles
_LEAST = 20  # rows, fewer of which say nothing of calibration
_MOST_DOTS = 1500


@ops.quiet
def judged(outcome: Outcome) -> list[Look]:
    """Return the sections; those that make no sense of this network or these data are left out.

    Args:
        outcome: of the job.
    """
    found: list[Look] = []
    for chapter in (_calibration, _roc, _residuals, _importance):
        with suppress(ChainruleError):  # as where only one of two classes is in the test set
            found += chapter(outcome)
    return found


def _calibration(outcome: Outcome) -> Iterator[Look]:
    test = outcome.test
    if test.classes is None or len(test) < _LEAST:
        return
    seen = calibrated(rows_of(test), outcome.outputs)
    lean = "surer than it is right" if seen.lean > 0 else "less sure than it is right"
    yield Look(
        "calibration",
        "Whether it is as sure as it is right",
        "Its answers, put together by how sure it was; a bar is as high as the share of them that "
        "was right. Where bars end below the dotted line it is too sure, above it not sure enough."
        f" On the whole it is {short(100 * abs(seen.lean))} % {lean}; label smoothing makes "
        "a network less sure.",
        (seen.picture,),
    )


def _roc(outcome: Outcome) -> Iterator[Look]:
    test = outcome.test
    if test.classes is None or len(test.classes) != 2:
        return
    seen = roc_of(rows_of(test), outcome.outputs)
    yield Look(
        "roc",
        "What another threshold would give",
        f"An answer is {seen.positive} where its probability is above one half. Ask for more, and "
        "fewer are found, but fewer wrongly: each curve shows all such exchanges. Left, the nearer "
        "to the upper left corner the better; right, the nearer to the upper right.",
        (seen.picture,),
    )


def _residuals(outcome: Outcome) -> Iterator[Look]:
    test = outcome.test
    if test.classes is not None:
        return
    said = outcome.outputs.reshape(-1).astype(np.float64)
    errors = said - test.y
    sizes = np.abs(errors)
    figures = {
        "mean": short(float(errors.mean())),
        "half within": short(float(np.quantile(sizes, 0.5))),
        "nine of ten within": short(float(np.quantile(sizes, 0.9))),
    }
    every = -(-len(errors) // _MOST_DOTS)
    yield Look(
        "residuals",
        "How its errors lie",
        "What it said less what was true. They should lie around zero, alike on both sides, and "
        "as far wherever the prediction stands: where they spread like a fan, a large number is "
        "known less exactly; where they bend, there is something that it has not learned.",
        (
            strip_chart([Strip("error", errors, figures)]),
            points_chart(
                np.stack([said, errors], axis=1)[::every],
                title="Errors against predictions",
                x_label="predicted",
                y_label="error",
            ),
        ),
    )


def _importance(outcome: Outcome) -> Iterator[Look]:
    test = outcome.test
    if test.is_image or len(test) < _LEAST or test.x.shape[1] < 2:
        return
    rows = min(_ROWS, len(test))
    passes = _REPEATS * test.x.shape[1]
    if 2 * outcome.summary.forward * rows * passes > _WORK:
        return
    seen = explain.importance(outcome.model, test, repeats=_REPEATS, most=_ROWS)
    yield Look(
        "importance",
        "What each column is worth",
        "What is lost on the test set when the cells of a column are shuffled, so that it says "
        f"nothing any more (permutation importance): the mean of {_REPEATS} shuffles and their "
        "standard deviation. A column may seem to be worth nothing because another says the same.",
        (seen.picture,),
    )
