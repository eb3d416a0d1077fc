"""Averaged models, their batch norms and their rate, beside PyTorch's."""

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.optim import swa_utils


def network(nn):
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).double()


def pair(torch):
    torch.manual_seed(0)  # whatever tests went before
    ours, theirs = network(nn), network(torch.nn)
    ours.load_state_dict({k: Tensor(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def same(a, b, rtol=1e-12, atol=0):
    ours, theirs = a.state_dict(), b.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        np.testing.assert_allclose(value.numpy(), theirs[name].numpy(), rtol, atol, err_msg=name)


WAYS = {
    "mean": lambda library: {},
    "mean of lists": lambda library: {"multi_avg_fn": library.get_swa_multi_avg_fn()},
    "moving": lambda library: {"avg_fn": library.get_ema_avg_fn(0.8)},
    "moving, of lists": lambda library: {"multi_avg_fn": library.get_ema_multi_avg_fn(0.8)},
    "of one's own": lambda library: {"avg_fn": lambda kept, p, n: (kept * n + 2 * p) / (n + 2)},
    "with buffers": lambda library: {"use_buffers": True, "avg_fn": library.get_ema_avg_fn(0.5)},
}


@pytest.mark.parametrize("way", WAYS)
def test_averages_as_pytorch(way, torch):
    ours, theirs = pair(torch)
    library = torch.optim.swa_utils
    a = swa_utils.AveragedModel(ours, **WAYS[way](swa_utils))
    b = library.AveragedModel(theirs, **WAYS[way](library))
    optimizers = (
        optim.SGD(ours.parameters(), lr=0.1),
        torch.optim.SGD(theirs.parameters(), lr=0.1),
    )
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(5, 3)) for _ in range(6)]
    for x in batches:
        for net, optimizer, tensor, averaged in zip(
            (ours, theirs), optimizers, (Tensor, torch.tensor), (a, b)
        ):
            optimizer.zero_grad()
            (net(tensor(x)) ** 2).mean().backward()
            optimizer.step()
            averaged.update_parameters(net)
    # PyTorch has 1 / (n + 1) in float32 here, and what is averaged may nearly cancel.
    rtol, atol = (1e-6, 1e-8) if way == "mean of lists" else (1e-12, 0)
    same(a, b, rtol, atol)
    assert a.n_averaged.item() == 6
    swa_utils.update_bn([(Tensor(x), None) for x in batches], a)
    library.update_bn([(torch.tensor(x), None) for x in batches], b)
    same(a, b, rtol, atol)
    assert a.module[1].momentum == 0.1
    x = rng.normal(size=(4, 3))
    a.eval(), b.eval()
    np.testing.assert_allclose(
        a(Tensor(x)).detach().numpy(), b(torch.tensor(x)).detach().numpy(), rtol, atol
    )


def test_a_model_without_batch_norms_is_not_called():
    swa_utils.update_bn([None], nn.Linear(2, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.05},
        {"swa_lr": [0.05, 0.2], "anneal_epochs": 7, "anneal_strategy": "linear"},
        {"swa_lr": 0.05, "anneal_epochs": 0},
        {"swa_lr": 0.05, "anneal_epochs": 1},
    ],
    ids=str,
)
def test_rates_as_pytorch(options, torch):
    def rates(library, tensor):
        groups = [{"params": [tensor()]}, {"params": [tensor()], "lr": 0.3}]
        optimizer = library.SGD(groups, lr=0.1)
        schedule, found = library.swa_utils.SWALR(optimizer, **options), []
        for _ in range(30):
            found.append(schedule.get_last_lr())
            optimizer.step()
            schedule.step()
        return found

    ours = rates(optim, lambda: Tensor([0.0], requires_grad=True))
    theirs = rates(torch.optim, lambda: torch.zeros(1, requires_grad=True))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_what_is_refused():
    average = swa_utils.get_ema_avg_fn()
    for call, words in [
        (lambda: swa_utils.get_ema_avg_fn(1.5), "decay must be a number from 0 to 1, got 1.5"),
        (
            lambda: swa_utils.AveragedModel(nn.ReLU(), None, average, average),
            "avg_fn and multi_avg_fn were both given; give one of them",
        ),
        (
            lambda: swa_utils.SWALR(
                optim.SGD([Tensor([0.0], requires_grad=True)]), 0.1, anneal_strategy="x"
            ),
            "anneal_strategy must be 'cos' or 'linear', got 'x'",
        ),
    ]:
        with pytest.raises(OptionError) as caught:
            call()
        assert str(caught.value) == words


def test_every_name_of_pytorchs_is_there(torch):
    assert set(torch.optim.swa_utils.__all__) == set(swa_utils.__all__)
    theirs = {n for n, v in vars(torch.optim).items() if isinstance(v, type)}
    assert theirs <= set(vars(optim))
