"""A hundred training steps from the same weights give PyTorch's losses, step by step.

Every optimiser, a multilayer perceptron and a small convolutional network, the same batches in the
same order. In float64 the two must agree but for rounding. In float32 rounding adds up over the
steps, in PyTorch as much as here, so what is asked is measured: how far PyTorch in float32 strays
from PyTorch in float64, and chainrule may stray from there a small factor further at most.

A gradient jumps where a ReLU changes sign or another pixel wins its window. About once in fifty
float32 runs rounding alone decides such a case, and from there on that run, PyTorch's or
chainrule's, goes its own way. So a pair of runs that part is repeated on other data: a fault in a
rule or in an optimiser shows on all data.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import chainrule.nn
import chainrule.optim
from chainrule.autograd import from_numpy

torch = pytest.importorskip("torch")

STEPS, BATCH, CLASSES = 100, 16, 5

# Of the loss. Measured: 3e-14 at most.
FLOAT64 = 1e-12
# Times what PyTorch itself has strayed by then in float32, but at least so many roundings of the
# loss. Measured: as far as PyTorch, give or take (1.15 times, on average over all cases).
FACTOR, ROUNDINGS = 5, 8
# Where PyTorch itself strays more than this there was a jump.
JUMP = 1e-4
SEEDS = range(3)


def perceptron(nn: Any) -> Any:
    """20-32-16-5."""
    return nn.Sequential(
        nn.Linear(20, 32),
        nn.ReLU(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Dropout(0.0),
        nn.Linear(16, CLASSES),
    )


def convolutional(nn: Any) -> Any:
    """Images of 8x8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )


NETWORKS = {"perceptron": (perceptron, (20,)), "convolutional": (convolutional, (1, 8, 8))}

OPTIMISERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("RMSprop", {"lr": 0.003}),
    ("RMSprop", {"lr": 0.003, "centered": True}),
    ("RMSprop", {"lr": 0.003, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.01}),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.01, "weight_decay": 0.01}),
    ("Adadelta", {"lr": 1.0}),
    ("Adamax", {"lr": 0.01}),
    ("NAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.03}),
    ("ASGD", {"lr": 0.1, "t0": 20}),
    ("Adafactor", {"lr": 0.06}),
]

# Followed in tests/optim: Rprop and LBFGS want full batches, Muon matrices, and PyTorch's
# SparseAdam sparse gradients.
ELSEWHERE = {"Rprop", "LBFGS", "Muon", "SparseAdam"}


def named(case: tuple[str, dict[str, Any]]) -> str:
    """The optimiser as it is called."""
    kind, options = case
    return f"{kind}({', '.join(f'{k}={v}' for k, v in options.items())})".replace(", 0.99", ",0.99")


@functools.cache
def initial(network: str) -> dict[str, np.ndarray]:
    """The weights that all begin from."""
    torch.manual_seed(0)
    state = NETWORKS[network][0](torch.nn).state_dict()
    return {name: value.numpy().copy() for name, value in state.items()}


@functools.cache
def batches(network: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random inputs, exact in float32, labelled by a random affine map and a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8 * BATCH, *NETWORKS[network][1])).astype(np.float32)
    flat = x.reshape(len(x), -1)
    scores = flat @ rng.normal(size=(flat.shape[1], CLASSES))
    labels = (scores + rng.normal(size=scores.shape)).argmax(axis=1)
    order = [rng.permutation(len(x)).reshape(-1, BATCH) for _ in range(STEPS // 8 + 1)]
    return [(x[rows], labels[rows]) for rows in np.concatenate(order)[:STEPS]]


def losses(
    library: Any, network: str, case: tuple[str, dict[str, Any]], dtype: str, seed: int = 0
) -> np.ndarray:
    """Train for a hundred steps and return the loss of each."""
    kind, options = case
    ours = library is chainrule
    as_tensor = from_numpy if ours else torch.as_tensor
    net = NETWORKS[network][0](library.nn).to(dtype if ours else getattr(torch, dtype))
    state = initial(network)
    net.load_state_dict(state if ours else {k: torch.as_tensor(v) for k, v in state.items()})
    criterion = library.nn.CrossEntropyLoss()
    optimizer = getattr(library.optim, kind)(net.parameters(), **options)
    found = []
    for x, labels in batches(network, seed):
        optimizer.zero_grad()
        loss = criterion(net(as_tensor(x.astype(dtype))), as_tensor(labels))
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


def strays(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """By how much of the loss, at each step."""
    return np.abs(found - exact) / exact


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("case", OPTIMISERS, ids=named)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_hundred_steps(network, case):
    for seed in SEEDS:
        exact = losses(torch, network, case, "float64", seed)
        assert exact[-10:].mean() < 0.85 * exact[0]  # something was learned
        assert strays(losses(chainrule, network, case, "float64", seed), exact).max() < FLOAT64
        theirs = strays(losses(torch, network, case, "float32", seed), exact)
        ours = strays(losses(chainrule, network, case, "float32", seed), exact)
        # Step by step: as far as PyTorch has strayed by then.
        allowed = FACTOR * np.maximum.accumulate(theirs) + ROUNDINGS * np.finfo(np.float32).eps
        if theirs.max() < JUMP and (ours <= allowed).all():
            return
    pytest.fail(f"float32 strays {(ours / allowed).max():.3g} times as far as is allowed")


def test_every_optimiser_is_tried():
    tried = {kind for kind, _ in OPTIMISERS}
    base = chainrule.optim.Optimizer
    made = (getattr(chainrule.optim, name) for name in chainrule.optim.__all__)
    there = {k.__name__ for k in made if isinstance(k, type) and issubclass(k, base)}
    assert tried == there - ELSEWHERE - {"Optimizer"}


if __name__ == "__main__":
    print("how far the loss strays from PyTorch's in float64, of the loss, at most, in 100 steps")
    print(f"{'':92} float64  float32  PyTorch's float32")
    for name in NETWORKS:
        for one in OPTIMISERS:
            base = losses(torch, name, one, "float64")
            others = [(chainrule, "float64"), (chainrule, "float32"), (torch, "float32")]
            far = [strays(losses(library, name, one, d), base).max() for library, d in others]
            shown = "  ".join(f"{f:.1e}" for f in far)
            print(f"{name:14}{named(one):78} {shown}   {base[0]:.2f} to {base[-1]:.3f}")
