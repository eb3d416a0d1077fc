"""Who runs the trials of a search: this process, or several beside it (floor 4).

Each process has the examples and runs one trial at a time; likewise members of an ensemble. It ends
with the process that started it, however that ends. Which trials there are, and in which order, is
not decided here.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from chainrule.backend.threads import policy
from chainrule.data import Examples
from chainrule.errors import ChainruleError
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.trials import Done
from chainrule.train.tuning.work import Came, Work, do

__all__ = ["Here", "Processes", "Runner", "carried_out", "search"]

_TRIES = 2  # of work whose process was killed
_CODES_OF_SIGNALS = 0  # below, an exit code is that of a signal


class Runner(Protocol):
    """Runs trials and the like: some at a time, and gives back what came of each."""

    @property
    def free(self) -> int:
        """How many can be begun."""

    def start(self, work: Work) -> None:
        """Begin one; `free` must be above 0."""

    def finish(self) -> Came:
        """Wait for one that was begun."""

    def close(self) -> None:
        """End what is still running."""


def search(study: Study, runner: Runner, told: Callable[[Done], None] = lambda one: None) -> None:
    """Run what is due in a study until nothing is.

    Args:
        study: is given what came of each trial.
        runner: who runs them.
        told: is called after each is recorded.

    Raises:
        OSError: the record cannot be written.
        ChainruleError: the processes cannot run at all.
    """
    for one in carried_out(runner, study.due):
        assert isinstance(one, Done)
        study.add(one)
        told(one)


def carried_out(runner: Runner, due: Callable[[], Sequence[Work]]) -> Iterator[Came]:
    """Do what is due until nothing is, and give what came of each.

    Args:
        runner: who does it.
        due: gives what can be done by now, without what is done.
    """
    running: set[tuple[int, int]] = set()
    while True:
        waiting = [work for work in due() if work.key not in running]
        for work in waiting[: runner.free]:
            runner.start(work)
            running.add(work.key)
        if not running:
            return
        one = runner.finish()
        running.discard(one.key)
        yield one


class Here:
    """Runs trials in this process, one after the other.

    Args:
        examples: of the study.
        settings: that are not searched.
    """

    def __init__(self, examples: Examples, settings: Settings) -> None:
        self._examples, self._settings = examples, settings
        self._work: Work | None = None

    @property
    def free(self) -> int:
        """How many can be begun."""
        return int(self._work is None)

    def start(self, work: Work) -> None:
        """Take a trial."""
        self._work = work

    def finish(self) -> Came:
        """Run it."""
        assert self._work is not None
        came = do(self._examples, self._settings, self._work)
        self._work = None
        return came

    def close(self) -> None:
        """Nothing is still running."""


@dataclasses.dataclass
class _Worker:
    process: Any
    pipe: Connection
    work: Work | None = None
    tries: int = 0


class Processes:
    """Runs trials in processes of their own.

    Args:
        count: how many.
        examples: of the study.
        settings: that are not searched.
    """

    def __init__(self, count: int, examples: Examples, settings: Settings) -> None:
        self._material = examples, settings
        self._ready: deque[Came] = deque()
        self._workers = [self._begun() for _ in range(count)]

    @property
    def free(self) -> int:
        """How many can be begun."""
        return sum(worker.work is None for worker in self._workers)

    def start(self, work: Work) -> None:
        """Hand it to a process that has nothing to do."""
        self._hand(next(w for w in self._workers if w.work is None), work)

    def finish(self) -> Came:
        """Wait for the first that is done.

        Raises:
            ChainruleError: a process ended by itself.
        """
        while not self._ready:
            busy = {w.pipe: w for w in self._workers if w.work is not None}
            for pipe in wait(list(busy)):
                self._heard(busy[pipe])  # type: ignore[index]
        return self._ready.popleft()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()

    def _begun(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *self._material), daemon=True)
        with _deaf_to_ctrl_c():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand(self, worker: _Worker, work: Work) -> None:
        worker.work = work
        worker.tries += 1
        with suppress(BrokenPipeError):  # it has ended, which is heard of when it is waited for
            worker.pipe.send(work)

    def _heard(self, worker: _Worker) -> None:
        """Take an answer; where the process was killed, give its work to another."""
        assert worker.work is not None
        try:
            came = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._ended(worker, worker.work)
            return
        worker.work, worker.tries = None, 0
        self._ready.append(came)

    def _ended(self, worker: _Worker, work: Work) -> None:
        worker.process.join()
        code = worker.process.exitcode
        if code >= _CODES_OF_SIGNALS:
            raise ChainruleError(
                f"a process of the search ended with code {code}; in a script of your own, begin "
                'the search under `if __name__ == "__main__":`'
            )
        tries = worker.tries
        worker.pipe.close()
        fresh = self._begun()
        worker.process, worker.pipe = fresh.process, fresh.pipe
        if tries < _TRIES:
            self._hand(worker, work)
            return
        worker.work, worker.tries = None, 0
        reason = f"its process was killed by signal {-code}, perhaps for want of memory"
        self._ready.append(work.failed(reason))


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are begun inside hear no Ctrl-C, not even while they begin."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, examples: Examples, settings: Settings) -> None:
    """What a process does: a trial after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person's Ctrl-C is its parent's matter
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with policy(settings.threads):
        while True:
            try:
                work = pipe.recv()
            except (EOFError, ConnectionResetError):
                return
            pipe.send(do(examples, settings, work))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
