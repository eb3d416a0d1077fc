"""The watch: a rank that ends in the middle ends all the others, with one sentence (floor 0).

Beside MPI, which says nothing of a rank that is gone, each rank holds a TCP connection to a
witness (`witness.py`), a small process that rank 0 starts. A thread waits here for what the witness
tells: that a rank is lost makes `RankLostError` come out of whatever waits for the others, and
where the program does not come to wait within some seconds, the process is ended. The witness says
the sentence; the ranks end silently, all with the same exit code: that of the rank that failed, or
`EXIT` where one was lost.

A rank that has come to its end waits until all have: MPI's own end waits too, but without end.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chainrule.backend.ranks import witness
from chainrule.backend.ranks.launch import is_first
from chainrule.backend.ranks.lost import EverywhereError, RankLostError
from chainrule.backend.ranks.witness import EXIT
from chainrule.errors import ChainruleError, one_line, sentence_of

if TYPE_CHECKING:
    from chainrule.backend.ranks.mpi import Together

__all__ = ["EXIT", "Watch", "begin", "end", "give_up", "say_at_end"]

GRACE = 5.0  # seconds for the program to notice that a rank is lost, before it is ended
PATIENCE = 3.0  # seconds for an exchange to be over when somebody who takes part has left
_REACH = 3.0  # seconds to reach the witness
_HERE = "127.0.0.1"
_UNCAUGHT = 1  # Python's exit code for an exception that nobody catches

_watch: Watch | None = None
_is_registered = False


class Watch(threading.Thread):
    """One rank's connection to the witness.

    Args:
        together: the ranks; what it waits for (`waits_since`) is read, `lost` is set.
        connection: to the witness, which has said welcome.
    """

    def __init__(self, together: Together, connection: socket.socket) -> None:
        super().__init__(name="chainrule-watch", daemon=True)
        self._together, self._connection = together, connection
        self._lock = threading.Lock()
        self._left: int | None = None
        self._over = threading.Event()  # all have left, or one is lost
        self._code = EXIT
        self.start()

    # --- what the witness tells -----------------------------------------------------------------

    def run(self) -> None:
        """Listen to the witness."""
        self._connection.settimeout(0.5)
        for message in self._messages():
            if "left" in message:
                self._left = int(message["left"])
            elif "all" in message:
                self._over.set()
                return
            elif "lost" in message:
                self._code = int(message["code"])
                self._lose(int(message["lost"]), str(message["why"]))
                return
        if not self._over.is_set():
            self._alone()

    def _messages(self) -> Iterator[dict[str, Any]]:
        heard = b""
        while not self._over.is_set():
            try:
                data = self._connection.recv(witness.LINE)
            except TimeoutError:
                self._complain_of_waiting()
                continue
            except OSError:
                return
            if not data:
                return
            *lines, heard = (heard + data).split(b"\n")
            yield from (json.loads(line) for line in lines)

    def _complain_of_waiting(self) -> None:
        """Say it, if an exchange waits for somebody who has left, and so will wait for ever."""
        since = self._together.waits_since
        if self._left is not None and since and time.monotonic() - since > PATIENCE:
            self.say(waits_for=self._left)

    def _alone(self) -> None:
        """The witness is gone, so its machine is, and rank 0's."""
        why = "and its witness were lost with their machine"
        if self._together.rank == 1:
            sys.stderr.write(f"rank 0 {why}; the run ends.\n")
        self._lose(0, why)

    def _lose(self, rank: int, why: str) -> None:
        self._together.lost = RankLostError(rank, why)
        self._over.set()
        time.sleep(GRACE)
        self.exit()

    def exit(self) -> None:
        """End this process, now."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(self._code)

    # --- what it is told ------------------------------------------------------------------------

    def say(self, **message: Any) -> None:
        """Tell the witness something."""
        with self._lock, contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def fail(self, error: BaseException, code: int) -> None:
        """Tell that this rank ends by an exception, and with which exit code all end."""
        if type(error).__module__.startswith("mpi4py"):
            self._over.wait(1.0)  # MPI stumbles over a rank that is gone: let that be told first
        how = (
            "ended: "
            if isinstance(error, ChainruleError)
            else f"ended with {type(error).__name__}: "
        )
        why = (how + one_line(sentence_of(error)).rstrip("."))[:2000].rstrip(": ")
        self.say(ended=why, code=code)

    def leave(self) -> None:
        """Tell that this rank is done, and wait until all are, or one is lost."""
        self.say(leaves=True)
        self._over.wait()

    @property
    def rank(self) -> int:
        """This rank's number."""
        return self._together.rank

    @property
    def lost(self) -> bool:
        """Whether a rank is lost."""
        return self._together.lost is not None

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


# --- beginning ----------------------------------------------------------------------------------


def begin(together: Together) -> None:
    """Watch over the others from now on, until `end`. Every rank calls it."""
    global _watch
    if together.size == 1:
        return
    _register()
    token, port = secrets.token_hex(16), 0
    near = together.neighbours == together.size
    if together.rank == 0:
        port = _start_witness(together.size, _HERE if near else "", token)
    # The token goes by MPI, as everything else of the run does.
    addresses, port, token = together.tell([[] if near else _addresses(), port, token])[0]
    # Names of this very machine may have been told apart, so that it is tried last everywhere.
    addresses = [*addresses, _HERE] if together.rank else [_HERE]
    connection = _reach(addresses, port, {"token": token, "rank": together.rank})
    if not all(together.tell(connection is not None)):
        if connection is not None:
            connection.sendall(b'{"leaves": true}\n')
            connection.close()
        if together.rank == 0:
            sys.stderr.write(
                f"not all ranks reach the machine of rank 0 at port {port} by its addresses: a "
                "rank that is lost will not be noticed\n"
            )
        return
    assert connection is not None
    _watch = Watch(together, connection)


def _start_witness(size: int, address: str, token: str) -> int:
    """Start the witness, in a session of its own, and return its port."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(witness.__file__)), str(size), address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        close_fds=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(token + "\n")
        process.stdin.flush()
        port = int(process.stdout.readline())
    process.returncode = 0  # it outlives us: nobody waits for it, nor warns of it
    return port


def _addresses() -> list[str]:
    """By which names other machines may know this one."""
    names = [os.environ.get(name, "") for name in ("MPICH_INTERFACE_HOSTNAME", "PMI_HOSTNAME")]
    names += [socket.gethostname(), socket.getfqdn()]
    found: list[str] = []
    for name in filter(None, names):
        with contextlib.suppress(OSError):
            found += [str(at[4][0]) for at in socket.getaddrinfo(name, 0, socket.AF_INET)]
    return [one for one in dict.fromkeys(found) if not one.startswith("127.")]


def _reach(addresses: list[str], port: int, who: dict[str, Any]) -> socket.socket | None:
    """Connect with the witness where it is, and not with whoever else may answer there."""
    for address in addresses:
        with contextlib.suppress(OSError):
            connection = socket.create_connection((address, port), timeout=_REACH)
            try:
                witness.keep_alive(connection)
                connection.sendall(json.dumps(who).encode() + b"\n")
                if connection.recv(len(witness.WELCOME), socket.MSG_WAITALL) == witness.WELCOME:
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
    return None


# --- ending -------------------------------------------------------------------------------------


def end() -> None:
    """Part in order: return when all ranks have come here."""
    global _watch
    if _watch is not None:
        _watch.leave()
        if _watch.lost:
            return
        _watch.close()
        _watch = None


def say_at_end(text: str) -> None:
    """Give what is said after the sentence on a lost rank: how the run can be resumed."""
    if _watch is not None:
        _watch.say(at_end=text)


def give_up(error: BaseException, code: int = 2) -> bool:
    """Tell all the others that this rank ends because of `error`; they end too.

    An exception that nobody catches is told by itself. This is for programs that catch theirs.

    Args:
        error: that was caught.
        code: the exit code of all ranks; the program has to end with it, too.

    Returns:
        Whether somebody else writes why, so that it is read once.

    Examples:
        >>> give_up(MemoryError("a process alone tells nobody"))
        False
    """
    if isinstance(error, EverywhereError):  # all of them end by themselves
        return not is_first()
    if _watch is None:
        return False
    if not isinstance(error, RankLostError):
        _watch.fail(error, code)
    return True


def _at_exit() -> None:
    """Wait for the others; where one is lost, end without MPI, whose end would wait for it."""
    if _watch is not None:
        if not _watch.lost:
            _watch.leave()
        if _watch.lost:
            _watch.exit()
        _watch.close()


def _after_fork() -> None:
    """A child has nothing to do with it, and must not keep the connection open."""
    global _watch
    if _watch is not None:
        _watch.close()
        _watch = None


def _register() -> None:
    """Hear of the end of this process, and of exceptions that nobody catches, once for all."""
    global _is_registered
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)  # the latest comes first: while it waits, exchanges go on
    if _is_registered:
        return
    _is_registered = True
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    sys.excepthook = _hook(sys.excepthook)


def _hook(
    before: Callable[[type[BaseException], BaseException, TracebackType | None], Any],
) -> Callable[[type[BaseException], BaseException, TracebackType | None], Any]:
    """What is done with an exception that nobody catches: it is told, and written once."""

    def hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):  # which a launcher passes on to all of them
            if is_first():
                before(kind, error, where)
            return
        # Where in the program it was is known here alone.
        of_others = isinstance(error, (RankLostError, EverywhereError))
        if not (of_others and give_up(error)):
            before(kind, error, where)
        if not of_others:
            give_up(error, _UNCAUGHT)

    return hook
