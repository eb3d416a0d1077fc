"""The toys: shapes, dtypes, balance, determinism, and the geometry each is named after."""

import numpy as np
import pytest

from chainrule.data import toys
from chainrule.errors import OptionError

POINTS = ("moons", "circles", "ring", "spiral", "xor", "blobs")
SURFACES = ("slope", "hill", "waves")


@pytest.mark.parametrize("name", POINTS)
def test_points(name):
    some = getattr(toys, name)(n=301, seed=3)
    assert some.name == name
    assert some.x.shape == (301, 2)
    assert some.x.dtype == np.float32
    counts = some.counts().values()
    assert max(counts) - min(counts) <= 1
    assert np.abs(some.x).max() < 4
    assert some.columns == ("x1", "x2")


@pytest.mark.parametrize("name", [*POINTS, *SURFACES, "rectangles"])
def test_seed_decides(name):
    make = getattr(toys, name)
    state = np.random.get_state()[1].copy()
    assert (make(seed=1).x == make(seed=1).x).all()
    assert (make(seed=1).x != make(seed=2).x).any()
    assert (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize("name", [*POINTS, *SURFACES, "rectangles"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n is at least"),
        ({"noise": -1.0}, "noise is a standard deviation"),
        ({"noise": float("nan")}, "noise is a standard deviation"),
        ({"noise": float("inf")}, "noise is a standard deviation"),
        ({"seed": -1}, "seed is 0 or more"),
    ],
)
def test_refuses(name, options, words):
    with pytest.raises(OptionError, match=words):
        getattr(toys, name)(**options)


def test_smallest():
    for name in POINTS:
        least = 3 if name in ("spiral", "blobs") else 2
        assert len(getattr(toys, name)(n=least)) == least


def test_arms_and_centers():
    assert toys.spiral(arms=5).classes == ("arm 1", "arm 2", "arm 3", "arm 4", "arm 5")
    assert len(toys.blobs(centers=2).classes) == 2
    with pytest.raises(OptionError, match="arms is at least 2"):
        toys.spiral(arms=1)
    with pytest.raises(OptionError, match="centers is at least 2"):
        toys.blobs(centers=0)


def test_ring_lies_around_its_cluster():
    some = toys.ring()
    radius = np.hypot(*some.x.T)
    assert radius[some.y == 0].mean() < 0.4 < 0.9 < radius[some.y == 1].mean() < 1.1


def test_spiral_arms_do_not_touch():
    some = toys.spiral(noise=0.0)
    first, second = some.x[some.y == 0], some.x[some.y == 1]
    gaps = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert gaps.min() > 0.1


@pytest.mark.parametrize("name", SURFACES)
def test_surfaces_are_smooth_but_for_their_noise(name):
    make = getattr(toys, name)
    clean, noisy = make(n=2000, noise=0.0), make(n=2000, noise=0.1)
    assert clean.classes is None
    assert clean.columns == ("x1", "x2")
    assert (clean.x == noisy.x).all()
    assert 0.9 < np.abs(clean.y).max() <= 1
    assert np.std(noisy.y - clean.y) == pytest.approx(0.1, rel=0.1)
    # Another point that is near is about as high.
    gap = np.hypot(*(clean.x[:, None] - clean.x[None]).T) + 9 * np.eye(2000)
    assert np.abs(clean.y - clean.y[gap.argmin(axis=0)]).max() < 0.3


def test_rectangles_are_what_one_neuron_learns_from():
    some = toys.rectangles()
    assert some.x.shape == (1000, 4)
    assert some.classes is None
    assert (some.x == some.x.round(1)).all()
    assert some.x.min() == 0
    assert some.x.max() == 1
    np.testing.assert_allclose(some.y, some.x.mean(axis=1), rtol=1e-6)
    loss = np.mean((some.x @ np.array([0.98, 0.4, 0.86, -0.08]) - some.y) ** 2)
    assert loss == pytest.approx(0.42, abs=0.02)


def test_large_rectangles():
    some = toys.rectangles(n=5, side=100)
    assert some.x.shape == (5, 10_000)
    assert len(set(some.columns)) == 10_000
    with pytest.raises(OptionError, match="side is at least 1"):
        toys.rectangles(side=0)


def test_noise_on_the_means():
    quiet, noisy = toys.rectangles(), toys.rectangles(noise=0.1)
    assert (quiet.x == noisy.x).all()
    assert 0.08 < np.std(quiet.y - noisy.y) < 0.12
