"""No false alarm: what is trained in the lessons and by the command line, a doctor watching."""

import re
import runpy
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import chainrule as cr
from chainrule import nn
from chainrule.autograd import Generator, manual_seed
from chainrule.data import load
from chainrule.learn import lessons
from chainrule.train.job.job import run_job
from chainrule.train.job.outcome import Settings

# One lesson overfits so that one sees it; nothing else is wrong with any.
SPOKEN_OF = {"14_regularisation": {"overfitting"}}
FITTED = [
    lesson for lesson in lessons() if re.search(r"\bfit\(", lesson.path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("lesson", FITTED, ids=lambda lesson: lesson.name)
def test_the_lessons(lesson, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    histories = []
    fit = cr.fit

    def watched(*args, **options):
        histories.append(fit(*args, **{**options, "doctor": True}))
        return histories[-1]

    monkeypatch.setattr(cr, "fit", watched)
    runpy.run_path(str(lesson.path), run_name="__main__")
    found = {finding.check for history in histories for finding in history.findings}
    assert histories
    assert found == SPOKEN_OF.get(lesson.name, set())


@pytest.mark.parametrize("engine", ["tensor", "layers"])
@pytest.mark.parametrize(
    "name", ["moons", "circles", "ring", "spiral", "xor", "blobs", "rectangles", "digits"]
)
def test_the_command_line(name, engine, tmp_path):
    # At the usual 0.3 the areas of rectangles do explode in the first steps, and units die.
    plain = {"optimizer": "sgd", "lr": 0.03 if name == "rectangles" else 0.3}
    rate = {"layers": plain, "tensor": {}}[engine]
    outcome = run_job(
        load(name),
        Settings(model="mlp", engine=engine, **rate),
        tmp_path / "run",
        info={},
        console=Console(file=StringIO()),
        command="",
    )
    assert [str(finding) for finding in outcome.findings] == []


# --- networks of every kind -----------------------------------------------------------------------


class Read(nn.Module):
    """The last of what a recurrent layer gives."""

    def __init__(self, kind):
        super().__init__()
        self.steps, self.last = kind(3, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.steps(x)[0][:, -1])


class Attend(nn.Module):
    """Which class a line of tokens is of, by attention."""

    def __init__(self):
        super().__init__()
        self.meaning = nn.Embedding(12, 16)
        self.attend = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.last = nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.attend(self.meaning(x)).mean(1))


def sequences(rng):
    x = rng.normal(size=(300, 8, 3)).astype(np.float32)
    return x, (x[:, :, 0].sum(1) > 0).astype(int)


def tokens(rng):
    x = rng.integers(0, 12, (400, 8))
    return x, (x == 3).any(1).astype(int)


def twice(rng):
    x = rng.normal(size=(300, 8)).astype(np.float32) @ rng.normal(size=(8, 20)).astype(np.float32)
    return x / 3, x / 3


def plane(rng):
    x = rng.normal(size=(300, 4)).astype(np.float32)
    return x, (x @ rng.normal(size=(4, 2))).astype(np.float32)


def signs(rng):
    x = rng.normal(size=(300, 4)).astype(np.float32)
    return x, (x.sum(1, keepdims=True) > 0).astype(np.float32)


KINDS = {
    "lstm": (lambda: Read(nn.LSTM), sequences, {"epochs": 15, "lr": 0.005}),
    "gru": (lambda: Read(nn.GRU), sequences, {"epochs": 15, "lr": 0.005}),
    "attention": (Attend, tokens, {"epochs": 15, "lr": 0.003}),
    "autoencoder": (
        lambda: nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 20)),
        twice,
        {"epochs": 60, "lr": 0.01},
    ),
    "two numbers": (
        lambda: nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2)),
        plane,
        {"epochs": 40, "lr": 0.01},
    ),
    "one score": (
        lambda: nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1)),
        signs,
        {"epochs": 40, "lr": 0.01, "loss": "bce_with_logits"},
    ),
    "absolute errors": (
        lambda: nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2)),
        plane,
        {"epochs": 40, "lr": 0.01, "loss": "l1"},
    ),
    "by plain descent": (lambda: nn.Linear(4, 2), plane, {"optimizer": "sgd", "lr": 0.1}),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_every_kind(kind, seed):
    make, data, options = KINDS[kind]
    manual_seed(seed)
    model = make()
    history = cr.fit(
        model,
        data(np.random.default_rng(seed)),
        doctor=True,
        generator=Generator(seed),
        progress=False,
        **options,
    )
    assert [str(finding) for finding in history.findings] == []
