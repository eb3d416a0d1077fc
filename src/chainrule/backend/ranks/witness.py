"""The witness: a small process that outlives the ranks and says which was lost first (floor 0).

Every rank holds a connection to it, so the end of a rank, however it comes, is an end of file here
within a millisecond. A launcher that ends all ranks because one was killed does not reach this
process, which is of a session of its own; so there is always somebody left to say the sentence, and
only one. It ends as soon as nobody is connected any more, or all have left in order.

It is a program by itself (see `main`), knows the standard library alone, and executes nothing of
what it is told. Messages are lines of JSON:

    from a rank   {"token", "rank"}  first; a wrong token ends the connection
                  {"ended": why, "code"}  it fails, with this reason; all end with its exit code
                  {"waits_for": r}   it has waited long for a rank that left
                  {"at_end": text}   what is said after the sentence
                  {"leaves": true}   it is done, in order
    to the ranks  {"welcome": true}, {"left": r}, {"all": true}, {"lost": r, "why", "code"}
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import selectors
import socket
import sys
import time
from typing import Any

__all__ = ["EXIT", "WELCOME", "Witness", "keep_alive", "main"]

WELCOME = b'{"welcome": true}\n'
LINE = 65536  # no message is longer
FIRST, LAST = 60.0, 15.0  # seconds for all ranks to come, and to be gone when one was lost
KILLED = "was lost (killed?)"
EXIT = 75  # "try again later", of sysexits.h: the run can be resumed


def keep_alive(connection: socket.socket) -> None:
    """Let an end of the other machine, which nobody tells us of, be found within 20 seconds."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Rank:
    """What is known of one connection.

    Attributes:
        rank: whose it is, -1 until it has said so.
        left: whether it has left in order.
        heard: what has come, and is not yet a line.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.rank = -1
        self.left = False
        self.heard = b""

    def tell(self, **message: Any) -> None:
        """Tell it something; one that is gone is found out by reading."""
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")


class Witness:
    """Waits for the ranks to end, and says what is to be said.

    Args:
        door: where they connect.
        size: how many there are.
        token: what they must say first.
    """

    def __init__(self, door: socket.socket, size: int, token: str) -> None:
        self._door, self._size, self._token = door, size, token
        self._ranks: dict[int, Rank] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(door, selectors.EVENT_READ)
        self._at_end = ""
        self._lost = False
        self._until = time.monotonic() + FIRST

    def run(self) -> None:
        """Listen until nobody is left to listen to."""
        while not self._over():
            # What happened first comes first: epoll keeps the order of events.
            for key, _ in self._selector.select(timeout=1.0):
                if key.data is None:
                    self._open()
                else:
                    self._read(key.data)

    def _over(self) -> bool:
        late = time.monotonic() > self._until
        if self._lost or len(self._ranks) < self._size:
            open_ = any(one.connection.fileno() >= 0 for one in self._ranks.values())
            return late or (bool(self._ranks) and not open_)
        return all(one.connection.fileno() < 0 for one in self._ranks.values())

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._door.accept()
            connection.settimeout(5.0)
            keep_alive(connection)
            self._selector.register(connection, selectors.EVENT_READ, Rank(connection))

    def _read(self, one: Rank) -> None:
        try:
            data = one.connection.recv(LINE)
        except OSError:
            data = b""
        *lines, one.heard = (one.heard + data).split(b"\n")
        for line in lines:
            if not self._understood(one, line):
                self._close(one)
                return
        if not data or len(one.heard) > LINE:
            self._close(one)

    def _understood(self, one: Rank, line: bytes) -> bool:
        """Take one message; whether it was one."""
        try:
            message = json.loads(line)
        except ValueError:
            return False
        if not isinstance(message, dict):
            return False
        if one.rank < 0:
            return self._welcome(one, message)
        if "ended" in message:
            self._lose(one.rank, str(message["ended"]), int(message.get("code", EXIT)))
        elif "waits_for" in message:
            self._lose(int(message["waits_for"]), "has ended while others wait for it")
        elif "at_end" in message:
            self._at_end = str(message["at_end"])
        elif "leaves" in message:
            one.left = True
            self._tell_others(one.rank, left=one.rank)
            if len(self._ranks) == self._size and all(r.left for r in self._ranks.values()):
                self._tell_others(-1, all=True)
        return True

    def _welcome(self, one: Rank, message: dict[str, Any]) -> bool:
        rank = message.get("rank")
        known = hmac.compare_digest(str(message.get("token")).encode(), self._token.encode())
        if not known or type(rank) is not int or not 0 <= rank < self._size or rank in self._ranks:
            return False
        one.rank = rank
        self._ranks[rank] = one
        with contextlib.suppress(OSError):
            one.connection.sendall(WELCOME)
        return True

    def _close(self, one: Rank) -> None:
        self._selector.unregister(one.connection)
        one.connection.close()
        # One that has left waits for the others, if all have come.
        waits = len(self._ranks) == self._size and not all(r.left for r in self._ranks.values())
        if one.rank >= 0 and (waits or not one.left):
            self._lose(one.rank, KILLED)

    def _lose(self, rank: int, why: str, code: int = EXIT) -> None:
        if self._lost:
            return
        self._lost = True
        self._until = time.monotonic() + LAST
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"rank {rank} {why}; the run ends. {self._at_end}".rstrip() + "\n")
            sys.stderr.flush()
        self._tell_others(-1, lost=rank, why=why, code=code)

    def _tell_others(self, rank: int, **message: Any) -> None:
        for other in self._ranks.values():
            if other.rank != rank and other.connection.fileno() >= 0:
                other.tell(**message)


def main() -> None:
    """Be the witness of as many ranks as the first argument says, at the address of the second.

    The token comes by standard input; the port is told by standard output.
    """
    size, address = int(sys.argv[1]), sys.argv[2]
    token = sys.stdin.readline().strip()
    with socket.create_server((address, 0), backlog=max(size, 16)) as door:
        sys.stdout.write(f"{door.getsockname()[1]}\n")
        sys.stdout.flush()
        # Only standard error is kept: whoever reads the ranks' output is not to wait for us.
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        Witness(door, size, token).run()


if __name__ == "__main__":
    main()
