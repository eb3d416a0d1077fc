"""Settings: any plain value is taken and kept as it is meant, or refused in one sentence."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainrule.errors import OptionError
from chainrule.playground.engine.settings import (
    Amount,
    Choice,
    Count,
    Flag,
    Points,
    Several,
    Sizes,
    settle,
)

OPTIONS = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop"}
TABLE = {
    "choice": Choice(label="c", usual="sgd", options=OPTIONS),
    "several": Several(label="s", usual=["sgd"], options=OPTIONS),
    "flag": Flag(label="f", usual=False),
    "amount": Amount(label="a", usual=0.5, low=-1, high=2.5),
    "count": Count(label="n", usual=3, low=1, high=2**31 - 1),
    "sizes": Sizes(label="l", usual=[4], most=3, high=9),
    "points": Points(label="p", usual=[], most=4, span=2.0),
}
IS_KEPT = {
    "choice": lambda kept: kept in OPTIONS,
    "several": lambda kept: kept and kept == [name for name in OPTIONS if name in kept],
    "flag": lambda kept: kept in (True, False),
    "amount": lambda kept: type(kept) is float and -1 <= kept <= 2.5,
    "count": lambda kept: type(kept) is int and 1 <= kept < 2**31,
    "sizes": lambda kept: len(kept) <= 3 and all(type(n) is int and 1 <= n <= 9 for n in kept),
    "points": lambda kept: (
        len(kept) <= 4
        and all(len(one) == 3 and all(map(math.isfinite, one)) for one in kept)
        and all(abs(x) <= 2 and abs(y) <= 2 for x, y, _ in kept)
    ),
}

# What JSON can bring, with what is nearly right among it.
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 10)
    | st.floats()
    | st.floats(-2, 2)
    | st.text(max_size=5)
    | st.sampled_from([*OPTIONS, "", "1", "sgd "]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=15,
)
each = pytest.mark.parametrize("name", TABLE)


@each
@given(value=ANY)
@example(value=10**400)
@example(value=-(10**400))
@example(value=math.nan)
@example(value=math.inf)
@example(value=[10**400, 0, 0])
@example(value=[[math.nan, 0, 0]])
@example(value=[[0, 0, 10**400]])
@example(value=["sgd"] * 1000)
@example(value="x" * 100_000)
@example(value=[[]])
def test_any_value_is_taken_or_refused_in_a_sentence(name, value):
    try:
        kept = TABLE[name].check(name, value)
    except OptionError as error:
        said = str(error)
        assert said.startswith(name)
        assert "\n" not in said
        assert len(said) < 300
    else:
        assert IS_KEPT[name](kept)
        # What is kept is plain, and is itself again when it comes back from an address.
        assert TABLE[name].check(name, json.loads(json.dumps(kept))) == kept


@each
def test_the_usual_value_is_one_that_can_be(name):
    usual = TABLE[name].usual
    assert TABLE[name].check(name, usual) == usual


@each
def test_a_page_is_told_what_it_needs(name):
    told = json.loads(json.dumps(TABLE[name].plain()))
    assert told["kind"] == name
    assert told["usual"] == TABLE[name].usual
    assert {"label", "group", "help", "live", "unit"} <= set(told)


@given(st.dictionaries(st.sampled_from([*TABLE, "sizs", "x" * 1000]), ANY, max_size=4))
def test_settle_takes_all_or_refuses(given):
    before = settle(TABLE, {"count": 9})
    after = before
    try:
        after = settle(TABLE, given, before)
    except OptionError as error:
        told = len(str(error))
    else:
        told = 0
    assert told < 400
    assert list(after) == list(TABLE)
    assert all(after[name] == before[name] for name in TABLE if name not in given)
    assert before == settle(TABLE, {"count": 9})


def test_what_each_keeps():
    kept = settle(
        TABLE,
        {
            "several": ["rmsprop", "sgd", "sgd"],
            "amount": 2,
            "count": 7.0,
            "sizes": [1, 2.0],
            "points": [[0, -1, 3]],
        },
    )
    assert kept["several"] == ["sgd", "rmsprop"]
    assert type(kept["amount"]) is float
    assert (type(kept["count"]), kept["count"]) == (int, 7)
    assert kept["sizes"] == [1, 2]
    assert kept["points"] == [[0.0, -1.0, 3.0]]


REFUSED = [
    ("choice", "adm", "did you mean 'adam'"),
    ("several", [], "at least one"),
    ("several", ["sgd", 3], "one of sgd"),
    ("flag", 1, "true or false"),
    ("amount", True, "from -1 to 2.5"),
    ("amount", "1", "got '1'"),
    ("count", 1.5, "a whole number"),
    ("count", 0, "from 1"),
    ("sizes", [1, 2, 3, 4], "at most 3"),
    ("sizes", [1, 10], "sizes[1]"),
    ("points", [[0, 0]], "[x, y, label]"),
    ("points", [[0, 2.1, 0]], "within 2 of 0"),
    ("points", [[0, 0, 0]] * 5, "at most 4"),
    ("cuont", 1, "did you mean 'count'"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_and_how(name, value, words):
    with pytest.raises(OptionError) as caught:
        settle(TABLE, {name: value})
    assert words in str(caught.value)
