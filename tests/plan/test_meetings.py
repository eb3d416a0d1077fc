"""Operations for which ranks meet: in every plan they come in the order of the program."""

import numpy as np

from chainrule import ops
from chainrule.ops.exchange import MEETINGS, Bucket, exchange_start, exchange_wait, sum_over_ranks
from chainrule.plan.passes import simplified
from chainrule.plan.passes.fuse import fuse
from chainrule.plan.record import record


def recorded(step):
    return record(step, [np.ones(4, np.float32), np.ones((3, 2), np.float32)])[1]


def test_what_is_begun_first_stays_first_whatever_it_is_computed_with():
    buckets = [Bucket(str(k), [shape], np.dtype("f4")) for k, shape in enumerate([(4,), (3, 2)])]
    share = np.ones(())

    def step(x, y):
        first, second = ops.exp(x), ops.exp(y)
        for bucket, g in zip(buckets, (first, second)):
            exchange_start(bucket.buffer, share, g, bucket=bucket)
        # `first` is made in one loop with what has to wait for the sorting.
        product = ops.mul(first, ops.sort(x)[0])
        for bucket in buckets:
            exchange_wait(bucket.buffer, bucket=bucket)
        return product

    groups = fuse(recorded(step))
    members = [[m.instruction for m in group.members] for group in groups]
    assert ["exp", "mul"] in [[i.op.name for i in these] for these in members]
    begun = [i for these in members for i in these if i.op.name == "exchange_start"]
    assert [i.attrs["bucket"].name for i in begun] == ["0", "1"]


def test_where_others_are_met_one_comes_though_nobody_needs_the_result():
    def step(x, y):
        sum_over_ranks(x)
        ops.exp(x)
        return ops.mul(y, 2.0)

    assert [i.op.name for i in simplified(recorded(step))] == ["sum_over_ranks", "mul"]


def test_all_that_is_met_for_is_an_operation_between_ranks():
    assert {"exchange_start", "exchange_reduce", "from_rank", "sum_over_ranks"} == MEETINGS
    assert not MEETINGS & ops.REGISTRY.keys()
