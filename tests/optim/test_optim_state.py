"""Saving, loading and going on as if nothing had happened."""

import copy

import numpy as np
import pytest

from chainrule.autograd import Tensor, tensor, zeros
from chainrule.errors import OptionError
from chainrule.optim import SGD, Adam, AdamW
from chainrule.optim.lr_scheduler import StepLR
from optim.twins import Network, close, ours, same, theirs

ROWS = [
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.002}),
    ("RMSprop", {"lr": 0.002, "momentum": 0.5, "centered": True, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.05}),
    ("Adadelta", {"lr": 0.5}),
    ("Adamax", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01}),
    ("Rprop", {"lr": 0.01}),
    ("ASGD", {"lr": 0.01, "t0": 3}),
    ("Adafactor", {"lr": 0.01}),
]
every_row = pytest.mark.parametrize(
    ("name", "options"), ROWS, ids=[f"{n}-{len(o)}" for n, o in ROWS]
)
SPLIT = {"lr": 0.004}


def learn(twin, steps):
    for _ in range(steps):
        twin.learn()
    return twin


def moved(a, b):
    """Give `b` the parameters and the optimiser's state of `a`."""
    for p, q in zip(a.params, b.params):
        q.array = p.array.copy()
    b.optimizer.load_state_dict(a.optimizer.state_dict())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_row
def test_a_new_process_goes_on_bit_by_bit(name, options, dtype):
    a = learn(ours(Network(), name, options, dtype, SPLIT), 7)
    a.turn_down(0.5)
    b = ours(Network(), name, {}, dtype, {"lr": 1.0})  # options come from the state
    moved(a, b)
    same(learn(a, 10), learn(b, 10))


@every_row
def test_a_state_kept_aside_brings_back_an_earlier_step(name, options):
    a = learn(ours(Network(), name, options), 5)
    numbers, state = copy.deepcopy(a.numbers()), a.optimizer.state_dict()
    later = copy.deepcopy(learn(a, 10).numbers())
    for p, x in zip(a.params, numbers):
        p.array[...] = x
    a.optimizer.load_state_dict(state)
    for x, y in zip(learn(a, 10).numbers(), later):
        np.testing.assert_array_equal(x, y)


@every_row
def test_a_state_from_before_the_first_step_starts_anew(name, options):
    options = {k: v for k, v in options.items() if k != "dampening"}
    a, fresh = ours(Network(), name, options), ours(Network(), name, options)
    learn(a, 5)
    moved(fresh, a)
    same(learn(a, 5), learn(fresh, 5))


@every_row
def test_states_go_to_pytorch_and_back(name, options, torch):
    a = ours(Network(), name, options, split=SPLIT)
    b = theirs(torch, Network(), name, options, split=SPLIT)
    learn(a, 5)
    learn(b, 5)
    state = a.optimizer.state_dict()
    theirs_now = b.optimizer.state_dict()
    assert list(state) == list(theirs_now)
    assert [g["params"] for g in state["param_groups"]] == [
        g["params"] for g in theirs_now["param_groups"]
    ]
    if name != "SGD" or "momentum" in options:
        assert list(state["state"]) == list(theirs_now["state"])
        for ours_one, their_one in zip(state["state"].values(), theirs_now["state"].values()):
            assert set(ours_one) == set(their_one)
    # Over to them ...
    as_theirs = copy.deepcopy(state)
    as_theirs["state"] = {
        i: {k: torch.tensor(v.numpy()) for k, v in one.items()} for i, one in state["state"].items()
    }
    c = theirs(torch, Network(), name, options, split=SPLIT)
    for p, q in zip(a.params, c.params):
        q.data = torch.tensor(p.array)
    c.optimizer.load_state_dict(as_theirs)
    # ... and over to us, their tensors as they are.
    d = ours(Network(), name, options, split=SPLIT)
    for p, q in zip(b.params, d.params):
        q.array = p.detach().numpy().copy()
    d.optimizer.load_state_dict(b.optimizer.state_dict())
    for twin in (a, c, d):
        learn(twin, 10)
    close(a, c)
    close(a, d)


def test_the_layout():
    p, q = zeros(2, requires_grad=True), tensor(1.0, requires_grad=True)
    optimizer = Adam([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.25)
    assert optimizer.state_dict()["state"] == {}
    q.grad = tensor(1.0)
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state["state"]) == [1]
    assert {k: v.tolist() for k, v in state["state"][1].items() if k == "step"} == {"step": 1.0}
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["param_groups"][1] == {
        "lr": 0.5,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "fused": None,
        "decoupled_weight_decay": False,
        "params": [1],
    }


def test_a_state_dict_is_a_copy():
    p = tensor([1.0], requires_grad=True)
    optimizer = SGD([p], momentum=0.9)
    p.grad = tensor([1.0])
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.step()
    assert state["state"][0]["momentum_buffer"].item() == 1
    state["state"][0]["momentum_buffer"].zero_()
    assert optimizer.state[p]["momentum_buffer"].item() == pytest.approx(1.9)


def test_what_a_schedule_has_noted_goes_along():
    optimizer = SGD([zeros(1, requires_grad=True)], lr=1.0)
    schedule = StepLR(optimizer, 1, 0.5)
    optimizer.step()
    schedule.step()
    other = SGD([zeros(1, requires_grad=True)])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["initial_lr"] == 1.0
    assert StepLR(other, 1, 0.5, last_epoch=0).base_lrs == [1.0]


def test_formats_become_those_of_the_parameters():
    p = Tensor([1.0], dtype=np.float32, requires_grad=True)
    optimizer = SGD([p], momentum=0.9)
    state = optimizer.state_dict()
    state["state"] = {0: {"momentum_buffer": np.ones(1)}}
    optimizer.load_state_dict(state)
    assert optimizer.state[p]["momentum_buffer"].dtype == np.float32


def stepped(kind, shapes=((2,), (3,)), **options):
    params = [zeros(*s, requires_grad=True) for s in shapes]
    optimizer = kind(params, **options)
    for p in params:
        p.grad = zeros(*p.shape)
    optimizer.step()
    return optimizer


MISFITS = [
    (lambda: {}, 'a state dict of an optimiser has "state", this one has not'),
    (lambda: None, 'a state dict of an optimiser has "state", this one has not'),
    (lambda: {"state": {}}, 'a state dict of an optimiser has "param_groups", this one has not'),
    (
        lambda: {"state": {}, "param_groups": []},
        "the state dict has 0 parameter groups, this optimiser has 1",
    ),
    (
        lambda: stepped(Adam, [(2,)]).state_dict(),
        "group 0 of the state dict has 1 parameters, that of this optimiser 2",
    ),
    (
        lambda: stepped(SGD, momentum=0.9).state_dict(),
        "group 0 of the state dict has no 'betas', which Adam needs; "
        "was it saved by another optimiser?",
    ),
    (
        lambda: stepped(Adam, [(3,), (3,)]).state_dict(),
        "exp_avg of parameter 0 has shape (3,) in the state dict, here it is (2,)",
    ),
    (
        lambda: changed(state={0: {"step": np.array(1.0)}}),
        "the state dict has no exp_avg for parameter 0, but step; "
        "was it saved by another optimiser?",
    ),
    (
        lambda: changed(state={1: {"step": "one"}}),
        "step of parameter 1 in the state dict holds no numbers",
    ),
    (lambda: changed(lr="fast"), "lr must be a number, got 'fast'"),
    (
        lambda: changed(betas=(0.9, 0.9, 0.9)),
        "betas in group 0 of the state dict is (0.9, 0.9, 0.9), which cannot replace (0.9, 0.999)",
    ),
]


def changed(state=None, **options):
    found = stepped(Adam).state_dict()
    found["param_groups"][0].update(options)
    return found if state is None else {**found, "state": state}


@pytest.mark.parametrize(("saved", "sentence"), MISFITS)
def test_a_state_dict_that_does_not_fit_changes_nothing(saved, sentence):
    optimizer = stepped(Adam, lr=0.5)
    before = optimizer.state_dict()
    with pytest.raises(OptionError) as caught:
        optimizer.load_state_dict(saved())
    assert str(caught.value) == sentence
    after = optimizer.state_dict()
    assert before["param_groups"] == after["param_groups"]
    for i in before["state"]:
        for name, value in before["state"][i].items():
            np.testing.assert_array_equal(value.numpy(), after["state"][i][name].numpy())


def test_adam_and_adamw_can_be_exchanged():
    AdamW([zeros(2, requires_grad=True)]).load_state_dict(stepped(Adam, [(2,)]).state_dict())
