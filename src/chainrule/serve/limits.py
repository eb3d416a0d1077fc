"""What the service grants its clients: sizes, counts and seconds (floor 5)."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.web.limits import WebLimits

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits(WebLimits):
    """How much the service takes before it says no.

    Args:
        body: bytes of one request.
        held: bytes of all requests that are being read at a time.
        rows: examples of one request.
        timeout: seconds for a request to arrive, and again for its answer.
        batch: examples that the network is given at a time.
        wait: seconds that a batch waits for requests that are on their way.
        queue: examples that may wait for the network.
        connections: clients that are connected at a time.

    Raises:
        OptionError: a limit that is not above 0, or `wait` below it.

    Examples:
        >>> Limits(rows=0)
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: the limit rows must be above 0, got 0
    """

    rows: int = 10_000
    batch: int = 64
    wait: float = 0.002
    queue: int = 20_000

    @classmethod
    def may_be_none(cls) -> tuple[str, ...]:
        """A batch need not wait."""
        return ("wait",)
