"""Worker processes that make batches ahead of the one that learns (floor 3).

Each worker has a copy of the data set. It is sent the numbers of the samples of a batch and sends
the batch back; batches go round the workers in turn and are taken in that order, so a pass is the
same for any number of workers. What goes wrong in a worker is raised where the batch is awaited,
with the worker's own line; workers end with the loop, and with the process that started them.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor, from_numpy, manual_seed
from chainrule.data.batches import Batches
from chainrule.errors import DataError

__all__ = ["Team", "WorkerInfo", "get_worker_info"]

_PATIENCE = 1.0  # seconds from one look at whether the other process is alive to the next


class WorkerInfo(NamedTuple):
    """What a worker can know of itself.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what its random numbers began from.
        dataset: its copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_own: list[WorkerInfo] = []  # of this process, if it is a worker


def get_worker_info() -> WorkerInfo | None:
    """Return what a worker of a `DataLoader` is to know of itself; `None` in any other process.

    Examples:
        >>> get_worker_info() is None
        True
    """
    return _own[0] if _own else None


class Job(NamedTuple):
    """What every worker is given when it starts."""

    batches: Batches
    num_workers: int
    seed: int
    begin: Callable[[int], Any] | None


class Told(NamedTuple):
    """What a worker sends back: a batch, the end of its stream, or what went wrong."""

    turn: int
    kind: str
    content: Any


# --- in a worker --------------------------------------------------------------------------------


def _work(job: Job, number: int, tasks: Any, results: connection.Connection) -> None:
    """Make batches until told to stop, or until nobody is there to take them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that learns ends its workers
    outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    sender = threading.Thread(target=_send, args=(outbox, results), daemon=True)
    sender.start()
    wrong = _tried(lambda: _prepare(job, number))
    last, ended = -1, False
    while (task := _next_task(tasks)) is not None:
        turn, which = task
        if turn != last:
            last, ended = turn, False
            wrong = wrong or _tried(job.batches.start)
        told = wrong or (("end", None) if ended else _made(job.batches, which))
        ended = told[0] == "end"  # a stream is not asked again after its end
        outbox.put(_packed(turn, *told))
    outbox.put(None)
    sender.join()


def _prepare(job: Job, number: int) -> None:
    seed = (job.seed + number) % (1 << 64)
    _own.append(WorkerInfo(number, job.num_workers, seed, job.batches.dataset))
    # A data set may draw from any of the three, and copies of one process must not draw alike.
    manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    if job.begin is not None:
        job.begin(number)


def _next_task(tasks: Any) -> tuple[int, Any] | None:
    parent = multiprocessing.parent_process()
    while True:
        try:
            task: tuple[int, Any] | None = tasks.get(timeout=_PATIENCE)
            return task
        except queue.Empty:
            if parent is not None and not parent.is_alive():
                return None


def _made(batches: Batches, which: Any) -> tuple[str, Any]:
    try:
        return "batch", batches.made(which)
    except StopIteration:
        return "end", None
    except Exception as error:
        return "error", _described(error)


def _tried(call: Callable[[], Any]) -> tuple[str, Any] | None:
    try:
        call()
    except Exception as error:
        return "error", _described(error)
    return None


def _described(error: Exception) -> tuple[type[Exception], str, str]:
    """The kind of an error, its words, and the line it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    place = (
        f" ({frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line})" if frames else ""
    )
    return type(error), str(error), place


def _packed(turn: int, kind: str, content: Any) -> bytes:
    try:
        return bytes(ForkingPickler.dumps(Told(turn, kind, content)))
    except Exception as error:
        # An error of a class that cannot travel, or a batch that cannot.
        shown = f"{content[0].__name__}: {content[1]}" if kind == "error" else str(error)
        place = content[2] if kind == "error" else ""
        words = (
            shown if kind == "error" else f"the batch cannot be sent to another process: {shown}"
        )
        return bytes(ForkingPickler.dumps(Told(turn, "error", (DataError, words, place))))


def _send(outbox: queue.SimpleQueue[bytes | None], results: connection.Connection) -> None:
    # By a thread of its own, so that the next batch is made while this one is being taken.
    with contextlib.suppress(OSError):
        while (content := outbox.get()) is not None:
            results.send_bytes(content)


# A tensor travels as its numbers: what it is a view of, and how it was made, stays behind.
ForkingPickler.register(Tensor, lambda tensor: (from_numpy, (tensor.detach().numpy(),)))


# --- in the process that learns -----------------------------------------------------------------


class Worker(NamedTuple):
    """A worker as seen from outside."""

    number: int
    process: Any
    tasks: Any
    results: connection.Connection


class Team:
    """Some workers on one data set.

    Args:
        job: what each is given.
        ahead: batches that each may be ahead.
        timeout: seconds to wait for a batch; for ever if 0.
        context: of `multiprocessing`, or its name; the usual one if `None`.
    """

    def __init__(self, job: Job, ahead: int, timeout: float, context: Any) -> None:
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self._ahead, self._timeout = ahead, timeout
        self._turn = 0
        self._workers = [_started(job, i, context) for i in range(job.num_workers)]

    def batches(self, tasks: Iterator[Any]) -> Iterator[Any]:
        """Return the batches for all tasks, in their order.

        Raises:
            DataError: a worker ended, or did not answer in time, or another pass has begun.
        """
        self._turn += 1
        turn = self._turn
        busy: deque[Worker] = deque()  # in the order in which their batches are awaited
        for _, worker in itertools.product(range(self._ahead), self._workers):
            self._give(worker, tasks, busy)
        while busy:
            worker = busy.popleft()
            told = self._awaited(worker, turn)
            if told.kind == "end":  # its other tasks are answered likewise and are not asked for
                busy = deque(w for w in busy if w is not worker)
                continue
            if told.kind == "error":
                _raise(worker.number, *told.content)
            self._give(worker, tasks, busy)
            yield told.content

    def _give(self, worker: Worker, tasks: Iterator[Any], busy: deque[Worker]) -> None:
        task = next(tasks, None)
        if task is not None:
            worker.tasks.put((self._turn, task))
            busy.append(worker)

    def _awaited(self, worker: Worker, turn: int) -> Told:
        """The next answer of a worker to a task of this turn; older ones nobody waits for."""
        began = time.monotonic()
        while True:
            if self._turn != turn:
                raise DataError(
                    "another loop over this DataLoader has its workers; finish one loop before "
                    "the next, or leave out persistent_workers"
                )
            if worker.results.poll(_PATIENCE):
                told = self._received(worker)
                if told.turn == turn:
                    return told
            elif not worker.process.is_alive():
                _raise_ended(worker)
            elif 0 < self._timeout <= time.monotonic() - began:
                raise DataError(
                    f"worker {worker.number} of the DataLoader gave no batch within "
                    f"{self._timeout} s; raise timeout, or look at what its data set waits for"
                )

    def _received(self, worker: Worker) -> Told:
        try:
            told: Told = pickle.loads(worker.results.recv_bytes())
        except (EOFError, OSError):
            _raise_ended(worker)
        return told

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.results.close()
            worker.tasks.cancel_join_thread()
            worker.tasks.close()
        self._workers = []


def _started(job: Job, number: int, context: Any) -> Worker:
    tasks = context.Queue()
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, number, tasks, sending), daemon=True)
    process.start()
    sending.close()  # so that the end of the worker is the end of the pipe
    return Worker(number, process, tasks, receiving)


def _raise(number: int, kind: type[Exception], words: str, place: str) -> None:
    """Raise what a worker met, as the same kind of error where one sentence makes one."""
    sentence = f"worker {number} of the DataLoader: {kind.__name__}: {words}{place}"
    try:
        error = kind(sentence)
    except Exception:  # the class wants other arguments
        error = DataError(sentence)
    raise error


def _raise_ended(worker: Worker) -> Any:
    worker.process.join(_PATIENCE)
    raise DataError(
        f"worker {worker.number} of the DataLoader has ended without a word (exit code "
        f"{worker.process.exitcode}); the machine may be short of memory: use fewer workers"
    )
