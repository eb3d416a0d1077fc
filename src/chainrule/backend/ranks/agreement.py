"""What has to be the same on every rank, told and held against each other (floor 0).

Every rank tells what it has, and all come to the same verdict, so that none is left waiting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.backend.ranks.lost import EverywhereError
from chainrule.errors import ChainruleError, sentence_of

__all__ = ["agree", "all_or_none", "different_data"]


_SAME = "start the same program with the same options on every rank"


def agree(subject: str, mine: Mapping[str, Any], remedy: str = _SAME) -> None:
    """Do nothing, if every rank has the same.

    Args:
        subject: what it is about, for the sentence: "the model's parameters".
        mine: plain values (JSON) by name.
        remedy: what a person is to do, the end of the sentence.

    Raises:
        EverywhereError: on every rank, where one has something else than rank 0.

    Examples:
        >>> agree("the job", {"seed": 0})
    """
    from chainrule.backend.ranks import world

    told = world().tell(dict(mine))
    first = told[0]
    for rank, theirs in enumerate(told):
        if list(theirs.items()) != list(first.items()):
            what = _difference(rank, theirs, first)
            raise EverywhereError(f"the ranks differ in {subject}: {what}; {remedy}")


def _difference(rank: int, theirs: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    for name in (*first, *theirs):
        a, b = first.get(name, "nothing"), theirs.get(name, "nothing")
        if a != b:
            return f"{name} is {a} on rank 0 and {b} on rank {rank}"
    return f"rank {rank} has the same in another order than rank 0"


@contextmanager
def all_or_none() -> Iterator[None]:
    """Inside the block is what every rank does at this point, and what exchanges nothing.

    What cannot be on one cannot be on any.

    Raises:
        EverywhereError: on every rank, what the first that failed says.

    Examples:
        >>> with all_or_none():
        ...     print(1)
        1
    """
    from chainrule.backend.ranks import world

    if world().size == 1:
        yield
        return
    wrong = ""
    try:
        yield
    except (ChainruleError, OSError) as error:
        wrong = sentence_of(error)
    sentence = next(filter(None, world().tell(wrong)), "")
    if sentence:
        raise EverywhereError(sentence) from None


def different_data(arrays: Iterable[Any]) -> None:
    """Do nothing, if no two ranks have the same arrays: they would compute the same.

    Args:
        arrays: a batch.

    Raises:
        EverywhereError: on every rank, where two have the same.

    Examples:
        >>> different_data([np.zeros(3)])
    """
    from chainrule.backend.ranks import world

    if world().size == 1:
        return
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str} {array.shape} ".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    told = world().tell(total.hexdigest())
    for rank, theirs in enumerate(told):
        first = told.index(theirs)
        if first < rank:
            raise EverywhereError(
                f"ranks {first} and {rank} were given the same batch; give the DataLoader a "
                "DistributedSampler, so that each rank has rows of its own"
            )
