"""What a step reads outside of its arguments, wherever it reads it: a replay follows, or refuses.

A row makes a step and something that changes what it reads, called between the steps with their
number. Compiled, the step gives what it gives eagerly, or is refused with line and remedy.
"""

from __future__ import annotations

import collections
import contextvars
import ctypes
import datetime
import functools
import gc
import itertools
import json
import operator
import os
import queue
import random
import time
import types

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import CaptureError

X = cr.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
OPTIONS = {"scale": 1.0}


class Holder:
    flag = 1.0  # hidden by what an object has of its own


class Slots:
    __slots__ = ("flag",)


class Hidden:
    held = 1.0

    @property
    def flag(self):
        return self.held


class Scaled(nn.Module):
    kind = 1.0

    def __init__(self):
        super().__init__()
        self.scale, self.many, self.calls = 1.0, [1.0], 0

    def forward(self, x):
        return x * (self.scale + self.many[0] + self.kind)


class Counting(Scaled):
    def forward(self, x):
        self.calls += 1
        return x * self.calls


def made(kind=Holder):
    o = kind()
    setattr(o, "held" if kind is Hidden else "flag", 1.0)
    return o, lambda i: setattr(o, "held" if kind is Hidden else "flag", float(i // 6))


def helped(x, o):
    return x * o.flag


def reading(read, kind=Holder):
    """A row: `read(o)` gives the number."""

    def row():
        o, change = made(kind)
        return (lambda x: x * read(o)), change

    return row


def inside(make, read, change):
    """A row: `read(thing)` gives the number, `change(thing, number)` changes it."""

    def row():
        thing = make()
        return (lambda x: x * read(thing)), lambda i: change(thing, float(i // 6))

    return row


def argument_of_a_call():
    o, change = made()
    return (lambda x: helped(x, [o][0])), change


def one_of_many():
    o, change = made()
    several = [Holder(), o]

    def step(x):
        for each in several:
            x = helped(x, each)
        return x

    return step, change


def argument_of_a_partial():
    o, change = made()
    return functools.partial(helped, o=o), change


def keyword_of_a_partial():
    step = functools.partial(lambda x, scale: x * scale, scale=1.0)
    return step, lambda i: step.keywords.update(scale=float(i // 6))


def default_that_is_read(box=None):
    box = [1.0]

    def step(x, seen=box):
        return x * seen[0]

    return step, lambda i: box.__setitem__(0, float(i // 6))


def hook_of_a_module():
    scale, layer = 1.0, nn.Identity()
    layer.register_forward_hook(lambda module, given, y: y * scale)

    def change(i):
        nonlocal scale
        scale = float(i // 6)

    return (lambda x: layer(x)), change


def matched():
    o, change = made()

    def step(x):
        match o:
            case Holder(flag=1.0):
                return x
        return x * 2

    return step, change


def module_with(name, value):
    def row():
        module = Scaled()
        return module, lambda i: setattr(module, name, value(float(i // 6)))

    return row


def list_of_a_module():
    module = Scaled()
    return module, lambda i: module.many.__setitem__(0, float(i // 6))


def tensors_that_become_more():
    several = [cr.ones(2)]

    def step(x):
        for t in several:
            x = x + t
        return x

    return step, lambda i: several.append(cr.ones(2) * i) if i % 6 == 5 else None


def optimising(change):
    def row():
        w, v = (cr.ones(2, requires_grad=True) for _ in range(2))
        o = optim.SGD([{"params": [w]}, {"params": [v]}], lr=0.01, momentum=0.9)

        def step(x):
            with cr.enable_grad():
                o.zero_grad()
                loss = (x * w * v).square().mean()
                loss.backward()
                o.step()
            return loss

        return step, lambda i: change(o, w) if i == 7 else None

    return row


FOLLOWED = {
    "argument of a call": argument_of_a_call,
    "one of many": one_of_many,
    "argument of a partial": argument_of_a_partial,
    "keyword of a partial": keyword_of_a_partial,
    "default": default_that_is_read,
    "hook of a module": hook_of_a_module,
    "matched": matched,
    "attribute": reading(lambda o: o.flag),
    "slot": reading(lambda o: o.flag, Slots),
    "property": reading(lambda o: o.flag, Hidden),
    "comprehension": reading(lambda o: sum([each.flag for each in (o, o)])),
    "result of a call": reading(lambda o: max([o], key=id).flag),
    "getattr": reading(lambda o: getattr(o, "fl" + "ag")),
    "attrgetter": reading(operator.attrgetter("flag")),
    "dict of an object": reading(lambda o: o.__dict__["flag"]),
    "vars": reading(lambda o: vars(o)["flag"]),
    "either": reading(lambda o: (o if X.ndim == 2 else Slots()).flag),
    "class": inside(
        lambda: type("Kind", (), {"flag": 1.0}),
        lambda k: k.flag,
        lambda k, v: setattr(k, "flag", v),
    ),
    "class of an object": inside(
        lambda: type("Kind", (), {"flag": 1.0})(),
        lambda o: o.flag,
        lambda o, v: setattr(type(o), "flag", v),
    ),
    "Python module": inside(
        lambda: types.ModuleType("options"),
        lambda m: vars(m).get("a", 1),
        lambda m, v: vars(m).update(a=v),
    ),
    "global": lambda: ((lambda x: x * OPTIONS["scale"]), lambda i: OPTIONS.update(scale=i // 6)),
    "nested": inside(
        lambda: {"a": [[1.0]]}, lambda d: d["a"][0][0], lambda d, v: d["a"][0].__setitem__(0, v)
    ),
    "nested, as a whole": inside(
        lambda: {"a": {"b": 1.0}},
        lambda d: json.loads(json.dumps(d))["a"]["b"],
        lambda d, v: d["a"].update(b=v),
    ),
    "dict.get": inside(
        lambda: {"a": Holder()}, lambda d: d.get("a").flag, lambda d, v: setattr(d["a"], "flag", v)
    ),
    "UserDict": inside(
        lambda: collections.UserDict(a=1.0), lambda d: d["a"], lambda d, v: d.update(a=v)
    ),
    "set": inside(set, len, lambda s, v: s.add(v)),
    "deque": inside(
        lambda: collections.deque([1.0]), lambda d: d[0], lambda d, v: d.__setitem__(0, v)
    ),
    "bytes": inside(lambda: bytearray(b"1"), lambda b: b[0], lambda b, v: b.__setitem__(0, int(v))),
    "ctypes": inside(
        lambda: ctypes.c_double(1), lambda c: c.value, lambda c, v: setattr(c, "value", v)
    ),
    "number of an array": inside(lambda: np.ones(2), lambda a: float(a[0]), lambda a, v: a.fill(v)),
    "mean of an array": inside(
        lambda: np.ones(2), lambda a: float(a.mean()), lambda a, v: a.fill(v)
    ),
    "attribute of a module": module_with("scale", float),
    "attribute of a module's class": module_with("kind", float),
    "list of a module": list_of_a_module,
    "module that is not called": inside(
        Scaled, lambda m: m.scale, lambda m, v: setattr(m, "scale", v)
    ),
    "more tensors": tensors_that_become_more,
    "parameter taken out": optimising(lambda o, w: o.param_groups[0]["params"].pop()),
    "group taken out": optimising(lambda o, w: o.param_groups.pop()),
    "state emptied": optimising(lambda o, w: o.state.clear()),
    "state of one set": optimising(lambda o, w: o.state[w].update(momentum_buffer=cr.ones(2))),
    "state exchanged": optimising(lambda o, w: setattr(o, "state", collections.defaultdict(dict))),
}


def run(row, compiled):
    cr.manual_seed(0)
    OPTIONS["scale"] = 1.0
    step, change = row()
    quick = cr.compile(step, executor="numpy") if compiled else step
    found = []
    with cr.no_grad():
        for i in range(24):
            found.append(np.array(quick(X).detach()))
            change(i)
    return found, quick


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_changes_is_followed(name):
    expected, _ = run(FOLLOWED[name], compiled=False)
    found, quick = run(FOLLOWED[name], compiled=True)
    assert any(not np.array_equal(a, expected[3]) for a in expected[4:])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert quick.program is not None


def unchanged(i):
    pass


def moving(make, read):
    def row():
        thing = make()
        return (lambda x: x * 2 if read(thing) else x), unchanged

    return row


def appended_to_a_default():
    def step(x, seen=[]):  # noqa: B006
        seen.append(1)
        return x * 2

    return step, unchanged


def set_and_put_back():
    o = Holder()

    def step(x):
        o.flag = 5.0
        return x * 2

    return step, lambda i: setattr(o, "flag", 1.0)


def filled_queue():
    numbers = queue.Queue()
    for i in range(30):
        numbers.put(i)
    return numbers


REFUSED = {
    "default that grows": (appended_to_a_default, "what is in seen, read at .* another in every"),
    "set and put back": (set_and_put_back, r"o\.flag, read at .* is another in every run"),
    "count of a module": (lambda: (Counting(), unchanged), r"self\.calls, read at .* is another"),
    "next": (moving(itertools.count, lambda c: next(c) < 7), r"iterator.*call next\(\) outside"),
    "generator": (moving(lambda: (i for i in range(30)), lambda g: g.__next__()), "is an iterator"),
    "random": (moving(int, lambda _: random.random() < 0.5), "random numbers by chainrule"),
    "Random": (moving(lambda: random.Random(0), lambda r: r.random()), "random numbers by"),
    "np.random": (moving(int, lambda _: np.random.rand()), "random numbers by chainrule"),
    "Generator": (moving(np.random.default_rng, lambda r: r.random()), "random numbers by"),
    "time": (moving(int, lambda _: time.time()), "do that outside of the step"),
    "now": (moving(int, lambda _: datetime.datetime.now()), "do that outside of the step"),
    "environ": (moving(int, lambda _: os.environ["PATH"]), "do that outside of the step"),
    "getenv": (moving(int, lambda _: os.getenv("PATH")), "do that outside of the step"),
    "queue": (moving(filled_queue, lambda q: q.get()), "do that outside of the step"),
    "context": (
        moving(lambda: contextvars.ContextVar("v", default=1), lambda v: v.get()),
        "do that outside of the step",
    ),
    "print": (moving(int, lambda _: print("words")), "do that outside of the step"),
    "large array": (moving(lambda: np.ones(9999), lambda a: a[0]), "large array.*make a tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused(name):
    row, sentence = REFUSED[name]
    with pytest.raises(CaptureError, match=sentence) as refused:
        run(row, compiled=True)
    assert "read at test_sharp_reads.py:" in str(refused.value)


def test_what_is_made_inside_is_nobody_elses():
    def step(x):
        rng, several, o = np.random.default_rng(0), [], Holder()
        o.flag = 1.0
        for i, scale in enumerate(iter([1.0, 2.0])):
            several.append(scale)
            o.flag += i
        first = next(iter(several))
        return x * (sum(several) + o.flag + first) * bool(rng.random() < 2)

    quick = cr.compile(step, executor="numpy")
    for _ in range(5):
        np.testing.assert_array_equal(quick(X), step(X))
    assert quick.program is not None


def test_what_the_collector_calls_is_no_part_of_the_step():
    heard = []

    def listen(phase, info):
        heard.append((phase, time.perf_counter()))

    w = cr.ones(3)

    def step(x):
        gc.collect()
        return (w * x).sum()

    gc.callbacks.append(listen)
    try:
        quick = cr.compile(step)
        for _ in range(5):
            assert quick(cr.ones(3)).item() == 3
    finally:
        gc.callbacks.remove(listen)
    assert heard
    assert quick.program is not None
