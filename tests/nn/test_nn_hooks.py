"""Hooks of every kind as PyTorch's: before, after, on the way back, at saving and loading."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import from_numpy, ones, tensor
from chainrule.errors import DataError, OptionError
from nn.oracle import close


class Scaled(nn.Module):
    """x times a number."""

    def forward(self, x: Any, by: float = 1.0) -> Any:
        return x * by


# --- arguments and order ------------------------------------------------------------------------


def test_hooks_with_keyword_arguments():
    module, seen = Scaled(), []
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True
    )
    module.register_forward_hook(
        lambda m, args, kwargs, y: seen.append(kwargs["by"]), with_kwargs=True
    )
    assert module(ones(1), by=2.0).item() == 3.0
    assert seen == [3.0]
    wrong = module.register_forward_pre_hook(lambda m, args, kwargs: 1, with_kwargs=True)
    with wrong, pytest.raises(OptionError, match="a pair"):
        module(ones(1), by=1.0)
    assert module(ones(1), by=1.0).item() == 2.0


def test_hooks_may_come_first():
    module, order = Scaled(), []
    for name, prepend in [("b", False), ("c", False), ("a", True)]:
        module.register_forward_hook(lambda *_, n=name: order.append(n), prepend=prepend)
    module(ones(1))
    assert order == ["a", "b", "c"]


def test_hooks_that_are_called_whatever_happens():
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("broken")

    module, seen = Broken(), []
    module.register_forward_hook(lambda m, args, y: seen.append(y), always_call=True)
    module.register_forward_hook(lambda m, args, y: seen.append("never"))
    with pytest.raises(ValueError, match="broken"):
        module(ones(1))
    assert seen == [None]


# --- on the way back ----------------------------------------------------------------------------


class Joined(nn.Module):
    """Two inputs, two outputs; the words are those of both libraries."""

    def forward(self, x: Any, y: Any) -> Any:
        return x * y, x + 2 * y


def both_ways(torch: Any) -> Any:
    class Theirs(torch.nn.Module):
        forward = Joined.forward

    return Joined(), Theirs()


@pytest.mark.parametrize("wanting", [(True, True), (True, False), (False, True)])
def test_gradients_seen_as_in_pytorch(wanting, torch):
    seen: list[list[Any]] = [[], []]
    results = []
    for notes, module, make in zip(seen, both_ways(torch), (tensor, torch.tensor)):

        def before(m: Any, outputs: Any, notes: Any = notes) -> Any:
            notes.append([None if g is None else g.tolist() for g in outputs])
            return tuple(g * 2 for g in outputs)

        def after(m: Any, inputs: Any, outputs: Any, notes: Any = notes) -> Any:
            notes.append([None if g is None else g.tolist() for g in (*inputs, *outputs)])
            return tuple(None if g is None else g * 3 for g in inputs)

        module.register_full_backward_pre_hook(before)
        module.register_full_backward_hook(after)
        xs = [make([1.0, 2.0], requires_grad=w) for w in wanting]
        a, b = module(*xs)
        (a * make([1.0, 10.0]) + b).sum().backward()
        results.append([None if x.grad is None else x.grad.tolist() for x in xs])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 2
    assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_the_first_layer_has_no_input_gradient(torch):
    seen = []
    for module, x in ((nn.Linear(2, 1), ones(3, 2)), (torch.nn.Linear(2, 1), torch.ones(3, 2))):
        module.register_full_backward_hook(lambda m, i, o: seen.append((i[0], len(o))))
        module(x).sum().backward()
    assert seen == [(None, 1)] * 2


def test_a_hook_of_the_way_back_can_be_taken_away():
    module = nn.ReLU()
    handle = module.register_full_backward_hook(lambda m, i, o: (i[0] * 0,))
    x = ones(2, requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    handle.remove()
    module(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


# --- state --------------------------------------------------------------------------------------


def test_hooks_of_the_state():
    net, seen = nn.Sequential(nn.Linear(2, 3)), []
    net[0].register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("save", prefix)))
    net.register_state_dict_post_hook(lambda m, state, prefix, data: state.update(extra=ones(1)))
    state = net.state_dict()
    assert seen == [("save", "0.")]
    assert list(state) == ["0.weight", "0.bias", "extra"]
    net.register_load_state_dict_pre_hook(lambda m, state, *rest: state.pop("extra"))
    net.register_load_state_dict_post_hook(lambda m, keys: seen.append(tuple(keys)))
    assert repr(net.load_state_dict(state)) == "<All keys matched successfully>"
    assert seen[1:] == [([], [])]
    assert "extra" in state  # what was given is left alone


def test_states_with_prefixes_and_parameters():
    net = nn.Linear(2, 3)
    state = net.state_dict(prefix="a.", keep_vars=True)
    assert state["a.weight"] is net.weight
    assert list(net.state_dict(destination=state, prefix="b.")) == [
        "a.weight",
        "a.bias",
        "b.weight",
        "b.bias",
    ]
    assert not net.state_dict()["weight"].requires_grad


def test_assigned_states_are_taken_as_they_are(torch):
    net = nn.Linear(2, 3)
    state = {k: v.double() for k, v in nn.Linear(2, 3).state_dict().items()}
    assert net.load_state_dict(state).missing_keys == []
    assert net.weight.dtype == np.float32
    net.load_state_dict(state, assign=True)
    assert net.weight.dtype == np.float64
    assert net.weight.requires_grad
    assert np.shares_memory(net.weight.detach().numpy(), state["weight"].numpy())


def test_what_else_belongs_to_the_state():
    class Counting(nn.Module):
        count = 0

        def get_extra_state(self) -> Any:
            return self.count

        def set_extra_state(self, state: Any) -> None:
            self.count = state

    net = nn.Sequential(Counting())
    net[0].count = 5
    other = nn.Sequential(Counting())
    assert net.state_dict() == {"0._extra_state": 5}
    other.load_state_dict(net.state_dict())
    assert other[0].count == 5
    with pytest.raises(DataError, match="missing"):
        other.load_state_dict({})
    with pytest.raises(NotImplementedError):
        nn.Module().get_extra_state()


# --- paths --------------------------------------------------------------------------------------


def test_parts_by_path():
    net = nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))})
    assert net.get_submodule("a.0") is net["a"][0]
    assert net.get_submodule("") is net
    assert net.get_parameter("a.0.bias") is net["a"][0].bias
    assert net.get_buffer("a.1.running_mean") is net["a"][1].running_mean
    net.set_submodule("a.0", nn.Identity())
    assert isinstance(net["a"][0], nn.Identity)
    for wrong in (
        lambda: net.get_submodule("a.7"),
        lambda: net.get_submodule("a.training"),
        lambda: net.get_parameter("a.1.running_mean"),
        lambda: net.get_buffer("a.1.weight"),
        lambda: net.set_submodule("a.9", nn.Identity(), strict=True),
    ):
        with pytest.raises(AttributeError):
            wrong()


def test_parts_as_pytorch_keeps_them():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert list(net._modules) == ["0", "1"]
    assert net[0]._parameters["weight"] is net[0].weight
    assert list(net[1]._buffers) == ["running_mean", "running_var", "num_batches_tracked"]
    net._modules["1"] = nn.ReLU()
    assert isinstance(net[1], nn.ReLU)
    del net._modules["1"]
    assert len(net) == 1


def test_buffers_by_assignment():
    module = nn.Module()
    module.kept, module.scratch = nn.Buffer(ones(2)), nn.Buffer(ones(3), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "scratch"]
    assert list(module.state_dict()) == ["kept"]


def test_formats_and_devices():
    net = nn.Linear(2, 3)
    assert net.half().weight.dtype == np.float16
    assert net.type(np.float64).weight.dtype == np.float64
    assert net.to_empty(device="cpu") is net.share_memory() is net
    for refused in (net.cuda, net.bfloat16):
        with pytest.raises(OptionError):
            refused()
    assert nn.GRU(2, 3, dtype=np.float64).weight_ih_l0.dtype == np.float64
    with pytest.raises(OptionError, match="not available"):
        nn.PReLU(device="cuda")
    with pytest.raises(OptionError, match="is to be a"):
        net.register_parameter("scale", ones(1))
    with pytest.raises(OptionError, match="is to be a module"):
        net.add_module("act", "relu")


def test_a_layer_of_both_libraries_with_hooks_learns_the_same(torch):
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    theirs = torch.nn.Linear(2, 3)
    ours = nn.Linear(2, 3)
    ours.load_state_dict(theirs.state_dict())
    for module, data in ((ours, from_numpy(x)), (theirs, torch.tensor(x))):
        module.register_full_backward_pre_hook(lambda m, g: (g[0] * 0.5,))
        data.requires_grad_()
        (module(data) ** 2).sum().backward()
    close(ours.weight.grad, theirs.weight.grad, "gradient", 5)
