"""`nn.Columns`: mixed columns of a table as one vector, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import io, nn
from chainrule.errors import DataError, OptionError, ShapeError

NAN = float("nan")
X = np.array([[1.0, 2, NAN], [3.0, 0, 4.0], [5.0, 1, 8.0]], dtype=np.float32)


def columns():
    return nn.Columns([0, 3, 0], gaps=[False, False, True], widths=[0, 2, 0])


def test_numbers_are_scaled_gaps_marked_and_categories_looked_up():
    layer = columns().scale(X)
    y = np.asarray(layer(cr.from_numpy(X)).detach())
    first, last = (X[:, 0] - 3) / np.sqrt(8 / 3), (X[:, 2] - 6) / 2
    np.testing.assert_allclose(y[:, 0], first, rtol=1e-6)
    np.testing.assert_allclose(y[:, 1], [0, *last[1:]], rtol=1e-6)
    np.testing.assert_array_equal(y[:, 2], [1, 0, 0])
    np.testing.assert_array_equal(y[:, 3:], np.asarray(layer.tables[0].weight.detach())[[2, 0, 1]])
    assert layer.out_features == y.shape[1] == 5


def test_a_column_that_never_changes_is_only_shifted():
    layer = nn.Columns([0]).scale(np.full((4, 1), 7.0))
    assert layer(cr.tensor([[7.0], [9.0]])).tolist() == [[0.0], [2.0]]


def test_gradients_reach_the_vectors_and_are_numbers_despite_gaps():
    layer = columns().scale(X)
    layer(cr.from_numpy(X)).sum().backward()
    assert layer.tables[0].weight.grad.tolist() == [[1, 1]] * 3
    x = cr.from_numpy(X.copy()).requires_grad_()
    layer(x).sum().backward()
    assert np.isfinite(np.asarray(x.grad)).all()


def test_only_numbers_and_only_categories():
    assert nn.Columns([0, 0])(cr.ones(2, 2)).shape == (2, 2)
    assert nn.Columns([4, 5])(cr.ones(2, 2)).shape == (2, 5)


def test_the_layer_travels_in_a_file(tmp_path):
    layer = columns().scale(X)
    io.save(nn.Sequential(layer, nn.Linear(5, 1)), tmp_path)
    again = io.load(tmp_path)[0]
    assert again.sizes == layer.sizes
    assert again.gaps == layer.gaps
    np.testing.assert_array_equal(
        again(cr.from_numpy(X)).detach(), layer(cr.from_numpy(X)).detach()
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"sizes": []}, "a size of at least 0 for each column"),
        ({"sizes": [-1]}, "a size of at least 0 for each column"),
        ({"sizes": [0], "gaps": [True, False]}, "as many gaps and widths as sizes"),
        ({"sizes": [0], "widths": [2]}, "a width above 0 for categories"),
        ({"sizes": [3], "widths": [0]}, "a width above 0 for categories"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, sentence):
    with pytest.raises(OptionError, match=sentence):
        nn.Columns(**arguments)


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"expected \(N, 3\) columns, got \(2, 2\)"):
        columns()(cr.ones(2, 2))
    with pytest.raises(DataError):
        columns()(cr.tensor([[0.0, 3.0, 0.0]]))
