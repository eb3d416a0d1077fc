"""What `fit` does to its steps on request: a way up, batches put together, images changed."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.data import DataLoader, IterableDataset, TensorDataset
from chainrule.errors import OptionError, ShapeError
from chainrule.optim import lr_scheduler
from chainrule.train import AugmentImages, Callback, fit
from chainrule.train.fitting.gathered import gathered
from chainrule.train.fitting.schedules import SCHEDULES, schedule_of, warmup_steps

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 4)).astype(np.float32)
Y = (X[:, 0] + RNG.normal(size=103) > 0.5).astype(np.int64)


class Eyes(Callback):
    """Sees every step, its loss and its rate."""

    def __init__(self):
        self.losses, self.rates, self.seen = [], [], []

    def on_step_end(self, run):
        self.losses.append(run.step_loss)
        self.seen.append(run.seen)


def network():
    return nn.Sequential(
        nn.Linear(4, 8, generator=Generator(0)), nn.Tanh(), nn.Linear(8, 2, generator=Generator(1))
    )


def trained(*callbacks, data=None, model=None, **options):
    model = model or network()
    kept = {"epochs": 3, "progress": False, "generator": Generator(0), "lr": 0.01}
    data = (X, Y) if data is None else data
    history = fit(model, data, callbacks=callbacks, **{**kept, **options})
    return [np.array(p.array) for p in model.parameters()], history


def assert_close(found, expected, **tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-6, **tolerance})


# --- a way up -----------------------------------------------------------------------------------


def rates(name, steps, warmup):
    sgd = optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
    schedule = schedule_of(name, sgd, steps, warmup)
    found = []
    for _ in range(steps):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if schedule is not None:
            schedule.step()
    return found


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "onecycle"])
def test_the_way_up_and_then_the_schedule_from_its_beginning(name):
    found = rates(name, 50, 9)
    assert found[:10] == pytest.approx([i / 10 for i in range(1, 11)])
    assert found[9:] == pytest.approx(rates(name, 41, 0))
    assert rates(name, 50, 0.18) == found


@pytest.mark.parametrize("name", ["constant", "cosine", "linear"])
def test_many_steps_at_once_go_the_same_way(name):
    eyes = Eyes()
    options = {"schedule": name, "warmup": 0.3, "batch_size": 8, "compile": True}
    single, first = trained(eyes, **options)
    several, second = trained(**options)
    for a, b in zip(single, several, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first["learning_rate"] == second["learning_rate"]
    assert first["learning_rate"][0] == pytest.approx(0.01 / 13)  # of 12 of 39 steps the first


@pytest.mark.parametrize(
    ("warmup", "sentence"),
    [
        (-1, "a whole number of steps or a share below 1, got -1"),
        (2.5, "a whole number of steps"),
        (float("nan"), "a whole number of steps"),
        (39, "warmup takes 39 steps, the whole run has 39"),
        ("5", "a number of steps or a share of them"),
        (True, "a number of steps or a share of them"),
    ],
)
def test_a_way_up_that_is_none(warmup, sentence):
    with pytest.raises(OptionError, match=sentence):
        trained(schedule="cosine", warmup=warmup, batch_size=8)


def test_who_has_a_way_up_of_its_own():
    with pytest.raises(OptionError, match="onecycle has a way up of its own"):
        trained(schedule="onecycle", warmup=3)
    model = network()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(OptionError, match="warmup is for a schedule given by name"):
        trained(
            model=model,
            optimizer=sgd,
            lr=None,
            schedule=lr_scheduler.StepLR(sgd, step_size=3),
            warmup=3,
        )
    assert warmup_steps(0, 5) == 0


# --- batches put together -----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("loss", [None, "mse"], ids=["classes", "numbers"])
def test_small_batches_put_together_are_the_large_one(optimizer, compile, loss):
    """Also the last ones, which are fewer and smaller, and with the gradients clipped."""
    data = (X, Y) if loss is None else (X, np.stack([Y, 1 - Y], axis=1).astype(np.float32))
    options = {"optimizer": optimizer, "max_grad_norm": 0.3, "compile": compile, "loss": loss}
    eyes, other = Eyes(), Eyes()
    whole, _ = trained(eyes, data=data, batch_size=40, **options)
    parts, history = trained(other, data=data, batch_size=10, accumulate=4, **options)
    assert other.seen == eyes.seen == [40, 80, 103, 143, 183, 206, 246, 286, 309]
    assert_close(parts, whole)
    assert other.losses == pytest.approx(eyes.losses, rel=1e-5)
    assert len(history) == 3


FACTORS = cr.tensor([1.0, 20.0])
IGNORED = np.where(np.arange(103) % 10 < np.arange(103) % 7, -100, Y)


@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (nn.CrossEntropyLoss(weight=FACTORS), Y),
        (nn.CrossEntropyLoss(weight=FACTORS, label_smoothing=0.2), IGNORED),
        (nn.CrossEntropyLoss(), IGNORED),
        (nn.CrossEntropyLoss(reduction="sum"), Y),
        (nn.MSELoss(reduction="sum"), np.stack([Y, 1 - Y], axis=1).astype(np.float32)),
    ],
    ids=["class weights", "weights, labels ignored", "labels ignored", "a sum", "a sum of squares"],
)
def test_small_batches_count_as_their_rows_do(compile, loss, y):
    options = {"optimizer": "sgd", "compile": compile, "loss": loss, "max_grad_norm": 0.3}
    eyes, other = Eyes(), Eyes()
    whole, _ = trained(eyes, data=(X, y), batch_size=40, **options)
    parts, _ = trained(other, data=(X, y), batch_size=10, accumulate=4, **options)
    assert_close(parts, whole)
    assert other.losses == pytest.approx(eyes.losses, rel=1e-5)


def test_many_steps_at_once_are_put_together_alike():
    options = {"batch_size": 4, "accumulate": 2, "compile": True, "metrics": ["f1", "accuracy"]}
    several, first = trained(**options)
    single, second = trained(Eyes(), **options)
    for a, b in zip(single, several, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first["f1"] == second["f1"]


def test_a_network_that_looks_at_its_batch_sees_the_small_ones():
    sizes = []

    class Looks(nn.Module):
        def forward(self, x):
            sizes.append(len(x))
            return x

    trained(
        model=nn.Sequential(Looks(), nn.Linear(4, 2)),
        **{"batch_size": 10, "accumulate": 4, "epochs": 1, "compile": False},
    )
    assert sizes == [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3]


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y)

    def __len__(self):
        return len(X)


LOADERS = {
    "in order": lambda: DataLoader(TensorDataset(X, Y), 8),
    "whole batches": lambda: DataLoader(TensorDataset(X, Y), 8, drop_last=True),
    "shuffled": lambda: DataLoader(TensorDataset(X, Y), 8, True, generator=Generator(3)),
    "a sampler": lambda: DataLoader(TensorDataset(X, Y), 8, sampler=range(50, 0, -1)),
    "a stream": lambda: DataLoader(Stream(), 8),
    "collated": lambda: DataLoader(
        TensorDataset(X, Y), 8, collate_fn=lambda rows: cr.data.default_collate(rows[::-1])
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_loaders_with_larger_batches(name):
    """The same examples in the same order."""
    small, large = LOADERS[name](), gathered(LOADERS[name](), 3)
    found = [tuple(np.array(part) for part in batch) for batch in large]
    assert len(found) == len(large)
    expected = [tuple(np.array(part) for part in batch) for batch in small]
    rows = np.concatenate([x for x, _ in expected])[: sum(len(x) for x, _ in found)]
    mine = np.concatenate([x for x, _ in found])
    if name == "collated":  # turned round in each batch, which are others
        rows, mine = np.sort(rows, axis=0), np.sort(mine, axis=0)
    np.testing.assert_array_equal(mine, rows)
    assert {len(x) for x, _ in found[:-1]} == {24}


def test_loaders_whose_batches_are_their_own():
    own = DataLoader(TensorDataset(X, Y), batch_sampler=[[0, 1], [2]])
    with pytest.raises(OptionError, match="accumulate puts batches of one size together"):
        trained(data=own, accumulate=2)
    assert gathered(own, 1) is own


@pytest.mark.parametrize("accumulate", [0, -1, 1.5])
def test_how_many_batches_is_a_number(accumulate):
    with pytest.raises(OptionError, match="accumulate must be a whole number of at least 1"):
        trained(accumulate=accumulate)


def test_steps_of_ones_own_put_together_what_they_like():
    def step(run, x, y):
        raise AssertionError("not called")

    with pytest.raises(OptionError, match="accumulate does not apply to a step of your own"):
        trained(step=step, accumulate=2)


# --- changed images -----------------------------------------------------------------------------

IMAGES = RNG.random((12, 2, 9, 7)).astype(np.float32)


def test_every_batch_is_changed_before_its_step_and_validation_is_not():
    given, seen = [], []

    class Looks(nn.Module):
        def forward(self, x):
            seen.append((self.training, np.array(x.array)))
            return x

    def augment(x):
        given.append(np.array(x.array))
        return x + 1

    trained(
        model=nn.Sequential(Looks(), nn.Linear(4, 2)),
        **{"augment": augment, "batch_size": 50, "epochs": 1, "validation": (X[:9], Y[:9])},
        compile=False,
    )
    assert [len(x) for x in given] == [50, 50, 3]
    for x, (training, changed) in zip(given, seen[:3], strict=True):
        assert training
        np.testing.assert_array_equal(changed, x + 1)
    assert [training for training, _ in seen[3:]] == [False]
    np.testing.assert_array_equal(seen[3][1], X[:9])


def test_the_same_seed_changes_alike():
    def losses(seed, compile=False):
        eyes = Eyes()
        model = nn.Sequential(nn.Flatten(), nn.Linear(126, 2, generator=Generator(0)))
        augment = AugmentImages("shift", "rotate", "zoom", "flip", generator=Generator(seed))
        data = IMAGES, Y[:12]
        trained(eyes, model=model, data=data, augment=augment, batch_size=5, compile=compile)
        return eyes.losses

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)
    assert losses(0, compile=True) == pytest.approx(losses(0), rel=1e-5)


@pytest.mark.parametrize(
    ("augment", "sentence"),
    [
        (lambda x: x[:2], r"must return a batch of 10 as it was given, it returned \(2, 4\)"),
        (lambda x: None, "it returned None"),
        ("flip", "augment must be a function of a batch of x"),
    ],
)
def test_what_changes_no_batch(augment, sentence):
    with pytest.raises(OptionError, match=sentence):
        trained(augment=augment, batch_size=10)


def changed(*names, x=IMAGES, seed=0):
    return AugmentImages(*names, generator=Generator(seed))(cr.from_numpy(x)).numpy()


def test_flipped_images():
    found = changed("flip")
    turned = [np.allclose(a, b[:, :, ::-1], atol=1e-6) for a, b in zip(found, IMAGES, strict=True)]
    kept = [np.allclose(a, b, atol=1e-6) for a, b in zip(found, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(turned, kept, strict=True))
    assert 0 < sum(turned) < 12


def test_shifted_images():
    """By whole pixels, at most a tenth of a side, and the edge goes on."""
    x = RNG.random((60, 1, 30, 20)).astype(np.float32)
    found, ways = changed("shift", x=x), set()
    for a, b in zip(found, x, strict=True):
        wide = np.pad(b[0], ((3, 3), (2, 2)), mode="edge")
        matches = [
            (i - 3, j - 2)
            for i in range(7)
            for j in range(5)
            if np.allclose(a[0], wide[i : i + 30, j : j + 20], atol=1e-4)
        ]
        assert len(matches) == 1
        ways.update(matches)
    assert {abs(i) for i, _ in ways} == {0, 1, 2, 3}
    assert {abs(j) for _, j in ways} == {0, 1, 2}


def test_turned_images_keep_their_shape():
    """A circle in the middle stays one, also where the image is not square; a bar does not."""
    i, j = np.mgrid[:41, :61]
    circle = ((i - 20) ** 2 + (j - 30) ** 2 < 144).astype(np.float32)[None, None]
    bar = (np.abs(i - 20) < 3).astype(np.float32)[None, None]
    found = changed("rotate", x=np.repeat(circle, 20, axis=0))
    assert np.abs(found - circle).mean() < 0.02
    assert np.abs(changed("rotate", x=np.repeat(bar, 20, axis=0)) - bar).mean() > 0.05


def test_zoomed_images():
    i, j = np.mgrid[:41, :41]
    square = ((np.abs(i - 20) < 10) & (np.abs(j - 20) < 10)).astype(np.float32)[None, None]
    areas = changed("zoom", x=np.repeat(square, 200, axis=0)).sum(axis=(1, 2, 3)) / square.sum()
    assert 0.7 < areas.min() < 0.85
    assert 1.2 < areas.max() < 1.45


def test_whole_numbers_become_floats():
    pixels = RNG.integers(0, 256, (3, 1, 8, 8)).astype(np.uint8)
    found = changed("rotate", x=pixels)
    assert found.dtype == np.float32
    assert found.max() > 100


def test_what_is_not_known_and_what_is_no_image():
    with pytest.raises(OptionError, match="did you mean 'flip'"):
        AugmentImages("flop")
    with pytest.raises(OptionError, match="takes names of what is done: shift, rotate"):
        AugmentImages()
    with pytest.raises(ShapeError, match=r"batches \(N, C, H, W\), got \(103, 4\)"):
        changed("flip", x=X)


def test_changes_help_where_examples_are_few():
    """Shifted blobs are recognised by who has seen some shifted, from 20 examples."""
    rng = np.random.default_rng(0)

    def blobs(n, shift):
        y = rng.integers(0, 2, n)
        x = rng.normal(scale=0.2, size=(n, 1, 20, 20)).astype(np.float32)
        for k in range(n):
            a, b = 10 + rng.integers(-shift, shift + 1, 2)
            x[k, 0, a - 3 : a + 3, b - (2 if y[k] else 1) : b + (2 if y[k] else 1)] += 1
        return x, y

    few, many = blobs(20, 0), blobs(400, 2)

    def right(augment):
        model = nn.Sequential(nn.Flatten(), nn.Linear(400, 2, generator=Generator(0)))
        options = {"augment": augment, "batch_size": 10, "epochs": 60, "generator": Generator(0)}
        history = fit(model, few, lr=0.003, validation=many, progress=False, **options)
        return history["validation_accuracy"][-1]

    assert right(AugmentImages("shift", generator=Generator(1))) > right(None) + 0.03
