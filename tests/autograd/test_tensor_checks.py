"""gradcheck and gradgradcheck pass what is right and say exactly what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.autograd import gradcheck, gradgradcheck, no_grad, tensor
from chainrule.errors import GradientError
from chainrule.ops.core import Op, broadcast_shape
from chainrule.ops.elementwise import mul


def cube(slope):
    """x^3, with whatever slope it is given."""
    rules = [lambda g, _y, x: mul(g, slope(x))]
    return Op("cube", lambda x: x**3, kind="elementwise", shape=broadcast_shape, vjp=rules)


def spoilt(x):
    """3 x^2, but 1 too much at the third element."""
    return 3 * x * x + np.array([0.0, 0.0, 1.0])


def double(*values):
    return tensor(list(values), dtype=np.float64, requires_grad=True)


def test_what_is_right_passes():
    right = cube(lambda x: 3 * x * x)
    assert gradcheck(right, double(0.5, -1.0, 2.0))
    assert gradgradcheck(right, double(0.5, -1.0, 2.0))
    assert gradcheck(lambda a, b: (a * b).sum(), [double(1.0, 2.0), double(3.0, 4.0)])


def test_a_wrong_rule_is_found_to_the_element():
    x, y = double(1.0, 2.0), double(0.5, -1.0, 2.0)
    wrong = cube(spoilt)
    with pytest.raises(GradientError) as caught:
        gradcheck(lambda x, y: wrong(y) * x.sum(), [x, y])
    text = str(caught.value)
    # 1 too much, times x.sum() = 3, times the weight cos(2) + 1.5 of the third element
    error = 3 * (np.cos(2.0) + 1.5)
    assert "the gradient of input 1 is wrong in 1 of 3 elements, most at element [2]" in text
    assert f"which differ by {error:.3g}" in text
    assert f"the rules give {3 * 13 * (np.cos(2.0) + 1.5):.10g}" in text


def test_it_may_return_instead():
    assert not gradcheck(cube(spoilt), double(0.5, -1.0, 2.0), raise_exception=False)


def test_a_wrong_second_derivative_is_found():
    # Right at first order, but its slope, taken for a constant, has none of its own.
    wrong = cube(lambda x: tensor(3 * np.square(x.array)) if hasattr(x, "array") else 3 * x * x)
    x = double(0.5, -1.0, 2.0)
    assert gradcheck(wrong, x)
    with pytest.raises(GradientError, match=r"gradient of input 0 is wrong in 3 of 3 elements"):
        gradgradcheck(wrong, x)


def test_a_missing_rule_is_found():
    lost = Op("lost", lambda x: x**2, kind="elementwise", shape=broadcast_shape, vjp=[None])
    x = double(1.0, 2.0)
    with pytest.raises(GradientError, match="the rules give 0, differences give"):
        gradcheck(lambda x: lost(x) + x * 0, x)


def test_numbers_with_few_digits_are_refused():
    with pytest.raises(GradientError, match=r"needs float64, input 0 is float32.*use \.double\(\)"):
        gradcheck(lambda x: x * x, tensor([1.0], requires_grad=True))


def test_a_function_that_turns_recording_off():
    def forgetful(x):
        with no_grad():
            y = x * x
        return y + x * 0

    with pytest.raises(GradientError, match="wrong in 1 of 1 elements"):
        gradcheck(forgetful, double(3.0))


def test_inputs_are_left_as_they_were():
    x = double(1.0, 2.0)
    array = x.array
    gradcheck(lambda x: x * x, x)
    assert x.array is array
    assert (x.tolist(), x.grad) == ([1.0, 2.0], None)


def test_a_kink_within_the_step_is_found():
    with pytest.raises(GradientError, match="the rules give 0, differences give"):
        gradcheck(lambda x: x.relu(), double(0.0))
    assert gradcheck(lambda x: x.relu(), double(1e-3))


def test_noise_may_be_allowed_for():
    wrong = cube(lambda x: 3 * x * x * 1.01)
    assert not gradcheck(wrong, double(1.0), raise_exception=False)
    assert gradcheck(wrong, double(1.0), rtol=0.02)
