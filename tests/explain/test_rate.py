"""The learning rate range test: where it ends, what it suggests, and that it touches nothing."""

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd import Generator, from_numpy, manual_seed
from chainrule.autograd.generator import default_generator
from chainrule.data import DataLoader, TensorDataset, digits
from chainrule.errors import DataError, OptionError
from chainrule.explain import lr_find

X = np.linspace(-1, 1, 64, dtype=np.float64).reshape(64, 1)


def line(bias=False):
    return nn.Linear(1, 1, bias=bias, generator=Generator(0)).to(np.float64)


def some_digits():
    examples = digits()
    return (examples.x.reshape(len(examples.x), -1) / 16).astype(np.float32), examples.y


def network(inputs=64, dropout=0.0):
    generator = Generator(0)
    return nn.Sequential(
        nn.Linear(inputs, 32, generator=generator),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(32, 10, generator=generator),
    )


# --- what it finds ------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_edge_of_a_parabola_is_two_over_its_curvature(scale):
    """Descent on a parabola of curvature L converges below a rate of 2 / L, and only there."""
    test = lr_find(line(), (scale * X, 3 * X), optimizer="sgd", highest=1e3, steps=200)
    limit = 2 / (2 * np.mean((scale * X) ** 2))
    grows = test.rates[1] / test.rates[0]
    assert test.exploded
    assert limit / grows**2 < test.edge < limit * grows**2
    assert test.rate == test.edge / 10


def test_digits_are_learned_at_the_suggested_rate():
    data = some_digits()
    test = lr_find(network(), data, optimizer="adam")
    assert 5e-4 < test.rate < 5e-2
    learned = {}
    for rate in (test.rate / 1000, test.rate, test.rate * 1000):
        history = cr.fit(network(), data, lr=rate, epochs=2, progress=False)
        learned[rate] = history["accuracy"][-1]
    assert learned[test.rate] > 0.9
    assert max(learned, key=learned.get) == test.rate


def test_what_cannot_be_learned_has_no_rate():
    """The output does not depend on the weights: the loss differs from batch to batch alone."""

    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(cr.zeros(1))

        def forward(self, x):
            return x + 0 * self.weight

    noise = np.random.default_rng(0).normal(size=(500, 1)).astype(np.float32)
    test = lr_find(Deaf(), (noise, -noise), batch_size=16)
    assert math.isnan(test.rate)
    assert not test.exploded
    assert "at no learning rate" in str(test)
    assert "use" not in test.plot().description


def test_it_stops_where_the_loss_explodes():
    test = lr_find(line(), (X, 3 * X), optimizer="sgd", highest=1e6, steps=200)
    assert test.exploded
    assert len(test.losses) < 200
    assert test.losses[-1] > 4 * test.losses[0] > test.losses[-2]
    assert "exploded" in str(test)


def test_it_ends_at_the_highest_rate_where_nothing_explodes():
    test = lr_find(line(), (X, 3 * X), optimizer="sgd", lowest=1e-4, highest=0.1, steps=50)
    assert not test.exploded
    assert test.rates[[0, -1]] == pytest.approx([1e-4, 0.1])
    np.testing.assert_allclose(test.rates[1:] / test.rates[:-1], (0.1 / 1e-4) ** (1 / 49))


def test_steps_are_those_of_a_loop():
    """With one batch: each loss is that of a loop that a person would write."""
    test = lr_find(line(), (X, 3 * X), "l1", "adam", lowest=1e-3, highest=0.1, steps=20)
    model = line()
    optimizer = optim.Adam(model.parameters())
    for rate, loss in zip(test.rates, test.losses, strict=True):
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.zero_grad()
        value = nn.functional.l1_loss(model(from_numpy(X)), from_numpy(3 * X))
        assert value.item() == pytest.approx(loss, rel=1e-9)
        value.backward()
        optimizer.step()


def test_several_rates_keep_their_ratio():
    """A group whose rate is 0 stays where it is: of two parameters one is never changed."""
    model = line(bias=True)
    groups = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.0}]
    both = lr_find(model, (X, 3 * X), optimizer=optim.SGD(groups, lr=0.1))
    model.bias.requires_grad = False
    one = lr_find(model, (X, 3 * X), optimizer=optim.SGD([model.weight], lr=7.0))
    np.testing.assert_array_equal(both.losses, one.losses)


# --- what it leaves as it was ---------------------------------------------------------------------


def state(model, optimizer):
    return {
        "weights": {k: np.array(v) for k, v in model.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.numpy() for p in model.parameters()],
        "modes": [m.training for m in model.modules()],
        "remembered": {
            f"{k} {name}": np.array(v)
            for k, of_one in optimizer.state_dict()["state"].items()
            for name, v in of_one.items()
        },
        "rate": optimizer.param_groups[0]["lr"],
        "random": default_generator.get_state(),
    }


@pytest.mark.parametrize("fails", [False, True])
def test_it_changes_nothing(fails):
    x, y = some_digits()
    model = network(dropout=0.2)
    model[2].eval()
    optimizer = optim.Adam(model.parameters(), lr=0.3)
    model(from_numpy(x[:8])).sum().backward()
    optimizer.step()
    order = Generator(5)
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=True, generator=order)
    before, order_before = state(model, optimizer), order.get_state()
    if fails:
        with pytest.raises(ZeroDivisionError):
            lr_find(model, loader, lambda outputs, targets: 1 / 0, optimizer)
    else:
        lr_find(model, loader, None, optimizer, steps=20)
    np.testing.assert_equal(state(model, optimizer), before)
    np.testing.assert_array_equal(order.get_state(), order_before)


def test_the_same_call_gives_the_same_numbers():
    runs = []
    for _ in range(2):
        manual_seed(3)
        runs.append(lr_find(network(dropout=0.5), some_digits(), steps=30))
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)


# --- what it shows and refuses ----------------------------------------------------------------


def test_the_picture_shows_itself_in_notebooks():
    test = lr_find(line(), (X, 3 * X), optimizer="sgd")
    root = ET.fromstring(test._repr_svg_())
    words = {text.text for text in root.iter() if text.text}
    assert {"learning rate", "loss", "least", f"use {test.rate:.2g}"} <= words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lowest": 0}, "from lowest, above 0, to highest; got 0 and 10"),
        ({"lowest": 1, "highest": 0.1}, "got 1 and 0.1"),
        ({"highest": math.inf}, "got 1e-07 and inf"),
        ({"steps": 5}, "at least 20 steps, got 5"),
        ({"steps": 30.5}, "at least 20 steps, got 30.5"),
        ({"optimizer": "adm"}, "no optimizer 'adm'"),
        ({"loss": "mes"}, "no loss 'mes'"),
    ],
)
def test_wrong_arguments_are_refused(options, said):
    with pytest.raises(OptionError, match=said.replace("+", r"\+")):
        lr_find(line(), (X, 3 * X), **options)


def test_a_loss_that_is_no_number_from_the_start_is_refused():
    with pytest.raises(DataError, match="the loss is nan before the first step; look for NaN"):
        lr_find(line(), (X * np.nan, X))


def test_no_examples_are_refused():
    with pytest.raises(DataError, match="there is no batch"):
        lr_find(line(), (X[:0], X[:0]))
