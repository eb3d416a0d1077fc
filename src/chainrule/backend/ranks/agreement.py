"""What has to be the same on every rank, told and held against each other (floor 0).

Every rank tells what it has, and all come to the same verdict, so that none is left waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.errors import OptionError

__all__ = ["agree"]


def agree(subject: str, mine: Mapping[str, Any]) -> None:
    """Do nothing, if every rank has the same.

    Args:
        subject: what it is about, for the sentence: "the model's parameters".
        mine: plain values (JSON) by name.

    Raises:
        OptionError: on every rank, where one has something else than rank 0.

    Examples:
        >>> agree("the job", {"seed": 0})
    """
    from chainrule.backend.ranks import world

    told = world().tell(dict(mine))
    first = told[0]
    for rank, theirs in enumerate(told):
        if list(theirs.items()) != list(first.items()):
            raise OptionError(_difference(subject, rank, theirs, first))


def _difference(
    subject: str, rank: int, theirs: Mapping[str, Any], first: Mapping[str, Any]
) -> str:
    for name in (*first, *theirs):
        a, b = first.get(name, "nothing"), theirs.get(name, "nothing")
        if a != b:
            return (
                f"the ranks differ in {subject}: {name} is {a} on rank 0 and {b} on rank {rank}; "
                "every rank has to run the same program with the same options"
            )
    return (
        f"the ranks differ in {subject}: rank {rank} has the same in another order than rank 0; "
        "every rank has to run the same program with the same options"
    )
