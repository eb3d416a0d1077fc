"""A session in a thread of its own: played, paused, stepped, looked at (floor 5).

The thread alone touches the session. Others hand it work, which is done between two steps. A frame
is made at most thirty times a second, and less often where making it would take more than a few
hundredths of the time that training has.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from chainrule import ops
from chainrule.backend import threads
from chainrule.errors import ChainruleError, OptionError, one_line
from chainrule.playground.engine.session import Session

__all__ = ["Player"]

_LOG = logging.getLogger("chainrule.playground")

_FRAMES = 30.0  # a second, at most
_SHARE = 0.04  # of the time, for frames
_LONGEST = 1.0  # second between two of them, also where one took long, as the first may
_SLICE = 0.01  # seconds of training between two looks at what others want


class Player:
    """Plays one session.

    Args:
        session: the experiment; it is the player's from now on.
        show: takes each frame, in the player's thread; the time that it takes counts as the
            frame's.
        wants: whether anybody would look at a frame.

    Attributes:
        playing: whether training goes on.
        speed: steps a second; as many as there can be if `None`.
        trouble: what made training stop, or "".

    Examples:
        >>> from chainrule.playground import Plane
        >>> player = Player(Plane(layers=[2]))
        >>> player.do(lambda session: session.settings["layers"]).result()
        [2]
        >>> player.close()
    """

    def __init__(
        self,
        session: Session,
        show: Callable[[dict[str, Any]], None] = lambda frame: None,
        wants: Callable[[], bool] = lambda: True,
    ) -> None:
        self._session, self._show, self._wants = session, show, wants
        self._closing, self._ended = threading.Lock(), False
        self._asked: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.playing, self.trouble = False, ""
        self.speed: float | None = None
        self._single = 0  # steps still to take while not playing
        self._due = 0.0  # when the next frame may be made
        self._owed = True  # whether something changed since the last frame
        self._since, self._taken = 0.0, 0  # of the stretch of play that `speed` counts in
        self.rate = 0.0  # steps a second, lately
        self._thread = threading.Thread(target=self._run, name="playground", daemon=True)
        self._thread.start()

    # --- for everybody else ---------------------------------------------------------------------

    def do(self, work: Callable[[Session], Any], *, shows: bool = True) -> Future[Any]:
        """Have something done with the session, between two steps.

        Args:
            work: takes the session.
            shows: whether a frame is due after it.

        Returns:
            The result to come.

        Raises:
            OptionError: the player is closed.
        """
        done: Future[Any] = Future()

        def work_now() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(work(self._session))
            except BaseException as error:
                done.set_exception(error)
            self._owed = self._owed or shows

        with self._closing:
            if self._ended:
                raise OptionError("this experiment has ended; open the page again")
            self._asked.put(work_now)
        return done

    def play(self, playing: bool = True) -> None:
        """Train on, or pause.

        Args:
            playing: which of the two.
        """

        def begin(_: Session) -> None:
            self.playing, self._single = playing, 0
            self.trouble = ""
            self._since, self._taken = time.perf_counter(), 0

        self.do(begin).result()

    def step(self, steps: int = 1) -> None:
        """Take some steps, and then pause.

        Args:
            steps: how many.
        """

        def begin(_: Session) -> None:
            self.playing, self._single, self.trouble = False, steps, ""

        self.do(begin).result()

    def pace(self, speed: float | None) -> None:
        """Set how quick training is.

        Args:
            speed: steps a second; as many as there can be if `None`.
        """

        def begin(_: Session) -> None:
            self.speed = speed
            self._since, self._taken = time.perf_counter(), 0

        self.do(begin, shows=False).result()

    def close(self) -> None:
        """End the thread, after the step under way."""
        with self._closing:
            self._asked.put(None)
        self._thread.join()

    # --- in the thread --------------------------------------------------------------------------

    @ops.quiet
    def _run(self) -> None:
        try:
            while self._do_what_is_asked():
                self._go_on()
        finally:
            with self._closing:
                self._ended = True
            self._asked.put(None)
            while (late := self._asked.get()) is not None:
                late()

    def _go_on(self) -> None:
        """Train and show; what nobody foresaw is for the log, and ends no experiment."""
        try:
            # Other products of the process have their threads again in between.
            with threads.policy(1):
                self._train()
                self._make_frame()
        except Exception:
            _LOG.exception("an experiment of the playground failed")
            self.trouble = "something went wrong in this experiment; the service's log says what"
            self.playing, self._single = False, 0

    def _do_what_is_asked(self) -> bool:
        """Whether to go on afterwards; waits where there is nothing else to do."""
        while True:
            try:
                work = self._asked.get(timeout=self._idle())
            except queue.Empty:
                return True
            if work is None:
                return False
            work()

    def _idle(self) -> float | None:
        """How long there is nothing to do but wait for others; for ever if `None`."""
        now = time.perf_counter()
        waits = []
        if self._owed and self._wants():
            waits.append(self._due - now)
        if self._single:
            waits.append(0.0)
        if self.playing:
            ahead = self._taken / self.speed - (now - self._since) if self.speed else 0.0
            waits.append(ahead)
        return max(min(waits), 1e-6) if waits else None

    def _train(self) -> None:
        now = time.perf_counter()
        most: int | None = self._single
        if self.playing:
            most = None
            if self.speed:
                most = int(self.speed * (now - self._since)) + 1 - self._taken
        if most is not None and most < 1:
            return
        try:
            taken = self._session.advance(now + _SLICE, most)
        except ChainruleError as error:
            self.trouble, taken = one_line(str(error)), 0
        except MemoryError:
            self.trouble, taken = "there is not enough memory to train this; make it smaller", 0
        if not taken:
            self.playing, self._single = False, 0
        self._count(taken, time.perf_counter() - now)
        self._owed = True

    def _count(self, taken: int, seconds: float) -> None:
        self._single = max(self._single - taken, 0)
        self._taken += taken
        if taken and seconds > 0:
            self.rate += 0.05 * (taken / seconds - self.rate) if self.rate else taken / seconds

    def _make_frame(self) -> None:
        begun = time.perf_counter()
        if not self._owed or begun < self._due or not self._wants():
            return
        self._owed = False
        self._session.resting = not (self.playing or self._single)
        frame = self._session.frame()
        frame["play"] = {
            "playing": self.playing,
            "speed": self.speed,
            "rate": self.rate,
            "trouble": self.trouble,
            "undo": self._session.can_undo,
            "redo": self._session.can_redo,
        }
        self._show(frame)
        cost = time.perf_counter() - begun
        self._due = begun + min(max(1 / _FRAMES, cost / _SHARE), _LONGEST)
