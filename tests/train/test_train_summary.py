"""The summary: shapes, parameters and operations of networks that can be counted by hand."""

import numpy as np
import pytest

from chainrule import nn, ops
from chainrule.train import summarise, total_parameters
from chainrule.train.summary import shape_text


def ones(*shape):
    return np.ones((1, *shape), np.float32)


def table(module, x):
    return [tuple(row) for row in summarise(module, x)]


def test_affine_maps():
    """A product of vectors of n is n multiplications and n additions; a bias is one more."""
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    assert table(module, ones(4)) == [
        ("0 Linear", (3,), 4 * 3 + 3, 2 * 4 * 3 + 3),
        ("1 ReLU", (3,), 0, 3),
        ("2 Linear", (2,), 3 * 2, 2 * 3 * 2),
    ]
    assert total_parameters(module) == 21


def test_convolutions():
    module = nn.Sequential(
        nn.Normalize([0, 0, 0], [1, 1, 1]),
        nn.Conv2d(3, 8, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 7 * 6, 10),
    )
    pixels = 14 * 12
    rows = table(module, ones(3, 14, 12))
    assert [row[:3] for row in rows] == [
        ("0 Normalize", (3, 14, 12), 0),
        ("1 Conv2d", (8, 14, 12), 8 * 3 * 25 + 8),
        ("2 MaxPool2d", (8, 7, 6), 0),
        ("3 Flatten", (336,), 0),
        ("4 Linear", (10,), 3370),
    ]
    normalise, convolve, pool, flatten, affine = (row[3] for row in rows)
    assert normalise == 2 * 3 * pixels  # a subtraction and a division
    assert convolve == 8 * pixels * (2 * 3 * 25 + 1)
    assert 0 < pool <= 8 * pixels  # a comparison for each pixel at most
    assert flatten == 0
    assert affine == 2 * 336 * 10 + 10


def test_a_convolution_without_bias():
    (row,) = summarise(nn.Conv2d(2, 3, 3, bias=False), ones(2, 5, 5))
    assert row[1:] == ((3, 3, 3), 3 * 2 * 9, 27 * 2 * 2 * 9)


def test_the_operations_are_all_that_there_are():
    """Layer by layer they add up to what goes through the one door."""
    module = nn.Sequential(
        nn.BatchNorm1d(5), nn.Linear(5, 4), nn.GELU(), nn.LayerNorm(4), nn.Softmax(1)
    ).eval()
    counted = []
    with ops.watch(
        lambda op, args, attrs, y: counted.append(op.cost(*map(np.shape, args), **attrs).flops)
    ):
        module(ones(5))
    assert sum(row.flops for row in summarise(module, ones(5))) == sum(counted) > 0


def test_modules_within_modules():
    class Own(nn.Module):
        def __init__(self):
            self.first = nn.Linear(2, 3)
            self.block = nn.Sequential(nn.Tanh(), nn.Linear(3, 1))

        def forward(self, x):
            return self.block(self.first(x))

    assert [row.name for row in summarise(Own(), ones(2))] == [
        *("first Linear", "block.0 Tanh", "block.1 Linear")
    ]
    assert [row.name for row in summarise(nn.Linear(2, 3), ones(2))] == ["Linear"]


def test_rows_are_in_the_order_of_work():
    class Backwards(nn.Module):
        def __init__(self):
            self.last = nn.Linear(3, 1)
            self.first = nn.Linear(2, 3)

        def forward(self, x):
            return self.last(self.first(x))

    assert [row.name for row in summarise(Backwards(), ones(2))] == ["first Linear", "last Linear"]


def test_only_what_is_learned_counts():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    assert total_parameters(module) == 15 + 6
    module[0].requires_grad_(False)
    assert total_parameters(module) == 6
    shared = nn.Linear(2, 2)
    assert total_parameters(nn.Sequential(shared, nn.ReLU(), shared)) == 6


@pytest.mark.parametrize("training", [True, False])
def test_looking_changes_nothing(training):
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).train(training)
    before = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    first = table(module, ones(4) * 7)
    assert table(module, ones(4)) == first
    assert all(m.training is training for m in module.modules())
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert not any(hook for m in module.modules() for hook in vars(m).get("_hooks", {}).values())


def test_a_module_that_fails_is_left_without_hooks():
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(9, 2))
    with pytest.raises(ValueError, match="expected 9 input features"):
        summarise(module, ones(4))
    assert not any(hook for m in module.modules() for hook in vars(m).get("_hooks", {}).values())
    assert module.training


@pytest.mark.parametrize(
    ("shape", "text"), [((3, 8, 9), "3 x 8 x 9"), ((5,), "5"), ((), "1"), ([2, 1], "2 x 1")]
)
def test_shapes_as_people_write_them(shape, text):
    assert shape_text(shape) == text
