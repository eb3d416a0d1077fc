"""What all sessions have: changes that can be taken back, questions, files, all by tables."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import OptionError
from chainrule.playground.engine import session as module
from chainrule.playground.engine.session import Download, Session
from chainrule.playground.engine.settings import Count, Setting


class Walk(Session):
    """Goes `pace` further at each step; `length` is where it begins."""

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "length": Count(label="Length", usual=0, low=0, high=100),
        "pace": Count(label="Pace", usual=1, low=1, high=9, live=True),
        "other": Count(label="Other", usual=1, low=1, high=9, live=True),
    }
    QUESTIONS: ClassVar[dict[str, str]] = {"where": "_where"}
    DOWNLOADS: ClassVar[dict[str, str]] = {"place": "_file"}

    def _begin(self):
        if self.settings["length"] == 13:
            raise OptionError("length 13 leads nowhere")
        self.place = np.array([self.settings["length"]])

    def _state(self):
        return self.place.copy()

    def _restore(self, state):
        self.place = state.copy()

    def _go_on(self, changed):
        assert changed <= {"pace", "other"}
        assert changed

    def advance(self, until, most=None):
        self.place += self.settings["pace"]
        return 1

    def frame(self):
        return {"place": int(self.place[0])}

    def _where(self, values):
        return {"place": self.place, "plus": values["plus"]}

    def _file(self):
        return Download("place.txt", "text/plain", str(self.place[0]).encode())


def at(session):
    return session.settings["length"], session.settings["pace"], session.frame()["place"]


def test_under_a_live_setting_training_goes_on():
    walk = Walk()
    walk.advance(0)
    walk.change(pace=5)
    walk.advance(0)
    assert at(walk) == (0, 5, 6)


def test_under_another_it_begins_anew():
    walk = Walk(pace=2)
    walk.advance(0)
    walk.change(length=50, pace=3)
    assert at(walk) == (50, 3, 50)


def test_undo_brings_back_what_was_trained_and_redo_what_came_after():
    walk = Walk()
    walk.advance(0)
    walk.change(length=50)
    walk.advance(0)
    walk.restart()
    assert walk.undo()
    assert at(walk) == (50, 1, 51)
    assert walk.undo()
    assert at(walk) == (0, 1, 1)
    assert not walk.undo()
    assert walk.redo()
    assert at(walk) == (50, 1, 51)
    assert walk.redo()
    assert at(walk) == (50, 1, 50)
    assert not walk.redo()


def test_a_new_change_ends_what_could_be_made_again():
    walk = Walk()
    walk.change(pace=2)
    walk.undo()
    assert walk.can_redo
    walk.change(pace=3)
    assert (walk.can_undo, walk.can_redo) == (True, False)


def test_what_changes_nothing_is_nothing_to_take_back():
    walk = Walk()
    walk.change(pace=1)
    walk.change()
    assert not walk.can_undo


@pytest.mark.parametrize("given", [{"pace": 0}, {"pace": 2, "length": "x"}, {"pac": 1}])
def test_what_is_refused_changes_nothing(given):
    walk = Walk()
    walk.advance(0)
    with pytest.raises(OptionError):
        walk.change(**given)
    assert at(walk) == (0, 1, 1)
    assert not walk.can_undo


def test_what_cannot_be_begun_leaves_the_experiment_as_it_was():
    walk = Walk()
    walk.advance(0)
    with pytest.raises(OptionError, match="leads nowhere"):
        walk.change(length=13, pace=4)
    walk.advance(0)
    assert at(walk) == (0, 1, 2)
    assert not walk.can_undo


# --- what belongs to one drag -------------------------------------------------------------------


def test_a_drag_is_taken_back_as_one():
    walk = Walk()
    walk.change(length=5)
    walk.change(pace=2)
    walk.advance(0)
    for pace in (3, 4, 5):
        walk.adjust(pace=pace)
    walk.undo()
    assert at(walk) == (5, 1, 5)
    walk.redo()
    assert at(walk) == (5, 5, 7)


def test_a_drag_that_comes_back_is_still_one():
    walk = Walk()
    walk.change(pace=2)
    walk.adjust(pace=1)
    walk.adjust(pace=4)
    walk.undo()
    assert at(walk) == (0, 1, 0)
    assert not walk.can_undo


BETWEEN = {
    "nothing before": lambda walk: None,
    "another setting": lambda walk: (walk.change(pace=2), walk.change(other=2)),
    "undone": lambda walk: (walk.change(other=3), walk.change(pace=2), walk.undo()),
    "begun anew": lambda walk: (walk.change(pace=2), walk.restart()),
    "no change": lambda walk: (walk.change(pace=2), walk.change(pace=2)),
}


@pytest.mark.parametrize("between", BETWEEN)
def test_after_anything_else_it_is_a_change_of_its_own(between):
    walk = Walk()
    BETWEEN[between](walk)
    before = at(walk)
    walk.adjust(pace=7)
    walk.undo()
    assert at(walk) == before


# --- undo keeps within bounds -------------------------------------------------------------------


def test_so_many_changes_can_be_taken_back():
    walk = Walk()
    for i in range(150):
        walk.change(length=1 + i % 2)
    assert sum(walk.undo() for _ in range(200)) == 100


def test_large_states_are_forgotten_but_the_latest(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 3 * Walk()._state().nbytes)
    walk = Walk()
    for length in range(1, 10):
        walk.change(length=length)
    assert sum(walk.undo() for _ in range(20)) == 3
    monkeypatch.setattr(module, "_KEPT", 0)
    walk = Walk()
    for length in range(1, 10):
        walk.change(length=length)
    assert sum(walk.undo() for _ in range(20)) == 1


@given(st.lists(st.sampled_from(["pace", "drag", "length", "step", "undo", "redo", "restart"])))
def test_undo_all_the_way_is_where_it_began_and_redo_is_where_it_was(deeds):
    walk = Walk()
    trained = False
    for i, deed in enumerate(deeds):
        trained = trained or (deed == "step" and not walk.can_undo)
        {
            "pace": lambda i=i: walk.change(pace=1 + i % 9),
            "drag": lambda i=i: walk.adjust(pace=1 + i % 9),
            "length": lambda i=i: walk.change(length=i % 12),
            "step": lambda: walk.advance(0),
            "undo": walk.undo,
            "redo": walk.redo,
            "restart": walk.restart,
        }[deed]()
    ahead = 0
    while walk.redo():
        ahead += 1
    last = at(walk)
    steps = 0
    while walk.undo():
        steps += 1
    assert (walk.settings["length"], walk.settings["pace"]) == (0, 1)
    assert walk.frame()["place"] == 0 or trained
    assert steps >= ahead
    while walk.redo():
        pass
    assert at(walk) == last


# --- questions and files ------------------------------------------------------------------------


def test_questions_and_files_are_named_in_tables():
    walk = Walk(length=4)
    assert walk.ask("where", {"plus": 1}) == {"place": np.array([4]), "plus": 1}
    assert walk.download("place") == ("place.txt", "text/plain", b"4")


@pytest.mark.parametrize("name", ["were", "_where", "__init__", "", "x" * 10_000])
def test_other_names_are_refused(name):
    walk = Walk()
    for refused in (lambda: walk.ask(name, {}), lambda: walk.download(name)):
        with pytest.raises(OptionError, match="there is no") as caught:
            refused()
        assert len(str(caught.value)) < 200


def test_a_session_takes_no_files_by_itself():
    with pytest.raises(OptionError, match="takes no files"):
        Walk().take("a.csv", b"1,2")
