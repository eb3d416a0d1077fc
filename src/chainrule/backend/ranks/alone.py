"""A process by itself, and what any number of them can do together (floor 0; knows NumPy).

`Alone` is what code that exchanges arrays sees where there is nobody else: everything is done at
once and changes nothing. `mpi.Together` is the same for several.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.errors import OptionError

__all__ = ["Alone", "Operation", "Pending"]

Array: TypeAlias = np.ndarray[Any, Any]
Operation: TypeAlias = Literal["sum", "product", "min", "max"]


class Pending:
    """An exchange that has been started; here, one that is over already."""

    def done(self) -> bool:
        """Whether it is over."""
        return True

    def wait(self) -> None:
        """Return when it is over.

        Raises:
            RankLostError: one of the others is gone.
        """


class Alone:
    """One process.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        host: the number of this process among those of its machine,
        neighbours: and how many these are.

    Examples:
        >>> here = Alone()
        >>> x = np.array([1.0, 2.0])
        >>> here.sum_(x)
        >>> x
        array([1., 2.])
        >>> here.tell({"loss": 0.5})
        [{'loss': 0.5}]
    """

    rank = 0
    size = 1
    host = 0
    neighbours = 1

    def sum_(self, array: Array, operation: Operation = "sum") -> None:
        """Make `array` the sum, product, least or largest of everybody's, element by element.

        Everybody gets the same numbers, to the last bit.

        Args:
            array: numbers, dense; of one shape and dtype everywhere.
            operation: how two become one.
        """
        self.start_sum(array, operation).wait()

    def start_sum(
        self, array: Array, operation: Operation = "sum", *, helped: bool = True
    ) -> Pending:
        """As `sum_`, in the background: `array` is not to be touched until it is waited for.

        Args:
            array: numbers, dense; of one shape and dtype everywhere.
            operation: how two become one.
            helped: whether somebody is to see to it meanwhile; not worth while if it is waited for
                at once.
        """
        return Pending()

    def broadcast_(self, array: Array, root: int = 0) -> None:
        """Make `array` what it is on rank `root`."""
        self.check_rank(root)

    def gather(self, array: Array) -> list[Array]:
        """Return everybody's `array`, by rank; their shapes and dtypes may differ."""
        return [array.copy()]

    def tell(self, value: Any) -> list[Any]:
        """Return everybody's `value`, by rank: numbers, strings, lists and dictionaries (JSON)."""
        return [value]

    def send(self, value: Any, to: int) -> None:
        """Leave a plain value (JSON) for rank `to`, which asks for it with `receive`."""
        raise OptionError(f"there is no rank {to} to send to; this process is alone")

    def receive(self, source: int | None = None) -> tuple[int, Any]:
        """Wait for a value that rank `source`, or whoever is first, has sent; return both."""
        raise OptionError("there is nobody to receive from; this process is alone")

    def barrier(self) -> None:
        """Return when everybody has come here."""

    def check(self) -> None:
        """Do nothing, as long as all the others are there.

        Raises:
            RankLostError: one of them is gone.
        """

    def check_rank(self, rank: int) -> None:
        """Do nothing, if there is such a rank.

        Raises:
            OptionError: there is not.
        """
        if not 0 <= rank < self.size:
            raise OptionError(f"there is no rank {rank}; there are 0 to {self.size - 1}")

    def close(self) -> None:
        """Part from the others."""
