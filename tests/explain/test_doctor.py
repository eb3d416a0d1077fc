"""The doctor is silent about healthy networks, leaves all as it was, and says what it did."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim
from chainrule.data import DataLoader, Dataset, IterableDataset, TensorDataset
from chainrule.errors import DataError, OptionError
from chainrule.explain import Diagnosis, Finding, Severity, doctor
from chainrule.explain.doctor.examine import CHECKS
from chainrule.nn import functional as F
from explain.planted_faults import mlp, table

SEEDS = range(10)


def silent(*args, **options):
    found = doctor(*args, **options)
    assert not found, found.text(most=None)
    return True


def digits():
    examples = data.digits()
    return (examples.x.reshape(-1, 64) / 16).astype(np.float32), examples.y


DIGITS = digits()


# --- healthy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
@pytest.mark.parametrize("name", ["moons", "circles", "ring", "spiral", "xor", "blobs"])
def test_silent_about_toys(name, activation):
    for seed in SEEDS:
        points = getattr(data, name)(400, seed=seed)
        cr.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(2, 16), activation(), nn.Linear(16, 16), activation(),
            nn.Linear(16, len(points.classes)),
        )  # fmt: skip
        pair = points.x[:300], points.y[:300]
        held_out = points.x[300:], points.y[300:]
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        assert silent(model, pair, optimizer=optimizer, validation=held_out)


def test_silent_about_rectangles_of_few_sizes():
    for seed in SEEDS:
        sizes = data.rectangles(400, seed=seed)
        x, y = sizes.x, sizes.y.reshape(-1, 1)
        model = nn.Sequential(nn.Linear(x.shape[1], 16), nn.ReLU(), nn.Linear(16, 1))
        assert silent(model, (x[:300], y[:300]), validation=(x[300:], y[300:]))


@pytest.mark.parametrize("scale", [1, 16])
def test_silent_about_digits(scale):
    x, y = DIGITS[0] * scale, DIGITS[1]
    for seed in SEEDS:
        cr.manual_seed(seed)
        order = np.random.default_rng(seed).permutation(len(x))
        train, held_out = order[:1400], order[1400:]
        flat = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        maps = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(72, 10),
        )  # fmt: skip
        for model in (flat, maps):
            rates = {"optimizer": "adam", "validation": (x[held_out], y[held_out])}
            assert silent(model, (x[train], y[train]), **rates)


class Letters(nn.Module):
    def __init__(self):
        self.letters, self.places = nn.Embedding(30, 32), nn.Embedding(20, 32)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.out = nn.Linear(32, 30)

    def forward(self, x):
        h = self.letters(x) + self.places(cr.arange(x.shape[1]))
        return self.out(self.block(h)).transpose(1, 2)


class Reader(nn.Module):
    def __init__(self):
        self.letters, self.read = nn.Embedding(30, 16), nn.LSTM(16, 32, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        return self.out(self.read(self.letters(x))[0][:, -1])


class Residual(nn.Module):
    def __init__(self, width):
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x):
        return x + self.inner(x)


WORDS = np.random.default_rng(0).integers(0, 30, (300, 20))
LINE = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
ODD = (DIGITS[1] % 2)[:, None].astype(np.float32)


def squeezed():
    return nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2), nn.Linear(2, 32), nn.ReLU(),
        nn.Linear(32, 64), nn.Sigmoid(),
    )  # fmt: skip


def mixed():
    return nn.Sequential(
        nn.Linear(64, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 64), nn.SiLU(),
        nn.Linear(64, 10),
    )  # fmt: skip


def yes_or_no(*last):
    return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1), *last)


HEALTHY = {
    "letters": (Letters, (WORDS, (WORDS * 7 + 3) % 30), None),
    "reader": (Reader, (WORDS, (WORDS[:, :5].sum(1) > 72).astype(int)), None),
    "autoencoder": (squeezed, (DIGITS[0], DIGITS[0]), None),
    "autoencoder of chances": (squeezed, (DIGITS[0], DIGITS[0]), F.binary_cross_entropy),
    "mixed": (mixed, DIGITS, None),
    "linear": (lambda: nn.Linear(64, 10), DIGITS, None),
    "hinge": (lambda: nn.Linear(64, 10), DIGITS, "hinge"),
    "logits": (yes_or_no, (DIGITS[0], ODD), "bce_with_logits"),
    "chances": (lambda: yes_or_no(nn.Sigmoid()), (DIGITS[0], ODD), F.binary_cross_entropy),
    "logarithms": (lambda: nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax(1)), DIGITS, F.nll_loss),
    "smooth": (lambda: mlp(64, 10), DIGITS, nn.CrossEntropyLoss(label_smoothing=0.1)),
    "sum": (lambda: mlp(64, 10), DIGITS, nn.CrossEntropyLoss(reduction="sum")),
    "sine": (lambda: mlp(1, 1, nn.Tanh), (LINE, np.sin(LINE)), None),
    "a line": (lambda: nn.Linear(1, 1), (LINE, 3 * LINE + 2), None),
    "residual": (
        lambda: nn.Sequential(nn.Linear(64, 64), *(Residual(64) for _ in range(8)),
                              nn.Linear(64, 10)),
        DIGITS, None,
    ),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(10)), DIGITS, None),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_about_networks_of_every_kind(name):
    make, pair, loss = HEALTHY[name]
    cr.manual_seed(0)
    assert silent(make(), pair, loss, "adam")


def test_silent_about_a_frozen_batch_norm_that_stays_in_eval_mode():
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    model[1].eval().requires_grad_(False)
    assert silent(model, table())


def test_silent_about_a_step_that_is_right():
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()  # at the end is as good

    assert silent(model, table(), optimizer=optimizer, step=step)


def test_a_large_class_is_not_taken_for_an_order():
    x, _ = table(1000)
    y = (np.random.default_rng(0).random(1000) > 0.99).astype(np.int64)
    assert doctor(mlp(), DataLoader(TensorDataset(x, y), 32)).names == ["classes out of balance"]


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid])
def test_silent_about_who_has_learned(activation):
    points = data.spiral(400, seed=0)
    model = mlp(2, 3, activation)
    model.append(nn.Dropout(0.0))
    cr.fit(model, (points.x, points.y), epochs=150, lr=0.02, progress=False)
    assert not model.training
    assert silent(model, (points.x, points.y))


def test_silent_about_weighted_draws():
    x, _ = table(1000)
    y = (x[:, 0] > 2.05).astype(np.int64)
    assert doctor(mlp(), (x, y)).names == ["classes out of balance"]
    weights = np.where(y == 1, 20.0, 1.0)
    sampler = data.WeightedRandomSampler(weights, len(y), generator=cr.Generator(0))
    assert silent(mlp(), DataLoader(TensorDataset(x, y), 64, sampler=sampler))


# --- what it leaves -----------------------------------------------------------------------------


def state_of(model, optimizer, loader):
    arrays = [t.array for t in (*model.parameters(), *model.buffers())]
    arrays += [v.array for state in optimizer.state.values() for v in state.values()]
    arrays += [p.grad.array for p in model.parameters() if p.grad is not None]
    arrays += [cr.random.get_rng_state().array, loader.generator.get_state()]
    return [a.tobytes() for a in arrays], [m.training for m in model.modules()]


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_changed(fails):
    cr.manual_seed(3)
    x, y = table()
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters())
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=True, generator=cr.Generator(5))

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if fails:
            raise RuntimeError("in the step")

    model(cr.tensor(x)).sum().backward()
    optimizer.step()
    before = state_of(model, optimizer, loader)
    if fails:
        with pytest.raises(RuntimeError, match="in the step"):
            doctor(model, loader, optimizer=optimizer, step=step)
    else:
        doctor(model, loader, optimizer=optimizer, step=step, validation=(x, y))
    assert state_of(model, optimizer, loader) == before


def test_nothing_is_changed_by_a_step_that_is_replayed():
    x, y = table()
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @cr.compile(executor="numpy")
    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    for _ in range(4):
        step(cr.tensor(x[:64]), cr.tensor(y[:64]))
    assert step.program is not None
    before = [p.array.tobytes() for p in model.parameters()]
    assert silent(model, (x, y), optimizer=optimizer, step=step)
    assert [p.array.tobytes() for p in model.parameters()] == before


def test_the_same_is_found_again():
    x, y = table()
    model = nn.Sequential(nn.Dropout(0.5), mlp())
    with cr.no_grad():
        model[1][4].weight.mul_(100)
    first, second = (doctor(model, (x * 30, y)) for _ in range(2))
    assert first.findings == second.findings
    assert first


# --- what it says -------------------------------------------------------------------------------


def test_worst_first_and_no_more_than_a_few():
    findings = [
        Finding("draught", Severity.HINT, "", "it draws", "close it"),
        Finding("fire", Severity.BROKEN, "roof", "it burns", "put it out"),
        *(Finding(f"leak {i}", Severity.HARMFUL, "", "it drips", "mend it") for i in range(5)),
    ]
    diagnosis = Diagnosis(tuple(findings), {"fire": "flames"})
    assert diagnosis.names == ["fire", *(f"leak {i}" for i in range(5)), "draught"]
    lines = str(diagnosis).splitlines()
    assert lines[:2] == ["1. fire, roof: it burns", "   -> put it out"]
    assert lines[-1] == "and 2 more, which may come of these"
    assert len(lines) == 11
    assert "7. draught" in diagnosis.text(most=None)


def test_checks_are_listed_where_asked():
    found = doctor(mlp(), table())
    assert str(found) == f"nothing found in {len(CHECKS)} checks"
    lines = [" ".join(line.split()) for line in found.text(verbose=True).split("\n  ")]
    listed = " ".join(lines)
    assert all(f"{check.name}: {check.looks_for}" in listed for check in CHECKS)


def test_a_page_escapes_what_comes_from_outside():
    finding = Finding("<b>", Severity.HINT, "<script>", "1 < 2", "x & y")
    html = Diagnosis((finding,), {})._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "1 &lt; 2" in html
    assert Diagnosis((), {"a": "b"})._repr_html_() == "<p>nothing found in 1 check</p>"


def test_a_consequence_is_not_told_beside_its_cause():
    x, y = table()
    x[:, 3] *= 1e6  # the loss at the start is huge, units are dead, nothing can be learned
    assert doctor(mlp(), (x, y), optimizer="sgd").names == ["inputs unscaled"]


def test_names_of_checks_are_unique_and_causes_exist():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for i, check in enumerate(CHECKS):
        assert set(check.unless) <= {*names[:i]}, check.name


# --- what it is given ---------------------------------------------------------------------------


def test_refuses_what_is_no_module():
    with pytest.raises(OptionError, match="a doctor examines a module, got function"):
        doctor(lambda x: x, table())


def test_refuses_a_stream():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(np.zeros(4, np.float32), 0)])

    with pytest.raises(OptionError, match="a stream has none; give some of its rows as a pair"):
        doctor(mlp(), DataLoader(Stream(), 4))


def test_refuses_no_rows():
    with pytest.raises(DataError, match="there is no batch to take: 0 examples"):
        doctor(mlp(), (np.zeros((0, 4), np.float32), np.zeros(0, np.int64)))


def test_takes_data_sets_that_fetch_each_row():
    class Rows(Dataset):
        def __init__(self):
            self.x, self.y = table()
            self.fetched = set()

        def __len__(self):
            return len(self.y)

        def __getitem__(self, i):
            self.fetched.add(i)
            return 1000 * self.x[i], int(self.y[i])

    rows = Rows()
    assert doctor(mlp(), rows).names == ["inputs unscaled"]
    assert len(rows.fetched) == 256


def test_takes_inputs_of_several_parts():
    class Two(Dataset):
        def __init__(self):
            self.x, self.y = table()

        def __len__(self):
            return len(self.y)

        def __getitem__(self, i):
            return {"left": self.x[i, :2], "right": self.x[i, 2:]}, int(self.y[i])

    class Joined(nn.Module):
        def __init__(self):
            self.both = mlp()

        def forward(self, x):
            return self.both(cr.cat([x["left"], x["right"]], 1))

    assert silent(Joined(), Two(), optimizer="adam")
    sure = Joined()
    with cr.no_grad():
        sure.both[4].weight.mul_(100)
    assert doctor(sure, Two()).names == ["loss far from guessing"]
