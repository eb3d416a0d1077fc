"""What a client is told in place of an answer: a status and one sentence (floor 4)."""

from __future__ import annotations

from chainrule.errors import ChainruleError

__all__ = ["RequestError"]


class RequestError(ChainruleError):
    """A request that is not answered.

    Args:
        status: of HTTP.
        sentence: what was wrong, and what to do.

    Attributes:
        status: as given.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
