"""What clients are granted: sizes, counts and seconds (floor 4)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from chainrule.errors import OptionError

__all__ = ["WebLimits"]


@dataclass(frozen=True, kw_only=True)
class WebLimits:
    """How much is taken of clients before they are told no.

    Args:
        body: bytes of one request.
        held: bytes of all requests that are being read at a time.
        timeout: seconds for a request to arrive, and again for its answer.
        connections: clients that are connected at a time.

    Raises:
        OptionError: a limit that is not above 0.

    Examples:
        >>> WebLimits(body=0)
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: the limit body must be above 0, got 0
    """

    body: int = 10 << 20
    held: int = 256 << 20
    timeout: float = 30.0
    connections: int = 4096

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in self.may_be_none() else None
            if not (value > 0 or value == least):
                raise OptionError(f"the limit {field.name} must be above 0, got {value}")

    @classmethod
    def may_be_none(cls) -> tuple[str, ...]:
        """The limits that 0 is a value of."""
        return ()
