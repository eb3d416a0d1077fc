"""A switch between virtual network cards: every frame takes its time on the wire, and a delay.

Not every kernel can hold frames back by itself, so this program does: it reads frames from TAP
devices, lets each wait for its sender's wire, its receiver's and the delay, and writes it to the
card that it is addressed to. No frame is lost or overtaken.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import sys
import time

FRAME = 65_600  # bytes, more than the longest frame
CARD = b"\x02\x00\x00\x00\x00"  # every card's address begins so; its number is the last byte


class Switch:
    """Cards by number, and the frames that are under way between them.

    Args:
        cards: a file descriptor for each card, that does not block.
    """

    def __init__(self, cards: list[int]) -> None:
        self.cards = cards
        self.delay = 0.0
        self.rate = float("inf")
        self.sending = [0.0] * len(cards)
        self.receiving = [0.0] * len(cards)
        self.under_way: list[tuple[float, int, int, bytes]] = []
        self.taken = 0

    def take(self, card: int, now: float) -> None:
        """Take all frames that a card has sent."""
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = os.read(self.cards[card], FRAME)
                for other in self.receivers(card, frame):
                    self.taken += 1
                    arrives = self.wires(card, other, len(frame), now) + self.delay
                    heapq.heappush(self.under_way, (arrives, self.taken, other, frame))

    def receivers(self, card: int, frame: bytes) -> list[int]:
        """The cards that a frame is for: one by its address, or all others."""
        if frame[:5] == CARD and frame[5] < len(self.cards):
            return [frame[5]]
        return [other for other in range(len(self.cards)) if other != card]

    def wires(self, card: int, other: int, size: int, now: float) -> float:
        """The moment when a frame has gone over its sender's wire and its receiver's.

        It goes over the second while it comes from the first, unless others are before it there.
        """
        takes = size / self.rate
        self.sending[card] = max(now, self.sending[card]) + takes
        self.receiving[other] = max(self.sending[card], self.receiving[other] + takes)
        return self.receiving[other]

    def give(self, now: float) -> float | None:
        """Give out what has arrived; return the seconds until the next does."""
        while self.under_way and self.under_way[0][0] <= now:
            _, _, card, frame = heapq.heappop(self.under_way)
            with contextlib.suppress(OSError):  # a card that is down takes nothing
                os.write(self.cards[card], frame)
        return max(0.0, self.under_way[0][0] - now) if self.under_way else None


def serve(switch: Switch, orders: int) -> None:
    """Run until the orders end: lines of a delay in seconds and a rate in bytes a second."""
    numbers = {file: card for card, file in enumerate(switch.cards)}
    while True:
        wait = switch.give(time.perf_counter())
        for file in select.select([orders, *numbers], [], [], wait)[0]:
            if file != orders:
                switch.take(numbers[file], time.perf_counter())
                continue
            order = os.read(orders, 1000).split()
            if not order:
                return
            switch.delay, switch.rate = float(order[-2]), float(order[-1])
            os.write(1, b"set\n")


if __name__ == "__main__":
    # Whoever waits for a message looks for it all the time: frames must not wait for a core.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    serve(Switch([int(file) for file in sys.argv[1:]]), 0)
