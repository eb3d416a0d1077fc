"""Route 4: handwritten digits by equations. Each test is a row of what that route shows.

A CSV file in the layout of Kaggle's digit recogniser, 1,000 of 42,000 rows kept aside, 784-10-10
with ReLU, weights and biases from U(-0.5, 0.5), full-batch gradient descent at 0.1, 500 iterations.
The source reports about 84 % on the training set and 85 % on the rows kept aside, of one run whose
seed is not known. What the seed decides, measured with seeds 0 to 9 (each draws both the rows kept
aside and the weights; per cent right on training set / rows kept aside):

    seed        0     1     2     3     4     5     6     7     8     9    mean  deviation
    training  80.8  86.0  84.3  84.7  84.8  84.6  84.2  84.1  83.2  84.8   84.2     1.4
    kept      80.1  83.9  83.2  84.3  83.3  83.7  87.2  85.8  83.2  84.2   83.9     1.8

So the source's run is an ordinary one, and seed 0 happens to be the worst of the ten; 1,000 rows
kept aside leave an uncertainty of 1.2 by themselves. What else could have made a difference, means
of the same ten seeds:

    as above                                                             84.2 / 83.9
    db the sum over all units, one number, as the source's code has it   84.1 / 83.8
    biases from 0                                                        84.2 / 83.9
    pixels not divided by 255                                            11.4 / 11.3
    weights from a range of sqrt(3 / inputs), biases from 0              90.4 / 90.2

Scaling the pixels is what makes it learn at all, and the wide range of the first weights what keeps
it from 90 % in 500 iterations; the slip in db does not matter.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import draw, nn, optim
from chainrule.data import load, mnist
from chainrule.errors import ChainruleError
from chainrule.nn import functional as F

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS, KEPT, FEW = 42_000, 1_000, 5_000
RATE, ITERATIONS = 0.1, 500


class Digits(NamedTuple):
    """One example a column: X (784, m), y (m,), and the rows kept aside."""

    X: np.ndarray
    y: np.ndarray
    X_kept: np.ndarray
    y_kept: np.ndarray


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    try:
        digits = mnist(SHARED)
    except ChainruleError as error:
        pytest.skip(f"MNIST is not here: {error}")
    path = tmp_path_factory.mktemp("kaggle") / "train.csv"
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    words = np.array([str(v) for v in range(256)])
    rows = np.concatenate([digits.y[:ROWS, None], digits.x[:ROWS].reshape(ROWS, -1)], axis=1)
    lines = (",".join(words[row]) for row in rows)
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def examples(csv):
    return load(csv)


@pytest.fixture(scope="module")
def digits(examples):
    return columns(examples, ROWS, np.random.default_rng(0))


@pytest.fixture(scope="module")
def few(examples):
    return columns(examples, FEW, np.random.default_rng(0))


def columns(examples, rows, rng):
    """Shuffle the first `rows`, keep 1,000 aside, scale the pixels, one example a column."""
    order = rng.permutation(rows)
    X = (examples.x.reshape(len(examples), -1)[order] / np.float32(255)).T
    y = examples.y[order]
    return Digits(X[:, KEPT:], y[KEPT:], X[:, :KEPT], y[:KEPT])


def start(rng, dtype=np.float32):
    shapes = [(10, 784), (10, 1), (10, 10), (10, 1)]
    return [rng.uniform(-0.5, 0.5, shape).astype(dtype) for shape in shapes]


def gentle(rng):
    """Weights from a range of sqrt(3 / inputs), biases from 0."""
    W1, b1, W2, b2 = start(rng)
    return [W1 * np.float32(2 * (3 / 784) ** 0.5), 0 * b1, W2 * np.float32(2 * 0.3**0.5), 0 * b2]


def forward(parameters, X):
    W1, b1, W2, b2 = parameters
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2
    E = np.exp(Z2 - Z2.max(axis=0))
    return Z1, A1, E / E.sum(axis=0)


def one_hot(y, dtype=np.float32):
    return np.eye(10, dtype=dtype)[y].T  # (10, m)


def backward(parameters, X, Y):
    W2, m = parameters[2], Y.shape[1]
    Z1, A1, A2 = forward(parameters, X)
    dZ2 = A2 - Y
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    sums = [dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True), dZ2 @ A1.T, dZ2.sum(axis=1, keepdims=True)]
    return [total / m for total in sums]


def accuracy(parameters, X, y):
    return float(np.mean(forward(parameters, X)[2].argmax(axis=0) == y))


def train(parameters, X, y, iterations, every=100, slopes=backward):
    """Return the parameters and the accuracy as it goes."""
    Y, seen = one_hot(y, X.dtype), [accuracy(parameters, X, y)]
    for i in range(iterations):
        steps = slopes(parameters, X, Y)
        parameters = [p - X.dtype.type(RATE) * step for p, step in zip(parameters, steps)]
        if (i + 1) % every == 0:
            seen.append(accuracy(parameters, X, y))
    return parameters, seen


def rows_of(X):
    return cr.tensor(np.ascontiguousarray(X.T))  # the library has one example a row


def descend(network, descent, digits, steps):
    X, y = rows_of(digits.X), cr.tensor(digits.y)
    for _ in range(steps):
        descent.zero_grad()
        F.cross_entropy(network(X), y).backward()
        descent.step()


@pytest.fixture(scope="module")
def trained(examples):
    """Seed 0 of the table above: the parameters and the accuracy as it goes."""
    rng = np.random.default_rng(0)
    digits = columns(examples, ROWS, rng)
    return train(start(rng), digits.X, digits.y, ITERATIONS)


def test_the_file_has_kaggles_layout_and_is_read(csv, examples):
    with csv.open() as file:
        assert file.readline().startswith("label,pixel0,pixel1,")
    assert len(examples) == ROWS
    assert examples.x.reshape(ROWS, -1).shape[1] == 784
    assert examples.classes == tuple("0123456789")


def test_a_thousand_rows_are_kept_aside_and_one_example_is_a_column(digits):
    assert digits.X.shape == (784, ROWS - KEPT)
    assert digits.X_kept.shape == (784, KEPT)
    assert (digits.X.min(), digits.X.max()) == (0, 1)
    assert sorted(np.unique(digits.y_kept)) == list(range(10))


def test_the_equations_give_the_slopes_of_the_tape(few):
    """The dozen equations by hand, and automatic differentiation through the same four lines."""
    X, y = few.X[:, :50].astype(np.float64), few.y[:50]
    parameters = start(np.random.default_rng(3), np.float64)
    W1, b1, W2, b2 = tensors = [cr.tensor(p, requires_grad=True) for p in parameters]
    scores = W2 @ (W1 @ cr.tensor(X) + b1).relu() + b2
    F.cross_entropy(scores.T, cr.tensor(y)).backward()
    for tensor, slope in zip(tensors, backward(parameters, X, one_hot(y, X.dtype))):
        np.testing.assert_allclose(tensor.grad.numpy(), slope, rtol=1e-12, atol=1e-14)


def test_the_same_descent_through_the_library(few):
    """784-10-10 of `nn` under `optim.SGD`: twenty steps from the same weights, the same weights."""
    W1, b1, W2, b2 = parameters = start(np.random.default_rng(1))
    by_hand, _ = train(parameters, few.X, few.y, 20)
    network = nn.Sequential(nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10))
    for parameter, value in zip(network.parameters(), (W1, b1[:, 0], W2, b2[:, 0])):
        parameter.data = cr.tensor(value)
    descend(network, optim.SGD(network.parameters(), lr=RATE), few, 20)
    for parameter, value in zip(network.parameters(), by_hand):
        np.testing.assert_allclose(
            parameter.detach().numpy(), value.reshape(parameter.shape), rtol=1e-3, atol=1e-5
        )


def test_five_hundred_iterations_read_about_84_percent(digits, trained):
    """One run, held to three deviations around the mean of ten (see above)."""
    parameters, _ = trained
    learned = accuracy(parameters, digits.X, digits.y)
    kept = accuracy(parameters, digits.X_kept, digits.y_kept)
    assert abs(learned - 0.842) < 3 * 0.014
    assert abs(kept - 0.839) < 3 * 0.018
    assert abs(kept - learned) < 0.03


def test_the_accuracy_is_shown_as_it_goes(trained):
    _, seen = trained
    assert len(seen) == 1 + ITERATIONS // 100
    assert seen[0] < 0.25
    assert all(later > earlier for earlier, later in pairwise(seen))


def test_predictions_are_shown_beside_their_images_and_the_mislabelled_found(digits, trained):
    parameters, _ = trained
    probabilities = forward(parameters, digits.X_kept)[2]
    says = probabilities.argmax(axis=0)
    one = draw.images(digits.X_kept.T[:1], captions=[f"says {says[0]}"])
    assert one.description == f"1 image: says {says[0]}"
    mistakes = np.flatnonzero(says != digits.y_kept)
    assert len(mistakes) == round(KEPT * (1 - accuracy(parameters, digits.X_kept, digits.y_kept)))
    surest = mistakes[np.argsort(-probabilities.max(axis=0)[mistakes])][:20]
    grid = draw.images(
        digits.X_kept.T[surest],
        captions=[f"{digits.y_kept[i]}, says {says[i]}" for i in surest],
        wrong=[True] * len(surest),
    )
    assert grid.description.count("says") == grid.description.count("(marked)") == 20
    assert f"{digits.y_kept[surest[0]]}, says {says[surest[0]]} (marked)" in grid.description


def test_unscaled_pixels_teach_it_nothing(few):
    X = few.X * np.float32(255)
    parameters, _ = train(start(np.random.default_rng(0)), X, few.y, 50)
    assert accuracy(parameters, X, few.y) < 0.3
    assert (forward(parameters, X)[1].max(axis=1) == 0).sum() >= 8  # units that died


def test_weights_that_fit_the_number_of_inputs_learn_sooner(few):
    found = []
    for first in (start, gentle):
        parameters, _ = train(first(np.random.default_rng(0)), few.X, few.y, 100)
        found.append(accuracy(parameters, few.X_kept, few.y_kept))
    assert found[1] > found[0] + 0.1


def slipped(parameters, X, Y):
    """The slopes with db = sum of everything / m, as the source's code has it."""
    dW1, db1, dW2, db2 = backward(parameters, X, Y)
    return [dW1, db1.sum(), dW2, db2.sum()]


def test_the_slip_in_db_does_not_matter(few):
    found = []
    for slopes in (backward, slipped):
        first = start(np.random.default_rng(0))
        parameters, _ = train(first, few.X, few.y, 200, slopes=slopes)
        found.append(accuracy(parameters, few.X_kept, few.y_kept))
    assert found[0] != found[1]
    assert abs(found[0] - found[1]) < 0.02


# What is left to the reader: the change, and by how much it must at least improve on the network as
# it is. Measured after 100 steps on 4,000 digits, four seeds, per cent right of the 1,000 kept
# aside: as it is 84.2 84.9 81.2 82.1; more units 87.8 87.1 86.2 87.4, with weight decay 87.8 87.1
# 86.1 87.4; more layers 88.1 88.3 85.2 88.4; momentum 89.8 90.6 89.2 90.1; RMSprop 87.3 88.8 89.8
# 86.4; Adam 88.3 90.4 89.3 88.3. Regularisation has nothing to mend so early.
READERS = {
    "more units": ({"hidden": [64]}, 0.01),
    "more layers": ({"hidden": [32, 32]}, 0.01),
    "regularisation": ({"hidden": [64], "name": "SGD", "weight_decay": 1e-3}, 0.01),
    "momentum": ({"name": "SGD", "momentum": 0.9}, 0.03),
    "RMSprop": ({"name": "RMSprop", "lr": 0.003}, 0.02),
    "Adam": ({"name": "Adam", "lr": 0.01}, 0.03),
}


def read_by(few, hidden=(10,), name="SGD", lr=RATE, **options):
    """Train a network of `nn` from weights that fit the number of inputs; return its accuracy."""
    sizes = [784, *hidden, 10]
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    network, generator = nn.Sequential(*layers[:-1]), cr.Generator(0)
    for weights in network.parameters():
        reach = (3 / weights.shape[-1]) ** 0.5 if weights.ndim == 2 else 0.0
        nn.init.uniform_(weights, -reach, reach, generator=generator)
    descent = getattr(optim, name)(network.parameters(), lr=lr, **options)
    descend(network, descent, few, 100)
    scores = network(rows_of(few.X_kept)).detach().numpy()
    return float(np.mean(scores.argmax(axis=1) == few.y_kept))


@pytest.fixture(scope="module")
def as_it_is(few):
    return read_by(few)


@pytest.mark.parametrize(("change", "gain"), READERS.values(), ids=READERS)
def test_what_is_left_to_the_reader(few, as_it_is, change, gain):
    assert read_by(few, **change) > as_it_is + gain


def test_weight_decay_changes_little_so_early(few):
    with_decay = read_by(few, **READERS["regularisation"][0])
    assert abs(with_decay - read_by(few, **READERS["more units"][0])) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "learned", "kept"), [(start, 0.842, 0.839), (gentle, 0.904, 0.902)]
)
def test_ten_seeds(examples, first, learned, kept):
    """The means of the table above; some minutes each."""
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        digits = columns(examples, ROWS, rng)
        parameters, seen = train(first(rng), digits.X, digits.y, ITERATIONS)
        found.append((seen[-1], accuracy(parameters, digits.X_kept, digits.y_kept)))
    np.testing.assert_allclose(np.mean(found, axis=0), [learned, kept], atol=0.005)
