"""Several processes by MPI (floor 0; knows NumPy and mpi4py).

Nothing blocks inside of MPI: every exchange is started, and asked after until it is over, so that a
rank that is gone is noticed by whoever waits. Between two questions a waiting process gives its
core away, for there may be more ranks than cores. MPI works on an exchange when it is called and
not by itself; so while this process computes, a thread (`Stirrer`) calls it now and then. What an
exchange reads and writes stays until it is over, also where nobody waits for it any more: a person
may break a step off in the middle, and MPI would write to memory that is somebody else's by then.

Plain values travel as JSON. Nothing that comes from another process is executed.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend.ranks.alone import Alone, Operation, Pending
from chainrule.backend.ranks.launch import require_mpi, told
from chainrule.backend.ranks.lost import RankLostError
from chainrule.errors import OptionError

__all__ = ["Together"]

Array: TypeAlias = np.ndarray[Any, Any]

# How often a process that waits asks and only lets others run, before it sleeps between questions;
# and for how long it sleeps then, and the thread that stirs.
_EAGER, _NAP, _STIR = 200, 5e-5, 2e-4

_PLAIN = 77  # the tag of plain values

# Exchanges that are not over: with them stays the memory that they work on.
_under_way: set[Started] = set()

_yield = getattr(os, "sched_yield", lambda: time.sleep(0))


class Started(Pending):
    """An exchange by MPI that has been started.

    Args:
        together: those who take part.
        request: MPI's.
        held: what it reads and writes, which mpi4py does not keep of itself.
        finish: called once when it is over.
    """

    def __init__(self, together: Together, request: Any, held: Any, finish: Any = None) -> None:
        self._together, self._request, self._held = together, request, held
        self._finish = finish
        self._lock = threading.Lock()
        self._over = False
        _under_way.add(self)

    def done(self) -> bool:
        """Whether it is over; asking helps it along."""
        with self._lock:  # the thread that stirs may ask at the same time
            if not self._over and self._request.Test():
                self._over, self._held = True, None
                _under_way.discard(self)
        return self._over

    def wait(self) -> None:
        """Return when it is over.

        Raises:
            RankLostError: one of the others is gone.
        """
        asked = 0
        while not self.done():
            self._together.check()
            asked += 1
            if asked < _EAGER:
                _yield()
            else:
                if asked == _EAGER:
                    self._together.waits_since = time.monotonic()
                time.sleep(_NAP)
        self._together.waits_since = 0.0
        if self._finish is not None:
            self._finish()
            self._finish = None


class Stirrer(threading.Thread):
    """Calls MPI now and then as long as an exchange is under way that nobody waits for."""

    def __init__(self) -> None:
        super().__init__(name="chainrule-stirrer", daemon=True)
        self._under_way: deque[Started] = deque()
        self._some = threading.Event()
        self._ended = False
        self.start()

    def watch(self, started: Started) -> None:
        """Help an exchange along."""
        self._under_way.append(started)
        self._some.set()

    def end(self) -> None:
        """Stop."""
        self._ended = True
        self._some.set()
        self.join()

    def run(self) -> None:
        """Ask after the exchanges, in the order in which they were started."""
        while not self._ended:
            while self._under_way and not self._ended:
                if self._under_way[0].done():
                    self._under_way.popleft()
                else:
                    time.sleep(_STIR)
            self._some.wait()
            self._some.clear()


class Together(Alone):
    """The processes that a launcher started, by MPI.

    Attributes:
        lost: set by whoever finds out that one is gone; raised where the others are waited for.
        waits_since: since when the exchange that is waited for is, if it has been for long; or 0.

    Raises:
        MissingExtraError: mpi4py is not installed.
        OptionError: the library under it is not the launcher's.
    """

    def __init__(self) -> None:
        self._mpi = mpi = require_mpi()
        if not mpi.Is_initialized():
            mpi.Init_thread(mpi.THREAD_MULTIPLE)
        self._refuse_strangers()
        # A communicator of our own: what a program says to the others beside us is not mixed up.
        self._comm = mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._comm.rank, self._comm.size
        near = mpi.COMM_WORLD.Split_type(mpi.COMM_TYPE_SHARED)
        self.host, self.neighbours = near.rank, near.size
        near.Free()
        self.lost: RankLostError | None = None
        self.waits_since = 0.0
        self._stirrer: Stirrer | None = None
        atexit.register(self._rest)
        self._operations = {"sum": mpi.SUM, "product": mpi.PROD, "min": mpi.MIN, "max": mpi.MAX}

    def _refuse_strangers(self) -> None:
        """Raise if the launcher knows of others and MPI does not."""
        _, size = told()
        found = self._mpi.COMM_WORLD.size
        if size > found:
            name = self._mpi.Get_library_version().strip().splitlines()[0]
            raise OptionError(
                f"the launcher started {size} processes, and MPI ({name}) sees {found}: mpiexec "
                "and mpi4py are of different MPIs; use the mpiexec that belongs to mpi4py's, with "
                "the mpich package the one beside this Python"
            )

    # --- arrays ---------------------------------------------------------------------------------

    def start_sum(
        self, array: Array, operation: Operation = "sum", *, helped: bool = True
    ) -> Pending:
        """As `sum_`, in the background; while it is `helped`, a thread calls MPI now and then."""
        started = self._start_sum(array, operation)
        if helped and not started.done():
            if self._stirrer is None:
                self._stirrer = Stirrer()
            self._stirrer.watch(started)
        return started

    def sum_(self, array: Array, operation: Operation = "sum") -> None:
        """Make `array` the sum, product, least or largest of everybody's, element by element.

        Args:
            array: numbers, dense; of one shape and dtype everywhere.
            operation: how two become one.
        """
        self._start_sum(array, operation).wait()

    def _start_sum(self, array: Array, operation: Operation) -> Started:
        self.check()
        how = self._operations[operation]
        whole = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        if array.dtype == np.float16:  # which MPI does not know
            whole = array.astype(np.float32, order="C")
        elif array.dtype == np.bool_:
            whole = array.astype(np.uint8, order="C")
        request = self._comm.Iallreduce(self._mpi.IN_PLACE, whole, how)
        finish = None if whole is array else lambda: np.copyto(array, whole, casting="unsafe")
        return Started(self, request, whole, finish)

    def broadcast_(self, array: Array, root: int = 0) -> None:
        """Make `array` what it is on rank `root`."""
        self.check_rank(root)
        whole = np.ascontiguousarray(array)
        self._await(self._comm.Ibcast(_bytes_of(whole), root), whole)
        if whole is not array:
            np.copyto(array, whole)

    def gather(self, array: Array) -> list[Array]:
        """Return everybody's `array`, by rank; their shapes and dtypes may differ."""
        about = self.tell([array.dtype.str, *array.shape])
        own = _bytes_of(np.ascontiguousarray(array))
        kinds = [(np.dtype(dtype), tuple(shape)) for dtype, *shape in about]
        sizes = [dtype.itemsize * int(np.prod(shape)) for dtype, shape in kinds]
        parts = self._gathered(own, sizes)
        return [part.view(dtype).reshape(shape) for part, (dtype, shape) in zip(parts, kinds)]

    def _gathered(self, own: Array, sizes: Sequence[int]) -> list[Array]:
        """Everybody's bytes, of so many each."""
        padded = np.zeros(max(sizes), np.uint8)
        padded[: own.size] = own
        # All of one size: mpi4py lets go of the list of sizes before the exchange is over.
        found = np.empty((self.size, padded.size), np.uint8)
        self._await(self._comm.Iallgather(padded, found), padded, found)
        return [row[:size].copy() for row, size in zip(found, sizes)]

    # --- plain values ---------------------------------------------------------------------------

    def tell(self, value: Any) -> list[Any]:
        """Return everybody's `value`, by rank: numbers, strings, lists and dictionaries (JSON)."""
        own = _packed(value)
        sizes = np.zeros(self.size, np.int64)
        sizes[self.rank] = own.size
        self.sum_(sizes)
        return [_unpacked(part) for part in self._gathered(own, sizes.tolist())]

    def send(self, value: Any, to: int) -> None:
        """Leave a plain value (JSON) for rank `to`, which asks for it with `receive`."""
        self.check_rank(to)
        data = _packed(value)
        self._await(self._comm.Isend(data, to, _PLAIN), data)

    def receive(self, source: int | None = None) -> tuple[int, Any]:
        """Wait for a value that rank `source`, or whoever is first, has sent; return both."""
        status = self._mpi.Status()
        whom = self._mpi.ANY_SOURCE if source is None else source
        while not self._comm.Iprobe(whom, _PLAIN, status):
            self.check()
            time.sleep(_STIR)
        found = np.empty(status.Get_count(self._mpi.BYTE), np.uint8)
        self._await(self._comm.Irecv(found, status.Get_source(), _PLAIN), found)
        return status.Get_source(), _unpacked(found)

    # --- waiting --------------------------------------------------------------------------------

    def barrier(self) -> None:
        """Return when everybody has come here."""
        self._await(self._comm.Ibarrier())

    def _await(self, request: Any, *held: Array) -> None:
        Started(self, request, held).wait()

    def check(self) -> None:
        """Do nothing, as long as all the others are there.

        Raises:
            RankLostError: one of them is gone.
        """
        if self.lost is not None:
            raise self.lost

    def close(self) -> None:
        """Part from the others, when all do."""
        self.barrier()
        self._rest()
        atexit.unregister(self._rest)
        self._comm.Free()

    def _rest(self) -> None:
        """Call MPI no more; what it has under way keeps its memory, for it ends after Python."""
        if self._stirrer is not None:
            self._stirrer.end()
        if _under_way:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(_under_way))


def _bytes_of(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)


def _packed(value: Any) -> Array:
    return np.frombuffer(bytearray(json.dumps(value).encode()), np.uint8)


def _unpacked(data: Array) -> Any:
    return json.loads(data.tobytes())
