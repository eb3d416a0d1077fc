"""What is raised where ranks cannot go on together (floor 0)."""

from __future__ import annotations

from chainrule.errors import ChainruleError, OptionError

__all__ = ["EverywhereError", "RankLostError"]


class RankLostError(ChainruleError):
    """Another process has ended, or failed, in the middle of the common work.

    Args:
        rank: its number.
        why: what is known, as the second half of a sentence that begins with "rank 2".
    """

    def __init__(self, rank: int, why: str) -> None:
        super().__init__(f"rank {rank} {why}")
        self.rank = rank


class EverywhereError(OptionError):
    """What is wrong with one rank or more, raised on all of them alike; rank 0 writes it."""
