"""Operations with a derivative of a person's own: what PyTorch makes of the same class."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Function, grad, tensor
from chainrule.autograd.function import once_differentiable
from chainrule.errors import GradientError, ShapeError

VALUES = np.array([0.3, -1.2, 2.0])


def cube(base):
    class Cube(base):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    return Cube


def exponential(base):
    class Exponential(base):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    return Exponential


def scaled(base):
    class Scaled(base):
        @staticmethod
        def forward(ctx, x, factor, unused=None):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, g):
            assert ctx.needs_input_grad[:2] == (True, False)
            return g * ctx.factor, None, None

    return Scaled


def straight_through(base):
    class Rounded(base):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    return Rounded


def both(base):
    class SinCos(base):
        @staticmethod
        def forward(ctx, x):
            s, c = x.sin(), x.cos()
            ctx.save_for_backward(s, c)
            return s, c

        @staticmethod
        def backward(ctx, g, h):
            s, c = ctx.saved_tensors
            return g * c - h * s

    return SinCos


PROGRAMS = {
    "cube": (cube, lambda f, x: f(x)),
    "exponential": (exponential, lambda f, x: f(x) * x),
    "scaled": (scaled, lambda f, x: f(x, 2.5)),
    "straight_through": (straight_through, lambda f, x: f(x) * x),
    "both": (both, lambda f, x: f(x)[0] * f(x)[1]),
    "one-of-both": (both, lambda f, x: f(x)[1] * x),
}


@pytest.mark.parametrize(("make", "use"), PROGRAMS.values(), ids=PROGRAMS)
def test_first_and_second_derivative(make, use, torch):
    def run(library):
        x = library.tensor(VALUES, requires_grad=True)
        y = use(make(library.autograd.Function).apply, x)
        (first,) = library.autograd.grad((y * y).sum(), x, create_graph=True)
        (second,) = library.autograd.grad((first**2).sum(), x)
        y = use(make(library.autograd.Function).apply, x).sum()
        y.backward()
        return [t.detach().numpy() for t in (y, first, second, x.grad)]

    for found, expected in zip(run(cr), run(torch), strict=True):
        np.testing.assert_allclose(found, expected)


def test_without_gradients_there_is_no_history():
    assert cube(Function).apply(tensor([1.0])).grad_fn is None
    y = cube(Function).apply(tensor([1.0], requires_grad=True))
    assert y.grad_fn.name == "CubeBackward"


def test_outputs_without_a_gradient():
    class Top(Function):
        @staticmethod
        def forward(ctx, x):
            values, places = x.sort()
            low = values.floor()
            ctx.mark_non_differentiable(low)
            ctx.places = places
            return values, low, places

        @staticmethod
        def backward(ctx, g, g_low, g_places):
            assert not g_low.any()
            return cr.zeros_like(g).scatter(0, ctx.places, g)

    x = tensor(VALUES, requires_grad=True)
    values, low, places = Top.apply(x)
    assert (values.requires_grad, low.requires_grad, places.requires_grad) == (True, False, False)
    (values * tensor([1.0, 2.0, 3.0], dtype=np.float64)).sum().backward()
    assert x.grad.tolist() == [2.0, 1.0, 3.0]


def test_changing_an_input():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    assert Double.apply(y) is y
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 16.0]
    with pytest.raises(GradientError, match="Double changes a leaf"):
        Double.apply(x)


def test_a_saved_value_that_was_changed():
    x = tensor([1.0, 2.0], requires_grad=True)
    middle = x * 1
    y = cube(Function).apply(middle).sum()
    middle.detach().zero_()
    with pytest.raises(GradientError, match="gradient of CubeBackward needs was changed"):
        y.backward()


def test_twice_needs_the_graph():
    y = cube(Function).apply(tensor(2.0, requires_grad=True))
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(GradientError, match="values saved by CubeBackward were freed"):
        y.backward()


def returning(found):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, other):
            return x * other

        @staticmethod
        def backward(ctx, g):
            return found

    x = tensor([1.0, 2.0], requires_grad=True)
    Wrong.apply(x, 2.0).sum().backward()


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        (tensor([1.0, 2.0]), GradientError, "for each of 2 inputs, got 1"),
        ((1.0, None), GradientError, "tensors or None, got float for input 0"),
        ((tensor([1.0]), None), ShapeError, r"shape \(1,\) for input 0 of shape \(2,\)"),
    ],
    ids=["too-few", "number", "shape"],
)
def test_what_backward_may_not_return(found, error, message):
    with pytest.raises(error, match=message):
        returning(found)


def test_once_differentiable():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2

    x = tensor(2.0, requires_grad=True)
    (first,) = grad(Cube.apply(x), x, create_graph=True)
    assert first.item() == 12.0
    with pytest.raises(GradientError, match="its backward is once_differentiable"):
        first.backward()


def test_it_is_freed_without_the_collector():
    gc.disable()
    try:
        y = exponential(Function).apply(tensor([1.0], requires_grad=True))
        node = weakref.ref(y.node)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_inside_a_compiled_step():
    weight = tensor([0.5], requires_grad=True)

    @cr.compile
    def step(x):
        loss = cube(Function).apply(weight * x).sum()
        loss.backward()
        with cr.no_grad():
            weight.sub_(0.1 * weight.grad)
        weight.grad = None
        return loss

    found = [step(tensor([1.0, 2.0])).item() for _ in range(5)]
    w, expected = 0.5, []
    for _ in range(5):
        expected.append(w**3 * 9)
        w -= 0.1 * 3 * w**2 * 9
    np.testing.assert_allclose(found, expected, rtol=1e-5)
