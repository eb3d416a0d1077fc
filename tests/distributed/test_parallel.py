"""DistributedDataParallel and the exchanges, on several ranks and against one process."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import chainrule as cr
from chainrule import distributed, nn, optim
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.exchange import Bucket
from distributed.launching import launch, needs_mpi

# A run of some steps on the rows of each batch that are a rank's, as one process would take them.
STEPS = """
    import json, sys
    import numpy as np
    import chainrule as cr
    from chainrule import distributed, nn, optim

    distributed.init()
    rank, size = distributed.rank(), distributed.world_size()

    def trained(compiled, model_of, rows):
        cr.manual_seed(rank)  # weights are rank 0's
        inner = model_of()
        model = nn.parallel.DistributedDataParallel(inner, bucket_cap_mb=0.002)
        optimizer = optim.Adam(inner.parameters(), lr=0.01)
        source = np.random.default_rng(0)
        x = source.normal(size=(90, 6, 6)).astype(np.float32)
        y = source.integers(0, 3, 90)

        def step(a, b):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(a), b)
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        losses = []
        for i in range(9):
            batch = np.arange(i * rows, (i + 1) * rows) % 90
            mine = batch[rank::size]
            model.share[...] = len(mine) * size / len(batch)
            loss = step(cr.tensor(x[mine]), cr.tensor(y[mine])).item() * len(mine) / len(batch)
            losses.append(sum(distributed.exchange.world().tell(loss)))
        numbers = [t.array for t in inner.state_dict().values()]
        losses += [float(np.square(a).sum()) for a in numbers]
        bytes_of = np.concatenate([a.ravel() for a in numbers]).tobytes()
        same = len(set(distributed.exchange.world().tell(bytes_of.hex()))) == 1
        return losses, same

    def mlp():
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 40), nn.Tanh(), nn.Linear(40, 3))

    def conv():
        return nn.Sequential(
            nn.Unflatten(1, (1, 6)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
        )

    def norms():
        # Biases before a norm have gradients of rounding alone, which Adam makes steps of.
        layers = [nn.Unflatten(1, (1, 6)), nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)]
        layers += [nn.ReLU(), nn.Flatten(), nn.Linear(64, 8, bias=False), nn.BatchNorm1d(8)]
        layers.append(nn.Linear(8, 3))
        return nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(*layers))

    found = {}
    for name, model_of in {"mlp": mlp, "conv": conv, "norms": norms}.items():
        for compiled in (False, True):
            for rows in (30, 31):
                key = f"{name} {'compiled' if compiled else 'eager'} {rows}"
                found[key] = trained(compiled, model_of, rows)
    if rank == 0:
        print(json.dumps(found))
"""


@needs_mpi
def test_ranks_take_the_steps_of_one_process(tmp_path):
    found = {}
    for size in (1, 2, 4):
        ended = launch(STEPS, size, folder=tmp_path)
        assert ended.code == 0, ended.complained
        found[size] = json.loads(ended.said)
    for size in (2, 4):
        for name, (losses, same) in found[size].items():
            assert same, f"the ranks have other weights: {name} on {size}"
            np.testing.assert_allclose(losses, found[1][name][0], rtol=2e-5, err_msg=name)
    assert all(losses[8] < losses[0] for losses, _ in found[1].values())


EXCHANGES = """
    import json
    import numpy as np
    import chainrule as cr
    from chainrule import distributed as dist, nn
    from chainrule.ops.exchange import sum_over_ranks

    dist.init_process_group("gloo", init_method="env://")
    rank, size = dist.get_rank(), dist.get_world_size()
    found = {"threads": cr.get_num_threads()}
    for dtype in ("float16", "float32", "float64", "int64", "uint8"):
        x = cr.tensor([1, 2, 3]).to(getattr(cr, dtype)) * (rank + 1)
        dist.all_reduce(x)
        found[f"sum {dtype}"] = x.tolist()
    for op in ("MIN", "MAX", "PRODUCT", "AVG"):
        x = cr.tensor([1.0, 2.0]) * (rank + 1)
        work = dist.all_reduce(x, op=getattr(dist.ReduceOp, op), async_op=True)
        work.wait()
        assert work.is_completed()
        found[op] = x.tolist()
    strided = cr.zeros(2, 3)
    strided.t()[...] = rank + 1.0
    dist.all_reduce(strided.t())
    found["strided"] = strided.tolist()
    told = cr.full((2,), float(rank))
    dist.broadcast(told, src=1)
    found["broadcast"] = told.tolist()
    parts = [cr.zeros(2) for _ in range(size)]
    dist.all_gather(parts, cr.full((2,), float(rank)))
    found["gathered"] = [p.tolist() for p in parts]
    values = [None]
    dist.all_gather_object(values, {"rank": rank})
    found["objects"] = values
    lists = [rank, "a"]
    dist.broadcast_object_list(lists, src=1)
    found["list"] = lists

    # The gradient of everybody's loss, by a value that everybody's loss depends on.
    w = cr.tensor([float(rank + 1)], requires_grad=True)
    total = sum_over_ranks(w * w)
    (total * (rank + 1)).sum().backward()
    found["gradients"] = [g[0] for g in dist.exchange.world().tell(w.grad.tolist())]

    # Large sums begun one after the other come out right whatever is waited for first.
    large = [cr.full((300_000,), float(rank + k)) for k in range(4)]
    works = [dist.all_reduce(x, async_op=True) for x in large]
    for work in reversed(works):
        work.wait()
    found["large"] = [[x.min().item(), x.max().item()] for x in large]

    model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    with model.no_sync():
        model(cr.full((1, 1), rank + 1.0)).sum().backward()
    own = dist.exchange.world().tell(model.module.weight.grad.item())
    found["alone"] = own
    model(cr.full((1, 1), 10.0 * (rank + 1))).sum().backward()
    found["together"] = model.module.weight.grad.tolist()
    dist.barrier()
    dist.destroy_process_group()
    assert not dist.is_initialized()
    if rank == 0:
        print(json.dumps(found))
"""


@needs_mpi
def test_exchanges(tmp_path):
    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    ended = launch(EXCHANGES, 2, folder=tmp_path, **two)
    assert ended.code == 0, ended.complained
    found = json.loads(ended.said)
    assert found["threads"] <= max(1, len(os.sched_getaffinity(0)) // 2)
    for dtype in ("float16", "float32", "float64", "int64", "uint8"):
        assert found[f"sum {dtype}"] == [3, 6, 9]
    assert found["MIN"] == [1, 2]
    assert found["MAX"] == [2, 4]
    assert found["PRODUCT"] == [2, 8]
    assert found["AVG"] == [1.5, 3]
    assert found["strided"] == [[3, 3, 3], [3, 3, 3]]
    assert found["broadcast"] == [1, 1]
    assert found["gathered"] == [[0, 0], [1, 1]]
    assert found["objects"] == [{"rank": 0}, {"rank": 1}]
    assert found["list"] == [1, "a"]
    # L = (1 + 2) (w0^2 + w1^2), so dL/dw0 = 6 w0 and dL/dw1 = 6 w1.
    assert found["gradients"] == [6, 12]
    assert found["large"] == [[2 * k + 1, 2 * k + 1] for k in range(4)]
    assert found["alone"] == [1, 2]
    assert found["together"] == [[(11 + 22) / 2]]


@needs_mpi
def test_modules_that_differ_are_refused_on_every_rank(tmp_path):
    program = """
    import chainrule as cr
    from chainrule import distributed, nn
    from chainrule.errors import ChainruleError

    distributed.init()
    rank = distributed.rank()
    tell = distributed.exchange.world().tell
    try:
        nn.parallel.DistributedDataParallel(nn.Linear(2, 3 + rank))
    except ChainruleError as error:
        said = tell(str(error))
        if rank == 0:
            print(*said, sep="\\n")

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x):
            return self.one(x)

    try:
        x = cr.full((1, 1), rank + 1.0)
        nn.parallel.DistributedDataParallel(Half())(x).sum().backward()
    except ChainruleError as error:
        said = tell(str(error))
        if rank == 0:
            print(said[1])
    model = nn.parallel.DistributedDataParallel(Half(), find_unused_parameters=True)
    model(cr.full((1, 1), rank + 1.0)).sum().backward()
    said = tell([model.module.one.weight.grad.item(), model.module.other.weight.grad is None])
    if rank == 0:
        print(said)
    model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    y = model(x).sum()
    y.backward(retain_graph=True)
    try:
        y.backward()
    except ChainruleError as error:
        said = tell(str(error))
        if rank == 0:
            print(said[0])
    """
    ended = launch(program, 2, folder=tmp_path)
    assert ended.code == 0, ended.complained
    first, second, unused, found, twice = ended.said.splitlines()
    assert first == second
    assert "weight is ['float32', 3, 2] on rank 0 and ['float32', 4, 2] on rank 1" in first
    assert unused.startswith("other.bias had no gradient in this step")
    assert found == "[[1.5, True], [1.5, True]]"
    assert "was given a gradient twice since DistributedDataParallel was called" in twice


# --- in one process -----------------------------------------------------------------------------


def test_one_process_alone_trains_as_without():
    x = cr.ones(4, 3)
    plain, wrapped = nn.Linear(3, 2), nn.Linear(3, 2)
    wrapped.load_state_dict(plain.state_dict())
    model = nn.parallel.DistributedDataParallel(wrapped)
    plain(x).square().sum().backward()
    model(x).square().sum().backward()
    np.testing.assert_array_equal(plain.weight.grad.array, wrapped.weight.grad.array)
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    optim.SGD(model.parameters(), lr=0.1).step()


def test_batch_norms_are_converted_with_all_that_they_hold(tmp_path):
    inside = nn.Sequential(nn.BatchNorm2d(2, bias=False), nn.Flatten(), nn.BatchNorm1d(8, eps=0.1))
    model = nn.Sequential(inside, nn.LayerNorm(8)).eval()
    model[0][2].running_mean.fill_(0.5)
    x = cr.randn(3, 2, 2, 2)
    expected, before = model(x), dict(model.named_parameters())
    assert nn.SyncBatchNorm.convert_sync_batchnorm(model) is model
    assert [type(m) for m in inside] == [nn.SyncBatchNorm, nn.Flatten, nn.SyncBatchNorm]
    assert {name: id(p) for name, p in model.named_parameters()} == {
        name: id(p) for name, p in before.items()
    }
    cr.save(model, tmp_path / "model.cr")
    for same in (model, cr.load(tmp_path / "model.cr").eval()):
        np.testing.assert_array_equal(same(x).array, expected.array)
    single = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(8))
    assert type(single) is nn.SyncBatchNorm
    assert single.training


def test_what_is_asked_for_in_the_background_can_be_waited_for():
    x, found = cr.ones(2), [cr.zeros(2)]
    works = [
        distributed.all_reduce(x, async_op=True),
        distributed.broadcast(x, async_op=True),
        distributed.all_gather(found, x, async_op=True),
        distributed.barrier(async_op=True),
    ]
    for work in works:
        work.wait()
        assert work.is_completed()
    assert found[0].tolist() == [1, 1]
    assert distributed.broadcast(x) is None


def test_what_cannot_be_exchanged_is_refused():
    with pytest.raises(OptionError, match="needs a parameter that wants a gradient"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    with pytest.raises(OptionError, match="there is no rank 1; there are 0 to 0"):
        distributed.broadcast(cr.ones(2), src=1)
    with pytest.raises(OptionError, match="all_reduce takes a Tensor, got"):
        distributed.all_reduce([1.0])
    with pytest.raises(OptionError, match="op must be one of"):
        distributed.all_reduce(cr.ones(2), op="xor")
    with pytest.raises(OptionError, match="AVG is for floating-point"):
        distributed.all_reduce(cr.tensor([1]), op=distributed.ReduceOp.AVG)
    with pytest.raises(ShapeError, match="the list has none"):
        distributed.all_gather([], cr.ones(2))
    with pytest.raises(OptionError, match="backend must be 'mpi'"):
        distributed.init_process_group("smoke")


def test_gradients_set_out_while_backward_goes_on():
    """A leaf's hook is called once its gradient is complete, before those of earlier layers."""
    order = []
    layers = [nn.Linear(3, 3, bias=False) for _ in range(4)]
    for k, layer in enumerate(layers):
        layer.weight.register_post_accumulate_grad_hook(
            lambda p, k=k: order.append((k, [other.weight.grad is not None for other in layers]))
        )
    model = nn.Sequential(*layers, layers[3])  # the last is used twice
    model(cr.ones(2, 3)).sum().backward()
    assert [k for k, _ in order] == [3, 2, 1, 0]
    assert order[0][1] == [False, False, False, True]


def test_hooks_change_no_gradient():
    def gradients(heard):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        if heard:
            for p in model.parameters():
                p.register_post_accumulate_grad_hook(lambda p: None)
        model(cr.ones(5, 3)).square().sum().backward()
        return [p.grad.array for p in model.parameters()]

    for plain, heard in zip(gradients(False), gradients(True)):
        np.testing.assert_array_equal(plain, heard)


def test_a_bucket_holds_its_gradients_side_by_side():
    bucket = Bucket("0", [(2, 2), (3,)], np.dtype(np.float32))
    bucket.views[0][...] = 1
    bucket.views[1][...] = 2
    assert bucket.buffer.tolist() == [1, 1, 1, 1, 2, 2, 2]
