"""DistributedDataParallel in the ways in which programs for PyTorch use it, on two ranks.

On rank r the input is r + 1, so that a gradient that is averaged is 1.5 times what it would be for
an input of 1, and one of its own rank's is 1 or 2.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import GradientError
from chainrule.nn.exchanged import _Same
from distributed.launching import launch, needs_mpi

BEGIN = """
    import copy, json
    import numpy as np
    import chainrule as cr
    from chainrule import distributed as dist, nn, optim
    from chainrule.errors import ChainruleError

    dist.init()
    rank, found = dist.rank(), {}
    DDP, tell = nn.parallel.DistributedDataParallel, dist.exchange.world().tell

    def one(n=1):
        return nn.Linear(n, 1, bias=False)

    def x(n=1, factor=1.0):
        return cr.full((1, n), (rank + 1.0) * factor)

    def note(name, *tensors):
        found[name] = tell([None if t is None else np.ravel(t.tolist()).tolist() for t in tensors])

    def sentence(work):
        try:
            work()
        except ChainruleError as error:
            return str(error)
        return ""
"""
END = """
    if rank == 0:
        print(json.dumps(found))
    dist.destroy_process_group()
"""

GRADIENTS = """
    model = DDP(one())
    for k in range(2):  # layers that are used as in eval mode learn too
        model.eval()
        optim.SGD(model.parameters()).zero_grad()
        model(x()).sum().backward()
    note("in eval mode", model.module.weight.grad)

    model = DDP(one())
    model(x()).sum().backward(inputs=list(model.parameters()))
    note("of inputs", model.module.weight.grad)

    model = DDP(one())
    model(x()).sum().backward()
    held = model.module.weight.grad
    model.zero_grad(set_to_none=True)
    model(x(factor=10.0)).sum().backward()
    note("held", held, model.module.weight.grad)
    optim.SGD(model.parameters()).zero_grad(set_to_none=False)
    note("zeroed", model.module.weight.grad)
    model(x(factor=3.0)).sum().backward()
    model(x(factor=4.0)).sum().backward()
    note("added up", model.module.weight.grad)

    model = DDP(one(), gradient_as_bucket_view=True)
    model(x()).sum().backward()
    held = model.module.weight.grad
    model.zero_grad(set_to_none=True)
    model(x(factor=10.0)).sum().backward()
    note("held views", held)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = one()
            self.second = self.first

        def forward(self, x):
            again = cr.utils.checkpoint.checkpoint(self.first, x)
            return self.first(x) + 2 * self.second(x) + again

    model = DDP(Tied())
    model(x()).sum().backward()
    note("used thrice", model.module.first.weight.grad)
    found["names"] = [list(model.state_dict()), [n for n, _ in model.named_parameters()]]

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.half = nn.Parameter(cr.ones(2, dtype=cr.float16))
            self.strided = nn.Parameter(cr.arange(6.0).view(2, 3).t())
            self.frozen = nn.Parameter(cr.ones(2), requires_grad=False)
            self.empty = nn.Parameter(cr.ones(0))
            self.double = nn.Parameter(cr.ones(2, dtype=cr.float64))

        def forward(self, x):
            parts = self.half.float(), self.strided, self.frozen, self.empty, self.double
            return sum((p * x).sum() for p in parts)

    mixed = Mixed()
    assert not mixed.strided.array.flags.c_contiguous
    model = DDP(mixed)
    model(x()[0]).backward()
    note("formats", *(p.grad for p in mixed.parameters()))
    found["dtypes"] = [str(p.grad.dtype) for p in mixed.parameters() if p.grad is not None]

    model = DDP(one())
    def broken(g):
        raise ValueError
    hold = model.module.weight.register_hook(broken)
    wide = nn.Sequential(one(), one())
    deep = DDP(wide, bucket_cap_mb=1e-6)
    hold = wide[0].weight.register_hook(broken)
    try:
        deep(x()).sum().backward()
    except ValueError:
        hold.remove()
    deep.zero_grad()
    with cr.no_grad():
        wide[1].weight.fill_(2.0)
    deep(x()).sum().backward()
    note("after one that was broken off", wide[0].weight.grad)
"""

UNUSED = """
    class Choice(nn.Module):
        def __init__(self):
            super().__init__()
            self.always, self.first, self.never = one(), one(), one()

        def forward(self, x, is_first):
            return self.always(x) + (self.first(x) if is_first else 0)

    for name, options in {"found": {"find_unused_parameters": True},
                          "static": {"static_graph": True}}.items():
        choice = Choice()
        model = DDP(choice, **options)
        model(x(), rank == 1).sum().backward()
        note(name, *(p.grad for p in model.parameters()))

    cr.manual_seed(0)
    results = []
    for compiled in (False, True):
        choice = Choice()
        with cr.no_grad():
            for p in choice.parameters():
                p.fill_(1.0)
        model = DDP(choice, find_unused_parameters=True)
        optimizer = optim.AdamW(model.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (model(x, rank == 1) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        for k in range(6):
            step(x(factor=k + 1.0))
        results.append([p.item() for p in model.parameters()])
    found["learned"] = tell(results)
"""

LIVES = """
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(cr.ones(1))
            self.norm = nn.BatchNorm1d(1, affine=False)

        def forward(self, x):
            self.norm(x)
            return self.weight * x.sum()

    model = DDP(Normed())
    pair = cr.tensor([[rank + 1.0], [rank + 3.0]])
    with model.no_sync():  # not equally often on all ranks
        for k in range(1 + 2 * rank):
            model(pair).backward()
    note("own", model.module.weight.grad, model.module.norm.running_mean)
    model(pair).backward()
    note("all", model.module.weight.grad)

    model = DDP(one())
    with model.no_sync():
        y = model(x()).sum()
    y.backward()
    note("called inside", model.module.weight.grad)

    inner = one()
    model = DDP(inner)
    again = copy.deepcopy(model)
    again(x()).sum().backward()
    note("a copy", inner.weight.grad, again.module.weight.grad)
    del model, again
    model = DDP(inner)  # wrapped anew
    model(x()).sum().backward()
    note("wrapped again", inner.weight.grad)
    said = sentence(lambda: inner(x()).sum().backward())
    found["beside"] = tell(said)
    with model.no_sync():
        model.zero_grad()
        inner(x()).sum().backward()
    note("beside, quietly", inner.weight.grad)

    model = DDP(one())
    with cr.no_grad():
        model.module.weight.fill_(1.0)
    model.zero_grad()

    def backward(x):
        model(x).sum().backward()
        return x.sum()

    quick, sums = cr.compile(backward), []
    for k in range(12):
        model.zero_grad()
        if k % 3 == 2:
            with model.no_sync():
                quick(x())
        else:
            quick(x())
        sums.append(model.module.weight.grad.item())
    found["now and then"] = tell(sums)
"""

BY_HAND = """
    results = []
    for compiled in (False, True):
        w = cr.ones(2, requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
        shown = cr.zeros(2)

        def step(x):
            optimizer.zero_grad()
            (w * x).square().sum().backward()
            dist.all_reduce(w.grad, op=dist.ReduceOp.AVG)
            optimizer.step()
            shown.copy_(w.detach())
            dist.broadcast(shown, src=1)
            return w.detach().sum()

        step = cr.compile(step) if compiled else step
        for k in range(6):
            step(cr.tensor([rank + 1.0, 0.5 * k]))
        results.append([*w.tolist(), *shown.tolist()])
    found["learned"] = tell(results)

    def refused(exchange):
        def step(x):
            y = x * 2
            exchange(y)
            return y.sum()

        quick = cr.compile(step)
        return sentence(lambda: [quick(cr.ones(2)) for k in range(3)])

    found["refused"] = [
        refused(lambda y: dist.barrier()),
        refused(lambda y: dist.all_reduce(y, async_op=True).wait()),
        refused(lambda y: dist.all_gather([cr.zeros(2), cr.zeros(2)], y)),
        refused(lambda y: dist.all_gather_object([None, None], 1)),
        refused(lambda y: dist.broadcast_object_list([1])),
    ]

    w, given = cr.ones(1, requires_grad=True), cr.ones(1)
    y = w * given
    dist.all_reduce(given)
    found["changed"] = sentence(lambda: y.sum().backward())
"""


def told(body, folder):
    ended = launch(BEGIN + body + END, 2, folder=folder)
    assert ended.code == 0, ended.complained
    return json.loads(ended.said)


def both(*values):
    return [[None if v is None else [v] for v in values]] * 2


@needs_mpi
def test_gradients_are_averaged_however_they_come_about(tmp_path):
    found = told(GRADIENTS, tmp_path)
    assert found["in eval mode"] == found["of inputs"] == both(1.5)
    assert found["held"] == both(1.5, 15)
    assert found["held views"] == both(15)
    assert found["zeroed"] == both(0)
    assert found["added up"] == both(1.5 * 7)
    assert found["used thrice"] == both(1.5 * 4)
    assert found["names"] == [
        ["module.first.weight", "module.second.weight"],
        ["module.first.weight"],
    ]
    assert found["formats"] == [[[1.5] * 2, [1.5] * 6, None, [], [1.5] * 2]] * 2
    assert [name.rpartition(".")[2] for name in found["dtypes"]] == [
        *("float16", "float32", "float32", "float64")
    ]
    assert found["after one that was broken off"] == both(3)


@needs_mpi
def test_what_no_loss_depends_on_is_left_as_it_is(tmp_path):
    found = told(UNUSED, tmp_path)
    assert found["found"] == found["static"] == both(1.5, 1, None)
    eager, compiled = found["learned"][0]
    assert found["learned"][1] == found["learned"][0]
    np.testing.assert_allclose(compiled, eager, rtol=1e-6)
    assert eager[0] < 0.8
    assert eager[1] < 0.8
    assert eager[2] == 1  # no decay of weights either


@needs_mpi
def test_what_is_each_ranks_own_and_what_comes_after_it(tmp_path):
    found = told(LIVES, tmp_path)
    means = [0.2, 3 * (1 - 0.9**3)]
    assert [own[0] for own in found["own"]] == [[4], [18]]
    np.testing.assert_allclose([own[1][0] for own in found["own"]], means, rtol=1e-6)
    assert found["all"] == both((4 + 18) / 2 + (4 + 6) / 2)
    assert found["called inside"] == [[[1]], [[2]]]
    assert found["a copy"] == both(None, 1.5)
    assert found["wrapped again"] == both(1.5)
    for said in found["beside"]:
        assert said.startswith("weight was given a gradient twice since DistributedDataParallel")
    assert found["beside, quietly"] == [[[1]], [[2]]]
    for rank, sums in enumerate(found["now and then"]):
        assert sums == [1.5, 1.5, rank + 1.0] * 4


@needs_mpi
def test_exchanges_by_hand_are_part_of_a_compiled_step_or_refused(tmp_path):
    found = told(BY_HAND, tmp_path)
    eager, compiled = found["learned"][0]
    assert found["learned"][1] == found["learned"][0]
    np.testing.assert_allclose(compiled, eager, rtol=1e-6)
    assert eager[:2] == eager[2:]
    names = ["barrier", "all_reduce(..., async_op=True)", "all_gather", "all_gather_object"]
    for said, name in zip(found["refused"], [*names, "broadcast_object_list"], strict=True):
        assert said.startswith(f"{name} exchanges with other ranks what a replay would not"), said
    assert "changed in place" in found["changed"]


def test_a_recorded_step_of_other_parameters_is_refused():
    same = _Same((True, False))
    same(np.array([2, 0], np.float32))
    with pytest.raises(GradientError, match="depend on other parameters than when"):
        same(np.array([2, 1], np.float32))


def test_an_argument_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="has no argument 'bucket_cap'"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1), bucket_cap=3)
