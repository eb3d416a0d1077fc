"""What PyTorch has and this library has not: asked for, switched, and refused in a sentence."""

from __future__ import annotations

import pytest

import chainrule
from chainrule import nn
from chainrule.absent import AbsentError
from chainrule.backend.arrays import stand_in

MACHINES = ["cuda", "xpu", "mps", "accelerator"]


@pytest.mark.parametrize("name", MACHINES)
def test_no_other_machine_is_there(name):
    machine = getattr(chainrule, name)
    with stand_in(None):
        assert machine.is_available() is False
        assert machine.device_count() == 0


@pytest.mark.parametrize("name", ["cuda", "xpu", "mps"])
def test_seeds_for_other_machines_leave_ours_alone(name):
    chainrule.manual_seed(3)
    expected = chainrule.rand(2).tolist()
    chainrule.manual_seed(3)
    getattr(chainrule, name).manual_seed_all(7)
    assert chainrule.rand(2).tolist() == expected


@pytest.mark.parametrize(
    "module",
    ["cuda", "xpu", "mps", "accelerator", "backends", "jit", "onnx", "hub", "fft", "distributed"],
)
def test_other_names_are_refused_in_a_sentence(module):
    there = getattr(chainrule, module)
    assert not hasattr(there, "nonesuch")
    with pytest.raises(AbsentError, match=rf"^chainrule has no {module}.nonesuch; \w+"):
        there.nonesuch()


@pytest.mark.parametrize("name", ["jit.save", "jit.load", "hub.load"])
def test_what_may_be_named_but_not_called(name):
    module, function = name.split(".")
    with pytest.raises(AbsentError, match=f"^chainrule has no {name}; "):
        getattr(getattr(chainrule, module), function)("model")


def test_scripts_and_traces_compute_the_same():
    layer = nn.Linear(2, 1)
    x = chainrule.ones(3, 2)
    assert chainrule.jit.trace(chainrule.jit.script(layer), x) is layer

    @chainrule.jit.ignore(drop=False)
    def plus(a):
        return a + 1

    assert plus(1) == 2


def test_a_loop_of_mixed_precision_computes_in_full():
    losses = []
    for mixed in (False, True):
        chainrule.manual_seed(0)
        layer = nn.Linear(2, 1)
        optimizer = chainrule.optim.SGD(layer.parameters(), lr=0.1)
        scaler = chainrule.amp.GradScaler("cuda", enabled=mixed)
        with chainrule.autocast("cuda", dtype=chainrule.float16, enabled=mixed):
            loss = (layer(chainrule.ones(1, 2)) ** 2).sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        losses.append((layer(chainrule.ones(1, 2)) ** 2).sum().item())
    assert losses[0] == losses[1]


def test_a_module_over_all_machines_is_the_module():
    inner = nn.Linear(2, 1)
    outer = nn.DataParallel(inner)
    x = chainrule.ones(3, 2)
    assert outer(x).tolist() == inner(x).tolist() == nn.parallel.data_parallel(inner, x).tolist()
    assert list(outer.state_dict()) == ["module.weight", "module.bias"]


def test_a_way_to_compute_attention_may_be_chosen():
    q = chainrule.rand(1, 2, 3, 4)
    expected = nn.functional.scaled_dot_product_attention(q, q, q).tolist()
    with nn.attention.sdpa_kernel([nn.attention.SDPBackend.FLASH_ATTENTION]):
        assert nn.functional.scaled_dot_product_attention(q, q, q).tolist() == expected


def test_mixed_precision_has_its_former_address():
    with chainrule.cuda.amp.autocast(enabled=True):
        scaler = chainrule.cuda.amp.GradScaler(enabled=True)
    assert scaler.get_scale() == 1.0
