"""Faults of a network at its start: what it returns, its modes, what can learn (floor 4)."""

from __future__ import annotations

import math

import numpy as np

from chainrule import nn
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.check import Check, check, told
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.doctor.probe import has_sigmoid, has_softmax, value
from chainrule.nn.dropout import _Dropout
from chainrule.nn.norm import _BatchNorm
from chainrule.nn.squashed import squashed_by
from chainrule.ops import Array

__all__ = ["CHECKS"]

# A network that knows nothing yet costs about what guessing costs. Beyond this many times that, it
# is sure of what it does not know, and spends its first steps on unlearning it.
_SURE = 3.0

# Where the rows lie close together, half of the units of a narrow layer are dead by the luck of the
# start and the rest do the work; this many are no luck, and all of them are the end of learning.
_DEAD, _FEWEST_UNITS = 0.8, 8

# By this share of saturated numbers most of a layer has no slope.
_SATURATED = 0.5


def _guess(case: Case) -> float:
    """What it costs to say the same of every row: all classes alike, or the mean of the targets."""
    if case.visit.outputs is None:
        return math.nan
    rows, y = case.visit.outputs.array, case.y[: len(case.visit.outputs)]
    if case.of_classes:
        return value(case, np.zeros(rows.shape), y)
    mean = np.broadcast_to(y.mean(axis=0, keepdims=True), y.shape)
    return value(case, mean.reshape(rows.shape), y) if mean.size == rows.size else math.nan


def _has_learned(case: Case) -> bool:
    """Whether the network is no beginner: its loss is less than half of what guessing costs."""
    return case.visit.loss < _guess(case) / 2


# --- what it returns ----------------------------------------------------------------------------


@check(
    "softmax before the loss",
    "probabilities that are given to a loss which has a softmax or sigmoid of its own",
)
def softmax_before_loss(case: Case) -> Finding | None:
    outputs = case.visit.outputs
    if outputs is None or outputs.ndim < 2 or not _within_0_and_1(outputs.array):
        return None
    rows, y = outputs.array, case.y[: len(outputs)]
    if case.of_classes and rows.ndim == 2 and rows.shape[1] > 1:
        sums = np.abs(rows.sum(axis=1) - 1).max() < 1e-3
        squashed = "softmax" if sums and has_softmax(case, rows, y) else ""
    else:
        squashed = squashed_by(outputs) if has_sigmoid(case, rows, y) else ""
    if not squashed:
        return None
    path = _last_of(case.model, nn.Softmax if squashed == "softmax" else nn.Sigmoid)
    edit = f"model = model[:{path}]" if path == str(_length(case.model) - 1) else f"remove {path}"
    return Finding(
        "softmax before the loss",
        Severity.BROKEN,
        f"{path} ({squashed.capitalize()})" if path else "",
        f"what the network returns has been through {squashed}, and the loss has one of its own: "
        "a second one leaves hardly a slope to learn by",
        f"give the loss the scores: {edit if path else f'leave {squashed} out of forward()'}",
        {},
    )


def _within_0_and_1(outputs: Array) -> bool:
    return bool(outputs.size and outputs.min() >= 0 and outputs.max() <= 1 and outputs.std() > 0)


def _last_of(model: nn.Module, kind: type[nn.Module]) -> str:
    return next((n for n, m in reversed(list(model.named_modules())) if isinstance(m, kind)), "")


def _length(model: nn.Module) -> int:
    return len(model) if isinstance(model, nn.Sequential) else 0


@check(
    "loss far from guessing",
    "a loss at the start far above what guessing costs",
    unless=("inputs unscaled", "targets unscaled", "NaN in the data", "targets all alike"),
)
def loss_at_start(case: Case) -> Finding | None:
    outputs = case.visit.outputs
    if outputs is None or not math.isfinite(case.visit.loss):
        return None
    y, rows, guess = case.y[: len(outputs)], outputs.array, _guess(case)
    spread = told(float(rows.std()))
    if not (guess > 0 and case.visit.loss > _SURE * guess):
        return None
    if not case.of_classes and rows.std() < _SURE * y.std():  # it is the mean that is still to come
        return None
    last = _last_weight(case)
    return Finding(
        "loss far from guessing",
        Severity.HARMFUL,
        last.removesuffix(".weight"),
        f"the loss begins at {told(case.visit.loss)} and guessing costs {told(guess)}: what the "
        f"network returns spreads by {spread}, far more than it can know",
        "start the last layer smaller: with cr.no_grad(): "
        f"model.get_parameter({last!r}).mul_({_shrinking(case.visit.loss / guess):g})",
        {"loss": case.visit.loss, "guess": guess},
    )


def _last_weight(case: Case) -> str:
    gradients = case.visit.gradients
    return gradients[-1].name if gradients else ""


def _shrinking(times: float) -> float:
    """By how much to multiply the scores, to a digit, so that the loss is near that of guessing."""
    return float(f"{1 / (2 * times):.0e}")


# --- units --------------------------------------------------------------------------------------


@check(
    "dead ReLUs",
    "units of a ReLU that give 0 for every row, and so have no slope to learn by",
    unless=("inputs unscaled", "NaN in the data", "inputs constant"),
)
def dead_relus(case: Case) -> Finding | None:
    seen = [a for a in case.visit.activations if a.op == "relu"]
    if not seen:
        return None
    worst = max(seen, key=lambda a: a.dead / a.units)
    share = worst.dead / worst.units
    if share < 1 and (share < _DEAD or worst.units < _FEWEST_UNITS):
        return None
    bias = _bias_before(case.model, worst.path)
    return Finding(
        "dead ReLUs",
        Severity.BROKEN if share == 1 else Severity.HARMFUL,
        worst.path,
        f"{worst.dead} of {worst.units} units give 0 for every row looked at",
        f"start the layer before it anew: model.get_submodule({bias!r}).reset_parameters()"
        if bias
        else "start the layer before it anew, or use nn.LeakyReLU in its place",
        {"dead": worst.dead, "units": worst.units, "share": share},
    )


def _bias_before(model: nn.Module, path: str) -> str:
    """The path of the layer with weights that comes before a module, in the order of definition."""
    before = ""
    for name, module in model.named_modules():
        if name == path.partition(" ")[0]:
            return before
        if hasattr(module, "reset_parameters"):
            before = name
    return ""


@check(
    "saturated units",
    "sigmoids and tanhs that are pushed to their ends, where they are flat",
    unless=("inputs unscaled", "NaN in the data"),
)
def saturated(case: Case) -> Finding | None:
    seen = [a for a in case.visit.activations if not a.last]
    if not seen:
        return None
    worst = max(seen, key=lambda a: a.saturated)
    if worst.saturated < _SATURATED or _has_learned(case):  # who knows the answer may be sure of it
        return None
    before = _bias_before(case.model, worst.path)
    return Finding(
        "saturated units",
        Severity.HARMFUL,
        worst.path,
        f"{worst.saturated:.0%} of what its {worst.units} units give lies where {worst.op} is flat",
        "start the layer before it with smaller weights: "
        f"nn.init.xavier_uniform_(model.get_parameter({f'{before}.weight'!r}))",
        {"share": worst.saturated},
    )


# --- modes and parameters -----------------------------------------------------------------------


@check("wrong mode", "layers that are in eval mode although the network is to be trained")
def wrong_mode(case: Case) -> Finding | None:
    idle = [(name, m) for name, m in case.model.named_modules() if not m.training and _has_modes(m)]
    if not idle:
        return None
    where, module = idle[0]
    learns = [p.requires_grad for p in module.parameters()]
    if learns and not any(learns):  # a batch norm that is to stay as it is
        return None
    does = "drops nothing" if isinstance(module, _Dropout) else "uses the running mean and variance"
    more = f", and {len(idle) - 1} more" if len(idle) > 1 else ""
    known = case.step is not None or case.optimizer is not None
    if not known and _has_learned(case):  # it is in use
        return None
    return Finding(
        "wrong mode",
        Severity.HARMFUL if known else Severity.HINT,
        f"{where} ({type(module).__name__})" if where else type(module).__name__,
        f"it is in eval mode, in which it {does}{more}",
        "before training: model.train()",
        {"modules": len(idle)},
    )


def _has_modes(module: nn.Module) -> bool:
    return isinstance(module, (_Dropout, _BatchNorm))


@check("nothing to learn", "a network none of whose parameters wants a gradient")
def nothing_to_learn(case: Case) -> Finding | None:
    parameters = list(case.model.parameters())
    if not parameters or any(p.requires_grad for p in parameters):
        return None
    return Finding(
        "nothing to learn",
        Severity.BROKEN,
        "",
        f"all {len(parameters)} parameters have requires_grad=False",
        "let them learn: model.requires_grad_(True)",
        {"parameters": len(parameters)},
    )


@check(
    "no gradient arrives",
    "parameters that want a gradient and get none, because the loss does not depend on them",
    unless=("nothing to learn",),
)
def no_gradient(case: Case) -> Finding | None:
    names = case.visit.without
    if not names:
        return None
    return Finding(
        "no gradient arrives",
        Severity.HARMFUL,
        names[0],
        f"the loss does not depend on {_counted(names)}",
        "use it in forward(), without detach() or no_grad() behind it, or take it out of the model",
        {"names": names},
    )


@check("not in the optimiser", "parameters that want a gradient and that the optimiser lacks")
def not_in_optimizer(case: Case) -> Finding | None:
    held = _held(case)
    named = {n: p for n, p in case.model.named_parameters() if p.requires_grad}
    missing = [n for n, p in named.items() if id(p) not in held]
    if not held or not missing or len(missing) == len(named):
        return None
    return Finding(
        "not in the optimiser",
        Severity.HARMFUL,
        missing[0],
        f"the optimiser does not know, and will never change, {_counted(missing)}",
        "give the optimiser all: "
        f"optimizer = optim.{type(case.optimizer).__name__}(model.parameters(), lr={_rate(case)})",
        {"names": missing},
    )


@check("another model's optimiser", "an optimiser that holds no parameter of the model")
def other_optimizer(case: Case) -> Finding | None:
    held = _held(case)
    if not held or any(id(p) in held for p in case.model.parameters()):
        return None
    return Finding(
        "another model's optimiser",
        Severity.BROKEN,
        type(case.optimizer).__name__,
        f"none of the {len(held)} parameters that it holds is one of this model",
        "make it of this model, after the model: "
        f"optimizer = optim.{type(case.optimizer).__name__}(model.parameters(), lr={_rate(case)})",
        {"held": len(held)},
    )


@check(
    "frozen in the optimiser", "parameters that are frozen and given to the optimiser all the same"
)
def frozen(case: Case) -> Finding | None:
    held = _held(case)
    names = [n for n, p in case.model.named_parameters() if not p.requires_grad and id(p) in held]
    if not names or len(names) == len(list(case.model.parameters())):
        return None
    return Finding(
        "frozen in the optimiser",
        Severity.HINT,
        names[0],
        f"the optimiser was given, and will never change, {_counted(names)}: requires_grad=False",
        "keep it out of the optimiser, or let it learn: "
        f"model.get_parameter({names[0]!r}).requires_grad_(True)",
        {"names": names},
    )


def _held(case: Case) -> set[int]:
    groups = case.optimizer.param_groups if case.optimizer is not None else ()
    return {id(p) for group in groups for p in group["params"]}


def _rate(case: Case) -> float:
    return float(case.optimizer.param_groups[0]["lr"]) if case.optimizer is not None else math.nan


def _counted(names: list[str]) -> str:
    more = len(names) - 1
    return f"{names[0]} and {more} more parameter{'s' * (more > 1)}" if more else names[0]


@check("batch norm of one row", "batches of a single row in a network that normalises by the batch")
def single_row(case: Case) -> Finding | None:
    norms = [(n, m) for n, m in case.model.named_modules() if isinstance(m, _BatchNorm)]
    size, rows = case.loader.batch_size, len(case.loader.dataset)
    if not norms or not size:
        return None
    last = 0 if case.loader.drop_last else rows % size
    if size > 1 and last != 1:
        return None
    each = size == 1
    return Finding(
        "batch norm of one row",
        Severity.BROKEN if each else Severity.HARMFUL,
        f"{norms[0][0]} ({type(norms[0][1]).__name__})",
        "a batch is one row, whose mean it is and whose variance is 0"
        if each
        else f"{rows} rows in batches of {size} leave a last batch of 1, whose variance is 0",
        "take larger batches: data = DataLoader(dataset, 32, shuffle=True, drop_last=True)"
        if each
        else "leave the last batch out: "
        f"data = DataLoader(dataset, {size}, shuffle=True, drop_last=True)",
        {"batch_size": size, "last": last},
    )


@check(
    "does not run",
    "a first batch on its way forward and back",
    unless=("integer inputs", "softmax before the loss", "nothing to learn"),
)
def does_not_run(case: Case) -> Finding | None:
    error = case.visit.error
    if error is None:
        return None
    return Finding(
        "does not run",
        Severity.BROKEN,
        error.where,
        "the first batch ends in an error",
        str(error).removeprefix(f"{error.where}: "),
        {},
    )


CHECKS: list[Check] = [
    softmax_before_loss,
    loss_at_start,
    dead_relus,
    saturated,
    wrong_mode,
    nothing_to_learn,
    no_gradient,
    not_in_optimizer,
    other_optimizer,
    frozen,
    single_row,
    does_not_run,
]
