"""Making tensors, of known content or at random: PyTorch's shapes, formats and values."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule.autograd as ours
from chainrule.autograd import Generator, Tensor, manual_seed, rand, randint, randn, randperm
from chainrule.backend.devices import device
from chainrule.errors import OptionError

CALLS = {
    "zeros": lambda m: m.zeros(2, 3),
    "zeros of a tuple": lambda m: m.zeros((2, 3)),
    "zeros of nothing": lambda m: m.zeros(()),
    "ones": lambda m: m.ones(3),
    "zeros by name": lambda m: m.zeros(size=(2, 3)),
    "full": lambda m: m.full((2,), 1.5),
    "full of integers": lambda m: m.full((2,), 7),
    "full of truth": lambda m: m.full((2,), True),
    "zeros_like": lambda m: m.zeros_like(m.tensor([1, 2])),
    "zeros_like of a number": lambda m: m.zeros_like(m.tensor(1.5)),
    "ones_like": lambda m: m.ones_like(m.tensor([[1.0]])),
    "full_like": lambda m: m.full_like(m.tensor([1.0, 2.0]), 3),
    "arange": lambda m: m.arange(4),
    "arange from to": lambda m: m.arange(2, 9, 3),
    "arange down": lambda m: m.arange(3, 0, -1),
    "arange of reals": lambda m: m.arange(0.0, 1.0, 0.25),
    "arange of reals and integers": lambda m: m.arange(0, 1, 0.5),
    "linspace": lambda m: m.linspace(0, 1, 5),
    "linspace of one": lambda m: m.linspace(2, 3, 1),
    "logspace": lambda m: m.logspace(-1, 2, 4),
    "logspace of two": lambda m: m.logspace(0, 3, 4, base=2),
    "scalar_tensor": lambda m: m.scalar_tensor(3),
    "tril_indices": lambda m: m.tril_indices(3, 4, 1),
    "triu_indices": lambda m: m.triu_indices(4, 3, -1),
    "eye": lambda m: m.eye(3),
    "eye of two sizes": lambda m: m.eye(2, 3),
    "tensor": lambda m: m.tensor([[1, 2], [3, 4]]),
    "new_zeros": lambda m: m.tensor([1, 2]).new_zeros(3),
    "new_tensor": lambda m: m.tensor([1.0]).new_tensor([2.0, 3.0]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_known_content(call, torch):
    found, expected = call(ours), call(torch)
    assert (found.shape, found.dtype) == (tuple(expected.shape), expected.numpy().dtype)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert not found.requires_grad


WINDOWS = ["bartlett", "blackman", "hamming", "hann", "kaiser"]


@pytest.mark.parametrize("length", [0, 1, 2, 7])
@pytest.mark.parametrize("window", WINDOWS)
def test_windows(window, length, torch):
    for periodic in (True, False):
        found, expected = (
            getattr(m, f"{window}_window")(length, periodic, dtype=dtype)
            for m, dtype in ((ours, np.float64), (torch, torch.float64))
        )
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


def test_options():
    x = ours.zeros(2, dtype=np.float64, requires_grad=True)
    assert (x.dtype, x.requires_grad, x.is_leaf) == (np.float64, True, True)
    assert ours.full_like(x, 1, dtype=np.int64).dtype == np.int64
    assert ours.empty(2, 3).shape == (2, 3)


def test_python_numbers_keep_the_digits_that_the_dtype_has():
    assert ours.tensor(0.1, dtype=np.float64).item() == 0.1
    assert ours.as_tensor([0.1], dtype=np.float64).tolist() == [0.1]
    assert ours.tensor([0.1]).double().new_tensor([0.1]).tolist() == [0.1]
    assert ours.tensor([0.1]).dtype == np.float32


@pytest.mark.parametrize(
    ("cast", "dtype"),
    [
        (Tensor.float, "float32"),
        (Tensor.double, "float64"),
        (Tensor.half, "float16"),
        (Tensor.int, "int32"),
        (Tensor.long, "int64"),
        (Tensor.bool, "bool"),
        (lambda x: x.to("float64"), "float64"),
        (lambda x: x.to("cpu", np.int64), "int64"),
        (lambda x: x.to(dtype=np.float16), "float16"),
        (lambda x: x.type_as(ours.tensor([1])), "int64"),
        (lambda x: x.to(float), "float32"),
    ],
)
def test_formats(cast, dtype):
    assert cast(ours.tensor([1.0, 0.0], dtype=np.float64)).dtype == dtype


def test_formats_that_are_none():
    with pytest.raises(OptionError, match="device 'cuda:0' is not available"):
        ours.tensor([1.0]).to("cuda:0")
    with pytest.raises(OptionError, match="is not a dtype"):
        ours.zeros(2, dtype="float31")


def test_a_cast_passes_the_gradient_on():
    x = ours.tensor([1.0, 2.0], requires_grad=True)
    (x.double() * 2).sum().backward()
    assert (x.grad.tolist(), x.grad.dtype) == ([2.0, 2.0], np.float32)


def test_what_a_tensor_says_of_itself(torch):
    x, judge = ours.zeros(2, 3, dtype=np.float64), torch.zeros(2, 3, dtype=torch.float64)
    sizes = ["dim", "numel", "nelement", "element_size", "stride"]
    for about in [*sizes, "is_floating_point", "is_contiguous"]:
        assert getattr(x, about)() == getattr(judge, about)()
        assert getattr(x.T, about)() == getattr(judge.T, about)()
    assert (x.size(), x.size(1), x.shape.numel(), x.ndim) == ((2, 3), 3, 6, 2)
    assert x.device == "cpu"


# --- at random ----------------------------------------------------------------------------------

DRAWS = {
    "rand": lambda g: rand(3, 4, generator=g),
    "randn": lambda g: randn(5, generator=g),
    "randint": lambda g: randint(0, 100, (7,), generator=g),
    "randint from 0": lambda g: randint(100, (7,), generator=g),
    "randint_like": lambda g: ours.randint_like(ours.zeros(7), 100, generator=g),
    "normal around": lambda g: ours.normal(ours.ones(2, 1), ours.ones(3), generator=g),
    "rand by name": lambda g: rand(size=(3, 4), generator=g),
    "randperm": lambda g: randperm(9, generator=g),
    "rand_like": lambda g: ours.rand_like(ours.zeros(3), generator=g),
    "randn_like": lambda g: ours.randn_like(ours.zeros(3), generator=g),
    "bernoulli": lambda g: ours.bernoulli(ours.full((40,), 0.5), generator=g),
    "bernoulli of one": lambda g: ours.bernoulli(ours.zeros(40), 0.3, generator=g),
    "multinomial": lambda g: ours.multinomial(ours.ones(2, 9), 8, generator=g),
    "multinomial again": lambda g: ours.multinomial(ours.ones(9), 30, True, generator=g),
    "normal": lambda g: ours.normal(5.0, 2.0, (3,), generator=g),
}
each_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


@each_draw
def test_a_seed_repeats_itself_and_differs_from_others(draw):
    first = draw(Generator(1)).tolist()
    assert draw(Generator(1)).tolist() == first
    assert draw(Generator(2)).tolist() != first


@each_draw
def test_the_default_generator_is_seeded(draw):
    manual_seed(3)
    first = draw(None).tolist()
    assert draw(None).tolist() != first
    manual_seed(3)
    assert draw(None).tolist() == first
    assert draw(Generator(3)).tolist() == first


@each_draw
def test_a_state_is_gone_back_to(draw):
    g = Generator(4)
    draw(g)
    state = g.get_state()
    first = draw(g).tolist()
    assert draw(g).tolist() != first
    g.set_state(state)
    assert draw(g).tolist() == first
    assert g.initial_seed() == 4


def test_a_fresh_generator_is_like_no_other():
    assert rand(4, generator=Generator()).tolist() != rand(4, generator=Generator()).tolist()


def test_ranges_and_formats():
    g = Generator(0)
    assert rand(3, generator=g).dtype == np.float32
    assert randn(3, generator=g, dtype=np.float64, requires_grad=True).requires_grad
    dice = randint(1, 7, (1000,), generator=g)
    assert dice.dtype == np.int64
    assert set(dice.tolist()) == {1, 2, 3, 4, 5, 6}
    assert ours.normal(ours.ones(2, 1), 2.0, generator=g).shape == (2, 1)
    assert ours.normal(ours.ones(2, 1), ours.ones(3).double(), generator=g).shape == (2, 3)
    assert ours.normal(0.0, ours.ones(2, dtype=np.float64), generator=g).dtype == np.float64
    assert randint(5, size=(2,), generator=g, dtype=np.int32).dtype == np.int32
    assert set(randint(3, (100,), generator=g).tolist()) == {0, 1, 2}
    assert randint(high=1, size=(2, 2), generator=g).tolist() == [[0, 0], [0, 0]]
    assert ours.randint_like(ours.zeros(2), 3, 4).dtype == np.float32
    assert sorted(randperm(50, generator=g).tolist()) == list(range(50))
    with pytest.raises(OptionError, match="low < high, got 3 and 3"):
        randint(3, 3, (2,))


def test_a_generator_may_be_told_where_it_draws():
    for generator in (Generator("cpu"), Generator(device=device("cpu"))):
        assert generator.device == device("cpu")
        first = rand(3, generator=generator.manual_seed(5))
        assert first.tolist() == rand(3, generator=Generator(5)).tolist()
        assert generator.seed() == generator.initial_seed() != 5
    with pytest.raises(OptionError, match="device 'cuda' is not available"):
        Generator(device="cuda")


def test_a_tensor_by_its_class_is_of_sizes_or_of_numbers(torch):
    for theirs, mine in (
        (torch.Tensor(2, 3), Tensor(2, 3)),
        (torch.Tensor(), Tensor()),
        (torch.Tensor(torch.Size([4, 1])), Tensor(rand(4, 1).shape)),
    ):
        assert tuple(theirs.shape) == mine.shape
        assert mine.dtype == np.float32
    assert Tensor(5).shape == (5,)
    assert Tensor([1, 2]).dtype == np.float32
    assert Tensor([1, 2]).tolist() == torch.Tensor([1, 2]).tolist()
