"""Estimators with `device=`: what they learn and say is what they do on the processor."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_iris

from chainrule import nn
from chainrule.backend import arrays
from chainrule.errors import OptionError
from chainrule.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor, trainer
from chainrule.train import Callback
from device.emulator import build

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X, Y = X[::2].astype(np.float32), Y[::2]
WHOLE = X[:, 0] * X[:, 1] - X[:, 2]
SHORT = {"random_state": 0, "max_iter": 6, "learning_rate_init": 0.01, "batch_size": 20}


def normed(n_outputs):
    """A network that mixes the rows of a batch and draws numbers."""
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, n_outputs))


def weighted(outputs, targets):
    """A loss of one's own, with numbers beside the outputs."""
    share = outputs.new_tensor([1.0, 2.0, 3.0])
    return nn.functional.cross_entropy(outputs, targets, weight=share, reduction="none")


CLASSES = {
    "mlp": MLPClassifier((8, 5), activation="tanh", **SHORT),
    "dropout and norm": MLPClassifier((8,), dropout=0.3, batch_norm=True, **SHORT),
    "stops early": MLPClassifier((8,), early_stopping=True, **SHORT),
    "sgd": MLPClassifier((8,), solver="sgd", learning_rate="adaptive", tol=0.1, **SHORT),
    "lbfgs": MLPClassifier((8,), solver="lbfgs", **SHORT),
    "calibrated": MLPClassifier((8,), calibrate=True, **SHORT),
    "categories": MLPClassifier((8,), categorical_features=[3], **SHORT),
    "members": MLPClassifier((8,), n_members=2, **SHORT),
    "own loss": NetClassifier(normed, loss=weighted, **SHORT),
    "net": NetClassifier(normed, **SHORT),
    "a network": NetClassifier(nn.Sequential(nn.Linear(4, 3)), solver="adamw", **SHORT),
}
NUMBERS = {
    "mlp": MLPRegressor(hidden_layer_sizes=(8,), **SHORT),
    "poisson": MLPRegressor("poisson", (8,), **SHORT),
    "huber": NetRegressor(nn.Linear(4, 1), loss="huber", solver="lbfgs", **SHORT),
}


def on_host(thing, seen=None):
    """Whether nothing in an object, however deep, is on a GPU."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (str, int, float, type(None))):
        return True
    seen.add(id(thing))
    if arrays.is_gpu(thing):
        return False
    if isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, (list, tuple)):
        parts = thing
    else:
        parts = vars(thing).values() if hasattr(thing, "__dict__") else ()
    return all(on_host(part, seen) for part in parts)


def alike(one, other):
    """Whether two arrays are NumPy's, and the same to rounding."""
    assert type(one) is type(other) is np.ndarray
    assert one.dtype == other.dtype
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)


def pair(estimator, y, device):
    """It fitted on the processor and on a device; nothing of it stays there."""
    here = clone(estimator).fit(X, y)
    there = clone(estimator).set_params(device=device).fit(X, y)
    assert on_host(there)
    return here, there


@pytest.mark.parametrize("name", CLASSES)
def test_classes(gpu, name):
    here, there = pair(CLASSES[name], Y, "cuda")
    alike(there.predict_proba(X), here.predict_proba(X))
    assert there.predict(X).tolist() == here.predict(X).tolist()
    assert there.n_iter_ == here.n_iter_


@pytest.mark.skipif(build.COMPILER is None, reason="there is no g++")
def test_a_long_job_is_compiled_for_the_gpu(gpu, monkeypatch):
    monkeypatch.setattr(trainer, "_WORTH", 0.0)
    chosen = []
    own = trainer.Trainer.plan
    monkeypatch.setattr(
        trainer.Trainer, "plan", lambda self, name: chosen.append(own(self, name)) or chosen[-1]
    )
    here, there = pair(CLASSES["mlp"], Y, "cuda")
    alike(there.predict_proba(X), here.predict_proba(X))
    assert "one graph" in repr(chosen[-1])


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(gpu, name):
    here, there = pair(NUMBERS[name], np.exp(WHOLE / 9), "cuda")
    alike(there.predict(X), here.predict(X))


def test_a_second_gpu(gpu):
    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is no second GPU here")
    for name in ("mlp", "lbfgs", "net"):
        here, there = pair(CLASSES[name], Y, "cuda:1")
        alike(there.predict_proba(X), here.predict_proba(X))
    assert gpu.cuda.runtime.getDevice() == 0


def test_part_by_part_and_from_one_device_to_the_other(gpu):
    """What the optimiser remembers moves too, and so does a pickle."""
    here = clone(CLASSES["mlp"])
    there = clone(here).set_params(device="cuda")
    for i in range(4):
        here.partial_fit(X, Y, classes=[0, 1, 2])
        there.set_params(device=("cuda", "cpu")[i % 2]).partial_fit(X, Y, classes=[0, 1, 2])
        there = pickle.loads(pickle.dumps(there))
    alike(there.predict_proba(X), here.predict_proba(X))


def test_it_is_there_while_it_works(gpu):
    places = set()

    class Looks(Callback):
        def on_step_end(self, run):
            places.add(str(next(run.model.parameters()).device))

    for name in ("mlp", "net"):
        model = clone(CLASSES[name]).set_params(device="cuda", callbacks=[Looks()]).fit(X, Y)
    assert places == {"cuda:0"}
    with arrays.stand_in(None):  # a machine without one
        with pytest.raises(OptionError, match="device 'cuda' is not available"):
            model.predict(X)
        assert set(model.set_params(device="cpu").predict(X)) <= {0, 1, 2}


def test_views_of_the_weights_are_numpys_and_what_is_written_there_counts(gpu):
    model = clone(CLASSES["mlp"]).set_params(device="cuda").fit(X, Y)
    for array in (*model.coefs_, *model.intercepts_):
        array[...] = 0
    assert model.predict_proba(X) == pytest.approx(1 / 3)


@pytest.mark.parametrize("device", ["cuda", "gpu", None])
def test_a_device_that_is_not_there(device):
    with arrays.stand_in(None), pytest.raises(OptionError, match="device"):
        MLPClassifier(device=device).fit(X, Y)
