"""Every optimiser trains on a GPU as it does on the processor."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import manual_seed, nn, optim
from chainrule.autograd import Tensor
from chainrule.explain.runs.undo import undone
from chainrule.train import evaluate, fit, predict

OPTIMISERS = sorted(
    name
    for name, thing in vars(optim).items()
    if isinstance(thing, type)
    and issubclass(thing, optim.Optimizer)
    and thing is not optim.Optimizer
)


def network():
    """A small one with layers that remember and layers that differ in training."""
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


def losses(name, where):
    """The losses of some steps on one batch."""
    manual_seed(0)
    rng = np.random.default_rng(0)
    model = network().to(where)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    optimiser = getattr(optim, name)(
        matrices if name == "Muon" else model.parameters(), **({"lr": 0.1} if name == "SGD" else {})
    )
    x = Tensor(rng.standard_normal((8, 4)).astype(np.float32)).to(where)
    labels = Tensor(rng.integers(0, 3, 8)).to(where)
    found = []

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        found.append(float(loss))
        return loss

    for _ in range(3):
        optimiser.step(closure)
    assert all(p.device.type == where for p in model.parameters())
    assert all(b.device.type == where for b in model.buffers())
    return found


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_losses_are_those_on_the_processor(gpu, name):
    np.testing.assert_allclose(losses(name, "cuda"), losses(name, "cpu"), rtol=1e-4)


@pytest.mark.parametrize("where", ["cuda", "cuda:1"])
def test_fit_works_on_the_gpu_that_the_model_is_on(gpu, where):
    """Whichever is the current one, which it is again afterwards."""
    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is no second GPU here")
    found = {}
    for place in ("cpu", where):
        manual_seed(0)
        rng = np.random.default_rng(0)
        data = rng.standard_normal((30, 4)).astype(np.float32), rng.integers(0, 3, 30)
        model = network().to(place)
        history = fit(model, data, epochs=2, validation=data, batch_size=8, progress=False)
        found[place] = [
            *history["loss"],
            *history["validation_loss"],
            *predict(model, data[0]).ravel(),
            evaluate(model, data)["loss"],
        ]
    assert str(model[0].weight.device) == {"cuda": "cuda:0"}.get(where, where)
    np.testing.assert_allclose(found[where], found["cpu"], rtol=1e-3, atol=1e-5)
    assert gpu.cuda.runtime.getDevice() == 0


def test_a_step_on_a_gpu_is_taken_back(gpu):
    """As a rehearsal or an estimate takes one: weights, norms and what the optimiser remembers."""
    model = network().to("cuda")
    optimiser = optim.Adam(model.parameters(), lr=0.1)
    x = Tensor(np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)).to("cuda")

    def step():
        optimiser.zero_grad()
        model(x).square().sum().backward()
        optimiser.step()

    def numbers():
        remembered = [t for of_one in optimiser.state.values() for t in of_one.values()]
        return [t.tolist() for t in (*model.parameters(), *model.buffers(), *remembered)]

    step()
    before = numbers()
    with undone():
        step()
        assert numbers() != before
    assert numbers() == before
