"""Route 2: differentiable functions and layers on arrays. Each test is a row of what it shows."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from chainrule import layers as L
from chainrule.backend import threads
from chainrule.cli import main
from chainrule.data import digits, image_folder, mnist, ring
from chainrule.draw import boundary
from chainrule.errors import ChainruleError
from chainrule.layers import (
    BatchNorm2D,
    Conv2D,
    CrossEntropyLoss,
    Flatten,
    Function,
    Layer,
    LeakyReLU,
    Linear,
    Loss,
    MaxPool2D,
    MeanSquareLoss,
    Net,
    Recurrent,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    check,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2))


@pytest.fixture(autouse=True)
def _one_thread():
    """Small products take longer with threads than without on a machine that has other work."""
    with threads.policy(1):
        yield


def descend(net, x, y, lr, epochs, batch_size=None, seed=0):
    """The four lines, over and over, in batches of another order each epoch."""
    order = np.random.default_rng(seed)
    size = batch_size or len(x)
    for _ in range(epochs):
        rows = order.permutation(len(x)) if batch_size else np.arange(len(x))
        for i in range(0, len(x), size):
            batch = rows[i : i + size]
            out = net(x[batch])
            net.loss(out, y[batch])
            net.backward()
            net.update_weights(lr=lr)
    return net


def accuracy(net, x, y):
    net.eval()
    right = sum((net(x[i : i + 500]).argmax(axis=1) == y[i : i + 500]).sum() for i in starts(x))
    net.train()
    return right / len(x)


def starts(x):
    return range(0, len(x), 500)


# --- functions ----------------------------------------------------------------------------------


def test_a_function_has_forward_backward_and_local_gradients_by_variable():
    class Times(Function):
        def forward(self, X):
            return 3 * X

        def backward(self, dY):
            return dY * self.grad["X"]

        def local_grad(self, X):
            return {"X": np.full_like(X, 3)}

    times = Times()
    np.testing.assert_array_equal(times(X), 3 * X)  # calling runs forward ...
    assert times.cache["X"] is X  # ... and keeps what backward needs
    np.testing.assert_array_equal(times.backward(X), 3 * X)
    assert list(times.grad) == list(times.local_grad(X)) == ["X"]


@pytest.mark.parametrize("kind", [Sigmoid, Tanh, ReLU, LeakyReLU])
def test_backward_is_the_global_gradient_dy_times_the_local_one(kind):
    function = kind()
    dY = RNG.normal(size=function(X).shape)
    np.testing.assert_allclose(function.backward(dY), dY * function.grad["X"])


def test_a_layer_adds_weights_their_updates_and_a_step():
    layer = Linear(2, 3, rng=0)
    assert isinstance(layer, Layer)
    assert {name: w.shape for name, w in layer.weight.items()} == {"W": (2, 3), "b": (1, 3)}
    before = {name: w.copy() for name, w in layer.weight.items()}
    layer(X)
    layer.backward(np.ones((5, 3)))
    layer._update_weights(lr=0.1)
    for name, w in layer.weight.items():
        np.testing.assert_allclose(w, before[name] - 0.1 * layer.weight_update[name])


def test_linear_is_scaled_by_one_over_the_root_of_its_inputs():
    W = Linear(900, 200, rng=0).weight["W"]
    assert W.std() == pytest.approx(1 / 30, rel=0.02)
    assert abs(W.mean()) < 0.001


def test_softmax_adds_up_to_one():
    np.testing.assert_allclose(Softmax()(X).sum(axis=1), 1)


def test_mean_square_loss():
    loss = MeanSquareLoss()
    assert isinstance(loss, Loss)
    assert (loss([1], [2]), loss([1], [3])) == (1, 4)


def test_cross_entropy_takes_labels_of_both_shapes_and_scores_of_a_thousand():
    loss, y = CrossEntropyLoss(), np.array([0, 1, 1, 0, 1])
    assert loss(X, y) == loss(X, y[:, None]) == pytest.approx(plain_cross_entropy(X, y))
    assert loss([[1000.0, 0.0], [0.0, -1000.0]], [0, 0]) == 0
    assert loss([[1000.0, 0.0]], [1]) == 1000
    np.testing.assert_array_equal(loss.backward(), [[1, -1]])


def plain_cross_entropy(scores, y):
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.log(p[range(len(y)), y]).mean()


def test_the_four_lines_and_the_gradient_at_the_input():
    net = Net(layers=[Linear(2, 4, rng=0), ReLU(), Linear(4, 2, rng=1)], loss=CrossEntropyLoss())
    y = np.array([0, 1, 1, 0, 1])
    out = net(X)
    before = net.loss(out, y)
    dX = net.backward()
    net.update_weights(lr=0.1)
    assert dX.shape == X.shape
    assert net.loss(net(X), y) < before


# --- what the codebase of these names got wrong -------------------------------------------------


def test_predicting_works_out_no_local_gradient(monkeypatch):
    net = Net([Linear(2, 4, rng=0), Sigmoid(), Linear(4, 2, rng=1), Softmax()])
    for kind in (Linear, L.Elementwise, Softmax):
        monkeypatch.setattr(kind, "local_grad", lambda *_: pytest.fail("worked out unasked"))
    net(X)


def test_gradients_are_right_through_every_layer_together():
    net = Net(
        [
            Conv2D(1, 3, 3, padding=1, rng=0),
            BatchNorm2D(3),
            LeakyReLU(0.1),
            MaxPool2D(2),
            Flatten(),
            Linear(27, 4, rng=1),
            Tanh(),
            Linear(4, 3, rng=2),
        ],
        CrossEntropyLoss(),
    )
    report = check(net, RNG.normal(size=(4, 1, 6, 7)), np.array([0, 1, 2, 2]))
    assert report.ok, report
    assert list(report.errors)[:5] == ["X", "0.W", "0.b", "1.gamma", "1.beta"]


def test_batch_norm_is_pytorchs_to_the_last_digits(torch):
    layer, theirs = BatchNorm2D(3), torch.nn.BatchNorm2d(3).double()
    x = RNG.normal(2, 3, size=(4, 3, 5, 5))
    dY = RNG.normal(size=x.shape)
    tracked = torch.tensor(x, requires_grad=True)
    theirs(tracked).backward(torch.as_tensor(dY))
    layer(x)
    np.testing.assert_allclose(layer.backward(dY), tracked.grad.numpy(), atol=1e-14)


# --- learning -----------------------------------------------------------------------------------


def test_a_ring_around_a_cluster_is_told_apart():
    some = ring(600, seed=0)
    training, test = some.split(0.25, 0)
    net = Net([Linear(2, 16, rng=0), ReLU(), Linear(16, 2, rng=1)], CrossEntropyLoss())
    assert accuracy(net, test.x, test.y) < 0.7
    descend(net, training.x, training.y, lr=0.5, epochs=200)
    learned = accuracy(net, test.x, test.y)
    print(f"ring: {100 * learned:.1f} %")
    assert learned >= 0.97


def test_the_boundary_is_drawn_as_it_forms():
    some = ring(200, seed=0)
    net = Net([Linear(2, 16, rng=0), ReLU(), Linear(16, 2, rng=1)], CrossEntropyLoss())
    frames = []
    for _ in range(3):
        frames.append(boundary(net, some.x, some.y)._repr_svg_())
        descend(net, some.x, some.y, lr=0.5, epochs=50)
    assert all(frame.startswith("<svg") for frame in frames)
    assert len(set(frames)) == 3


def shared_mnist():
    try:
        return mnist(SHARED)
    except ChainruleError as error:
        pytest.skip(f"MNIST is not here: {error}")


def convolutions(height, width, channels=8):
    inner = (height // 4) * (width // 4) * 2 * channels
    return Net(
        [
            L.Normalize(0.0, 1.0),
            Conv2D(1, channels, 3, padding=1, rng=0),
            BatchNorm2D(channels),
            ReLU(),
            MaxPool2D(2),
            Conv2D(channels, 2 * channels, 3, padding=1, rng=1),
            BatchNorm2D(2 * channels),
            ReLU(),
            MaxPool2D(2),
            Flatten(),
            Linear(inner, 10, rng=2),
        ],
        CrossEntropyLoss(),
    ).astype(np.float32)


def test_a_small_convolutional_network_reads_digits():
    some = digits()
    training, test = some.split(0.2, 0)
    net = convolutions(8, 8)
    scale = np.float32(some.levels)
    descend(net, training.x / scale, training.y, lr=0.2, epochs=6, batch_size=32)
    learned = accuracy(net, test.x / scale, test.y)
    print(f"8x8 digits: {100 * learned:.1f} %")
    assert learned >= 0.96


@pytest.mark.parametrize(
    ("images", "least"), [(4000, 0.90), pytest.param(60_000, 0.97, marks=pytest.mark.slow)]
)
def test_a_small_convolutional_network_reads_mnist(images, least):
    some = shared_mnist()
    net = convolutions(28, 28)
    x, test = (np.float32(part) / 255 for part in (some.x[:images], some.test.x))
    descend(net, x, some.y[:images], lr=0.1, epochs=1, batch_size=16)
    learned = accuracy(net, test, some.test.y)
    print(f"MNIST, one pass over {images}: {100 * learned:.1f} %")
    assert learned >= least


def test_a_recurrent_network_learns_what_came_first():
    """Ten steps of two numbers, the first of which says the class: it has to be remembered."""
    rng = np.random.default_rng(1)
    x = 0.5 * rng.normal(size=(400, 10, 2))
    y = rng.integers(0, 2, 400)
    x[:, 0, 0] = 2.0 * y - 1
    net = Net([Recurrent(2, 16, rng=0), Linear(16, 2, rng=1)], CrossEntropyLoss())
    descend(net, x[:300], y[:300], lr=0.2, epochs=60, batch_size=30)
    learned = accuracy(net, x[300:], y[300:])
    print(f"sequences: {100 * learned:.1f} %")
    assert learned >= 0.97


# --- a person's own folder of images, from the command line -------------------------------------


def written(place, some):
    """Examples as PNG files, a subfolder a class, the names in the order of the examples."""
    image = pytest.importorskip("PIL.Image")
    for k, (pixels, label) in enumerate(zip(some.x[:, 0], some.y)):
        (place / str(label)).mkdir(exist_ok=True)
        grey = np.uint8(np.round(pixels * (255 / some.levels)))
        image.fromarray(grey).save(place / str(label) / f"{k:05}.png")
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The digits that come with the package."""
    return written(tmp_path_factory.mktemp("images"), digits())


def chainrule(line):
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(line))
    assert ended.value.code == 0


@pytest.mark.parametrize(("engine", "lr"), [("layers", 0.3), ("tensor", 0.003)])
def test_a_folder_of_images_from_the_command_line(folder, tmp_path, capsys, engine, lr):
    out = tmp_path / "run"
    chainrule(
        f"train {folder} --engine {engine} --model mlp --epochs 20 --batch-size 32 --lr {lr} "
        f"--out {out}"
    )
    about = json.loads((out / "model.json").read_text())
    print(f"{engine}: {100 * about['test']['accuracy']:.1f} %")
    assert about["test"]["accuracy"] >= 0.95
    assert about["classes"] == [str(k) for k in range(10)]
    settings = about["settings"]
    assert (settings["engine"], settings["epochs"], settings["batch_size"], settings["lr"]) == (
        *(engine, 20, 32, lr),
    )
    capsys.readouterr()
    chainrule(f"predict {out} {folder / '4' / '00004.png'} {folder / '0' / '00000.png'}")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    for line, digit in zip(said, "40"):
        assert line.split()[1] == digit, line


def test_mnist_read_from_image_files_with_pillow(tmp_path, capsys):
    some = shared_mnist().take(np.arange(1500))
    place = tmp_path / "mnist-as-images"
    place.mkdir()
    read = image_folder(written(place, some))
    np.testing.assert_array_equal(read.x, some.x[np.argsort(some.y, kind="stable")])
    out = tmp_path / "run"
    chainrule(f"train {place} --engine layers --model mlp --epochs 20 --out {out}")
    learned = json.loads((out / "model.json").read_text())["test"]["accuracy"]
    print(f"1,500 of MNIST as images: {100 * learned:.1f} %")
    assert learned >= 0.85
