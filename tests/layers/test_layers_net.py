"""`Net`: the four lines of a step, weights of all layers, modes, and what it refuses."""

import numpy as np
import pytest

from chainrule import layers as L
from chainrule.errors import ChainruleError, DataError, GradientError, OptionError, ShapeError
from chainrule.layers import CrossEntropyLoss, Linear, MeanSquareLoss, Net, ReLU

X = np.random.default_rng(0).normal(size=(6, 2))
y = np.array([0, 1, 0, 1, 1, 0])


def net(loss=None):
    return Net([Linear(2, 4, rng=0), ReLU(), Linear(4, 2, rng=1)], loss or CrossEntropyLoss())


# --- the step -----------------------------------------------------------------------------------


def test_a_step_by_hand():
    one = Net([Linear(1, 1, rng=0)], MeanSquareLoss())
    W, b = one.weight["0.W"], one.weight["0.b"]
    W[...], b[...] = 2.0, 1.0
    out = one([[3.0]])
    assert (out, one.loss(out, [[5.0]])) == (7.0, 4.0)
    assert one.backward() == 8.0  # 2 (7 - 5) times the weight
    one.update_weights(lr=0.1)
    assert (W, b) == (pytest.approx(2 - 0.1 * 12), pytest.approx(1 - 0.1 * 4))


def test_the_gradient_at_the_input_and_a_beginning_of_ones_own():
    one = net()
    out = one(X)
    one.loss(out, y)
    dX = one.backward()
    assert dX.shape == X.shape
    by_loss = {name: dw.copy() for name, dw in one.weight_update.items()}
    np.testing.assert_array_equal(one.backward(one.loss_function.backward()), dX)
    for name, dw in one.weight_update.items():
        np.testing.assert_array_equal(dw, by_loss[name])


def test_backward_twice_gives_the_same_gradients():
    one = net()
    one.loss(one(X), y)
    np.testing.assert_array_equal(one.backward(), one.backward())


def test_labels_of_shape_n_1_are_the_same_labels():
    rows = [net(), net()]
    losses = [one.loss(one(X), labels) for one, labels in zip(rows, (y, y[:, None]))]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(rows[0].backward(), rows[1].backward())


def test_scores_of_a_thousand_are_safe():
    loss = CrossEntropyLoss()
    scores = np.array([[1000.0, 0.0], [0.0, 1000.0], [-1000.0, 1000.0]])
    assert loss(scores, [0, 1, 1]) == 0
    np.testing.assert_array_equal(loss.backward(), np.zeros((3, 2)))
    assert loss(scores, [1, 0, 0]) == pytest.approx(4000 / 3)
    np.testing.assert_allclose(loss.backward(), np.array([[1, -1], [-1, 1], [-1, 1]]) / 3)


def test_the_step_changes_weights_in_place():
    one = net()
    before = one.weight
    one.loss(one(X), y)
    one.backward()
    one.update_weights(lr=0.1)
    assert all(one.weight[name] is w for name, w in before.items())


def test_a_net_in_a_net_is_the_same_net():
    flat = net()
    nested = Net([flat.layers[0], Net(flat.layers[1:])], CrossEntropyLoss())
    assert list(nested.weight) == ["0.W", "0.b", "1.1.W", "1.1.b"]
    np.testing.assert_array_equal(nested(X), flat(X))
    nested.loss(nested(X), y)
    nested.backward()
    nested.update_weights(0.1)
    again = net()
    again.loss(again(X), y)
    again.backward()
    again.update_weights(0.1)
    np.testing.assert_array_equal(nested(X), again(X))


# --- modes and numbers --------------------------------------------------------------------------


def test_modes_reach_every_layer():
    one = Net([L.Dropout(0.5, rng=0), Net([L.Dropout(0.5, rng=1)])])
    assert (one(np.ones((9, 9))) == 0).any()
    assert one.eval() is one
    np.testing.assert_array_equal(one(X), X)
    one.train()
    assert (one(np.ones((9, 9))) == 0).any()


def test_the_way_back_is_that_of_the_call():
    layer, x = L.BatchNorm2D(1), np.random.default_rng(0).normal(size=(3, 1, 2, 2))
    layer(x)
    expected = layer.backward(x)
    np.testing.assert_array_equal(layer.eval().backward(x), expected)


def test_float32_halves_everything():
    one = Net([L.Normalize(0, 1), L.Conv2D(1, 2, rng=0), L.BatchNorm2D(2), Net([L.Tanh()])])
    assert one.astype(np.float32) is one
    assert one(np.ones((2, 1, 4, 4), np.float32)).dtype == np.float32
    assert {w.dtype for w in one.weight.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_normalize_takes_numbers_as_they_are_stored(kind):
    scale = L.Normalize([0.0, 10.0], [1.0, 2.0]).astype(np.float32)
    y = scale(np.array([[1, 14]], kind))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [[1, 2]])


@pytest.mark.parametrize(
    "build", [lambda rng: Linear(3, 2, rng=rng), lambda rng: L.Conv2D(1, 2, rng=rng)]
)
def test_random_weights(build):
    def same(a, b):
        return all((a.weight[k] == b.weight[k]).all() for k in a.weight)

    assert same(build(5), build(5))
    assert not same(build(5), build(6))
    assert not same(build(None), build(None))
    generator = np.random.default_rng(0)
    first, second = build(generator), build(generator)
    assert not same(first, second)
    assert same(first, build(np.random.default_rng(0)))


def test_weights_begin_with_a_deviation_of_one_over_the_root_of_the_inputs():
    layer = Linear(400, 300, rng=0)
    assert layer.weight["W"].shape == (400, 300)
    assert layer.weight["b"].shape == (1, 300)
    assert layer.weight["W"].std() == pytest.approx(1 / 20, rel=0.01)
    assert L.Conv2D(16, 64, 5, rng=0).weight["W"].std() == pytest.approx(1 / 20, rel=0.02)
    U = L.Recurrent(3, 5, rng=0).weight["U"]
    np.testing.assert_allclose(U @ U.T, np.eye(5), atol=1e-12)


def test_it_shows_itself():
    assert repr(net()) == (
        "Net(\n  0: Linear(2, 4)\n  1: ReLU()\n  2: Linear(4, 2)\n  loss: CrossEntropyLoss()\n)"
    )
    shown = [
        L.Conv2D(1, 2, (3, 5)),
        L.MaxPool2D(2),
        L.BatchNorm2D(4),
        L.Dropout(0.1),
        L.LeakyReLU(0.2),
        L.Recurrent(2, 3, every_step=True),
        L.Normalize(0, 2),
        L.Linear(2, 1, bias=False),
        L.CrossEntropyLoss(0.1),
    ]
    assert [repr(f) for f in shown] == [
        "Conv2D(1, 2, 3x5)",
        "MaxPool2D(2x2)",
        "BatchNorm2D(4)",
        "Dropout(0.1)",
        "LeakyReLU(0.2)",
        "Recurrent(2, 3, every_step=True)",
        "Normalize(0, 2)",
        "Linear(2, 1, bias=False)",
        "CrossEntropyLoss(label_smoothing=0.1)",
    ]


# --- what is refused ----------------------------------------------------------------------------


def stepped(one):
    one.loss(one(X), y)
    return one


def of_the_past(one):
    out = one(X)
    one(X[:3])
    one.loss(out, y)
    one.backward()


REFUSED = [
    # Shapes and kinds, with the layer's place.
    (lambda: net()(X[:, :1]), ShapeError, "layer 0 (Linear): expected 2 features, got 1"),
    (
        lambda: Net([Linear(2, 4), ReLU(), Linear(5, 2)])(X),
        ShapeError,
        "layer 2 (Linear): expected 5 features, got 4: an input of shape (6, 4)",
    ),
    (
        lambda: Net([Net([Linear(3, 1)])])(X),
        ShapeError,
        "layer 0 (Net), layer 0 (Linear): expected 3 features, got 2",
    ),
    (lambda: net()(1.0), ShapeError, "expected 2 features, got a single number"),
    (lambda: Linear(12, 1)(np.ones((5, 3, 4))), ShapeError, "put Flatten before it"),
    (
        lambda: Net([L.Conv2D(3, 8)])(np.ones((2, 1, 5, 5))),
        ShapeError,
        "layer 0 (Conv2D): expected images (N, 3, H, W), got shape (2, 1, 5, 5)",
    ),
    (
        lambda: L.Conv2D(1, 8, 5)(np.ones((2, 1, 4, 4))),
        ShapeError,
        "a window of (5, 5) ... does not fit images of 4x4",
    ),
    (lambda: L.MaxPool2D(3)(np.ones((1, 1, 2, 2))), ShapeError, "does not fit images of 2x2"),
    (lambda: L.MaxPool2D()(X), ShapeError, "expected images of shape (N, C, H, W), got (6, 2)"),
    (lambda: L.BatchNorm2D(3)(np.ones((2, 4, 1, 1))), ShapeError, "images (N, 3, H, W), got"),
    (lambda: L.BatchNorm2D(3)(np.ones((1, 3, 1, 1))), ShapeError, "more than one value a channel"),
    (lambda: L.Recurrent(3, 4)(X), ShapeError, "expected sequences (N, steps, 3) ... (6, 2)"),
    (lambda: L.Recurrent(3, 4)(np.ones((2, 0, 3))), ShapeError, "of at least one step"),
    (lambda: L.Normalize([1, 2, 3], [1, 1, 1])(X), ShapeError, "expected 3 channels or columns"),
    (
        lambda: Net([L.Flatten(), Linear(64, 2)])(np.zeros((3, 1, 8, 8), np.uint8)),
        DataError,
        "layer 1 (Linear): expected numbers near 0 and 1, got bytes ... divide images by 255",
    ),
    (lambda: L.Conv2D(1, 2)(np.zeros((1, 1, 8, 8), np.uint8)), DataError, "got bytes from 0"),
    # Labels and targets.
    (
        lambda: stepped(net()).loss(np.ones((6, 2)), y + 1),
        DataError,
        "label 2 at index 1 is outside the 2 classes 0 to 1",
    ),
    (lambda: net().loss(np.ones((6, 2)), y * 1.0), DataError, "class labels must be integers"),
    (
        lambda: net().loss(np.ones((6, 2)), y[:5]),
        ShapeError,
        "5 labels (shape (5,)) do not go with 6 rows of scores (shape (6, 2))",
    ),
    (
        lambda: net(MeanSquareLoss()).loss(np.ones((6, 1)), y * 1.0),
        ShapeError,
        "outputs of shape (6, 1) cannot be compared with targets of shape (6,) ... y.reshape(6, 1)",
    ),
    # The order of the four lines.
    (lambda: net().backward(), GradientError, "there is no loss to go back from; call net.loss"),
    (lambda: Net([ReLU()]).backward(), GradientError, "there is no loss to go back from"),
    (lambda: Net([ReLU()]).loss(X, y), OptionError, "this Net has no loss; make it with"),
    (lambda: of_the_past(net()), GradientError, "the loss is of something else than the last"),
    (
        lambda: stepped(net()).update_weights(lr=0.1),
        GradientError,
        "layer 0 (Linear): weight 'W' has no gradient yet; run backward before",
    ),
    (
        lambda: net().backward(np.ones((6, 2))),
        GradientError,
        "layer 2 (Linear): Linear has kept no 'X' yet; call it on data before",
    ),
    (lambda: ReLU().backward(X), GradientError, "ReLU has kept no 'output' yet"),
    (lambda: ReLU().grad, GradientError, "ReLU has kept no 'X' yet"),
    (lambda: MeanSquareLoss().backward(), GradientError, "MeanSquareLoss has kept no 'X' yet"),
    # What a net is made of.
    (lambda: Net([Linear]), OptionError, "got the class Linear; did you mean Linear()?"),
    (lambda: Net(Linear(2, 4)), OptionError, "takes a list of layers; write Net([Linear(2, 4), "),
    (lambda: Net([ReLU(), np.tanh]), OptionError, "a Net is made of functions, got ufunc at 1"),
    (lambda: Net([MeanSquareLoss()]), OptionError, "got a loss, MeanSquareLoss() at 0"),
    (lambda: Net([ReLU()], ReLU()), OptionError, "the loss of a Net must be a Loss, got ReLU"),
    (lambda: Net([ReLU()], MeanSquareLoss), OptionError, "did you mean MeanSquareLoss()?"),
    # Options.
    (lambda: Linear(0, 1), OptionError, "in_dim must be at least 1, got 0"),
    (lambda: L.Conv2D(1, 0), OptionError, "out_channels must be at least 1, got 0"),
    (lambda: L.Conv2D(1, 1, 0), OptionError, "kernel_size must be at least 1, got 0"),
    (lambda: L.BatchNorm2D(0), OptionError, "channels must be at least 1, got 0"),
    (lambda: L.BatchNorm2D(1, momentum=2), OptionError, "momentum must be between 0 and 1, got 2"),
    (lambda: L.Recurrent(1, 0), OptionError, "hidden must be at least 1, got 0"),
    (lambda: L.Dropout(1.5), OptionError, "probability must be between 0 and 1, got 1.5"),
    (lambda: L.CrossEntropyLoss(-1), OptionError, "label_smoothing must be between 0 and 1"),
    (lambda: L.Normalize(0, 0), OptionError, "every std above 0"),
    (lambda: Linear(2, 2, rng="0"), OptionError, "rng must be a seed, a numpy.random.Generator"),
]


@pytest.mark.parametrize(
    ("wrong", "kind", "sentence"), REFUSED, ids=[row[-1][:40] for row in REFUSED]
)
def test_refusals(wrong, kind, sentence):
    with pytest.raises(kind) as caught:
        wrong()
    assert isinstance(caught.value, ChainruleError)
    said, at = str(caught.value), 0
    for part in sentence.split(" ... "):
        assert part in said[at:], f"{said!r} does not say {part!r}"
        at = said.index(part, at)
    assert "\n" not in said
