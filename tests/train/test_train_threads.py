"""Threads for products by the size of their work, and NumPy's own setting as it was, afterwards."""

from contextlib import ExitStack

import numpy as np
import pytest
import threadpoolctl

from chainrule.backend import threads
from chainrule.errors import OptionError
from chainrule.ops import matmul

SMALL, LARGE = 10, 10 * threads.SMALL


def blas():
    """How many threads NumPy's BLAS would use; SciPy may have brought another."""
    every = [one for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
    own = [one for one in every if "numpy" in one["filepath"]]
    found = {library["num_threads"] for library in own or every}
    assert len(found) == 1, "NumPy's BLAS is not where it was"
    return found.pop()


def has(count):
    """Skip where the BLAS does not have so many threads."""
    with threadpoolctl.threadpool_limits(count, user_api="blas"):
        if blas() != count:
            pytest.skip(f"the BLAS here has no {count} threads")


@pytest.mark.parametrize("outside", [1, 2])
def test_what_it_finds_it_leaves(outside):
    has(2)
    with threadpoolctl.threadpool_limits(outside, user_api="blas"):
        with threads.policy(2):
            threads.fit_to_work(LARGE)
            assert blas() == 2
            threads.fit_to_work(SMALL)
            assert blas() == 1
        assert blas() == outside
        with threads.policy(1):
            threads.fit_to_work(LARGE)
            assert blas() == 1
        assert blas() == outside


def test_nested():
    has(2)
    before = blas()
    with threads.policy(2):
        threads.fit_to_work(LARGE)
        with threads.policy(1):
            threads.fit_to_work(LARGE)
            assert (blas(), threads.get_num_threads()) == (1, 1)
            with threads.policy():
                assert threads.get_num_threads() == 1
        threads.fit_to_work(LARGE)
        assert (blas(), threads.get_num_threads()) == (2, 2)
    assert blas() == before


def test_overlapping_as_those_of_two_python_threads_do():
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        first, second = threads.policy(1), threads.policy(2)
        with ExitStack() as left_last:
            with ExitStack() as left_first:
                left_first.enter_context(first)
                left_last.enter_context(second)
                threads.fit_to_work(LARGE)
                assert blas() == 2
                threads.fit_to_work(SMALL)
            assert (blas(), threads.get_num_threads()) == (1, 2)
        assert blas() == 2
        threads.fit_to_work(SMALL)
        assert blas() == 2


def test_what_is_set_inside_holds_from_now_on(monkeypatch):
    has(2)
    monkeypatch.setattr(threads, "_allowed", None)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        with threads.policy(1):
            threads.set_num_threads(2)
            assert threads.get_num_threads() == 2
        assert (blas(), threads.get_num_threads()) == (2, 2)


def test_also_after_an_error():
    before = blas(), threads.get_num_threads()

    def fails():
        with threads.policy(7):
            threads.fit_to_work(SMALL)
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert (blas(), threads.get_num_threads()) == before


def test_outside_of_it_nothing_is_touched():
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        threads.fit_to_work(SMALL)
        matmul(np.ones((2, 2)), np.ones((2, 2)))
        assert blas() == 2


def during(operations, monkeypatch):
    """How many threads a product of about so many operations has, outside of the policy."""
    seen = []
    monkeypatch.setattr(threads.np, "matmul", lambda *_, **__: seen.append(blas()))
    side = round((operations / 2) ** (1 / 3))
    threads.matmul(np.ones((side, side), np.float32), np.ones((side, side), np.float32))
    monkeypatch.undo()
    return seen


def test_outside_of_it_a_product_takes_what_it_is_worth_and_gives_it_back(monkeypatch):
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert during(threads.SMALL / 10, monkeypatch) == [1]
        assert blas() == 2
        assert during(threads.SMALL * 2, monkeypatch) == [2]
        assert blas() == 2


def test_two_at_a_time_give_it_back_together():
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with threads._alone:
            with threads._alone:
                assert blas() == 1
            assert blas() == 1
        assert blas() == 2


def test_inside_of_it_nothing_is_touched_without_a_product():
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with threads.policy(1):
            assert blas() == 2
        assert blas() == 2


def test_somebody_else_may_set_them_between():
    """What the BLAS was told last time is not what it does this time."""
    has(2)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with threads.policy(1):
            threads.fit_to_work(LARGE)
        with threadpoolctl.threadpool_limits(2, user_api="blas"), threads.policy(1):
            threads.fit_to_work(LARGE)
            assert blas() == 1
        assert blas() == 2


def test_products_inside_ask_for_what_they_are_worth(monkeypatch):
    asked = []
    monkeypatch.setattr(threads, "_set", asked.append)
    side = round((threads.SMALL / 2) ** (1 / 3)) + 5
    with threads.policy(3):
        matmul(np.ones((4, 4)), np.ones((4, 4)))
        matmul(np.ones((side, side), np.float32), np.ones((side, side), np.float32))
    assert asked[:2] == [1, 3]


@pytest.mark.parametrize("n", [0, -2])
def test_fewer_than_one(n):
    with pytest.raises(OptionError, match=f"must be at least 1, got {n}"):
        threads.set_num_threads(n)


def test_how_many_there_are():
    assert threads.get_num_threads() >= 1
    with threads.policy(5):
        assert threads.get_num_threads() == 5


def test_setting_them_for_good(monkeypatch):
    has(2)
    monkeypatch.setattr(threads, "_allowed", None)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        threads.set_num_threads(2)
        assert (blas(), threads.get_num_threads()) == (2, 2)
        with threads.policy():
            threads.fit_to_work(LARGE)
            assert blas() == 2
