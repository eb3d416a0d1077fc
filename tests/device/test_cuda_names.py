"""`chainrule.cuda` and its relatives: what is there, queues, memory, seeds, exact products."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import chainrule as cr
from chainrule import accelerator, backends, cuda
from chainrule.backend import arrays
from chainrule.errors import OptionError


def test_what_is_there(gpu):
    assert cuda.is_available()
    assert cuda.is_initialized()
    assert cuda.device_count() >= 1
    assert cuda.current_device() == 0
    facts = cuda.get_device_properties(0)
    assert cuda.get_device_name("cuda:0") == facts.name
    assert cuda.get_device_capability() == (facts.major, facts.minor)
    assert facts.total_memory == cuda.mem_get_info()[1] > 0
    assert facts.multi_processor_count > 0
    assert accelerator.current_accelerator() == "cuda"
    assert accelerator.device_count() == cuda.device_count()
    assert backends.cuda.is_built()
    with pytest.raises(OptionError, match="not available"):
        cuda.get_device_name(99)


def test_which_is_used(gpu):
    cuda.set_device("cuda:0")
    with cuda.device(0):
        assert cuda.current_device() == 0
        assert not cr.ones(1).is_cuda
    with cuda.device(None):
        cuda.synchronize()
    cuda.synchronize(0)


def test_nothing_there():
    with arrays.stand_in(None):
        assert accelerator.current_accelerator() is None
        assert cuda.memory_allocated() == cuda.max_memory_allocated() == cuda.memory_reserved() == 0
        cuda.manual_seed(1)
        cuda.manual_seed_all(1)
        cuda.empty_cache()
        cuda.reset_peak_memory_stats()
        for use in (
            cuda.current_device,
            cuda.get_device_name,
            cuda.synchronize,
            cuda.Stream,
            cuda.Event,
            cuda.initial_seed,
            lambda: cuda.set_device(0),
        ):
            with pytest.raises(OptionError, match=r"'cuda(:0)?' is not available"):
                use()


def test_memory_in_use(gpu):
    before = cuda.memory_allocated()
    x = cr.zeros(1000, device="cuda")
    assert cuda.memory_allocated() >= before + 4000
    assert cuda.max_memory_allocated() >= cuda.memory_allocated()
    assert cuda.max_memory_reserved() >= cuda.memory_reserved() >= cuda.memory_allocated()
    del x
    assert cuda.memory_allocated() == before
    cuda.empty_cache()
    cuda.reset_peak_memory_stats(0)
    assert cuda.memory_reserved() >= before


def test_queues_and_moments(gpu):
    side = cuda.Stream()
    begun, ended = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    begun.record()
    with cuda.stream(side):
        assert cuda.current_stream() == side
        x = cr.ones(3, device="cuda") * 2
        ended.record()
    assert cuda.current_stream() == cuda.default_stream() != side
    cuda.current_stream().wait_stream(side)
    cuda.default_stream().wait_event(ended)
    ended.wait()
    ended.synchronize()
    side.synchronize()
    assert ended.query()
    assert side.query()
    assert begun.elapsed_time(ended) >= 0
    assert x.tolist() == [2.0] * 3
    with cuda.stream(None):
        assert cuda.current_stream() == cuda.default_stream()


def test_seeds(gpu):
    cr.manual_seed(5)
    first = cr.rand(4, device="cuda").tolist()
    assert cuda.initial_seed() == 5
    cuda.manual_seed(5)
    assert cr.rand(4, device="cuda").tolist() == first
    state = cuda.get_rng_state()
    after = cr.rand(4, device="cuda").tolist()
    cuda.set_rng_state(state)
    assert cr.rand(4, device="cuda").tolist() == after
    cr.manual_seed(6)
    here = cr.rand(4).tolist()
    cr.manual_seed(6)
    cuda.manual_seed_all(7)
    assert cr.rand(4).tolist() == here


@pytest.fixture
def told(monkeypatch):
    """What CuPy is told about products; its own module has these names."""
    found = []
    ways = SimpleNamespace(
        set_compute_type=lambda dtype, way: found.append(way),
        COMPUTE_TYPE_DEFAULT="float32",
        COMPUTE_TYPE_TF32="tf32",
        COMPUTE_TYPE_BF16="bf16",
    )
    monkeypatch.setitem(sys.modules, "cupy._core._routines_linalg", ways)
    yield found
    cr.set_float32_matmul_precision("highest")


def test_cupy_is_told_how_exact_products_are(told, gpu):
    backends.cuda.matmul.allow_tf32 = True
    cr.set_float32_matmul_precision("medium")
    cr.set_float32_matmul_precision("medium")
    backends.cuda.matmul.allow_tf32 = True
    backends.cuda.matmul.allow_tf32 = False
    assert told == ["tf32", "bf16", "float32"]


def test_cupy_has_the_names_that_it_is_told_by():
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from cupy._core import _routines_linalg as ways

    names = ["COMPUTE_TYPE_DEFAULT", "COMPUTE_TYPE_TF32", "COMPUTE_TYPE_BF16"]
    assert len({getattr(ways, name) for name in names}) == 3
    assert callable(ways.set_compute_type)
