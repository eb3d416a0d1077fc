"""A person's own function, layer and loss: ten lines each, in a `Net`, and checked."""

import numpy as np
import pytest

from chainrule import layers as L
from chainrule import ops
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.layers import Function, Layer, Linear, Loss, MeanSquareLoss, Net, check

X = np.random.default_rng(0).normal(size=(5, 3))


class Sine(Function):
    """Both methods written out."""

    def forward(self, X):
        return np.sin(X)

    def backward(self, dY):
        return dY * np.cos(self.cache["X"])


class Cube(Function):
    """Of each element alone: a local gradient will do."""

    def forward(self, Z):
        return Z**3

    def local_grad(self, Z):
        return {"Z": 3 * Z**2}


class Shift(Layer):
    """A layer with a weight."""

    def _init_weights(self, state):
        self.weight["s"] = ops.random_normal(state, shape=(3,), dtype=np.float64)

    def forward(self, X):
        return X + self.weight["s"]

    def backward(self, dY):
        self.weight_update["s"] = dY.sum(axis=0)
        return dY


class Absolute(Loss):
    """A loss: its gradient by the outputs."""

    def forward(self, X, Y):
        return np.abs(X - Y).mean()

    def local_grad(self, X, Y):
        return {"X": np.sign(X - Y) / X.size}


@pytest.mark.parametrize("function", [Sine(), Cube(), Shift(rng=0), L.Sigmoid()])
def test_they_stand_the_check(function):
    assert check(function, X)
    assert check(Net([Linear(3, 3, rng=0), function, Linear(3, 2, rng=1)]), X)


def test_they_learn_in_a_net():
    net = Net([Shift(rng=0), Linear(3, 8, rng=1), Sine(), Linear(8, 1, rng=2)], Absolute())
    Y = np.sin(2 * X[:, :1])
    losses = []
    for _ in range(600):
        out = net(X)
        losses.append(net.loss(out, Y))
        net.backward()
        net.update_weights(lr=0.05)
    assert losses[-1] < 0.2 * losses[0]
    assert check(Absolute(), out, Y)


def test_an_operation_becomes_a_function_in_one_line():
    class Sinh(L.Elementwise):
        op = ops.sinh

    assert check(Sinh(), X)
    np.testing.assert_allclose(Sinh().local_grad(X)["X"], np.cosh(X))


# --- what check finds ---------------------------------------------------------------------------


class Doubled(Linear):
    """Wrong in one entry of one weight's gradient."""

    def backward(self, dY):
        dX = super().backward(dY)
        self.weight_update["W"][1, 2] *= 2
        return dX


def test_a_planted_error_is_named():
    layer = Doubled(3, 4, rng=0)
    report = check(layer, X)
    assert not report.ok
    assert not report
    assert list(report.errors) == ["X", "W", "b"]
    assert list(report.faults) == ["W"]
    fault = report.faults["W"]
    assert (fault.at, fault.wrong, fault.total) == ((1, 2), 1, 12)
    assert fault.stated == pytest.approx(2 * fault.measured, rel=1e-6)
    first, x, w, b = repr(report).splitlines()
    assert first == "Doubled: backward DISAGREES with differences"
    assert x.startswith("  X  right, to ")
    assert w.startswith("  W  wrong in 1 of 12 elements, most at element [1, 2]: the rules give ")
    assert f"{fault.measured:.10g}" in w
    assert b.startswith("  b  right, to ")


def test_what_is_right_shows_how_right():
    first, *lines = repr(check(Linear(3, 4, rng=0), X)).splitlines()
    assert first == "Linear: backward agrees with differences"
    assert len(lines) == 3
    assert all("right, to " in line for line in lines)


class Forgetful(Function):
    """A batch norm whose backward forgets that mean and deviation move with the batch."""

    def forward(self, X):
        self.cache["deviation"] = X.std(axis=0)
        return (X - X.mean(axis=0)) / X.std(axis=0)

    def backward(self, dY):
        return dY / self.cache["deviation"]


class NotANumber(Sine):
    def backward(self, dY):
        return dY * np.nan


@pytest.mark.parametrize("function", [Forgetful(), NotANumber()])
def test_errors_that_are_everywhere(function):
    report = check(function, X)
    assert report.faults["X"].wrong == X.size


def test_the_function_is_left_as_it_was():
    net = Net([L.BatchNorm2D(2), L.Dropout(0.5, rng=0), L.Flatten(), Linear(8, 1, rng=0)])
    weights = {name: w.copy() for name, w in net.weight.items()}
    state = net.layers[1].state.copy()
    assert check(net, np.random.default_rng(0).normal(size=(3, 2, 2, 2)))
    assert not net.cache
    assert not net.weight_update
    np.testing.assert_array_equal(net.layers[0].running_mean, 0)
    np.testing.assert_array_equal(net.layers[1].state, state)
    for name, w in net.weight.items():
        np.testing.assert_array_equal(w, weights[name])


def test_float32_is_checked_in_float64():
    assert check(Linear(3, 4, rng=0).astype(np.float32), X.astype(np.float32))


def test_a_net_with_its_loss():
    assert check(Net([Linear(3, 1, rng=0)], MeanSquareLoss()), X, np.ones((5, 1)))


# --- what is said to someone who is not done yet ------------------------------------------------


class Half(Function):
    def forward(self, X):
        return X / 2


class Summed(Half):
    def backward(self, dY):
        return dY.sum(axis=0)


def test_what_is_missing_is_named():
    half = Half()
    half(X)
    with pytest.raises(GradientError, match=r"Half states no local gradients: write backward\("):
        half.backward(X)
    with pytest.raises(NotImplementedError, match=r"Function has no forward\(self, X\); write"):
        Function()(X)
    with pytest.raises(OptionError, match="check takes a Function, got ufunc"):
        check(np.sin, X)


def test_a_gradient_of_another_shape_is_not_broadcast():
    net = Net([Linear(3, 3, rng=0), Summed()])
    net(X)
    with pytest.raises(ShapeError) as caught:
        net.backward(X)
    assert str(caught.value) == (
        "layer 1 (Summed): its backward returned a gradient of shape (3,); "
        "expected that of its input, (5, 3)"
    )
    with pytest.raises(OptionError, match=r"Summed states a gradient of shape \(3,\) for X"):
        check(Summed(), X)


def test_an_update_of_another_shape_is_refused():
    class Odd(Shift):
        def backward(self, dY):
            self.weight_update["s"] = dY
            return dY

    net = Net([Odd(rng=0)])
    net(X)
    net.backward(X)
    with pytest.raises(ShapeError, match=r"layer 0 \(Odd\): the gradient has shape \(5, 3\)"):
        net.update_weights()
