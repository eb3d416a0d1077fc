"""Every optimiser with each of its options, and every schedule, by eager and by both executors.

The options are those that are held against PyTorch in `tests/optim`, all of one class in one step,
each with a network of its own. Where a last digit would grow from step to step, what is trained is
a sum that has its slopes for gradients, which no rounding reaches.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import CaptureError
from chainrule.optim import lr_scheduler
from optim.test_optim_schedules import ROWS as SCHEDULES
from optim.test_optim_schedules import in_sequence
from optim.test_optim_steps import ROWS, WILD
from optim.twins import Network, ours
from train.agreement import STEPS, Training, assert_agreement, own_code  # noqa: F401


class Matrices:
    """A sum of the parameters times given numbers."""

    def __init__(self):
        rng = np.random.default_rng(2)
        self.start = [rng.normal(size=shape) for shape in [(3, 5), (5, 3), (4, 4)]]
        self.data = [rng.normal(size=p.shape) for p in self.start]

    def loss(self, params, slopes):
        return sum((p * g).sum() for p, g in zip(params, slopes))


OF_MATRICES = [
    ("Muon", {}),
    ("Muon", {"lr": 0.01, "momentum": 0.8, "nesterov": False, "weight_decay": 0.0}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}),
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.9), "maximize": True}),
]

BY_KIND: dict[str, list] = {}
for _problem, _rows in ((Network, ROWS), (Matrices, WILD + OF_MATRICES)):
    for _name, _options in _rows:
        BY_KIND.setdefault(_name, []).append((_problem, _options))


class Twins(Training):
    """Networks that are trained side by side, each by an optimiser of its own."""

    def __init__(self, kind, dtype):
        rows = BY_KIND[kind]
        self.twins = [ours(problem(), kind, options, dtype) for problem, options in rows]

    def step(self):
        for twin in self.twins:
            twin.learn()
        return [p.detach().sum() for twin in self.twins for p in twin.params]

    def after(self, number):
        if number == STEPS // 2:
            for twin in self.twins:
                twin.turn_down(0.5)

    def state(self):
        held = [v for twin in self.twins for v in twin.optimizer.state.values()]
        return {
            "parameter": [p for twin in self.twins for p in twin.params],
            "state": [[v for v in values.values() if v is not None] for values in held],
        }


def test_no_optimizer_is_left_out():
    classes = {name for name in optim.__all__ if inspect.isclass(getattr(optim, name))}
    found = {name for name in classes if issubclass(getattr(optim, name), optim.Optimizer)}
    assert set(BY_KIND) == found - {"Optimizer", "LBFGS"}


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_optimizer(kind):
    assert_agreement(lambda: Twins(kind, "float64"))


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_some_in_single_precision(kind):
    assert_agreement(lambda: Twins(kind, "float32"))


def test_steps_that_look_at_the_loss_are_refused():
    """How often L-BFGS asks for the loss depends on what it is."""
    twin = ours(Network(), "LBFGS", {})

    def closure():
        twin.optimizer.zero_grad()
        loss = twin.problem.loss(twin.params, twin.data)
        loss.backward()
        return loss

    step = cr.compile(lambda: twin.optimizer.step(closure))
    step()
    with pytest.raises(CaptureError, match="reads numbers out of a tensor"):
        step()


# --- schedules ----------------------------------------------------------------------------------


class Scheduled(Training):
    """A network in two groups, the rates of which are set between the steps."""

    def __init__(self, make):
        options = {"lr": 0.1, "momentum": 0.9}
        self.twin = ours(Network(), "SGD", options, split={"lr": 0.025})
        self.schedule = make(self.twin.optimizer)
        self.rates = []

    def step(self):
        self.twin.learn()
        return [p.detach().sum() for p in self.twin.params]

    def after(self, number):
        plateau = isinstance(self.schedule, lr_scheduler.ReduceLROnPlateau)
        self.schedule.step(*([1 / (1 + number // 9)] if plateau else []))
        self.rates.append([g["lr"] for g in self.twin.optimizer.param_groups])

    def state(self):
        return {"parameter": self.twin.params, "rates": np.array(self.rates)}


def of_one(name, options):
    """What makes a schedule of an optimiser."""
    return lambda optimizer: getattr(lr_scheduler, name)(optimizer, **options)


def of_several(which):
    return lambda optimizer: in_sequence(lr_scheduler, optimizer, which)


KINDS = [
    *((name, of_one(name, options)) for name, options in SCHEDULES),
    ("ReduceLROnPlateau", of_one("ReduceLROnPlateau", {"patience": 1, "threshold": 0.3})),
    *(("SequentialLR", of_several(which)) for which in ("warm-up", "three", "others", "restarts")),
    ("ChainedScheduler", of_several("all at once")),
]


def test_no_schedule_is_left_out():
    assert {name for name, _ in KINDS} == {*lr_scheduler.__all__} - {"LRScheduler"}


@pytest.mark.parametrize(
    "make", [m for _, m in KINDS], ids=[f"{i}-{n}" for i, (n, _) in enumerate(KINDS)]
)
def test_every_schedule(make):
    assert_agreement(lambda: Scheduled(make))
