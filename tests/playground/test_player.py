"""The player: plays, pauses, steps, keeps its pace, shows frames, and ends in order."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import pytest

from chainrule.errors import DataError, OptionError
from chainrule.playground.engine import player as module
from chainrule.playground.engine.player import Player
from chainrule.playground.engine.session import Session
from chainrule.playground.engine.settings import Count, Setting

SOON = 20.0  # seconds that nothing here comes near to


class Steps(Session):
    """Counts steps, each of which takes a moment."""

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "last": Count(label="Last", usual=10**9, low=0, high=10**9),
        "wrong": Count(label="Wrong", usual=10**9, low=0, high=10**9),
        "slow": Count(label="Slow", usual=0, low=0, high=1000, live=True, unit="ms"),
    }

    def _begin(self):
        self.steps = 0
        self.threads = set()

    def _state(self):
        return self.steps

    def _restore(self, state):
        self.steps = state

    def _go_on(self, changed):
        pass

    def advance(self, until, most=None):
        taken = 0
        while self.steps < self.settings["last"] and (most is None or taken < most):
            if self.steps == self.settings["wrong"]:
                raise DataError("the data has\nrun away")
            time.sleep(0.0005)
            self.steps += 1
            taken += 1
            self.threads.add(threading.get_ident())
            if time.perf_counter() >= until:
                break
        return taken

    def frame(self):
        time.sleep(self.settings["slow"] / 1000)
        return {"steps": self.steps, "resting": self.resting}


@pytest.fixture
def make():
    players = []

    def made(**settings):
        frames = []
        player = Player(
            Steps(**settings), lambda frame: frames.append((time.perf_counter(), frame))
        )
        player.frames = frames
        players.append(player)
        return player

    yield made
    for player in players:
        player.close()


def steps(player):
    return player.do(lambda session: session.steps).result(SOON)


def until(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_it_plays_and_pauses(make):
    player = make()
    assert steps(player) == 0
    player.play()
    until(lambda: steps(player) > 10)
    player.play(False)
    stood = steps(player)
    time.sleep(0.05)
    assert steps(player) == stood
    until(lambda: player.frames[-1][1]["steps"] == stood)
    assert player.frames[-1][1]["play"]["playing"] is False


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_it_steps_as_often_as_it_is_told(make, count):
    player = make()
    player.step(count)
    until(lambda: steps(player) >= count)
    time.sleep(0.03)
    assert steps(player) == count


def test_a_step_pauses(make):
    player = make()
    player.play()
    player.step(1)
    assert not player.playing
    until(lambda: player.do(lambda _: player._single).result(SOON) == 0)
    stood = steps(player)
    time.sleep(0.03)
    assert steps(player) == stood


def test_it_keeps_a_pace(make):
    player = make()
    player.pace(100)
    begun = time.perf_counter()
    player.play()
    until(lambda: steps(player) >= 20)
    # Twenty steps are not there before their time, however late this test is.
    assert time.perf_counter() - begun >= 19 / 100 * 0.9
    player.play(False)
    assert steps(player) <= 1 + 100 * (time.perf_counter() - begun)
    player.pace(None)
    stood = steps(player)
    player.play()
    until(lambda: steps(player) > stood + 20)


def test_only_its_thread_trains_and_looks(make):
    player = make()
    player.play()
    until(lambda: steps(player) > 3)
    where = player.do(lambda session: (session.threads, threading.get_ident())).result(SOON)
    assert where[0] == {where[1]}
    assert where[1] != threading.get_ident()


def test_an_error_stops_training_and_says_so_in_one_line(make):
    player = make(wrong=5)
    player.play()
    until(lambda: player.trouble)
    assert (player.playing, player.trouble) == (False, "the data has run away")
    until(lambda: player.frames[-1][1]["play"]["trouble"])
    shown = player.frames[-1][1]["play"]
    assert (shown["playing"], shown["trouble"]) == (False, player.trouble)
    # It lives, and goes on once there is nothing wrong any more.
    player.do(lambda session: session.change(wrong=10**9)).result(SOON)
    player.play()
    assert player.trouble == ""
    until(lambda: steps(player) > 5)


def test_without_memory_training_stops_and_the_experiment_lives(make, monkeypatch):
    player = make()

    def advance(self, until, most=None):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "advance", advance)
        player.play()
        until(lambda: player.trouble)
    assert "not enough memory" in player.trouble
    player.step(1)
    until(lambda: steps(player) == 1)


def test_what_has_nothing_more_to_train_pauses(make):
    player = make(last=8)
    player.play()
    until(lambda: not player.playing)
    assert steps(player) == 8
    assert player.trouble == ""


def test_frames_are_thirty_a_second_at_most(make):
    player = make()
    player.play()
    until(lambda: len(player.frames) >= 16)
    player.play(False)
    times = [at for at, _ in player.frames[:16]]
    # They are begun so far apart, and may come late, the first one too.
    assert times[-1] - times[0] > 10 / module._FRAMES


def test_slow_frames_are_seldom(make):
    player = make(slow=20)
    player.play()
    until(lambda: len(player.frames) >= 3)
    player.play(False)
    times = [at for at, _ in player.frames[:3]]
    assert times[2] - times[0] > 0.02 / module._SHARE


def test_a_frame_knows_whether_anything_is_being_trained(make):
    player = make()
    until(lambda: player.frames)
    assert player.frames[0][1]["resting"] is True
    player.play()
    until(lambda: player.frames[-1][1]["resting"] is False)
    player.play(False)
    until(lambda: player.frames[-1][1]["resting"] is True)


def test_without_anybody_who_looks_there_are_no_frames():
    shown, looks = [], []
    player = Player(Steps(), shown.append, lambda: bool(looks))
    player.play()
    until(lambda: steps(player) > 50)
    assert not shown
    looks.append(True)
    until(lambda: shown)
    player.close()


def test_nothing_happens_while_there_is_nothing_to_do(make, monkeypatch):
    player = make()
    until(lambda: player.frames)
    looked = []
    monkeypatch.setattr(Player, "_idle", lambda self: looked.append(True))
    steps(player)
    time.sleep(0.05)
    assert len(looked) < 5
    assert len(player.frames) <= 2


def test_questions_show_nothing_where_they_need_not(make):
    player = make()
    until(lambda: player.frames)
    before = len(player.frames)
    for _ in range(3):
        player.do(lambda session: session.steps, shows=False).result(SOON)
        time.sleep(0.04)
    assert len(player.frames) == before
    player.do(lambda session: session.steps).result(SOON)
    until(lambda: len(player.frames) == before + 1)


def test_an_error_of_what_is_asked_is_the_askers(make):
    player = make()
    with pytest.raises(OptionError, match="no setting"):
        player.do(lambda session: session.change(x=1)).result(SOON)
    with pytest.raises(ZeroDivisionError):
        player.do(lambda session: 1 / 0).result(SOON)
    assert steps(player) == 0


def test_it_ends_while_it_plays():
    player = Player(Steps())
    player.play()
    until(lambda: steps(player) > 3)
    player.close()
    assert not player._thread.is_alive()
    with pytest.raises(OptionError, match="has ended"):
        player.do(lambda session: None)
    with pytest.raises(OptionError, match="has ended"):
        player.play()


def test_it_ends_once_however_often_it_is_told():
    player = Player(Steps())
    player.close()
    player.close()


def test_whoever_asks_while_it_ends_is_answered():
    """Each of many threads gets an answer or is told that it has ended; none waits for ever."""
    player = Player(Steps())
    player.play()
    told = []

    def ask():
        try:
            while True:
                player.do(lambda session: session.steps).result(SOON)
        except OptionError as error:
            told.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    player.close()
    for thread in threads:
        thread.join(SOON)
    assert len(told) == 4


def test_a_question_may_be_taken_back(make):
    player = make()
    gate = threading.Event()
    player.do(lambda session: gate.wait(SOON))
    asked = player.do(lambda session: session.change(last=0))
    assert asked.cancel()
    gate.set()
    assert player.do(lambda session: session.settings["last"]).result(SOON) == 10**9


@pytest.mark.parametrize("where", ["advance", "frame"])
def test_what_nobody_foresaw_is_logged_and_ends_no_experiment(make, monkeypatch, caplog, where):
    player = make()

    def fails(*_):
        raise ZeroDivisionError("by whom")

    monkeypatch.setattr(Steps, where, fails)
    player.play()
    deadline = time.monotonic() + SOON
    while not player.trouble:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert "log says what" in player.trouble
    assert not player.playing
    assert "by whom" in caplog.text
    monkeypatch.undo()
    assert player.do(lambda session: session.settings["slow"]).result(SOON) == 0
