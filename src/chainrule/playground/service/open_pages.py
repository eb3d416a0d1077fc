"""The experiments of the open pages: begun, heard, ended when nobody listens (floor 5)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

from chainrule.errors import did_you_mean
from chainrule.playground.engine.player import Player
from chainrule.playground.engine.session import Session
from chainrule.playground.service.encoding import encoded
from chainrule.web.refusal import RequestError

__all__ = ["OpenPage", "OpenPages"]

_MOST = 16  # pages at a time
_QUIET = 15.0  # seconds after which a stream says that it is still there


class OpenPage:
    """One page's experiment, and its listeners, of which each sees the latest frame.

    Args:
        session: the experiment.
        loop: that the listeners wait in.
    """

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._latest = b""
        self._listeners: set[asyncio.Event] = set()
        self._unheard_since = time.monotonic()
        self._ended = False
        self.player = Player(session, self._take, lambda: bool(self._listeners))

    def _take(self, frame: dict[str, Any]) -> None:
        text = encoded(frame)
        self._loop.call_soon_threadsafe(self._tell, text)

    def _tell(self, text: bytes) -> None:
        self._latest = text
        for listener in self._listeners:
            listener.set()

    async def do(self, work: Callable[[Session], Any], *, shows: bool = True) -> Any:
        """Have something done with the session, and wait for it.

        Args:
            work: takes the session.
            shows: whether a frame is due after it.
        """
        return await asyncio.wrap_future(self.player.do(work, shows=shows))

    async def frames(self) -> AsyncIterator[bytes]:
        """The frames as server-sent events; those that nobody had the time for are left out."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            self.player.do(lambda _: None)  # the first frame
            while not self._ended:
                yield await self._said(news)
        finally:
            self._listeners.discard(news)
            self._unheard_since = time.monotonic()

    async def _said(self, news: asyncio.Event) -> bytes:
        """The latest frame once there is a new one, or after a while that there is none."""
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), _QUIET)
        if not news.is_set() or not self._latest:
            return b": still here\n\n"
        news.clear()
        return b"data: " + self._latest + b"\n\n"

    def let_go(self) -> None:
        """End the streams of all listeners."""
        self._ended = True
        for listener in self._listeners:
            listener.set()

    @property
    def unheard(self) -> float:
        """For how many seconds nobody has listened."""
        return 0.0 if self._listeners else time.monotonic() - self._unheard_since


class OpenPages:
    """All of them, by names that cannot be guessed.

    Args:
        kinds: the sessions that there are, by the names of their pages.
        grace: seconds that an experiment without a listener is kept, as a page that is loaded
            again needs; and that the service goes on without any page.
        abandoned: called when there was a page and there has been none for so long.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Session]],
        grace: float = 10.0,
        abandoned: Callable[[], None] = lambda: None,
    ) -> None:
        self.kinds, self._grace, self._abandoned = kinds, grace, abandoned
        self._open: dict[str, OpenPage] = {}
        self._empty_since: float | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def begin(self, kind: Any, settings: Any) -> tuple[str, OpenPage]:
        """Begin an experiment; returns its name and itself.

        Args:
            kind: the name of its page.
            settings: of its session.

        Raises:
            RequestError: there is no such page, or there are too many.
            OptionError: the settings cannot be.
        """
        if not isinstance(kind, str) or kind not in self.kinds:
            meant = did_you_mean(str(kind)[:40], self.kinds)
            raise RequestError(404, f"there is no page of that name{meant}")
        if not isinstance(settings, dict):
            raise RequestError(422, "settings must be an object of names and values")
        if len(self._open) >= _MOST:
            raise RequestError(
                503, f"{_MOST} pages are open, and no more can be; close one of them"
            )
        session = await asyncio.to_thread(lambda: self.kinds[kind](**settings))
        name = secrets.token_urlsafe(9)
        self._open[name] = OpenPage(session, asyncio.get_running_loop())
        return name, self._open[name]

    def __getitem__(self, name: str) -> OpenPage:
        if name not in self._open:
            raise RequestError(410, "this experiment has ended; load the page again")
        return self._open[name]

    async def end(self, name: str) -> None:
        """End an experiment.

        Args:
            name: of it.
        """
        page = self._open.pop(name, None)
        if page is not None:
            page.let_go()
            await asyncio.to_thread(page.player.close)

    def let_go(self) -> None:
        """End the streams of all listeners."""
        for page in self._open.values():
            page.let_go()

    async def end_all(self) -> None:
        """End every experiment."""
        for name in list(self._open):
            await self.end(name)

    async def watch(self) -> None:
        """End what nobody has listened to for long enough, again and again."""
        while True:
            await asyncio.sleep(min(1.0, self._grace / 4))
            for name, page in list(self._open.items()):
                if page.unheard > self._grace:
                    self._empty_since = time.monotonic()
                    await self.end(name)
            self._look_around()

    def _look_around(self) -> None:
        """Say so if there was a page and there has been none for long."""
        if self._open:
            self._empty_since = None
        elif self._empty_since is not None:
            self._abandoned()
