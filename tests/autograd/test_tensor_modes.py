"""no_grad, enable_grad and set_grad_enabled: as blocks, decorators, statements, and by thread."""

from __future__ import annotations

import inspect
import threading

import pytest

from chainrule.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled, tensor


@pytest.fixture(autouse=True)
def left_enabled():
    """Every test finds recording on and leaves it so."""
    assert is_grad_enabled()
    yield
    set_grad_enabled(True)


def recorded():
    """Whether an operation is recorded now."""
    y = tensor([1.0], requires_grad=True) * 2
    assert y.requires_grad == is_grad_enabled() == (not y.is_leaf)
    return y.requires_grad


def test_blocks_nest():
    with no_grad():
        assert not recorded()
        with enable_grad():
            assert recorded()
            with no_grad(), no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded()
    assert recorded()


@pytest.mark.parametrize("mode", [no_grad, lambda: set_grad_enabled(False)])
def test_an_error_inside_restores(mode):
    with pytest.raises(ZeroDivisionError), mode():
        1 / 0  # noqa: B018
    assert recorded()


def test_one_object_in_several_blocks():
    quiet = no_grad()
    with quiet:
        assert not recorded()
        with quiet:
            assert not recorded()
        assert not recorded()
    assert recorded()
    with enable_grad(), quiet:
        assert not recorded()
    assert recorded()


@pytest.mark.parametrize(("decorator", "inside"), [(no_grad, False), (enable_grad, True)])
def test_decorators(decorator, inside):
    @decorator()
    def f(depth):
        """Return the modes seen on the way down."""
        here = recorded()
        return [here, *(f(depth - 1) if depth else []), recorded()]

    with set_grad_enabled(not inside):
        assert f(3) == [inside] * 8
        assert recorded() is (not inside)
    assert (f.__name__, inspect.getdoc(f)) == ("f", "Return the modes seen on the way down.")


def test_a_decorated_function_that_fails_restores():
    @no_grad()
    def f():
        raise ValueError

    with pytest.raises(ValueError):
        f()
    assert recorded()


def test_set_grad_enabled_as_a_statement():
    set_grad_enabled(False)
    assert not recorded()
    set_grad_enabled(True)
    assert recorded()


def test_set_grad_enabled_as_a_block():
    with set_grad_enabled(False):
        assert not recorded()
        with set_grad_enabled(True):
            assert recorded()
        assert not recorded()
    assert recorded()


def test_set_grad_enabled_as_a_decorator():
    @set_grad_enabled(False)
    def f():
        return recorded()

    assert recorded()
    assert f() is False
    assert recorded()


def test_every_thread_has_its_own_mode():
    seen = {}

    def look(name):
        seen[name] = recorded()
        with no_grad():
            seen[f"{name} inside"] = recorded()

    with no_grad():
        threads = [threading.Thread(target=look, args=(str(i),)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not recorded()
    assert {name: mode for name, mode in seen.items() if "inside" not in name} == dict.fromkeys(
        "0123", True
    )
    assert not any(mode for name, mode in seen.items() if "inside" in name)


def test_threads_find_their_own_gradients():
    found = {}

    def work(k):
        x = tensor([float(k)], requires_grad=True)
        for _ in range(50):
            x.grad = None
            (x * x * x).sum().backward()
        found[k] = x.grad.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: 3.0 * k * k for k in range(8)}


def test_a_leaf_may_be_made_inside_no_grad():
    with no_grad():
        x = tensor([2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0]


def test_backward_may_be_called_inside_no_grad():
    x = tensor([2.0], requires_grad=True)
    y = (x * x).sum()
    with no_grad():
        y.backward()
        assert not is_grad_enabled()
    assert x.grad.tolist() == [4.0]


def test_detach_shares_numbers_and_forgets_history():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y.detach()
    assert (z.requires_grad, z.is_leaf, z.grad_fn) == (False, True, None)
    assert z.array is y.array
    (z * x).sum().backward()
    assert x.grad.tolist() == z.tolist()
