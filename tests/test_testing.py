"""`testing.assert_close`: it passes where PyTorch's passes, and says what differs where."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError
from chainrule.testing import assert_allclose, assert_close

NAN = np.nan
# What is compared, as plain numbers or arrays, and on what terms.
PAIRS = {
    "equal": (np.ones(3), np.ones(3), {}),
    "apart": (np.ones(3), np.ones(3) + 1e-3, {}),
    "float32 within": (np.float32([1.0, 2.0]), np.float32([1.000001, 2.0]), {}),
    "float32 without": (np.float32([1.0, 2.0]), np.float32([1.0001, 2.0]), {}),
    "float64 within": (np.ones(3), np.ones(3) + 1e-8, {}),
    "float64 without": (np.ones(3), np.ones(3) + 1e-6, {}),
    "float16": (np.float16([1.0]), np.float16([1.001]), {}),
    "whole": (np.arange(3), np.arange(3), {}),
    "whole apart": (np.arange(3), np.arange(3) + 1, {}),
    "truth": (np.array([True]), np.array([False]), {}),
    "formats": (np.ones(3), np.float32(np.ones(3)), {}),
    "formats let be": (np.ones(3), np.float32(np.ones(3)), {"check_dtype": False}),
    "shapes": (np.ones(3), np.ones((3, 1)), {}),
    "nan": (np.array([NAN]), np.array([NAN]), {}),
    "nan let be": (np.array([NAN]), np.array([NAN]), {"equal_nan": True}),
    "infinite": (np.array([np.inf, -np.inf]), np.array([np.inf, -np.inf]), {}),
    "infinite apart": (np.array([np.inf]), np.array([-np.inf]), {}),
    "terms within": (np.ones(2), np.ones(2) * 1.1, {"rtol": 0.2, "atol": 0.0}),
    "terms without": (np.ones(2), np.ones(2) * 1.1, {"rtol": 0.0, "atol": 0.01}),
    "numbers": (1.0, 1.0 + 1e-9, {}),
    "numbers apart": (1.0, 1.1, {}),
    "numbers of kinds": (1, 1.0, {}),
    "lists": ([1.0, 2.0], [1.0, 2.0], {}),
    "lists apart": ([1.0, 2.0], [1.0, 3.0], {}),
    "lists of lengths": ([1.0], [1.0, 3.0], {}),
    "mappings": ({"a": 1.0}, {"a": 1.0}, {}),
    "mappings apart": ({"a": 1.0}, {"a": 2.0}, {}),
    "mappings of keys": ({"a": 1.0}, {"b": 1.0}, {}),
    "none": (None, None, {}),
    "none and one": (None, 1.0, {}),
    "empty": (np.ones((0, 2)), np.ones((0, 2)), {}),
}


def verdict(check, *args, **terms):
    try:
        check(*args, **terms)
    except (AssertionError, TypeError) as error:
        return type(error)
    return None


@pytest.mark.parametrize("name", PAIRS)
def test_it_passes_where_pytorch_does(torch, name):
    a, b, terms = PAIRS[name]

    def both(make):
        return [make(v) if isinstance(v, np.ndarray) else v for v in (a, b)]

    expected = verdict(torch.testing.assert_close, *both(torch.tensor), **terms)
    assert bool(verdict(assert_close, *both(cr.tensor), **terms)) == bool(expected)
    assert bool(verdict(assert_close, a, b, **terms)) == bool(expected)


def test_it_says_how_many_and_where():
    with pytest.raises(AssertionError) as failed:
        assert_close(cr.tensor([[1.0, 2.0], [3.0, 5.0]]), cr.tensor([[1.0, 2.5], [3.0, 4.0]]))
    sentence = str(failed.value)
    assert "2 of 4 elements are not close (50.0%)" in sentence
    assert "largest absolute difference is 1 at index (1, 1), 1e-05 is allowed" in sentence
    assert "largest relative one is 0.25 at index (1, 1), 1.3e-06 is allowed" in sentence


def test_it_names_the_part():
    with pytest.raises(
        AssertionError, match=r"^\['a'\]\[1\]: the shape is \(2,\), expected \(3,\)"
    ):
        assert_close({"a": [1.0, np.ones(2)]}, {"a": [1.0, np.ones(3)]})


def test_a_person_may_say_it_in_other_words():
    with pytest.raises(AssertionError, match=r"^weights differ$"):
        assert_close(1.0, 2.0, msg="weights differ")
    with pytest.raises(AssertionError, match=r"^weights: 1\.0 is not close to 2.0"):
        assert_close(1.0, 2.0, msg=lambda found: f"weights: {found}")


def test_what_it_does_not_compare_is_refused():
    with pytest.raises(OptionError, match="rtol and atol must be given together"):
        assert_close(1.0, 1.0, rtol=0.1)
    with pytest.raises(TypeError, match="compares numbers, got 'a'"):
        assert_close("a", "a")
    with pytest.raises(TypeError, match="compares numbers, got object"):
        assert_close(object(), object())


def test_the_old_spelling_lets_formats_and_nan_be():
    assert_allclose(np.array([1.0, NAN]), np.float32([1.0, NAN]))
    with pytest.raises(AssertionError):
        assert_allclose(1.0, 2.0)
