"""Boundaries lie where the classifier changes its mind, whichever floor it comes from."""

import base64
import copy
import io
import re
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import draw, nn
from chainrule.errors import DataError, ShapeError
from chainrule.layers import Dropout, Linear, Net, ReLU
from chainrule.scalar import MLP

POINTS = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
TARGETS = np.array([0, 1, 0, 1])
LABELS = ["left", "right"]


def grid(chart):
    """The pixels of the regions, the uppermost row first."""
    image = pytest.importorskip("PIL.Image")
    data = re.search(r'href="data:image/png;base64,([^"]+)"', chart.body)[1]
    return np.asarray(image.open(io.BytesIO(base64.b64decode(data)))).astype(int)


def shares(chart):
    return [int(share) for share in re.findall(r"(\d+) %", chart.description)]


def of_module():
    module = nn.Linear(2, 2)
    with cr.no_grad():
        module.weight.copy_(cr.tensor([[-4.0, 0.0], [4.0, 0.0]]))
        module.bias.zero_()
    return nn.Sequential(module, nn.Dropout(0.5))


def of_net():
    layer = Linear(2, 2)
    layer.weight["W"][:] = [[-4.0, 4.0], [0.0, 0.0]]
    layer.weight["b"][:] = 0
    return Net([layer])


def of_mlp():
    mlp = MLP(2, [1])
    for weight, number in zip(mlp.parameters(), (4.0, 0.0, 0.0), strict=True):
        weight.data = number
    return mlp


@pytest.mark.parametrize(
    "predict",
    [
        pytest.param(of_module(), id="nn"),
        pytest.param(of_net(), id="layers"),
        pytest.param(of_mlp(), id="scalar"),
        pytest.param(lambda at: np.stack([-at[:, 0], at[:, 0]], axis=1), id="scores"),
        pytest.param(lambda at: 7 * at[:, 0], id="one score"),
        pytest.param(lambda at: at[:, :1] > 0, id="truth"),
        pytest.param(lambda at: (at[:, 0] > 0).astype(int), id="classes"),
        pytest.param(lambda at: 1 / (1 + np.exp(-at[:, :1])), id="probability"),
        pytest.param(lambda at: cr.tensor(at)[:, 0], id="tensor"),
    ],
)
def test_the_boundary_is_where_the_classifier_changes_its_mind(predict):
    chart = draw.boundary(predict, POINTS, TARGETS, labels=LABELS)
    assert chart.description == "left 50 % of the plane, right 50 %; 4 points"
    pixels = grid(chart)
    assert (pixels[:, 0, 2] > pixels[:, 0, 0]).all()  # blue at the left
    assert (pixels[:, -1, 0] > pixels[:, -1, 2]).all()  # orange at the right


def test_up_is_up():
    pixels = grid(draw.boundary(lambda at: at[:, 1], POINTS, [0, 1, 1, 0]))
    assert pixels[0, 0, 0] > pixels[0, 0, 2]
    assert pixels[-1, 0, 2] > pixels[-1, 0, 0]


def test_the_surer_the_stronger():
    opacity = grid(draw.boundary(of_module(), POINTS, TARGETS))[40, :, 3]
    assert opacity.argmin() in (39, 40)
    assert opacity[0] > 2 * opacity[36] > 0


def test_a_module_is_asked_in_use_and_left_as_it_was():
    network = of_module()
    network[1].eval()
    draw.boundary(network, POINTS, TARGETS)
    assert [each.training for each in network.modules()] == [True, True, False]
    assert network[0].weight.grad is None


def test_a_net_is_asked_in_use_and_can_go_back_as_if_it_had_not_been():
    net = Net([Linear(2, 3, rng=0), ReLU(), Dropout(0.5, rng=0), Linear(3, 2, rng=1)])
    twin = copy.deepcopy(net)
    for each in (net, twin):
        each(POINTS)
    draw.boundary(net, POINTS, TARGETS)
    assert np.array_equal(net.backward(np.ones((4, 2))), twin.backward(np.ones((4, 2))))
    assert np.array_equal(net(POINTS), twin(POINTS))


def test_an_mlp_of_several_outputs_and_every_activation_is_asked_at_once(monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.draw.plots.boundary"], "_NODES", 12)
    for activation in ("tanh", "relu", "sigmoid", "linear"):
        mlp = MLP(2, [4, 3], activation=activation, output="linear", seed=1)
        by_hand = draw.boundary(
            lambda at, mlp=mlp: [mlp(place) for place in at.tolist()], POINTS, TARGETS
        )
        assert str(draw.boundary(mlp, POINTS, TARGETS)) == str(by_hand)


def test_a_module_of_double_precision_is_asked_in_it():
    network = nn.Linear(2, 2).to(dtype=cr.float64)
    assert draw.boundary(network, POINTS, TARGETS).description.endswith("4 points")


def test_targets_of_minus_one_and_one_are_two_classes():
    chart = draw.boundary(of_mlp(), POINTS, [[-1], [1], [-1], [1]])
    assert chart.description == "−1 50 % of the plane, 1 50 %; 4 points"


def test_the_middle_may_be_elsewhere():
    half = draw.boundary(lambda at: at[:, 0] / 10 + 0.5, POINTS, TARGETS)
    zero = draw.boundary(lambda at: at[:, 0] / 10 + 0.5, POINTS, TARGETS, middle=0)
    assert shares(half) == [50, 50]
    assert shares(zero) == [0, 100]


def test_more_classes_than_points_show():
    chart = draw.boundary(lambda at: np.zeros((len(at), 3)), POINTS, TARGETS)
    assert "class 2" in chart.body
    assert (
        "third"
        in draw.boundary(
            lambda at: np.zeros(len(at), int), POINTS, TARGETS, labels=["a", "b", "third"]
        ).body
    )


def test_points_on_a_line_or_on_one_spot_have_a_plane_around_them():
    for points in ([[0, 0], [1, 0]], [[2, 2], [2, 2]]):
        assert "2 points" in draw.boundary(lambda at: at[:, 0], points, [0, 1]).description


@pytest.mark.parametrize(
    ("predict", "points", "targets", "error", "sentence"),
    [
        (of_net(), np.zeros((3, 4)), [0, 1, 0], ShapeError, r"\(N, 2\)"),
        (of_net(), np.zeros((0, 2)), [], ShapeError, r"\(N, 2\)"),
        (of_net(), [[np.nan, 0]], [0], DataError, "finite points"),
        (of_net(), POINTS, [0.5, 1, 0, 1], DataError, "classes 0, 1"),
        (of_net(), POINTS, [-2, 1, 0, 1], DataError, "classes 0, 1"),
        (of_net(), POINTS, [0, 1], ShapeError, "each of 4 points"),
        (of_net(), POINTS, np.zeros((4, 2)), DataError, "one a point"),
        (lambda at: at[:5, 0], POINTS, TARGETS, ShapeError, "expected scores of shape"),
        (lambda at: at[:, 0] * np.nan, POINTS, TARGETS, DataError, "diverge"),
        (lambda at: ["yes"] * len(at), POINTS, TARGETS, DataError, "what predict gives"),
        (3, POINTS, TARGETS, DataError, "got int"),
    ],
)
def test_what_does_not_fit_is_told(predict, points, targets, error, sentence):
    with pytest.raises(error, match=sentence):
        draw.boundary(predict, points, targets)


def test_labels_that_are_not_as_many_are_told():
    with pytest.raises(ShapeError, match="3 classes"):
        draw.boundary(of_net(), POINTS, TARGETS, labels=["a", "b", "c"])
