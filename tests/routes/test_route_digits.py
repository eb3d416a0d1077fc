"""Route 4: handwritten digits by equations, here through the library.

A CSV file in the layout of Kaggle's digit recogniser, 1,000 of 42,000 rows kept aside, 784-10-10
with ReLU, weights from U(-0.5, 0.5), full-batch gradient descent at 0.1 for 500 iterations: about
84 % on the training set and 85 % on the rows kept aside.
"""

from pathlib import Path

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Generator, from_numpy
from chainrule.data import Examples, load, mnist
from chainrule.errors import ChainruleError
from chainrule.nn import functional as F
from chainrule.train import evaluate

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS, KEPT = 42_000, 1_000


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


def halves(examples: Examples) -> tuple[Examples, Examples]:
    order = np.random.default_rng(0).permutation(len(examples))
    return examples.take(order[KEPT:]), examples.take(order[:KEPT])


def test_five_hundred_steps_of_gradient_descent_read_84_percent(csv: Path) -> None:
    training, development = halves(load(csv))
    generator = Generator(0)
    network = nn.Sequential(
        nn.Normalize(0.0, 255.0), nn.Flatten(), nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10)
    )
    for weights in network.parameters():
        nn.init.uniform_(weights, -0.5, 0.5, generator=generator)
    descent = optim.SGD(network.parameters(), lr=0.1)
    x = network[:2](from_numpy(training.x))  # scaled and flattened once rather than 500 times
    y = from_numpy(training.y)
    for _ in range(500):
        descent.zero_grad()
        F.cross_entropy(network[2:](x), y).backward()
        descent.step()
    learned = evaluate(network, (training.x, training.y))["accuracy"]
    kept = evaluate(network, (development.x, development.y))["accuracy"]
    print(f"training {100 * learned:.1f} %, development {100 * kept:.1f} %")
    assert 0.80 < learned < 0.90
    assert abs(kept - learned) < 0.03
