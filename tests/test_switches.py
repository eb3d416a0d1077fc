"""What programs set and change nothing, the default generator's state, and numbers of others."""

from __future__ import annotations

import array

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError


def test_every_run_gives_the_same_numbers():
    cr.use_deterministic_algorithms(True, warn_only=True)
    cr.set_deterministic_debug_mode("error")
    assert cr.are_deterministic_algorithms_enabled()
    assert not cr.is_deterministic_algorithms_warn_only_enabled()
    assert cr.get_deterministic_debug_mode() == 2


def test_how_exact_products_on_a_gpu_are_is_a_choice():
    assert cr.get_float32_matmul_precision() == "highest"
    try:
        cr.set_float32_matmul_precision("medium")
        assert cr.get_float32_matmul_precision() == "medium"
        assert cr.backends.cuda.matmul.allow_tf32
        cr.backends.cuda.matmul.allow_tf32 = False
        assert cr.get_float32_matmul_precision() == "highest"
    finally:
        cr.set_float32_matmul_precision("highest")
    with pytest.raises(OptionError, match="one of highest, high, medium, got 'low'"):
        cr.set_float32_matmul_precision("low")


def test_one_operation_runs_at_a_time():
    cr.set_num_interop_threads(4)
    assert cr.get_num_interop_threads() == 1


def test_the_default_generator_can_be_put_back():
    cr.manual_seed(3)
    assert cr.initial_seed() == 3
    state = cr.get_rng_state()
    first = cr.rand(2).tolist()
    with cr.random.fork_rng():
        assert cr.seed() == cr.initial_seed()
        cr.rand(5)
    second = cr.rand(2).tolist()
    cr.set_rng_state(state)
    assert cr.rand(2).tolist() == first
    assert cr.rand(2).tolist() == second


def test_buffers_are_shared():
    numbers = array.array("f", [1.0, 2.0, 3.0])
    x = cr.frombuffer(numbers, dtype=cr.float32, count=2, offset=4)
    x[0] = 9.0
    assert numbers.tolist() == [1.0, 9.0, 3.0]
    assert cr.frombuffer(b"\x01\x02", dtype=cr.uint8).tolist() == [1, 2]


def test_arrays_of_other_libraries_are_shared():
    numbers = np.zeros(2, dtype=np.float32)
    cr.from_dlpack(numbers).fill_(4.0)
    assert numbers.tolist() == [4.0, 4.0]
    assert np.shares_memory(cr.to_dlpack(cr.from_numpy(numbers)), numbers)


def test_what_is_done_in_place_is_a_function_too():
    x = cr.tensor([-1.0, 2.0])
    assert cr.abs_(x) is x
    assert x.tolist() == [1.0, 2.0]
    with pytest.raises(AttributeError, match="has no 'nonesuch_'"):
        cr.nonesuch_(x)
