"""Route 1: one neuron that learns to take an average. Each test is a row of what that route shows.

How much matrices gain on loops is measured in the lesson "From scalars to arrays" and how well a
prediction of time meets the clock in "Napkin mathematics"; here is what does not need a clock. The
row of the graphics processor has no test: there is none here.
"""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, draw, layers, nn, ops, optim, scalar
from chainrule.errors import ChainruleError
from chainrule.nn import functional as F

SHARED = Path(__file__).parents[3] / "shared" / "data"
RECTANGLE = [0.2, 0.5, 0.4, 0.7]
AS_DRAWN = [0.98, 0.4, 0.86, -0.08]
QUARTERS = [0.25] * 4


# --- A neuron, on every floor ---------------------------------------------------------------------


def by_loop(weights, cells):
    answer = 0.0
    for weight, cell in zip(weights, cells):
        answer += weight * cell
    return answer


def by_values(weights, cells):
    neuron = scalar.Neuron(4, activation="linear")
    for value, weight in zip(neuron.w, weights):
        value.data = weight
    neuron.b.data = 0.0
    return neuron(cells).data


def by_layer(weights, cells):
    layer = layers.Linear(4, 1, bias=False).astype("float64")
    layer.weight["W"][:, 0] = weights
    return layer(np.array([cells])).item()


def by_module(weights, cells):
    layer = nn.Linear(4, 1, bias=False).to(cr.float64)
    layer.weight.data = cr.tensor([weights], dtype=cr.float64)
    return layer(cr.tensor([cells], dtype=cr.float64)).item()


FLOORS = {"loop": by_loop, "scalar": by_values, "layers": by_layer, "nn": by_module}


@pytest.mark.parametrize("neuron", FLOORS.values(), ids=FLOORS)
def test_a_neuron_says_0_684_and_with_quarters_the_average(neuron):
    assert neuron(AS_DRAWN, RECTANGLE) == pytest.approx(0.684, abs=1e-12)
    assert neuron(QUARTERS, RECTANGLE) == pytest.approx(0.45, abs=1e-12)


@pytest.mark.parametrize(("target", "loss"), [(2.0, 1.0), (3.0, 4.0)])
def test_mean_squared_error(target, loss):
    assert F.mse_loss(cr.tensor([1.0]), cr.tensor([target])).item() == loss
    assert layers.MeanSquareLoss()([1.0], [target]) == loss
    assert ((scalar.Value(1.0) - target) ** 2).data == loss


# --- Learning -------------------------------------------------------------------------------------


def descend(seed, epochs=300):
    """The neuron of `nn`, full batch, learning rate 0.1: losses and answers before each epoch."""
    rectangles = data.rectangles(1000, seed=seed)
    x, y = cr.from_numpy(rectangles.x), cr.from_numpy(rectangles.y[:, None])
    neuron = nn.Linear(4, 1, bias=False)
    neuron.weight.data = cr.tensor([AS_DRAWN])
    descent, losses, answers = optim.SGD(neuron.parameters(), lr=0.1), [], []
    for _ in range(epochs + 1):
        answers.append(neuron(cr.tensor(RECTANGLE)).item())
        descent.zero_grad()
        loss = F.mse_loss(neuron(x), y)
        losses.append(loss.item())
        weights = neuron.weight.detach().numpy().copy()
        loss.backward()
        descent.step()
    return losses, answers, weights


def test_a_thousand_rectangles_of_one_decimal_and_their_means():
    rectangles = data.rectangles(1000)
    assert rectangles.x.shape == (1000, 4)
    assert (rectangles.x.min(), rectangles.x.max()) == (0, 1)
    np.testing.assert_array_equal(rectangles.x, rectangles.x.round(1))
    np.testing.assert_allclose(rectangles.y, rectangles.x.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_learning_an_average(seed):
    losses, answers, weights = descend(seed)
    assert losses[0] == pytest.approx(0.42, abs=0.02)
    assert answers[0] == pytest.approx(0.684, abs=1e-6)
    assert answers[1] == pytest.approx(0.575, abs=0.01)
    assert losses[100] == pytest.approx(0.002, abs=0.001)
    assert 5e-7 < losses[300] < 5e-6
    np.testing.assert_allclose(weights, 0.25, atol=0.005)


# --- Gradient descent in pictures -----------------------------------------------------------------


def walk(f, start, rate, steps):
    """Descent on a function of any number of variables, by slopes of the tape."""
    path = [np.array(start, float)]
    for _ in range(steps):
        place = cr.tensor(path[-1], requires_grad=True)
        f(*place.reshape(-1)).sum().backward()
        path.append(path[-1] - rate * place.grad.numpy())
    return np.array(path)


def bowl(x):
    return x**2


def two_valleys(x):
    return x**4 - 3 * x**2 + x


def test_one_variable_drawn_with_its_slope():
    assert "slope 4 at x = 2" in draw.function(bowl, -3, 3, slopes=[2.0]).description


def test_a_learning_rate_that_oversteps_and_one_that_lands():
    oversteps, lands = walk(bowl, 1.0, 1.1, 8), walk(bowl, 1.0, 0.1, 40)
    assert all(abs(b) > abs(a) for a, b in pairwise(oversteps))
    assert abs(lands[-1]) < 1e-3
    assert "8 steps" in draw.descent(bowl, oversteps, -5, 5).description


def test_a_start_in_the_local_valley_and_one_in_the_global():
    local, deepest = walk(two_valleys, 2.0, 0.02, 200), walk(two_valleys, -2.0, 0.02, 200)
    assert local[-1] == pytest.approx(1.131, abs=0.001)
    assert deepest[-1] == pytest.approx(-1.301, abs=0.001)
    assert two_valleys(deepest[-1]) < two_valleys(local[-1]) - 2
    assert "to −3.514 at x = −1.301" in draw.descent(two_valleys, deepest, -2, 2).description


def test_two_dimensions_the_rolling_ball():
    def gorge(x, y):
        return 0.5 * x**2 + 5 * y**2

    path = walk(gorge, (-4.0, 1.0), 0.15, 60)
    np.testing.assert_allclose(path[-1], 0, atol=1e-3)
    assert "in 60 steps" in draw.surface(gorge, path, (-5, 2), (-2, 2)).description


# --- Automatic differentiation --------------------------------------------------------------------


def test_x_squared_at_2_has_slope_4():
    x = cr.tensor(2.0, requires_grad=True)
    y = x**2
    y.backward()
    assert (y.item(), x.grad.item()) == (4.0, 4.0)


CHOICES = ("power 2", "power 3", "power -1", "power 0.5", "sqrt", "atanh", "log")


def applied(choice, x):
    name, _, exponent = choice.partition(" ")
    return x ** float(exponent) if exponent else getattr(x, name)()


def chain(seed):
    """Ten random choices that stay within their domains, and x (5,) to begin with."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0.2, 0.8, 5)
    found, x = [], cr.tensor(start)
    while len(found) < 10:
        choice = CHOICES[rng.integers(len(CHOICES))]
        y = applied(choice, x)
        size = abs(y.numpy())
        # Next to 1 atanh is so steep that no difference can measure it.
        too_near_1 = choice == "atanh" and abs(x.numpy()).max() > 0.95
        if np.isfinite(size).all() and size.min() > 1e-4 and size.max() < 1e4 and not too_near_1:
            found.append(choice)
            x = y
    return found, start


def mean_of(choices, x):
    for choice in choices:
        x = applied(choice, x)
    return x.mean()


@pytest.mark.parametrize("seed", range(20))
def test_a_chain_of_ten_random_choices_and_a_mean(seed):
    choices, start = chain(seed)
    x = cr.tensor(start, requires_grad=True)
    mean_of(choices, x).backward()
    h = 1e-6
    differences = [
        (mean_of(choices, cr.tensor(start + step)) - mean_of(choices, cr.tensor(start - step))) / 2
        for step in h * np.eye(5)
    ]
    measured = np.array([difference.item() for difference in differences]) / h
    np.testing.assert_allclose(x.grad.numpy(), measured, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_chain_in_pytorch(torch, seed):
    choices, start = chain(seed)
    ours = cr.tensor(start, requires_grad=True)
    theirs = torch.tensor(start, requires_grad=True)
    mean_of(choices, ours).backward()
    mean_of(choices, theirs).backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-10)


def test_the_choices_are_all_met():
    met = {choice for seed in range(20) for choice in chain(seed)[0]}
    assert met == set(CHOICES)


# --- What the reader is told to try ---------------------------------------------------------------


def test_rectangles_of_100x100():
    """The learning rate must come down with the curvature, which grows with the number of cells."""
    rectangles = data.rectangles(200, side=100)
    x, y = rectangles.x, rectangles.y
    curvature = 2 * np.mean(x.sum(axis=1) ** 2) / x.shape[1]
    losses = {}
    for rate in (0.1, 1 / curvature):
        weights = np.zeros(10_000, np.float32)
        for _ in range(20):
            errors = x @ weights - y
            losses[rate] = float(np.mean(errors**2))
            if losses[rate] > 1e6:
                break
            weights -= np.float32(2 * rate / len(x)) * (errors @ x)
    assert losses[0.1] > 1e6
    assert losses[1 / curvature] < 1e-6
    assert weights.sum() == pytest.approx(1, abs=0.01)  # a black rectangle is 1 grey


def test_a_bias_learns_that_white_is_light():
    rectangles = data.rectangles(500)
    neuron = nn.Linear(4, 1)
    descent = optim.SGD(neuron.parameters(), lr=0.3)
    x, lightness = cr.from_numpy(rectangles.x), cr.from_numpy(1 - rectangles.y[:, None])
    for _ in range(500):
        descent.zero_grad()
        F.mse_loss(neuron(x), lightness).backward()
        descent.step()
    np.testing.assert_allclose(neuron.weight.detach().numpy(), -0.25, atol=0.01)
    assert neuron(cr.zeros(1, 4)).item() == pytest.approx(1, abs=0.02)


def test_matrices_say_what_loops_say():
    rectangles = data.rectangles(50)
    looped = [by_loop(AS_DRAWN, cells) for cells in rectangles.x.tolist()]
    np.testing.assert_allclose(rectangles.x @ np.array(AS_DRAWN), looped, atol=1e-7)


def learned(hidden, activation, target):
    """The last loss of a network with these hidden layers, from rectangles to `target`."""
    sizes = [4, *hidden, 1]
    parts = [
        part for a, b in pairwise(sizes) for part in (layers.Linear(a, b, rng=1), activation())
    ]
    net = layers.Net(layers=parts[:-1], loss=layers.MeanSquareLoss())
    x = data.rectangles(300).x
    for _ in range(1500):
        loss = net.loss(net(x), target(x)[:, None])
        net.backward()
        net.update_weights(lr=0.2)
    return float(loss)


class Nothing(layers.Function):
    """The activation taken out."""

    def forward(self, X):
        return X

    def local_grad(self, X):
        return {"X": np.ones_like(X)}


def edge(x):
    """How strong the edge between the upper and the lower half is."""
    return abs(x[:, :2].mean(axis=1) - x[:, 2:].mean(axis=1))


@pytest.mark.parametrize("hidden", [[8], [8, 4]])
def test_more_layers_and_an_activation_put_in_and_taken_out(hidden):
    one = learned([], Nothing, edge)
    assert learned(hidden, Nothing, edge) == pytest.approx(one, rel=0.05)  # layers alone: nothing
    assert learned(hidden, layers.ReLU, edge) < one / 5
    assert learned(hidden, Nothing, lambda x: x.mean(axis=1)) < 1e-6


def test_mnist_read_from_image_files_with_pillow(tmp_path):
    image = pytest.importorskip("PIL.Image")
    try:
        digits = data.mnist(SHARED)
    except ChainruleError:
        digits = data.digits()
    scale = int(255 / digits.levels)
    for i, (pixels, label) in enumerate(zip(digits.x[:300, 0], digits.y)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        image.fromarray(pixels * np.uint8(scale)).save(tmp_path / str(label) / f"{i:03}.png")
    read = data.image_folder(tmp_path)
    assert read.counts() == digits.take(range(300)).counts()
    in_order = np.concatenate([digits.x[:300][digits.y[:300] == label] for label in range(10)])
    np.testing.assert_array_equal(read.x, in_order * scale)
    cr.manual_seed(0)
    network = nn.Sequential(nn.Normalize(0.0, 255.0), nn.Flatten(), nn.Linear(read.x[0].size, 10))
    history = cr.fit(network, (read.x, read.y), epochs=20, lr=0.01, progress=False)
    assert history["accuracy"][-1] > 0.9


# --- Napkin mathematics ---------------------------------------------------------------------------


def training_step(rows, sizes):
    rng = np.random.default_rng(0)
    parts = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    network = nn.Sequential(*parts[:-1])
    descent = optim.SGD(network.parameters(), lr=0.1)
    x = cr.from_numpy(rng.random((rows, sizes[0]), dtype=np.float32))
    y = cr.from_numpy(rng.integers(0, sizes[-1], rows))

    def step():
        descent.zero_grad()
        F.cross_entropy(network(x), y).backward()
        descent.step()

    return step


def work(step):
    """Calls, operations and numbers moved, as the table of operations says."""
    totals = np.zeros(3, np.int64)

    def note(op, args, attrs, _):
        cost = op.cost(*(None if a is None else np.shape(a) for a in args), **attrs)
        totals[:] += (1, cost.flops, cost.moved)

    with ops.watch(note):
        step()
    return totals


@pytest.mark.parametrize(("rows", "sizes"), [(4000, [784, 10, 10]), (500, [784, 64, 32, 10])])
def test_operations_foretold_by_hand_are_those_of_the_table(rows, sizes):
    first, *further = [a * b for a, b in pairwise(sizes)]
    _, operations, moved = work(training_step(rows, sizes))
    assert operations == pytest.approx(rows * (4 * first + 6 * sum(further)), rel=0.03)
    assert moved > 2 * rows * 784  # every pixel is read on the way forward and on the way back


def test_the_number_of_calls_does_not_depend_on_the_number_of_examples():
    assert work(training_step(1, [4, 1]))[0] == work(training_step(1000, [4, 1]))[0]


@pytest.mark.parametrize(("rows", "sizes"), [(4000, [784, 10, 10]), (2000, [784, 256, 256, 10])])
def test_memory_foretold_by_hand_is_what_is_taken(rows, sizes):
    """Every layer's output once, the largest twice more on the way back, and the slopes."""
    weights = sum((a + 1) * b for a, b in pairwise(sizes))
    foretold = 4 * (rows * (sum(sizes[1:]) + 2 * max(sizes[1:])) + weights)
    step = training_step(rows, sizes)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert 0.5 < foretold / peak < 2
