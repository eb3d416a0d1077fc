"""Faults that the course of a run shows: its rate, its loss, what it learns by heart (floor 4).

A curve that looks bad may have many causes. So before the learning rate is blamed a range test is
made from where the run began: it alone says whether another rate would do better.
"""

from __future__ import annotations

import numpy as np

from chainrule.explain.doctor.check import Check, check, told
from chainrule.explain.doctor.course import Course
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.doctor.step_checks import update_size
from chainrule.nn.norm import _BatchNorm

__all__ = ["AT_THE_END", "MEANWHILE"]

# A step that costs this many times what guessing did, in a stretch that costs twice that, is no
# unlucky batch.
_PEAK, _STRETCH = 10.0, 2.0

# Who has learned less than this share has learned nothing; who has learned less than half and falls
# in the second half by this share of the whole fall is on the way still.
_NOTHING, _HALF, _STILL = 0.05, 0.5, 0.25

# Ups of this share of all that was learned are no noise of batches.
_UPS = 0.5

# The edge that a range test finds is known to a factor of about two. A rate from half of it on is
# too high, if the curve looks it; one below a hundredth of it, a tenth of what is suggested, is too
# low.
_NEAR, _FAR = 0.5, 0.01

# A loss that moves by less than this share in half a run of so many steps, and stands above this
# share of where it began, does not get anywhere.
_FLAT, _HIGH, _MANY_STEPS = 0.02, 0.7, 100

# Validation is noisy: it must stand this far above its least, in each of the last epochs, and have
# lost a tenth of what was learned, while the training loss has fallen by a tenth. If the best
# weights are kept anyway, further.
_RISEN, _RISEN_FAR, _LOST, _LAST, _FALLEN = 1.15, 1.5, 0.1, 3, 0.9

# Units that died: at least half of a layer, and a quarter more than at the start.
_DEAD, _MORE, _FEWEST_UNITS = 0.5, 0.25, 8

# Below this many rows mean and variance are hardly those of the data.
_FEW_ROWS = 4


# --- the learning rate --------------------------------------------------------------------------


def _has_exploded(course: Course) -> bool:
    high = course.losses.max() > _PEAK * abs(course.first)
    return bool(high and course.stretches.max() > _STRETCH * abs(course.first))


def _has_learned_nothing(course: Course) -> bool:
    return bool(course.stretches[-1] > course.first - _NOTHING * abs(course.first))


def _jumps(course: Course) -> bool:
    """Whether the loss goes up and down in the second half by much of what was learned."""
    half = course.stretches[len(course.stretches) // 2 :]
    ups = np.diff(half).clip(min=0).sum()
    return bool(len(half) > 2 and ups > _UPS * (course.first - course.stretches.min()))


@check(
    "learning rate too high",
    "a loss that explodes, jumps or stays where it was, at a rate beyond what a range test bears",
)
def too_high(course: Course) -> Finding | None:
    if not (_has_exploded(course) or _has_learned_nothing(course) or _jumps(course)):
        return None
    test = course.range_test
    if test is None or not course.rate >= _NEAR * test.edge or np.isnan(test.rate):
        return None
    return Finding(
        "learning rate too high",
        Severity.HARMFUL,
        "",
        f"the loss went from {told(course.first)} up to {told(course.losses.max())} and ended at "
        f"{told(course.stretches[-1])}; in a range test from the same start it falls up to a rate "
        f"of {test.edge:.2g} and rises beyond, and this was {course.rate:.2g}",
        f"use lr={test.rate:.1g}",
        {"rate": course.rate, "edge": test.edge, "better": test.rate},
    )


@check(
    "learning rate too low",
    "a loss that falls to the end without having got far, at a rate far below what is borne",
)
def too_low(course: Course) -> Finding | None:
    curve = course.stretches
    if len(curve) < 2 or curve[-1] < _HALF * course.first:
        return None
    fall, late = course.first - curve[-1], curve[len(curve) // 2] - curve[-1]
    if not (_has_learned_nothing(course) or late > _STILL * fall):
        return None
    test = course.range_test
    if test is None or not course.rate < _FAR * test.edge or np.isnan(test.rate):
        return None
    return Finding(
        "learning rate too low",
        Severity.HARMFUL,
        "",
        f"{len(course.losses):,} steps took the loss from {told(course.first)} to "
        f"{told(curve[-1])}; in a range test of {len(test.losses)} it came to "
        f"{told(test.smooth.min())}, at rates up to {test.edge:.2g}; this was {course.rate:.2g}",
        f"use lr={test.rate:.1g}",
        {"rate": course.rate, "edge": test.edge, "better": test.rate},
    )


@check(
    "updates too large",
    "steps that change a weight by more than all that it is",
    unless=("updates of the wrong size", "learning rate too high"),
)
def updates(course: Course) -> Finding | None:
    if course.own_step:
        return None
    found = update_size.look(course.now())
    if found is None or found.figures["ratio"] < 1e-3:
        return None  # what has been learned needs no large steps any more
    return Finding(
        "updates too large",
        Severity.HARMFUL,
        found.where,
        f"after epoch {course.epoch} {found.evidence}",
        found.advice,
        found.figures,
    )


# --- the loss -----------------------------------------------------------------------------------


@check(
    "loss explodes",
    "steps at which the loss is many times what guessing costs",
    unless=("learning rate too high",),
)
def exploded(course: Course) -> Finding | None:
    if not _has_exploded(course):
        return None
    step = int(course.losses.argmax())
    return Finding(
        "loss explodes",
        Severity.HARMFUL,
        "",
        f"in step {step + 1:,} of {len(course.losses):,} it is {told(course.losses[step])}, and "
        f"it began at {told(course.first)}",
        "clip the gradients: fit(..., max_grad_norm=1.0)",
        {"peak": float(course.losses[step]), "step": step + 1},
    )


@check(
    "plateau",
    "a loss that stands still, not far below where it began",
    unless=(
        "cannot learn one batch",
        "inputs unscaled",
        "learning rate too high",
        "learning rate too low",
        "loss explodes",
        "units died",
    ),
)
def plateau(course: Course) -> Finding | None:
    half = course.stretches[len(course.stretches) // 2 :]
    level = float(half.mean())
    moved = half.max() - half.min()
    if len(course.losses) < _MANY_STEPS or level < _HIGH * course.first:
        return None
    if moved > _FLAT * abs(course.first):
        return None
    return Finding(
        "plateau",
        Severity.HINT,
        "",
        f"for the last {len(course.losses) // 2:,} of {len(course.losses):,} steps the loss stands "
        f"at {told(level)}, and it began at {told(course.first)}",
        "give it more to learn with: a hidden layer more, or a wider one; if that changes nothing, "
        "the inputs do not tell the targets",
        {"level": level, "first": course.first},
    )


@check("overfitting", "a validation loss that rises while the training loss goes on falling")
def overfitting(course: Course) -> Finding | None:
    losses, held_out = course.figures("loss"), course.figures("validation_loss")
    if len(held_out) <= _LAST:
        return None
    best = int(held_out.argmin())
    risen = _RISEN_FAR if course.keeps_best else _RISEN
    if len(held_out) - 1 - best < _LAST or losses[-1] > _FALLEN * losses[best]:
        return None
    lost = held_out[-_LAST:].min() - held_out[best]
    if not lost > max((risen - 1) * held_out[best], _LOST * (course.first - held_out[best])):
        return None
    kept = "; the weights of that epoch are kept" if course.keeps_best else ""
    return Finding(
        "overfitting",
        Severity.HINT if course.keeps_best else Severity.HARMFUL,
        "",
        f"the validation loss was least in epoch {best + 1}, {told(held_out[best])}, and rose to "
        f"{told(held_out[-1])} by epoch {len(held_out)}, while the training loss fell from "
        f"{told(losses[best])} to {told(losses[-1])}{kept}",
        "learn less by heart: dropout, weight_decay, more data, or a smaller network"
        if course.keeps_best
        else "keep the best weights: fit(..., callbacks=[BestWeights()])",
        {"best": best + 1, "least": float(held_out[best]), "last": float(held_out[-1])},
    )


# --- units --------------------------------------------------------------------------------------


@check(
    "units died",
    "ReLUs more of whose units give 0 for every row than at the start",
    unless=("learning rate too high",),
)
def died(course: Course) -> Finding | None:
    grown = [
        a
        for a in course.relus(course.now())
        if a.units >= _FEWEST_UNITS
        and a.dead / a.units >= max(_DEAD, course.dead.get(a.path, 1.0) + _MORE)
    ]
    if not grown:
        return None
    worst = max(grown, key=lambda a: a.dead / a.units)
    before = round(course.dead[worst.path] * worst.units)
    return Finding(
        "units died",
        Severity.HARMFUL,
        worst.path,
        f"after epoch {course.epoch} {worst.dead} of {worst.units} units give 0 for every row "
        f"looked at; at the start {before} did",
        f"use a lower learning rate: lr={course.rate / 10:.1g}",
        {"dead": worst.dead, "units": worst.units, "before": before},
    )


@check("batch norm of a few rows", "a last batch of a few rows, and a norm by the batch")
def few_rows(course: Course) -> Finding | None:
    loader = course.case.loader
    size, rows = loader.batch_size or 0, len(loader.dataset)
    last = 0 if loader.drop_last or not size else rows % size
    norms = [(n, m) for n, m in course.case.model.named_modules() if isinstance(m, _BatchNorm)]
    if not norms or not 1 < last <= _FEW_ROWS:
        return None
    return Finding(
        "batch norm of a few rows",
        Severity.HINT,
        f"{norms[0][0]} ({type(norms[0][1]).__name__})",
        f"{rows:,} rows in batches of {size} leave a last batch of {last}, whose mean and variance "
        "are hardly those of the data",
        f"leave it out: DataLoader(data, {size}, shuffle=True, drop_last=True)",
        {"last": last},
    )


# Asked from time to time, and at the end.
MEANWHILE: tuple[Check, ...] = (died, updates)

# Asked when the run is over; in this order, see `Check.unless`.
AT_THE_END: tuple[Check, ...] = (
    too_high,
    too_low,
    *MEANWHILE,
    exploded,
    plateau,
    overfitting,
    few_rows,
)
