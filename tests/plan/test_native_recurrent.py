"""Recurrent steps in machine code against the ops' own bodies, in many sizes and layouts."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.passes import simplified
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")
from chainrule.plan.native.executor import Native

# Batches of one unit, of several alike, with a shorter last one; lengths that differ within units
# and between them, down to one step.
SIZES = [(1, 1, 1), (5, 5), (19, 19, 19), (33, 33), (40,), (20, 17, 17, 9, 8, 1), (35, 20, 3, 0)]


def made(name, sizes, hidden, dtype, seed=0):
    """The arguments of steps, by the name of the op."""
    rng = np.random.default_rng(seed)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[name]
    rows, state = sum(sizes), (sizes[0], hidden)
    shapes = [(rows, gates * hidden), state, (gates * hidden, hidden)]
    if name == "lstm":
        shapes.insert(1, state)
    if name == "gru":
        shapes.append((gates * hidden,))
    return [rng.standard_normal(s).astype(dtype) * (0.4 if k else 1) for k, s in enumerate(shapes)]


def there_and_back(name, sizes, **attrs):
    """Steps and the walk back, as a function of g and the arguments."""
    back = ops.REGISTRY[f"{name}_steps_back"]

    def function(g, *given):
        if name == "rnn":
            seen = ops.rnn_steps(*given, sizes=sizes, **attrs)
            return seen, back(g, seen, given[-1], sizes=sizes, **attrs)
        seen = ops.REGISTRY[f"{name}_walk"](*given, sizes=sizes)
        key, (first, w) = (slice(2), given[2:]) if name == "lstm" else (0, given[1:3])
        own, gates = (ops.slice(seen, key=(k,)) for k in (key, slice(-4, None)))
        return seen, back(g, own, gates, first, w, sizes=sizes)

    return function


def compared(function, arrays, folder):
    expected, program = record(function, arrays)
    native = Native(simplified(program), folder)
    assert not native.foreign
    for _ in range(2):
        for found, wanted in zip(native(*arrays), expected, strict=True):
            eps = np.finfo(wanted.dtype).eps
            np.testing.assert_allclose(found, wanted, rtol=200 * eps, atol=200 * eps)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("code")


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
def test_batches_of_every_kind(name, sizes, dtype, folder):
    given = made(name, sizes, 6, dtype)
    function = there_and_back(name, sizes)
    g = made(name, sizes, 6, dtype, seed=1)[0][: sum(sizes), :6]
    g = np.stack([g, g[::-1]]) if name == "lstm" else g
    compared(function, [np.ascontiguousarray(g), *given], folder)
