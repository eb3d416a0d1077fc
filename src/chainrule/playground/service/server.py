"""The playground at an address of this machine, in this thread or in one of its own (floor 5)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

from chainrule.playground.engine.session import Session
from chainrule.playground.service.app import LIMITS, application, is_stream
from chainrule.playground.service.open_pages import OpenPages
from chainrule.web.server import address_of, listening, server_of

__all__ = ["Playground"]

_HOST = "127.0.0.1"


class Playground:
    """The pages, to be had at an address that nobody can guess.

    Args:
        kinds: the sessions that there are, by the names of their pages.
        port: to listen at; 0 for any that is free.
        grace: seconds that an experiment outlives its page.
        ends_with_pages: whether to stop when all pages have been closed.

    Attributes:
        address: where the pages are; a page's name follows it.

    Raises:
        OptionError: the port cannot be had.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Session]],
        port: int = 0,
        *,
        grace: float = 10.0,
        ends_with_pages: bool = False,
    ) -> None:
        token = secrets.token_urlsafe(18)
        self._socket = listening(_HOST, port)
        self.address = f"{address_of(_HOST, self._socket)}/{token}/"
        self._thread: threading.Thread | None = None

        def abandoned() -> None:
            if ends_with_pages:
                self._server.should_exit = True

        pages = OpenPages(kinds, grace, abandoned)
        app = application(token, pages)
        self._server = server_of(app, LIMITS, streams=is_stream, stopping=pages.let_go)

    def run(self) -> None:
        """Answer until the process is told to stop, or the last page is closed."""
        with self._socket:
            self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Answer in a thread, until `close`."""
        self._thread = threading.Thread(target=self.run, name="playground server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait until everything has ended."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Playground:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
