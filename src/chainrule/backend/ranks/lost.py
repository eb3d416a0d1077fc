"""What is raised where the others are waited for, and one of them is gone (floor 0)."""

from __future__ import annotations

from chainrule.errors import ChainruleError

__all__ = ["RankLostError"]


class RankLostError(ChainruleError):
    """Another process has ended, or failed, in the middle of the common work.

    Args:
        rank: its number.
        why: what is known, as the second half of a sentence that begins with "rank 2".
    """

    def __init__(self, rank: int, why: str) -> None:
        super().__init__(f"rank {rank} {why}")
        self.rank = rank
