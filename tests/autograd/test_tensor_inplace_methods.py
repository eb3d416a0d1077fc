"""Every method that ends in an underscore, beside PyTorch's; random ones by their moments."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Tensor, from_numpy
from chainrule.autograd.inplace import InPlace
from chainrule.errors import OptionError

A = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
B = np.array([[1.5, -0.5, 2.0], [0.25, 3.0, -1.0]])
M = np.array([[True, False, True], [False, False, True]])
I = np.array([[1, 0, 1], [0, 1, 0]])  # noqa: E741
LIST = np.array([1, 0])
S = np.eye(3) + 0.5

WHOLE = {"gcd_", "lcm_", "bitwise_and_", "bitwise_or_", "bitwise_xor_", "bitwise_not_",
         "bitwise_left_shift_", "bitwise_right_shift_"}  # fmt: skip
WITH_ANOTHER = [
    "add_",
    "sub_",
    "subtract_",
    "mul_",
    "multiply_",
    "div_",
    "divide_",
    "true_divide_",
    "floor_divide_",
    "remainder_",
    "fmod_",
    "pow_",
    "float_power_",
    "hypot_",
    "nextafter_",
    "eq_",
    "ne_",
    "not_equal_",
    "lt_",
    "less_",
    "le_",
    "less_equal_",
    "gt_",
    "greater_",
    "ge_",
    "greater_equal_",
    "logical_and_",
    "logical_or_",
    "logical_xor_",
    "heaviside_",
    "copysign_",
    "xlogy_",
    "atan2_",
    "arctan2_",
    "copy_",
]
ARGS = {
    **dict.fromkeys(WITH_ANOTHER, (np.abs(B),)),
    **dict.fromkeys(WHOLE, (I + 1,)),
    "bitwise_not_": (),
    "ldexp_": (I,),
    "addcmul_": (B, A),
    "addcdiv_": (A, B),
    "lerp_": (B, 0.3),
    "clamp_": (0.3, 0.6),
    "clip_": (0.3, 0.6),
    "clamp_min_": (0.5,),
    "clamp_max_": (0.5,),
    "cumsum_": (1,),
    "cumprod_": (0,),
    "masked_fill_": (M, 7.0),
    "masked_scatter_": (M, B),
    "scatter_": (0, I, B),
    "scatter_add_": (0, I, B),
    "scatter_reduce_": (0, I, B, "prod"),
    "index_add_": (0, LIST, B),
    "index_copy_": (0, LIST, B),
    "index_fill_": (0, LIST, 5.0),
    "index_put_": ((LIST, LIST), np.array([5.0, 6.0])),
    "index_reduce_": (0, LIST, B, "amax"),
    "put_": (LIST, np.array([5.0, 6.0])),
    "addmm_": (np.ones((2, 2)), B),
    "addmv_": (S, np.ones(3)),
    "addr_": (np.ones(2), np.arange(3.0)),
    "addbmm_": (np.ones((4, 2, 2)), np.ones((4, 2, 3))),
    "baddbmm_": (np.ones((1, 2, 2)), np.ones((1, 2, 3))),
    "unsqueeze_": (1,),
    "squeeze_": (0,),
    "transpose_": (0, 1),
    "swapaxes_": (0, 1),
    "swapdims_": (0, 1),
    "fill_": (3.0,),
    "fill_diagonal_": (3.0,),
}
OWN = {"addmv_": np.ones(3), "baddbmm_": A[None], "acosh_": A + 1, "arccosh_": A + 1}
RANDOM = {"normal_", "uniform_", "random_", "bernoulli_", "exponential_", "geometric_", "cauchy_",
          "log_normal_"}  # fmt: skip
NAMES = {n for n in vars(InPlace) if n.endswith("_") and not n.startswith("_")}


def given(value, make):
    if isinstance(value, tuple):
        return tuple(given(v, make) for v in value)
    return make(value) if isinstance(value, np.ndarray) else value


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("name", sorted(NAMES - RANDOM))
def test_beside_pytorch(name, torch):
    def run(make):
        x = make(I + 2 if name in WHOLE else OWN.get(name, A).copy())
        found = getattr(x, name)(*given(ARGS.get(name, ()), make))
        assert found is x
        return x.numpy()

    found, expected = run(Tensor), run(torch.tensor)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(NAMES - RANDOM - {n for n in NAMES if "squeeze" in n}))
def test_memory_stays(name):
    array = (I + 2) if name in WHOLE else OWN.get(name, A).copy()
    x = from_numpy(array)
    getattr(x, name)(*given(ARGS.get(name, ()), Tensor))
    assert np.shares_memory(x.numpy(), array)


MEANS = {
    "normal_": ((2.0, 3.0), 2.0, 3.0),
    "uniform_": ((-1.0, 3.0), 1.0, 4 / 12**0.5),
    "random_": ((2, 6), 3.5, (15 / 12) ** 0.5),
    "bernoulli_": ((0.3,), 0.3, 0.21**0.5),
    "exponential_": ((2.0,), 0.5, 0.5),
    "geometric_": ((0.4,), 2.5, 0.6**0.5 / 0.4),
    "log_normal_": ((0.0, 0.25), np.exp(1 / 32), 0.2581),
}


@pytest.mark.parametrize("name", MEANS)
def test_random_numbers(name):
    args, mean, std = MEANS[name]
    x = getattr(cr.zeros(40000), name)(*args, generator=cr.Generator(0))
    assert x.mean().item() == pytest.approx(mean, abs=4 * std / 200)
    assert x.std().item() == pytest.approx(std, rel=0.03)
    again = getattr(cr.zeros(40000), name)(*args, generator=cr.Generator(0))
    assert (x == again).all()


def test_cauchy():
    x = cr.zeros(40000).cauchy_(1.0, 2.0, generator=cr.Generator(0))
    assert x.median().item() == pytest.approx(1.0, abs=0.05)
    assert ((x - 1).abs() < 2).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_bounds_by_name():
    x = cr.zeros(1000).uniform_(**{"from": 2.0, "to": 3.0})
    assert 2 <= x.min().item() <= x.max().item() < 3
    assert cr.zeros(1000).random_(3).max().item() == 2
    assert set(cr.zeros(1000, dtype=np.int64).random_(5, 7).tolist()) == {5, 6}
    with pytest.raises(OptionError, match="random_ needs from < to, got 3 and 2"):
        cr.zeros(2).random_(3, 2)
    with pytest.raises(OptionError, match="no argument 'upto'"):
        cr.zeros(2).uniform_(upto=3)
