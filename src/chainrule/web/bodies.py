"""Bodies of requests, read within limits (floor 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request

from chainrule.web.limits import WebLimits
from chainrule.web.refusal import RequestError

__all__ = ["Bodies"]

_PASSED_OVER = 8  # times the largest body: what is read of one that is refused


class Bodies:
    """Reads bodies, each within the limits, and all together too.

    Args:
        limits: of one, and of all that are held at a time.
    """

    def __init__(self, limits: WebLimits) -> None:
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body; it counts as held until the block ends.

        Raises:
            RequestError: it is too large, too slow, or there are too many.
        """
        told = request.headers.get("content-length", "")
        claimed = int(told[:20]) if told.isdecimal() else 0
        if claimed > self._limits.body:
            await self._pass_over(request, claimed)
            raise self._too_large()
        content = bytearray()
        try:
            await self._fill(content, request)
            yield bytes(content)
        finally:
            self._held -= len(content)

    async def _fill(self, content: bytearray, request: Request) -> None:
        try:
            async with asyncio.timeout(self._limits.timeout):
                async for chunk in request.stream():
                    self._held += len(chunk)
                    content += chunk
                    self._check(len(content))
        except TimeoutError:
            raise RequestError(
                408, f"the body did not arrive within {self._limits.timeout:g} s"
            ) from None

    async def _pass_over(self, request: Request, claimed: int) -> None:
        """Let a client send what will be refused, if that is soon done: many listen only then."""
        if claimed > _PASSED_OVER * self._limits.body:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.timeout):
                async for _ in request.stream():
                    pass

    def _check(self, size: int) -> None:
        if size > self._limits.body:
            raise self._too_large()
        if self._held > self._limits.held:
            raise RequestError(
                503, "too much is being sent at the same time; try again in a moment"
            )

    def _too_large(self) -> RequestError:
        return RequestError(
            413, f"a body may have {self._limits.body:,} bytes at most; send less at a time"
        )
