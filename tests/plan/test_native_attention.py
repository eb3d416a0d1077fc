"""Attention and its gradients as machine code, against their forwards."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.native.kernels.attention import heads, strips
from chainrule.plan.native.matrices.choice import Core
from chainrule.plan.record import record

each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])


def numbers(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def natively(function, arrays, folder, threads=1):
    """What machine code alone gives."""
    _, program = record(function, arrays)
    native = Native(program, folder, threads)
    assert native.whole, native.foreign
    return native(*arrays)


def both(attrs, mask=False, place=False):
    """Attention and its gradients as a function of query, key, value, the gradient and more."""

    def function(query, key, value, g, *more):
        given = iter(more)
        seen = next(given) if mask else None
        start = next(given) if place else None
        y = ops.attention(query, key, value, seen, start, **attrs)
        return [y, ops.attention_back(g, query, key, value, seen, start, **attrs)]

    return function


def assert_native(function, arrays, folder, threads=1):
    """Let machine code give what the function gives, but for rounding."""
    found = natively(function, arrays, folder, threads)
    for y, expected in zip(found, function(*arrays), strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
        near = 256 * np.finfo(expected.dtype).eps
        atol = near * max(1, np.abs(expected).max())
        np.testing.assert_allclose(y, expected, rtol=near, atol=atol)
    return found


# Shapes of query, key and value: blocks and tiles that are whole, and that are not.
SHAPES = {
    "no heads": ((5, 3), (7, 3), (7, 2)),
    "one query": ((2, 3, 1, 4), (2, 3, 9, 4), (2, 3, 9, 4)),
    "whole blocks": ((2, 2, 32, 16), (2, 2, 32, 16), (2, 2, 32, 16)),
    "pieces": ((2, 3, 37, 19), (2, 3, 21, 19), (2, 3, 21, 35)),
    "more keys": ((3, 17, 8), (3, 50, 8), (3, 50, 33)),
    "shared keys": ((2, 6, 20, 8), (2, 2, 24, 8), (2, 2, 24, 5)),
    "single": ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1)),
}


def arrays_of(name, dtype):
    query, key, value = SHAPES[name]
    return numbers(query, key, value, (*query[:-1], value[-1]), dtype=dtype)


@each_format
@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("name", SHAPES)
def test_attention_and_its_gradients(name, causal, dtype, folder):
    assert_native(both({"scale": 0.4, "causal": causal}), arrays_of(name, dtype), folder)


# Masks for "shared keys", by what they are and how they are broadcast.
def masks(dtype):
    rng = np.random.default_rng(1)
    some = rng.random((2, 6, 20, 24)) < 0.6
    some[0, 1, 3] = False
    hidden = np.where(rng.random((2, 1, 1, 24)) < 0.3, -np.inf, 0.0).astype(dtype)
    return {
        "truths": some,
        "of every query": some[0, 0],
        "of every key": some[:1, :1, :, :1],
        "padding": hidden,
        "numbers": rng.standard_normal((6, 20, 24)).astype(dtype),
        "nothing is seen": np.zeros((20, 24), bool),
    }


@each_format
@pytest.mark.parametrize("name", masks(np.float64))
def test_masks(name, dtype, folder):
    arrays = [*arrays_of("shared keys", dtype), masks(dtype)[name]]
    found = assert_native(both({"scale": 0.4}, mask=True), arrays, folder)
    assert all(np.isfinite(y).all() for y in found)


@each_format
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_dropout_drops_what_the_forward_drops(share, dtype, folder):
    for name in ("pieces", "shared keys"):
        arrays = [*arrays_of(name, dtype), ops.new_state(7)]
        assert_native(both({"scale": 0.4, "p": share}, place=True), arrays, folder)


@each_format
def test_keys_in_several_strips(dtype, folder, monkeypatch):
    monkeypatch.setattr(strips, "KEYS", 16)
    attrs = {"scale": 3.0, "p": 0.2}
    for name in ("pieces", "more keys", "shared keys"):
        arrays = arrays_of(name, dtype)
        assert_native(both({"scale": 3.0, "causal": True}), arrays, folder)
        assert_native(both(attrs, place=True), [*arrays, ops.new_state(3)], folder)
    arrays = arrays_of("shared keys", dtype)
    late = np.zeros((20, 24), bool)
    late[:10, 20:] = True  # the first strip has nothing for these queries
    arrays[1] = arrays[1] - 30
    assert_native(both({"scale": 3.0}, mask=True), [*arrays, late], folder)


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_vectors(width, folder, monkeypatch):
    monkeypatch.setattr(heads, "core", lambda: Core(width, 16))
    for name in ("whole blocks", "pieces", "shared keys"):
        for causal in (False, True):
            function = both({"scale": 0.4, "causal": causal})
            assert_native(function, arrays_of(name, np.float32), folder)


def test_many_keys(folder):
    arrays = numbers((2, 18, 4), (2, 1100, 4), (2, 1100, 3), (2, 18, 3))
    assert_native(both({"scale": 0.5}), arrays, folder)


def test_what_is_infinite_or_none_comes_out_as_in_numpy(folder):
    arrays = numbers((3, 4), (6, 4), (6, 4), (3, 4))
    arrays[1][2, 1] = np.nan
    assert np.isnan(natively(both({"scale": 1.0}), arrays, folder)[0]).all()
    arrays[1][2, 1] = np.inf
    y, _ = natively(both({"scale": 1.0}), arrays, folder)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, ops.attention(*arrays[:3]), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_heads_are_read_where_they_lie(threads, folder):
    (x,) = numbers((3, 20, 3 * 4 * 8), dtype=np.float32)

    def function(x):
        q, k, v = (
            ops.permute(ops.reshape(part, shape=(3, 20, 4, 8)), dims=(0, 2, 1, 3))
            for part in ops.split(x, 32, 2)
        )
        back = ops.flip(v, dim=3)
        y = ops.attention(q, k, v, scale=0.3, causal=True)
        turned = ops.attention(back, ops.flip(k, dim=3), back, scale=0.3)
        return [y, turned, ops.attention_back(y, q, back, v, scale=0.3)]

    assert_native(function, [x], folder, threads)


def test_threads_come_to_the_same_bits(folder):
    arrays = numbers(*[(4, 4, 64, 32)] * 4, dtype=np.float32)
    function = both({"scale": 0.2, "causal": True})
    one, two = (natively(function, arrays, folder, threads) for threads in (1, 2))
    assert [y.tobytes() for y in one] == [y.tobytes() for y in two]


def test_a_place_is_taken_and_skipped(folder):
    state, other = ops.new_state(4), ops.new_state(4)

    def function(x, state=state):
        place = ops.random_place(state, count=40)
        return [ops.attention(x, x, x, None, place, scale=1.0, p=0.5)]

    (x,) = numbers((5, 8))
    _, program = record(function, [x])
    state[:] = other
    native = Native(program, folder)
    assert native.whole, native.foreign
    for _ in range(2):
        np.testing.assert_allclose(native(x)[0], function(x, other)[0], rtol=1e-12)
    np.testing.assert_array_equal(state, other)


def test_mixed_formats_are_left_to_numpy(folder):
    x, y = numbers((5, 4), (5, 4))
    _, program = record(lambda x, y: ops.attention(x, y, y), [x.astype(np.float32), y])
    native = Native(program, folder)
    assert native.foreign == ["attention"]
