"""What has no form as a whole is cut until each piece has one, and a group leaves no trace else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.native import pieces as cutting
from chainrule.plan.native.llvm.ir import Unsupported
from chainrule.plan.passes import simplified
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite")

from chainrule.plan.native.executor import Native, outside
from chainrule.plan.native.stretch import Module

W = np.linspace(-1, 1, 6)


def function(x):
    y = ops.exp(ops.mul(x, W))
    peak = ops.amax(y, dim=1, keepdim=True)
    z = ops.div(ops.sub(y, peak), ops.sum(y, dim=1, keepdim=True))
    return [z, ops.sum(z), ops.tanh(y)]


@pytest.fixture
def choosy(monkeypatch):
    """Makes modules refuse groups of more than so many instructions, or with certain ones."""

    def refuse(most, names=()):
        written = Module._written

        def choosing(module, group):
            call = written(module, group)
            found = [m.instruction.op.name for m in (*group.members, *group.finish)]
            if len(found) > most or set(names) & set(found):
                raise Unsupported("too many")
            return call

        monkeypatch.setattr(Module, "_written", choosing)

    return refuse


def recorded():
    x = np.random.default_rng(0).normal(size=(5, 6))
    return simplified(record(function, [x])[1]), x


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_pieces_give_what_the_whole_gives(most, choosy, tmp_path):
    program, x = recorded()
    whole = Native(program, tmp_path)
    expected = whole(x)
    choosy(most)
    native = Native(program, tmp_path)
    for a, b in zip(native(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    assert not native.foreign
    assert native.whole
    sizes = [len(part.instructions) for part in native.parts]
    assert max(sizes) <= most
    assert sum(sizes) == sum(len(part.instructions) for part in whole.parts)


def test_only_what_cannot_be_written_is_left_to_numpy(choosy, tmp_path):
    program, x = recorded()
    expected = Native(program, tmp_path)(x)
    choosy(100, names=["amax", "tanh"])
    native = Native(program, tmp_path)
    assert Counter(native.foreign) == Counter(outside(program)) == {"amax": 1, "tanh": 1}
    for a, b in zip(native(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_a_group_that_cannot_be_written_leaves_no_trace(choosy):
    program, _ = recorded()
    module = Module()
    choosy(0)
    for group in cutting.fuse(program):
        with pytest.raises(Unsupported):
            module.group(group)
    assert (module.functions, module.work, module.notes, module.room) == ([], [], [], 0)
