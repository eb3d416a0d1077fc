"""Tensors on a GPU: made there, moved, refused in a sentence, and brought home to be looked at."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.backend import arrays
from chainrule.backend.devices import MixedDevicesError
from chainrule.errors import OptionError


def test_what_is_there_is_named_by_number(gpu):
    assert cr.device("cuda") == "cuda"
    x = cr.ones(2).to("cuda")
    assert (x.is_cuda, x.is_cpu, str(x.device), x.get_device()) == (True, False, "cuda:0", 0)
    assert x.to("cuda") is x
    assert x.to("cuda:0") is x
    with pytest.raises(OptionError, match=r"'cuda:99' is not available: (there are|the one)"):
        x.to("cuda:99")
    for other in ("meta", "mps", "xpu"):
        with pytest.raises(OptionError, match="computes on 'cpu' and on 'cuda'"):
            x.to(other)


@pytest.mark.parametrize("installed", [True, False])
def test_what_is_missing_is_said(installed, monkeypatch):
    if not installed:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    why = "CuPy sees no GPU" if installed else r"pip install 'chainrule\[cuda\]'"
    if installed and pytest.importorskip("cupy", reason="CuPy is not installed") is None:
        return
    with arrays.stand_in(None), pytest.raises(OptionError, match=why):
        cr.ones(2, device="cuda")


MAKERS = {
    "zeros": lambda **how: cr.zeros(2, 3, **how),
    "ones": lambda **how: cr.ones(2, 3, **how),
    "empty": lambda **how: cr.empty(2, 3, **how),
    "full": lambda **how: cr.full((2, 3), 7.0, **how),
    "full_of_integers": lambda **how: cr.full((2,), 7, **how),
    "arange": lambda **how: cr.arange(4, **how),
    "linspace": lambda **how: cr.linspace(0, 1, 5, **how),
    "logspace": lambda **how: cr.logspace(0, 2, 3, **how),
    "eye": lambda **how: cr.eye(3, **how),
    "bartlett_window": lambda **how: cr.bartlett_window(5, **how),
    "blackman_window": lambda **how: cr.blackman_window(5, **how),
    "hamming_window": lambda **how: cr.hamming_window(5, **how),
    "hann_window": lambda **how: cr.hann_window(5, **how),
    "kaiser_window": lambda **how: cr.kaiser_window(5, **how),
    "tril_indices": lambda **how: cr.tril_indices(3, 3, **how),
    "triu_indices": lambda **how: cr.triu_indices(3, 3, **how),
    "scalar_tensor": lambda **how: cr.scalar_tensor(3, **how),
    "tensor": lambda **how: cr.tensor([[1.0, 2.0]], **how),
    "tensor_of_integers": lambda **how: cr.tensor([1, 2], **how),
    "as_tensor": lambda **how: cr.as_tensor(np.ones(3, np.float32), **how),
    "zeros_like": lambda **how: cr.zeros_like(cr.ones(2), **how),
    "empty_like": lambda **how: cr.empty_like(cr.ones(2), **how),
    "ones_like": lambda **how: cr.ones_like(cr.ones(2), **how),
    "full_like": lambda **how: cr.full_like(cr.ones(2), 3, **how),
    "new_zeros": lambda **how: cr.ones(2).new_zeros(3, **how),
    "new_ones": lambda **how: cr.ones(2).new_ones((3,), **how),
    "new_full": lambda **how: cr.ones(2).new_full((3,), 2, **how),
    "new_tensor": lambda **how: cr.ones(2).new_tensor([1, 2], **how),
}


@pytest.mark.parametrize("name", MAKERS)
def test_made_on_the_gpu_as_on_the_processor(name, gpu):
    there, here = MAKERS[name](device="cuda"), MAKERS[name]()
    assert (there.is_cuda, here.is_cuda) == (True, False)
    assert (there.dtype, there.shape) == (here.dtype, here.shape)
    assert there.tolist() == here.tolist()


DRAWERS = {
    "rand": lambda **how: cr.rand(50, **how),
    "randn": lambda **how: cr.randn(51, **how),
    "randint": lambda **how: cr.randint(0, 9, (40,), **how),
    "randperm": lambda **how: cr.randperm(30, **how),
}


@pytest.mark.parametrize("name", DRAWERS)
def test_one_seed_gives_the_same_numbers_on_either(name, gpu):
    drawn = []
    for device in ("cpu", "cuda", "cuda"):
        cr.manual_seed(7)
        x = DRAWERS[name](device=device)
        assert x.device.type == device
        again = DRAWERS[name](device=device)
        assert x.tolist() != again.tolist()
        drawn.append(x.cpu().numpy())
    np.testing.assert_allclose(drawn[1], drawn[0], rtol=1e-6)
    assert drawn[1].tolist() == drawn[2].tolist()


def test_generators_of_a_gpu(gpu):
    ours, theirs = cr.Generator(3), cr.Generator(device="cuda").manual_seed(3)
    assert (str(theirs.device), ours.device.type) == ("cuda:0", "cpu")
    first = cr.rand(5, generator=ours)
    assert cr.rand(5, generator=theirs, device="cuda").tolist() == first.tolist()
    kept = theirs.get_state()
    assert isinstance(kept, np.ndarray)
    after = cr.rand(5, generator=theirs, device="cuda").tolist()
    theirs.set_state(kept)
    assert cr.rand(5, generator=theirs, device="cuda").tolist() == after
    assert cr.zeros(40, device="cuda").normal_(generator=theirs).is_cuda


def test_a_fork_leaves_the_generators_of_all_devices_as_they_were(gpu):
    cr.manual_seed(5)
    expected = cr.rand(2).tolist(), cr.rand(2, device="cuda").tolist()
    later = cr.rand(2, device="cuda").tolist()
    cr.manual_seed(5)
    with cr.random.fork_rng():
        cr.manual_seed(6)
        cr.rand(3), cr.rand(3, device="cuda")
    assert (cr.random.initial_seed(), cr.rand(2).tolist()) == (5, expected[0])
    assert cr.rand(2, device="cuda").tolist() == expected[1]
    assert cr.rand(2, device="cuda").tolist() == later


@pytest.mark.parametrize(
    "make",
    [
        lambda g: nn.Linear(3, 2, generator=g).weight,
        lambda g: nn.Conv2d(1, 2, 3, generator=g).weight,
        lambda g: nn.Embedding(5, 2, padding_idx=1, generator=g).weight,
        lambda g: nn.MultiheadAttention(4, 2, add_bias_kv=True, generator=g).bias_k,
        lambda g: nn.MultiheadAttention(4, 2, generator=g).in_proj_weight,
        lambda g: nn.Columns([0, 4], [False, False], generator=g).tables[0].weight,
        lambda g: nn.init.orthogonal_(cr.zeros(4, 3, device=g.device), generator=g),
        lambda g: nn.init.sparse_(cr.zeros(4, 3, device=g.device), 0.3, generator=g),
    ],
    ids=["linear", "conv", "embedding", "bias_kv", "attention", "columns", "orthogonal", "sparse"],
)
def test_weights_are_drawn_from_a_generator_of_a_gpu(make, gpu):
    here, there = (make(cr.Generator(2, device=where)).tolist() for where in ("cpu", "cuda"))
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)


def test_an_embedding_on_a_gpu_is_drawn_anew(gpu):
    layer = nn.Embedding(4, 2, padding_idx=1).to("cuda")
    layer.reset_parameters()
    assert layer.weight.is_cuda
    assert layer.weight[1].tolist() == [0, 0]


def test_dropout_draws_on_the_gpu(gpu):
    def dropped(device):
        cr.manual_seed(1)
        x = cr.ones(200, device=device, requires_grad=True)
        y = cr.nn.functional.dropout(x, 0.5)
        y.sum().backward()
        return y.detach(), x.grad

    for there, here in zip(dropped("cuda"), dropped("cpu")):
        assert there.is_cuda
        assert there.tolist() == here.tolist()


def test_the_default_device(gpu):
    with cr.device("cuda"):
        assert cr.get_default_device() == "cuda:0"
        assert cr.ones(2).is_cuda
        assert cr.rand(2).is_cuda
        assert cr.tensor([1.0]).is_cuda
        assert cr.nn.Linear(2, 3).weight.is_cuda
        assert not cr.ones(2, device="cpu").is_cuda
        assert not cr.from_numpy(np.ones(2)).is_cuda
        with cr.device("cpu"):
            assert not cr.ones(2).is_cuda
    assert not cr.ones(2).is_cuda
    cr.set_default_device("cuda")
    try:
        assert cr.zeros(2).is_cuda
    finally:
        cr.set_default_device(None)
    assert not cr.zeros(2).is_cuda


def test_numbers_come_home_to_be_looked_at(gpu):
    x = cr.tensor([[1.0, 2.5]], device="cuda")
    assert (x[0, 1].item(), x.tolist(), float(x.sum())) == (2.5, [[1.0, 2.5]], 3.5)
    assert repr(x) == "tensor([[1.0000, 2.5000]], device='cuda:0')"
    assert f"{x.sum():.1f}" == "3.5"
    assert bool((x > 0).all())
    assert x.cpu().numpy().tolist() == [[1.0, 2.5]]
    for use in (x.numpy, lambda: np.asarray(x), lambda: np.hypot(x, 1.0)):
        with pytest.raises(OptionError, match=r"on 'cuda:0'; use x\.cpu\(\)"):
            use()


def test_to_is_differentiable(gpu):
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("cuda")
    z = (y * y).cpu()
    assert (y.is_cuda, y.is_leaf, z.is_cuda) == (True, False, False)
    (g,) = cr.autograd.grad((z**2).sum(), x, create_graph=True)
    assert not g.is_cuda
    assert g.tolist() == [4.0, 32.0]
    g.sum().backward()
    assert x.grad.tolist() == [12.0, 48.0]
    assert not x.grad.is_cuda


def test_every_form_of_to_reaches_the_gpu(gpu):
    x = cr.tensor([1.5, 2.5])
    other = cr.zeros(1, device="cuda", dtype=cr.float64)
    for found in (
        x.to("cuda", cr.float64),
        x.to(cr.float64).cuda(),
        x.cuda(0).double(),
        x.to(other),
        x.to(device="cuda", dtype=cr.float64, non_blocking=True),
        x.to("cuda", cr.float64, True, True),
    ):
        assert (found.is_cuda, found.dtype, found.tolist()) == (True, np.float64, [1.5, 2.5])
    there = x.cuda()
    assert there.to("cuda", copy=True) is not there
    assert there.data_ptr() != x.data_ptr()


def test_tensors_of_two_devices_are_refused_in_a_sentence(gpu):
    here, there = cr.ones(3), cr.ones(3, device="cuda")
    cases = {
        "mul": lambda: here * there,
        "add": lambda: there + here,
        "matrix_product": lambda: there.view(1, 3) @ here.view(3, 1),
        "where": lambda: cr.where(there > 0, here, there),
        "assign": lambda: there.copy_(there).__setitem__(slice(0, 2), here[:2]),
    }
    for name, use in cases.items():
        with pytest.raises(
            MixedDevicesError, match=f"^{name} takes tensors of one device"
        ) as error:
            use()
        assert sorted(map(str, error.value.devices)) == ["cpu", "cuda:0"]
    assert there.tolist() == [1.0, 1.0, 1.0]


def test_single_numbers_mix(gpu):
    there = cr.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    factor = cr.tensor(3.0, requires_grad=True)
    y = there * factor + cr.tensor(1) - 0.5
    assert (y.is_cuda, y.dtype, y.tolist()) == (True, np.float32, [3.5, 6.5])
    y.sum().backward()
    assert (there.grad.is_cuda, factor.grad.is_cuda) == (True, False)
    assert (there.grad.tolist(), factor.grad.item()) == ([3.0, 3.0], 3.0)


def test_changes_in_place(gpu):
    x = cr.arange(6.0, device="cuda").view(2, 3)
    x[0] = 1
    x[:, 2] += 10
    x[1, 0] = cr.tensor(5.0)
    x[x > 11] = 0
    assert x.tolist() == [[1.0, 1.0, 11.0], [5.0, 4.0, 0.0]]
    assert x.copy_(cr.ones(2, 3)).tolist() == [[1.0] * 3] * 2
    assert x.fill_(4).zero_().is_cuda
    assert cr.zeros(3, 3, device="cuda").fill_diagonal_(2).diagonal().tolist() == [2.0] * 3
    with pytest.raises(OptionError, match="several of its elements lie in one place"):
        x[:1].expand(4, 3).add_(1)
    needed = cr.ones(2, device="cuda", requires_grad=True)
    y = needed * 2
    z = y * y
    y.add_(1)
    z.sum().backward()  # recorded before: the old numbers were kept
    w = needed * 3
    v = (w * w).sum()
    w.detach().zero_()
    with pytest.raises(cr.errors.GradientError, match="changed in place"):
        v.backward()


def test_pinned_memory(gpu):
    x = cr.arange(5.0)
    pinned = x.pin_memory()
    assert (x.is_pinned(), pinned.is_pinned(), pinned.tolist()) == (False, True, x.tolist())
    assert pinned.pin_memory() is pinned
    assert pinned[1:].is_pinned()
    assert pinned.to("cuda", non_blocking=True).tolist() == x.tolist()
    assert cr.ones(2, pin_memory=True).is_pinned()
    with pytest.raises(OptionError, match="pin_memory"):
        x.cuda().pin_memory()
    with arrays.stand_in(None):
        assert x.pin_memory() is x


def test_a_second_gpu(gpu):
    if cr.cuda.device_count() < 2:
        pytest.skip("one GPU alone")
    x = cr.ones(2, device="cuda:1")
    assert str(x.device) == "cuda:1"
    with cr.cuda.device(1):
        assert str((x * 2).device) == "cuda:1"
        assert str(cr.ones(2, device="cuda").device) == "cuda:1"
    with pytest.raises(MixedDevicesError, match="cuda:0 and cuda:1"):
        cr.ones(2, device="cuda:0") + x
