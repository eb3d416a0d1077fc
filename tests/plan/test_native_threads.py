"""Teams: shared products have the bits of products done alone, whoever is late, asleep or gone."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code is made by llvmlite")

import chainrule as cr
from chainrule.backend import threads as policy
from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.llvm.ir import Writer
from chainrule.plan.native.matrices.choice import choose
from chainrule.plan.native.matrices.products import Product, write
from chainrule.plan.native.team import sharing, threads
from chainrule.plan.native.team.threads import Team, shares, team

if not sharing.is_supported():
    pytest.skip("this system has no threads as POSIX knows them", allow_module_level=True)

CALL = """
define void @shared(ptr %team, ptr %a, ptr %b, ptr %c, i64 %shares) {{
  call void @together(ptr %team, ptr @product, ptr %a, ptr %b, ptr %c, ptr null, i64 {units},
                      i64 %shares)
  ret void
}}
"""


class Shared:
    """One product, alone or by a team."""

    def __init__(self, m=40, n=70, k=50):
        rng = np.random.default_rng(0)
        self.a = rng.normal(size=(m, k)).astype(np.float32)
        self.b = rng.normal(size=(k, n)).astype(np.float32)
        self.product = Product(m, n, k, (k, 1), (n, 1), n, self.a.dtype)
        w = Writer()
        self.kernel = write(
            Writer(w.declared, w.notes), self.product, choose(self.product), "product"
        )
        call = CALL.format(units=self.kernel.units)
        text = w.module(self.kernel.text, sharing.together(w), call)
        self.code = toolchain.Code(text, None)
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self._alone = self.code.function("product", *[pointer] * 4, number, number)
        self._shared = self.code.function("shared", *[pointer] * 4, number)

    def alone(self):
        c = np.zeros((self.product.m, self.product.n), np.float32)
        self._alone(*self._places(c), None, 0, self.kernel.units)
        return c

    def by(self, helpers, parts):
        c = np.zeros((self.product.m, self.product.n), np.float32)
        self._shared(helpers.address, *self._places(c), parts)
        return c

    def _places(self, c):
        return [x.ctypes.data for x in (self.a, self.b, c)]


@pytest.fixture
def pair():
    helpers = Team(2)
    yield helpers
    helpers.stop()


def test_a_shared_product_has_the_bits_of_one_done_alone(pair):
    shared = Shared()
    want = shared.alone()
    np.testing.assert_allclose(want, shared.a @ shared.b, rtol=1e-4, atol=1e-4)
    for turn in range(300):
        got = shared.by(pair, 1 + turn % shared.kernel.units)
        np.testing.assert_array_equal(got, want, err_msg=f"turn {turn}")


WHO = """
declare i64 @pthread_self()
declare i32 @usleep(i32)
define void @product(ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last) {
  %me = call i64 @pthread_self()
  %at = getelementptr i64, ptr %a, i64 %first
  store i64 %me, ptr %at
  %slept = call i32 @usleep(i32 5000)
  ret void
}
"""


def who_does():
    """A call that puts down, for each of eight shares, which thread has done it."""
    library = ctypes.CDLL(None)
    for name in ("pthread_self", "usleep"):
        place = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        toolchain.llvm().add_symbol(name, place)
    w = Writer()
    code = toolchain.Code(w.module(WHO, sharing.together(w), CALL.format(units=8)), None)
    call = code.function("shared", *[ctypes.c_void_p] * 4, ctypes.c_int64)

    def shares_done(team):
        who = np.zeros(8, np.uint64)
        call(team.address, who.ctypes.data, None, None, 8)
        return who.tolist()

    return code, shares_done


def test_helpers_that_went_to_sleep_are_called_and_take_part(pair):
    _code, shares_done = who_does()
    for _ in range(3):
        time.sleep(0.02)
        who = shares_done(pair)
        assert 0 not in who
        assert len(set(who)) == 2


def test_each_thread_begins_at_a_place_of_its_own(pair):
    _code, shares_done = who_does()
    for _ in range(3):
        who = shares_done(pair)
        caller = who[0]
        assert caller == threading.get_ident()
        assert {*who[4:]} - {caller}, "what others have begun is left to them"


def test_there_are_no_more_shares_than_bits():
    large = Product(512, 784, 128, (1, 512), (784, 1), 784, np.dtype(np.float32))
    kernel = write(Writer(), large, choose(large), "product")
    assert kernel.units > sharing.MOST
    assert shares(large, kernel, 64) == sharing.MOST


def test_a_product_in_as_many_shares_as_there_are_bits(pair):
    shared = Shared(200, 700, 50)
    assert shared.kernel.units >= sharing.MOST
    for _ in range(50):
        np.testing.assert_array_equal(shared.by(pair, sharing.MOST), shared.alone())


def test_a_team_that_has_gone_leaves_the_work_to_the_caller():
    shared, helpers = Shared(), Team(3)
    helpers.stop()
    np.testing.assert_array_equal(shared.by(helpers, 4), shared.alone())


def test_two_callers_of_one_team_do_not_meet(pair):
    shared = Shared()
    want, wrong = shared.alone(), []

    def calls():
        for _ in range(200):
            if not np.array_equal(shared.by(pair, 4), want):
                wrong.append(threading.current_thread().name)

    callers = [threading.Thread(target=calls) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_has_no_helpers_and_works_alone(pair):
    shared = Shared()
    want = shared.by(pair, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads
        child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(shared.by(pair, 4), want) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_team_without_work_sleeps(pair):
    Shared().by(pair, 4)
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_small_products_are_not_shared():
    shared = Shared(100, 16, 16)
    assert shares(shared.product, shared.kernel, 2) == 1
    large = Shared(64, 128, 784)
    assert shares(large.product, large.kernel, 1) == 1
    assert 1 < shares(large.product, large.kernel, 2) <= large.kernel.units


def test_the_number_of_threads_is_the_one_that_was_set(monkeypatch):
    monkeypatch.setattr(policy, "_allowed", 1)
    assert team() is None
    monkeypatch.setattr(threads, "_team", Team)
    helpers = team(2)
    assert helpers is not None
    assert helpers.count == 2
    helpers.stop()


def test_a_compiled_step_prints_who_does_its_products(monkeypatch):
    monkeypatch.setattr(policy, "_allowed", 2)
    wide, narrow = np.ones((200, 300), np.float32), np.ones((300, 2), np.float32)
    quick = cr.compile(lambda x: x @ wide @ narrow, executor="native")
    for _ in range(4):
        quick(cr.ones(100, 200))
    lines = str(quick).splitlines()
    assert lines[lines.index("return v1") + 1 :][:2] == [
        "100 x 200 by 200 x 300: 6 million multiplications in 8 shares for 2 threads",
        "100 x 300 by 300 x 2: 0.06 million multiplications by one thread",
    ]
