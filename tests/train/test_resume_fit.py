"""`fit` broken off and resumed: the numbers are those of the run that was not, to the last bit."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import digits
from chainrule.train import Callback, Checkpoint, History, fit

DIGITS = digits()
X = (DIGITS.x[:330].reshape(330, -1) / 16).astype(np.float32)
Y = DIGITS.y[:330]
TIMES = ("seconds", "examples_per_second")


class Killed(BaseException):
    """As if the process were no more: nothing but what is on disk is used afterwards."""


class KilledAt(Callback):
    """Ends a run at the first pause after so many steps."""

    def __init__(self, step, each_step):
        self.step = step
        self.each_step = each_step

    def on_step_end(self, run):
        if run.step >= self.step:
            raise Killed

    def on_epoch_end(self, run):
        if run.step >= self.step:
            raise Killed


class Each(KilledAt):
    each_step = True


class Seldom(KilledAt):
    each_step = False


def mlp(generator, batch_norm=False):
    middle = [nn.BatchNorm1d(12)] if batch_norm else []
    return nn.Sequential(
        nn.Linear(64, 12, generator=generator),
        *middle,
        nn.ReLU(),
        nn.Dropout(0.3, generator=generator),
        nn.Linear(12, 10, generator=generator),
    )


def started(folder, kill=None, *, seed=1, network=mlp, callbacks=(), data=(X, Y), **options):
    """Train, and return weights and figures; or what is on disk when it was killed."""
    generator = Generator(seed)
    model = network(generator)
    history = History()
    given = {
        "epochs": 5,
        "batch_size": 32,
        "validation": (X[:50], Y[:50]),
        "schedule": "cosine",
        "generator": generator,
        "progress": False,
        "resume": folder,
        **options,
    }
    more = [one() for one in callbacks]
    saver = Checkpoint(folder, **given.pop("every", {"steps": 1}))
    data = data(generator) if callable(data) else data
    killer = [] if kill is None else [kill]
    try:
        fit(model, data, callbacks=[*more, saver, *killer], history=history, **given)
    except Killed:
        return None
    weights = {name: np.array(v) for name, v in model.state_dict().items()}
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in history.rows]
    return weights, rows, history


def same(one, other):
    weights, rows, _ = one
    again, rows_again, _ = other
    assert rows == rows_again or str(rows) == str(rows_again)
    assert weights.keys() == again.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name, strict=True)


def held_against(tmp_path, kills, each=Seldom, **options):
    """Compare the undisturbed run with one that is killed after so many steps, and again."""
    whole = started(tmp_path / "whole", **options)
    for step in kills:
        killed = started(tmp_path / "killed", each(step, False), **options)
        assert killed is None or killed[2].rows[-1]["epoch"] == options.get("epochs", 5)
    same(whole, started(tmp_path / "killed", **options))
    return whole


@pytest.mark.parametrize("compile", [False, True, "auto"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 21, 22, 23, 33, 50])
def test_killed_once(tmp_path, compile, step):
    """330 rows in batches of 32: ten whole ones and one of 10 in each of 5 epochs."""
    held_against(tmp_path, [step], compile=compile, each=Each if step % 2 else Seldom)
