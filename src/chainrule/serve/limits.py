"""What the service grants its clients: sizes, counts and seconds (floor 5)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from chainrule.errors import OptionError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
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

    body: int = 10 << 20
    held: int = 256 << 20
    rows: int = 10_000
    timeout: float = 30.0
    batch: int = 64
    wait: float = 0.002
    queue: int = 20_000
    connections: int = 4096

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "wait" else None
            if not (value > 0 or value == least):
                raise OptionError(f"the limit {field.name} must be above 0, got {value}")
