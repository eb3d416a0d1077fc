"""Connections that do not hang: uvicorn's protocol with a watch on each of them (floor 4).

uvicorn waits for ever for a request that arrives a byte a second, and for a client that does not
read its answer. Here a connection has to begin a new request between one look at it and the next,
or it is closed. The looks are so far apart that no request within its limits is ever cut off.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from chainrule.web.limits import WebLimits

__all__ = ["guarded"]


def guarded(
    limits: WebLimits, streams: Callable[[str], bool] = lambda path: False
) -> type[H11Protocol]:
    """Return the protocol of connections that keep to limits.

    Args:
        limits: of time and number.
        streams: whether an address, given by its path, answers for as long as somebody listens.
    """

    class Guarded(H11Protocol):
        """One connection."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._last: Any = None  # the request that was under way at the last look
            self._look: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # Head and body of an answer are written apart; the second must not wait for an
            # acknowledgement of the first.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self.connections) > limits.connections:
                self._end(503, "too many clients are connected; try again in a moment")
            else:
                self._look = self.loop.call_later(limits.timeout, self._look_at)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            self._end(400, "this is not a request in HTTP/1.1")

        def _look_at(self) -> None:
            """Close the connection if nothing new has begun since the last look."""
            if self.cycle is not self._last:
                self._last = self.cycle
                # An answer may take as long as its request did, and then has to be read.
                self._look = self.loop.call_later(3 * limits.timeout, self._look_at)
            elif self._is_heard():
                self._look = self.loop.call_later(3 * limits.timeout, self._look_at)
            elif self.cycle is None or self.cycle.response_complete:
                self._end(408, f"no whole request arrived within {limits.timeout:g} s")
            else:
                self.transport.abort()

        def _is_heard(self) -> bool:
            """Whether this is a stream, and its client reads it."""
            under_way = self.cycle is not None and not self.cycle.response_complete
            return under_way and streams(self.cycle.scope["path"]) and not self.flow.write_paused

        def _end(self, status: int, sentence: str) -> None:
            """Say why and hang up."""
            if self.transport.is_closing():
                return
            if self.transport.get_write_buffer_size():
                self.transport.abort()
                return
            self.transport.write(_answer(status, sentence))
            self.transport.close()

    return Guarded


_REASONS = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


def _answer(status: int, sentence: str) -> bytes:
    """An answer in HTTP, written by hand, as there is no request that it belongs to."""
    body = json.dumps({"error": sentence}).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
