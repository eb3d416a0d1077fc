"""Requests that come at the same time go through the network together (floor 5).

While the network works on one batch, in a thread of its own, the next one gathers by itself; a
network that is idle starts at once, unless somebody is known to be on the way. This file knows rows
and outputs, nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.ops import Array
from chainrule.serve.limits import Limits
from chainrule.web.refusal import RequestError

__all__ = ["Batcher"]


class _Waiting(NamedTuple):
    """Rows of one request, and where their outputs are expected."""

    rows: Array
    outputs: asyncio.Future[Array]


class Batcher:
    """A queue of rows in front of a network.

    Args:
        run: what the network makes of rows, (N, ...) to (N, K); called in one thread only.
        limits: of the batches and of the queue.

    Attributes:
        waiting: how many examples are in the queue.
        batches: how many have been run.
        rows: how many examples there were in them.
    """

    def __init__(self, run: Callable[[Array], Array], limits: Limits) -> None:
        self._run, self._limits = run, limits
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._expected = 0
        self.waiting = 0
        self.batches = self.rows = 0

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Within the block, a request is on its way that will have rows."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            self._arrived.set()

    async def outputs(self, rows: Array) -> Array:
        """Return what the network makes of rows, (N, ...), once it is their turn.

        Raises:
            RequestError: too many are waiting already, or it took too long.
            ChainruleError: from the network.
        """
        if self.waiting + len(rows) > self._limits.queue:
            raise RequestError(503, "too many rows are waiting already; try again in a moment")
        one = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._queue.append(one)
        self.waiting += len(rows)
        self._arrived.set()
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await one.outputs
        except TimeoutError:
            raise RequestError(
                503, f"no answer within {self._limits.timeout:g} s; ask for fewer rows at a time"
            ) from None

    async def work(self) -> None:
        """Run batches until cancelled."""
        try:
            while True:
                await self._some()
                batch = self._next()
                if batch:
                    await self._answer(batch)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _some(self) -> None:
        """Wait until there is a batch worth running."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        try:
            async with asyncio.timeout(self._limits.wait):
                while self._expected and self.waiting < self._limits.batch:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass

    def _next(self) -> list[_Waiting]:
        """Take from the queue what fits into a batch: at least one request, however large."""
        batch: list[_Waiting] = []
        count = 0
        while self._queue and (not batch or count + len(self._queue[0].rows) <= self._limits.batch):
            one = self._queue.popleft()
            self.waiting -= len(one.rows)
            if not one.outputs.done():  # nobody waits any more
                batch.append(one)
                count += len(one.rows)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        rows = np.concatenate([one.rows for one in batch]) if len(batch) > 1 else batch[0].rows
        self.batches += 1
        self.rows += len(rows)
        try:
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._run, rows
            )
        except Exception as error:  # whatever it is, those who wait must be told
            if isinstance(error, ChainruleError) and len(batch) > 1:
                for one in batch:  # one of them is to blame, and the others are not
                    await self._answer([one])
                return
            for one in batch:
                if not one.outputs.done():
                    one.outputs.set_exception(error)
            return
        ends = np.cumsum([len(one.rows) for one in batch])
        for one, part in zip(batch, np.split(outputs, ends[:-1]), strict=True):
            if not one.outputs.done():
                one.outputs.set_result(part)
