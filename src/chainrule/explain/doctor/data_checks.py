"""Faults of the data: their scale, what they give away, what they leave out (floor 4)."""

from __future__ import annotations

import numpy as np

from chainrule import nn
from chainrule.autograd import Tensor
from chainrule.data import WeightedRandomSampler
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.check import Check, check, told
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.doctor.probe import weight_ratio
from chainrule.ops import Array

__all__ = ["CHECKS"]

# Layers start with weights for numbers of about 1. Up to some tens (the pixels of digits run to 16)
# an optimiser gets over it; from there on the largest column drowns the others.
_LARGE, _SMALL = 20.0, 1e-3

# A sign that a column knows the answer: by its neighbour in that column alone one is right but for
# a hundredth of what guessing leaves, and by any other column at least ten times as often wrong.
_DECIDED, _OTHERS = 0.01, 0.1
_FEWEST_ROWS, _FEWEST_COLUMNS = 50, 3

# By this share of batches of a single class the rows are sorted, unless one class is so large that
# it would fill nearly as many in any order.
_ALIKE = 0.5

# By this share of the rows the largest class hides that the others are not learned.
_LARGEST_CLASS = 0.9

# In tables of few different numbers a row has twins in another split by chance, about twice as
# often as within the training data. Of rows that are so unlikely to meet, any pair is a copy.
_SHARED, _TWINS, _COPIES, _UNLIKELY = 0.1, 4.0, 0.02, 1e-3

# Rows by which it is found out how many different numbers a column has.
_ROWS_TO_COUNT = 512

# Targets further from 0, or further apart, than this many times what the network gives at first.
_FAR = 50.0


@check("NaN in the data", "numbers in x or y that are NaN or infinite")
def nan(case: Case) -> Finding | None:
    for name, array in zip("xy", case.everything or ()):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            seen = _without_gaps(case, array) if name == "x" else array
            if not np.isfinite(seen).all():
                return _not_finite(name, seen)
    return None


def _without_gaps(case: Case, x: Array) -> Array:
    """The inputs, with 0 for the missing numbers of columns whose gaps the first layer fills."""
    columns = next((m for m in case.model.modules() if isinstance(m, nn.Columns)), None)
    if columns is None or x.ndim != 2 or x.shape[1] != len(columns.gaps):
        return x
    return np.where(np.isnan(x) & np.array(columns.gaps), 0, x)


def _not_finite(name: str, array: Array) -> Finding:
    bad = ~np.isfinite(array.reshape(len(array), -1))
    rows, first = int(bad.any(axis=1).sum()), np.argwhere(bad)[0]
    column = f", column {first[1]}" if array.ndim == 2 else ""
    others = 1 if array.ndim == 2 else tuple(range(1, array.ndim))
    axes = f".all(axis={others})" if others else ""
    count = int(bad.sum())
    numbers = "one number is" if count == 1 else f"{count} numbers in {rows} rows are"
    return Finding(
        "NaN in the data",
        Severity.BROKEN,
        f"{name}, row {first[0]}{column}",
        f"{numbers} NaN or infinite, of {len(array)} rows; one is enough to make every weight NaN",
        f"leave these rows out: keep = np.isfinite({name}){axes}; x, y = x[keep], y[keep]",
        {"rows": rows, "numbers": count, "row": int(first[0])},
    )


@check("integer inputs", "whole numbers, such as bytes of images, that a layer of floats is given")
def integer_inputs(case: Case) -> Finding | None:
    x = case.numbers
    if x is None or x.dtype.kind not in "iu" or case.visit.error is None:
        return None
    low, high = int(x.min()), int(x.max())
    scale = " / 255" if 1 < high <= 255 and low >= 0 else ""
    if not _runs(case, case.rows(2)[0].float()):
        return None
    return Finding(
        "integer inputs",
        Severity.BROKEN,
        "x",
        f"x is {x.dtype} from {low} to {high}, and the layers compute with floats",
        f'convert it: x = x.astype("float32"){scale}',
        {"low": low, "high": high},
    )


def _runs(case: Case, x: Tensor) -> bool:
    try:
        with case.aside():
            case.experiment().model(x)
    except ChainruleError:
        return False
    return True


@check("inputs constant", "columns of x that hold one and the same number in every row")
def inputs_constant(case: Case) -> Finding | None:
    x = case.numbers
    if x is None or x.ndim != 2 or len(x) < 2 or x.dtype.kind not in "fiu":
        return None
    constant = (x == x[0]).all(axis=0)
    # 0 is how images and counts say nothing, 1 stands for a bias: neither is a mistake by itself.
    odd = constant & (x[0] != 0) & (x[0] != 1)
    every = bool(constant.all())
    if not odd.any() and not every:
        return None
    columns = np.flatnonzero(constant if every else odd)
    which = "every column" if every else _listed(columns)
    return Finding(
        "inputs constant",
        Severity.BROKEN if every else Severity.HINT,
        which,
        f"{told(float(x[0, columns[0]]))} in every row, from which nothing can be learned",
        "find out why the rows are all alike"
        if every
        else f"leave it out: x = np.delete(x, {columns.tolist()}, axis=1)",
        {"columns": columns.tolist()},
    )


@check(
    "inputs unscaled",
    "columns that reach the first layer with numbers far larger, or far smaller, than about 1",
    unless=("NaN in the data",),
)
def inputs_unscaled(case: Case) -> Finding | None:
    if case.visit.entered is None:
        return None
    array, dim = case.visit.entered
    others = tuple(d for d in range(array.ndim) if d != dim)
    size = np.sqrt(np.square(array.astype(np.float64)).mean(axis=others))
    spread = array.std(axis=others, dtype=np.float64)
    small = bool(size.max() < _SMALL and spread.max() > 0)
    if not small and size.max() <= _LARGE:
        return None
    worst, least = int(size.argmax()), int(size.argmin())
    low, high = array.min(axis=others), array.max(axis=others)
    word = "channel" if dim == 1 and array.ndim > 2 else "column"

    def span(c: int) -> str:
        return f"from {told(float(low[c]))} to {told(float(high[c]))}"

    beside = f", {word} {least} {span(least)}" if size[least] < size[worst] / 10 else ""
    return Finding(
        "inputs unscaled",
        Severity.HARMFUL,
        f"{word} {worst}",
        f"it runs {span(worst)}{beside}; layers start with weights for numbers of about 1",
        f"put nn.Normalize in front: model = nn.Sequential({_scaling(array, dim)}, model)",
        {"largest": float(size[worst]), "smallest": float(size[least]), "column": worst},
    )


def _scaling(array: Array, dim: int) -> str:
    """The layer that brings such an array to scale, as one writes it."""
    if array.ndim == 2:
        return "nn.Normalize(x.mean(0), x.std(0) + 1e-6)"
    if dim == 1 and array.shape[1] > 1:
        around = tuple(d for d in range(array.ndim) if d != 1)
        return f"nn.Normalize(x.mean({around}), x.std({around}))"
    return "nn.Normalize(x.mean(), x.std())"


@check("a column gives the answer away", "a column by which alone every target can be told")
def leak(case: Case) -> Finding | None:
    x, y = case.numbers, case.y
    if x is None or y.size != len(x) or len(x) < _FEWEST_ROWS:
        return None
    columns = x.reshape(len(x), -1)
    if columns.shape[1] < _FEWEST_COLUMNS or x.dtype.kind not in "fiu":
        return None
    wrong = _wrong_by_column(columns, y.reshape(-1), case.of_classes)
    best = int(wrong.argmin())
    if wrong[best] > _DECIDED or np.delete(wrong, best).min() < _OTHERS:
        return None
    where = f"column {best}" if x.ndim == 2 else f"place {_place(best, x.shape[1:])} of each row"
    mend = f"x = np.delete(x, {best}, axis=1)"
    if x.ndim > 2:
        mend = f"x[(slice(None), *{_place(best, x.shape[1:])})] = 0"
    return Finding(
        "a column gives the answer away",
        Severity.HARMFUL,
        where,
        f"it tells {1 - wrong[best]:.1%} of what there is to tell about y, the next best "
        f"{1 - np.delete(wrong, best).min():.0%}",
        f"if it will not be known when the model is used, leave it out: {mend}",
        {"column": best, "wrong": float(wrong[best])},
    )


def _wrong_by_column(columns: Array, y: Array, of_classes: bool) -> Array:
    """By each column, how wrong the target of the row next to a row is: 0 never, 1 as by guessing.

    Rows of the same number are next to one another in a random order.
    """
    shuffled = np.random.default_rng(0).permutation(len(y))
    columns, y = columns[shuffled], y[shuffled]
    if not of_classes:  # ranks, so that a few far away do not count for all
        y = np.unique(y, return_inverse=True)[1].astype(np.float64)
    sorted_y = y[np.argsort(columns, axis=0, kind="stable")]
    if of_classes:
        by_chance = 1 - np.square(np.unique(y, return_counts=True)[1] / len(y)).sum()
        off = (sorted_y[1:] != sorted_y[:-1]).mean(axis=0)
    else:
        by_chance = 2 * y.var()
        off = np.square(np.diff(sorted_y, axis=0)).mean(axis=0)
    return off / by_chance if by_chance > 0 else np.ones(columns.shape[1])


def _place(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape))


@check("rows in both splits", "rows of the validation data that were trained on")
def shared_rows(case: Case) -> Finding | None:
    if case.held_out is None or case.everything is None:
        return None
    train, held_out = _fingerprints(*case.everything), _fingerprints(*case.held_out)
    known = set(train)
    shared = sum(row in known for row in held_out) / len(held_out)
    twins = 1 - len(known) / len(train)
    usual = max(_SHARED, _TWINS * twins)
    if shared <= _COPIES or (shared <= usual and _meetings(case.everything[0]) > _UNLIKELY):
        return None
    return Finding(
        "rows in both splits",
        Severity.HARMFUL,
        "validation",
        f"{shared:.0%} of its rows, targets included, are in the training data too, so it measures "
        "what was learned by heart",
        "drop copies, and split once: first = np.unique(x, axis=0, return_index=True)[1]; "
        "order = np.random.default_rng(0).permutation(first); n = len(order) // 5; "
        "data, validation = (x[order[n:]], y[order[n:]]), (x[order[:n]], y[order[:n]])",
        {"shared": shared, "twins": twins},
    )


def _fingerprints(x: Array, y: Array) -> list[int]:
    return [hash((a.tobytes(), b.tobytes())) for a, b in zip(x, np.asarray(y))]


def _meetings(x: Array) -> float:
    """How many copies of a row would be there by chance, if columns were independent."""
    rows = x.reshape(len(x), -1)[:_ROWS_TO_COUNT]
    alike = [np.square(np.unique(c, return_counts=True)[1] / len(c)).sum() for c in rows.T]
    return len(x) * float(np.prod(alike))


# --- targets ------------------------------------------------------------------------------------


@check("targets all alike", "targets of one class, or of one number")
def targets_alike(case: Case) -> Finding | None:
    y = case.y
    if len(y) < 2 or not (y == y[:1]).all():
        return None
    what = f"the class {y.reshape(-1)[0]}" if case.of_classes else told(float(y.reshape(-1)[0]))
    return Finding(
        "targets all alike",
        Severity.BROKEN,
        "y",
        f"all {len(y)} rows looked at have {what}: there is nothing to tell apart",
        "look at how y is read, and at what the rows were sorted by before they were split",
    )


@check("rows in the order of their class", "batches of one class, as rows were never shuffled")
def in_order(case: Case) -> Finding | None:
    size = case.loader.batch_size
    if not (case.of_classes and case.in_order and size and case.everything is not None):
        return None
    y = case.everything[1]
    if y.ndim != 1 or size == 1 or len(np.unique(y)) < 2:
        return None
    batches = [y[i : i + size] for i in range(0, len(y), size)]
    alike = sum(bool((batch == batch[0]).all()) for batch in batches)
    shares = np.unique(y, return_counts=True)[1] / len(y)
    by_chance = float((shares**size).sum())
    if len(batches) == 1 or alike < max(_ALIKE, 2 * by_chance) * len(batches):
        return None
    return Finding(
        "rows in the order of their class",
        Severity.HARMFUL,
        "batches",
        f"{alike} of {len(batches)} batches hold a single class, so each step unlearns the last",
        f"shuffle: data = DataLoader(dataset, {size}, shuffle=True)",
        {"alike": alike, "batches": len(batches)},
    )


@check("classes out of balance", "a class so large that always naming it looks like success")
def imbalance(case: Case) -> Finding | None:
    if not case.of_classes or case.y.ndim != 1 or _draws_evenly(case):
        return None
    classes, counts = np.unique(case.y, return_counts=True)
    share = counts.max() / counts.sum()
    if len(classes) < 2 or share < _LARGEST_CLASS:
        return None
    most, least = int(classes[counts.argmax()]), int(classes[counts.argmin()])
    if weight_ratio(case, least, most) > 2:  # the loss makes up for it
        return None
    return Finding(
        "classes out of balance",
        Severity.HINT,
        f"class {most}",
        f"{share:.1%} of the rows are of it, so whoever always says {most} is right as often",
        "weigh the classes in the loss: n = np.bincount(y); "
        'loss = nn.CrossEntropyLoss(weight=cr.tensor((len(y) / len(n) / n).astype("float32")))',
        {"share": float(share), "classes": len(classes)},
    )


def _draws_evenly(case: Case) -> bool:
    return isinstance(case.loader.sampler, WeightedRandomSampler)


@check(
    "targets unscaled",
    "numbers to be predicted that lie far from what the network gives at first",
    unless=("NaN in the data", "targets all alike", "inputs unscaled"),
)
def targets_unscaled(case: Case) -> Finding | None:
    outputs = case.visit.outputs
    if case.of_classes or outputs is None or case.y.dtype.kind != "f":
        return None
    y, given = case.y.astype(np.float64), outputs.array.astype(np.float64)
    unit = max(float(given.std()), 1.0)
    spread, away = float(y.std()) / unit, abs(float(y.mean()) - float(given.mean())) / unit
    if max(spread, away) <= _FAR or _is_evened_out(case):
        return None
    return Finding(
        "targets unscaled",
        Severity.HARMFUL,
        "y",
        f"y is {told(float(y.mean()))} on average and spreads by {told(float(y.std()))}; the "
        f"network begins at {told(float(given.mean()))}, spreading by {told(float(given.std()))}",
        "let the network learn deviations from the mean: y = (y - y.mean()) / y.std()",
        {"spread": spread, "away": away},
    )


def _is_evened_out(case: Case) -> bool:
    """Whether the loss at the start is small all the same: it measures in units of its own."""
    return case.visit.loss < _FAR


def _listed(columns: Array) -> str:
    shown = ", ".join(str(c) for c in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"column{'s' * (len(columns) > 1)} {shown}{more}"


CHECKS: list[Check] = [
    nan,
    integer_inputs,
    inputs_constant,
    inputs_unscaled,
    leak,
    shared_rows,
    targets_alike,
    in_order,
    imbalance,
    targets_unscaled,
]
