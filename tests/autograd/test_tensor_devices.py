"""Devices, formats and their older names: what programs ask and pass around."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.backend.arrays import stand_in
from chainrule.errors import OptionError

FORMATS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def test_a_program_that_asks():
    device = cr.device("cuda" if cr.cuda.is_available() else "cpu")
    x = cr.ones(2, device=device)
    assert x.device == device
    assert str(x.device) == "cpu"
    assert x.to(device) is x
    assert not x.is_cuda
    for made in (
        cr.tensor([1.0], device=device),
        cr.randn(2, device="cpu"),
        cr.zeros_like(x, device=device),
        x.new_zeros(2, 3, device=device),
    ):
        assert made.device.type == "cpu"


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_devices(name, torch):
    found, expected = cr.device(name), torch.device(name)
    assert (found.type, found.index) == (expected.type, expected.index)
    assert (str(found), repr(found)) == (str(expected), repr(expected))
    assert cr.device(found) == found
    assert len({found, cr.device(name)}) == 1
    assert cr.device(1) == "cuda:1"


def test_a_device_that_is_not_there_is_refused():
    for use in (
        lambda: cr.ones(2, device="cuda"),
        lambda: cr.ones(2).cuda(),
        lambda: cr.ones(2).to(cr.device("cuda:1"), np.float64),
        lambda: cr.set_default_device("cuda"),
    ):
        with stand_in(None), pytest.raises(OptionError, match=r"'cuda(:1)?' is not available: \w+"):
            use()
    for other in ("mps", "xpu", "meta"):
        with pytest.raises(OptionError, match="computes on 'cpu' and on 'cuda'"):
            cr.ones(2).to(other)
    with pytest.raises(OptionError, match="a device is one of cpu, cuda"):
        cr.device("gpu")


def test_every_form_of_to():
    x = cr.tensor([1.5, 2.5])
    for found in (
        x.to(cr.float64),
        x.to("cpu", cr.float64),
        x.to(dtype=cr.float64),
        x.to(cr.zeros(1, dtype=cr.float64)),
        x.to("cpu", cr.float64, non_blocking=True),
        x.to("cpu", cr.float64, True, True),
        x.double(),
        x.type(cr.DoubleTensor),
        x.type("torch.DoubleTensor"),
        x.type_as(cr.DoubleTensor([1])),
    ):
        assert (found.dtype, found.tolist()) == (np.float64, [1.5, 2.5])
    assert x.to(cr.float32) is x
    assert x.to("cpu", copy=True) is not x


def test_short_names():
    x = cr.tensor([1.0, 0.0])
    names = ["half", "float", "double", "byte", "char", "short", "int", "long", "bool"]
    formats = [
        "float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool",
    ]  # fmt: skip
    assert [str(getattr(x, name)().dtype) for name in names] == formats
    for refused in (x.bfloat16, lambda: x.to(cr.bfloat16), lambda: cr.complex64):
        with pytest.raises((OptionError, AttributeError), match=r"there is no|has no"):
            refused()


def test_types_of_tensors():
    x = cr.LongTensor([1, 2])
    assert (x.dtype, x.type()) == (np.int64, "chainrule.LongTensor")
    assert isinstance(x, cr.LongTensor)
    assert not isinstance(x, cr.FloatTensor)
    assert cr.FloatTensor(2, 3).shape == (2, 3)
    assert cr.zeros(2, dtype=cr.ByteTensor).dtype == np.uint8
    cr.set_default_tensor_type(cr.DoubleTensor)
    try:
        assert cr.tensor([1.0]).dtype == np.float64
    finally:
        cr.set_default_tensor_type("torch.FloatTensor")


def test_variables():
    x = cr.ones(2)
    v = cr.autograd.Variable(x, requires_grad=True)
    (v * v).sum().backward()
    assert isinstance(v, cr.autograd.Variable)
    assert (v.grad.tolist(), x.requires_grad) == ([2.0, 2.0], False)
    x.zero_()
    assert v.tolist() == [0.0, 0.0]
    with pytest.raises(AttributeError, match=r"no autograd\.profiler\.profile; use"):
        cr.autograd.profiler.profile()


def test_questions_about_formats(torch):
    for a, b in itertools.product(FORMATS, repeat=2):
        ta, tb = getattr(torch, a), getattr(torch, b)
        assert f"torch.{cr.promote_types(a, b)}" == str(torch.promote_types(ta, tb))
        assert cr.can_cast(a, b) == torch.can_cast(ta, tb), (a, b)
    for name in FORMATS[6:]:
        found, expected = cr.finfo(name), torch.finfo(getattr(torch, name))
        for fact in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            assert getattr(found, fact) == pytest.approx(getattr(expected, fact), rel=1e-3), fact
    for name in FORMATS[1:6]:
        found, expected = cr.iinfo(name), torch.iinfo(getattr(torch, name))
        assert (found.bits, found.max, found.min) == (expected.bits, expected.max, expected.min)
    assert cr.result_type(cr.ones(2, dtype=cr.int32), 1.5) == np.float32
    for wrong in (lambda: cr.finfo(cr.int32), lambda: cr.iinfo(cr.float32)):
        with pytest.raises(OptionError, match=r"takes an? "):
            wrong()


def test_new_ones_like_this_one():
    x = cr.tensor([1, 2])
    found = [
        x.new_zeros(2, 3),
        x.new_ones((2,)),
        x.new_full((2,), 7),
        x.new_tensor([1.5]),
        x.new_empty(1),
        x.new(3),
        x.new([4, 5]),
    ]
    assert {y.dtype for y in found} == {np.dtype(np.int64)}
    assert [y.tolist() for y in found] == [[[0] * 3] * 2, [1, 1], [7, 7], [1], [0], [0] * 3, [4, 5]]


def test_inference_mode():
    x = cr.ones(2, requires_grad=True)

    @cr.inference_mode()
    def inside(mode=True):
        with cr.inference_mode(mode):
            return (x * 2).requires_grad, cr.is_inference_mode_enabled()

    @cr.no_grad
    def without():
        return (x * 2).requires_grad

    assert inside() == (False, True)
    assert inside(mode=False) == (True, False)
    assert without() is False
    assert not cr.is_inference_mode_enabled()
    assert (x * 2).requires_grad


def test_a_hook_after_the_gradient(torch):
    def run(library):
        seen = []
        x = library.tensor([1.0, 2.0], requires_grad=True)
        handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
        for _ in range(2):
            (x * x).sum().backward()
        handle.remove()
        (x * x).sum().backward()
        return seen

    assert run(cr) == run(torch)
    with pytest.raises(RuntimeError, match="leaf"):
        cr.ones(1).register_post_accumulate_grad_hook(print)


def test_detaching_in_place():
    x = cr.ones(2, requires_grad=True)
    y = (x * 2).detach_()
    assert (y.requires_grad, y.is_leaf) == (False, True)
    with pytest.raises(RuntimeError, match="view cannot forget"):
        (x * 2)[0].detach_()


def test_a_format_that_is_not_here_can_be_named():
    formats = {"float32": cr.float32, "bfloat16": cr.bfloat16}
    assert cr.ones(2).dtype == formats["float32"]
    assert cr.ones(2).dtype != formats["bfloat16"]
    assert repr(formats["bfloat16"]) == "chainrule.bfloat16"
    with pytest.raises(OptionError, match="NumPy has no bfloat16"):
        cr.zeros(2, dtype=cr.bfloat16)


@pytest.mark.parametrize("other", [None, "x"])
def test_a_tensor_is_not_what_is_no_number(other):
    x = cr.ones(2)
    assert (x == other) is False
    assert (x != other) is True
