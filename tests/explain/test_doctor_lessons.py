"""No false alarm on a network of any lesson: the doctor sees each as its training begins.

The lessons run as they are. Where a loss is given what a network returned, for the first time, the
network, the batch and the loss are a case. What a lesson lets fail on purpose is listed here.
"""

from __future__ import annotations

import functools
import re
import runpy
import weakref

import pytest

from chainrule import nn
from chainrule.autograd import Tensor, is_grad_enabled
from chainrule.explain import doctor
from chainrule.learn import lessons
from chainrule.nn import functional as F

LOSSES = ("cross_entropy", "mse_loss", "l1_loss", "binary_cross_entropy_with_logits")

# Networks that a lesson wants to fail: ten sigmoids, three times, and weights of 0.01.
FAILING = {"15_going_deeper": {"gradients vanish": 3, "cannot learn one batch": 1}}

# From what a network returned to what the loss was given.
WAYS = (
    lambda y: y,
    lambda y: y.transpose(1, 2),
    lambda y: y.squeeze(-1),
    lambda y: y.flatten(0, 1),
)

# Lessons that train no network of layers, or measure their own memory.
ELSEWHERE = ("13_optimisers", "19_second_derivatives", "21_napkin_mathematics")

TRAINING = [
    lesson
    for lesson in lessons()
    if re.search(r"\boptim\.|\bfit\(", lesson.path.read_text(encoding="utf-8"))
    and lesson.name not in ELSEWHERE
]


class Ward:
    """Whoever comes to be trained is examined once."""

    def __init__(self):
        self.within = 0  # modules that are being called
        self.latest = None  # what the outermost returned, with it and its argument
        self.found = []  # what was found in each network
        self.seen = weakref.WeakSet()

    def called(self, call, module, *args, **kwargs):
        self.within += 1
        try:
            y = call(module, *args, **kwargs)
        finally:
            self.within -= 1
        if not self.within and len(args) == 1 and isinstance(y, Tensor):
            self.latest = y, module, args[0]
        return y

    def compared(self, loss, prediction, target, *args, **kwargs):
        if self.latest and not self.within and is_grad_enabled():
            self.meet(functools.partial(loss, *args, **kwargs), prediction, target)
        return loss(prediction, target, *args, **kwargs)

    def meet(self, loss, prediction, target):
        (y, module, x), self.latest = self.latest, None
        ways = [way for way in WAYS[: 1 + y.ndim] if _alike(way, y, prediction)]
        if not ways or not module.training or module in self.seen:
            return
        self.seen.add(module)
        self.within = 1  # what the doctor calls is not for training
        pair = x.detach(), target.detach() if isinstance(target, Tensor) else target
        self.found.append(doctor(module, pair, lambda y, t: loss(ways[0](y), t)))
        self.within = 0


def _alike(way, y, prediction):
    try:
        other = way(y.detach())
    except (ValueError, IndexError):
        return False
    return other.shape == prediction.shape and bool((other == prediction).all())


@pytest.fixture
def ward(monkeypatch):
    found, call = Ward(), nn.Module.__call__
    monkeypatch.setattr(nn.Module, "__call__", lambda *a, **k: found.called(call, *a, **k))
    for name in LOSSES:
        loss = getattr(F, name)
        monkeypatch.setattr(F, name, functools.wraps(loss)(functools.partial(found.compared, loss)))
    return found


@pytest.mark.parametrize("lesson", TRAINING, ids=lambda lesson: lesson.name)
def test_no_false_alarm(lesson, ward, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(lesson.path), run_name="__main__")
    assert ward.found
    names = [name for diagnosis in ward.found for name in diagnosis.names]
    expected = FAILING.get(lesson.name, {})
    assert {name: names.count(name) for name in names} == expected, ward.found
