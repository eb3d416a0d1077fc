"""A loss that is no number: the error names the operation, its layer, the index and the example."""

import math
import re

import numpy as np
import pytest

from chainrule import layers, nn
from chainrule.autograd import Generator, detect_anomaly
from chainrule.autograd.generator import default_generator
from chainrule.data import DataLoader, Dataset, TensorDataset
from chainrule.errors import ChainruleError, GradientError
from chainrule.train import explicit_step, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
Z = X[:, :1].copy()

each_way = pytest.mark.parametrize("compiled", [False, "auto", True])


class Log(nn.Module):
    def forward(self, x):
        return x.log()


def network(*between, outputs=2):
    generator = Generator(0)
    return nn.Sequential(
        nn.Linear(3, 8, generator=generator), *between, nn.Linear(8, outputs, generator=generator)
    )


def planted(array, *at):
    spoiled = array.copy()
    spoiled[at] = np.nan
    return spoiled


def refusal(model, data, compiled=False, **options):
    options = {"epochs": 30, "batch_size": 16, "generator": Generator(1), **options}
    with pytest.raises(ChainruleError) as caught:
        fit(model, data, compile=compiled, progress=False, **options)
    return str(caught.value)


# --- what is named ------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("row", [3, 137, 199])
def test_the_example_with_a_hole_in_it(compiled, row):
    """Wherever it comes: among the steps of one call, or in the last batch, which is smaller."""
    said = refusal(network(nn.Tanh()), (planted(X, row, 2), Y), compiled)
    assert re.match(
        rf"the loss became nan in epoch 1, step \d+: x is nan at index \(\d+, 2\) of the batch, "
        rf"example {row} of the data; take what is not finite out of the data$",
        said,
    )


@each_way
def test_a_target_that_is_no_number(compiled):
    said = refusal(network(nn.Tanh(), outputs=1), (X, planted(Z, 50, 0)), compiled)
    assert "y is nan at index" in said
    assert "example 50 of the data; take" in said


@each_way
def test_the_operation_and_its_layer(compiled):
    said = refusal(network(nn.ReLU(), Log()), (X, Y), compiled)
    assert re.match(
        r"the loss became (nan|inf) in epoch 1, step 1: log\(0\) is -inf at index \(\d+, \d+\): "
        r"log in 2 \(Log\), on the way forward \(test_train_origin.py:\d+\); keep what log is "
        r"given where it is finite, or bring the data to scale$",
        said,
    )


@each_way
def test_a_gradient_that_is_not_finite_although_the_loss_is(compiled):
    """The slope of a root at 0: what is found a step later is a weight."""

    class Root(nn.Module):
        def forward(self, x):
            return x.relu().sqrt()

    said = refusal(network(Root()), (X, Y), compiled)
    assert said == (
        "the loss became nan in epoch 1, step 2: 0.weight is nan at index (0, 0), since the step "
        "before; use a lower learning rate, or find the gradient that is not finite by training "
        "inside of `with autograd.detect_anomaly():`"
    )
    with detect_anomaly(), pytest.raises(GradientError, match="gradient of relu is nan"):
        fit(network(Root()), (X, Y), progress=False)


@each_way
def test_a_learning_rate_that_is_too_high(compiled):
    said = refusal(network(outputs=1), (X, Z), compiled, optimizer="sgd", lr=1e3, epochs=200)
    assert re.match(r"the loss became (inf|nan) in epoch \d+, step \d+: .* is (inf|nan) at", said)
    assert "; use a lower learning rate" in said


def test_where_the_order_is_not_known_the_place_in_the_batch_is():
    class Rows(Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, i):
            return planted(X, 21, 1)[i], Y[i]

    said = refusal(network(), DataLoader(Rows(), 16))
    assert "x is nan at index (5, 1) of the batch; take" in said


def test_with_explicit_backpropagation():
    model = network(nn.Tanh())
    step = explicit_step(model, layers.CrossEntropyLoss())
    said = refusal(model, (planted(X, 7, 0), Y), step=step, optimizer="sgd")
    assert re.search(r"x is nan at index \(\d+, 0\) of the batch; take", said)


def test_a_step_whose_model_says_nothing_about_it():
    said = refusal(network(), (X, Y), step=lambda run, x, y: (float("nan"), x.array))
    assert said.startswith("the loss became nan in epoch 1, step 1; use a lower learning rate")


def test_a_step_that_gives_the_model_something_else():
    """What the model by itself refuses is not said in place of what happened."""
    data = (np.zeros((20, 5), np.float32), Y[:20])
    said = refusal(network(), data, step=lambda run, x, y: (float("inf"), x.array))
    assert said.startswith("the loss became inf in epoch 1, step 1; use")


def test_a_step_that_gives_the_model_more_than_x():
    class Both(nn.Linear):
        def forward(self, x, shift):
            return super().forward(x + shift)

    def step(run, x, y):
        outputs = run.model(x, 1.0)
        return run.finite(outputs.sum().item() * math.inf), outputs.array

    said = refusal(Both(3, 2), (X, Y), step=step)
    assert re.match(r"the loss became -?(inf|nan) in epoch 1, step 1; use a lower", said)


# --- what stays as it is --------------------------------------------------------------------------


@each_way
def test_looking_for_the_origin_changes_nothing(compiled):
    """The step that fails is the first of all: weights, running means, random numbers stay."""
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), Log(), nn.Linear(8, 2))
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    random = default_generator.get_state()
    refusal(model, DataLoader(TensorDataset(X, Y), 16), compiled)
    weights = {name: np.array(value) for name, value in model.named_parameters()}
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before[name])
    assert int(model[1].num_batches_tracked) == 1  # of the step itself, and of nothing else
    np.testing.assert_array_equal(default_generator.get_state(), random)
    assert all(p.grad is None for p in model.parameters())
