"""What can be seen in a network that a job has trained, as sections of its page (floor 4).

The looks are `explain`'s; here they are chosen and bounded: of large data a few hundred rows, of
networks so large that it would take more than a second or so no surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from chainrule import explain, ops
from chainrule.data import Examples
from chainrule.errors import ChainruleError
from chainrule.explain import Activations
from chainrule.explain.look.mistakes import most_wrong
from chainrule.ops import Array
from chainrule.train.job.outcome import Outcome
from chainrule.train.job.task import task_of
from chainrule.train.reporting.contents import Look

__all__ = ["looks_of"]

_ROWS = 400  # of the test set, taken evenly
_MEMORY = 64 << 20  # bytes that they may take on their way
_LEAST_AT_ONCE = 4
_EXAMPLES = 6  # whose pictures are looked into: right ones and, as many, wrong ones
_NODES = 15  # along each side of the surface
_WORK = 1.2e10  # floating-point operations for the surface
_LEAST_ROWS = 40  # with fewer, its loss would say little


@ops.quiet
def looks_of(outcome: Outcome) -> list[Look]:
    """Return the sections; those that make no sense of this network or these data are left out.

    Args:
        outcome: of the job.
    """
    rows = _some(outcome.test, _affordable(outcome))
    seen = explain.activations(outcome.model, rows)
    chapters: tuple[Callable[[], Iterator[Look]], ...] = (
        lambda: _layers(seen),
        lambda: _gradients(outcome, rows),
        lambda: _attributions(outcome, rows),
        lambda: _plane(seen, rows),
        lambda: _surface(outcome),
    )
    found = []
    for chapter in chapters:
        with suppress(ChainruleError):  # as where a loss is too large to be a number
            found += list(chapter())
    return found


def _affordable(outcome: Outcome) -> int:
    """How many rows may go through the network at once."""
    return max(_LEAST_AT_ONCE, min(_ROWS, _MEMORY // max(1, outcome.summary.kept)))


def _some(examples: Examples, most: int) -> Examples:
    taken = np.linspace(0, len(examples) - 1, min(most, len(examples))).astype(np.int64)
    return examples.take(taken)


def _layers(seen: Activations) -> Iterator[Look]:
    yield Look(
        "layers",
        "What each layer gives",
        "How the numbers that leave each layer are spread, over rows of the test set; the upright "
        "line is zero. A unit that is always zero has nothing to say, and learns nothing any more.",
        (seen.picture,),
    )


def _gradients(outcome: Outcome, rows: Examples) -> Iterator[Look]:
    loss = task_of(rows, outcome.settings.label_smoothing).loss
    yield Look(
        "gradients",
        "How strongly it is still pulled",
        "The gradient of the loss by each parameter, at the weights that were kept. Where its ratio"
        " to the weights falls by powers of ten from the last layer to the first, the gradient "
        "vanishes on its way back; where it grows so, it explodes.",
        (explain.gradients(outcome.model, rows, loss=loss).picture,),
    )


def _attributions(outcome: Outcome, rows: Examples) -> Iterator[Look]:
    model = outcome.model
    if not rows.is_image:
        if not outcome.examples.is_plain:
            return  # the code of a category, or a gap, has no slope
        baseline = outcome.examples.x.mean(axis=0)
        shares = explain.integrated_gradients(model, rows, baseline=baseline, steps=32)
        yield Look(
            "columns",
            "Which columns its answers hang on",
            "How much each column adds to an answer, or takes from it, beside a row of averages "
            "(integrated gradients): the mean over rows of the test set, in the units of the "
            "output.",
            (shares.picture,),
        )
        return
    chosen = outcome.test.take(_right_and_wrong(outcome))
    yield Look(
        "looks-at",
        "What it looks at",
        "Examples of the test set, the surest mistakes at the end, each with the class that it was "
        "taken for. First how steeply the answer hangs on each pixel (saliency); then what each "
        "adds to the answer beside a black picture, red for and blue against it, and what these "
        "shares add up to (integrated gradients).",
        (
            explain.saliency(model, chosen).picture,
            explain.integrated_gradients(model, chosen, steps=32).picture,
        ),
    )


def _right_and_wrong(outcome: Outcome) -> list[int]:
    """Rows of the test set: right ones of several classes, then the most confidently wrong."""
    test, outputs = outcome.test, outcome.outputs
    if test.classes is None:
        return list(range(min(_EXAMPLES, len(test))))
    wrong = [one.index for one in most_wrong(test, outputs, _EXAMPLES)]
    right = np.flatnonzero(outputs.argmax(axis=1) == test.y)
    _, first = np.unique(test.y[right], return_index=True)
    return [*right[np.sort(first)][:_EXAMPLES].tolist(), *wrong]


def _plane(seen: Activations, rows: Examples) -> Iterator[Look]:
    """The numbers that the last layer reads, if they are made by a layer before it."""
    hidden = [y for path, y in seen.outputs.items() if path.endswith(("(Linear)", "(Conv2d)"))]
    if rows.classes is None or len(hidden) < 2 or len(rows) < 3:
        return
    read = _before_last(seen)
    names = [rows.classes[k] for k in rows.y]
    yield Look(
        "plane",
        "How it sees the classes",
        "The numbers that the last layer reads, for rows of the test set, in the plane in which "
        "they differ most (principal components). What lies apart here is easy for it to tell "
        "apart.",
        (explain.embedding_plane(read, names).picture,),
    )


def _before_last(seen: Activations) -> Array:
    """What the last linear layer is given."""
    paths = list(seen.outputs)
    last = max(i for i, path in enumerate(paths) if path.endswith("(Linear)"))
    return seen.outputs[paths[last - 1]]


def _surface(outcome: Outcome) -> Iterator[Look]:
    work = max(1, round(2 * outcome.summary.forward)) * _NODES**2
    rows = min(_ROWS, int(_WORK / work))
    if rows < min(_LEAST_ROWS, len(outcome.test)):
        return
    test = _some(outcome.test, rows)
    loss = task_of(test, outcome.settings.label_smoothing).loss
    yield Look(
        "surface",
        "The valley that it lies in",
        "The loss on a plane through the weights along two random directions, each filter as long "
        "as the weights' own. A wide valley forgives small changes of the weights.",
        (explain.loss_surface(outcome.model, test, loss, points=_NODES).picture,),
    )
