"""Steps captured as a graph, which the driver launches as one (floor 2).

A graph has the addresses that were used while it was captured. So everything in it works on memory
that stays: what bodies of operations allocate in between comes from a pool that the graph has for
itself. What a stream cannot capture, because it waits for the GPU or hands over memory of the
processor, stands between two graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Action", "Stretch", "captured"]

Thunk: TypeAlias = Callable[[], Any]


class Action(NamedTuple):
    """One launch, product or body.

    Attributes:
        run: does it.
        name: for print.
        capture: does it while it is captured, or raises if that cannot be; `None` if it never can.
    """

    run: Thunk
    name: str
    capture: Thunk | None


class Stretch(NamedTuple):
    """Actions one after another.

    Attributes:
        run: does them.
        actions: what they are.
        graph: whether they are one graph.
    """

    run: Thunk
    actions: Sequence[Action]
    graph: bool

    def __str__(self) -> str:
        how = "one graph" if self.graph else "one by one"
        names = ", ".join(dict.fromkeys(a.name for a in self.actions if a.name != "kernel"))
        told = f" ({names})" if names else ""
        return f"{how}: {len(self.actions)} launches{told}"


def captured(gpu: Any, pool: Any, actions: Sequence[Action]) -> list[Stretch]:
    """Return the actions as graphs, and what cannot be in one.

    Nothing is done yet; each action has been run before.

    Args:
        gpu: CuPy.
        pool: of memory for what is allocated on the way.
        actions: in order.
    """
    stretches: list[Stretch] = []
    rest = list(actions)
    while rest:
        graph, count = _captured(gpu, pool, rest)
        if graph is not None:
            stretches.append(Stretch(graph.launch, rest[:count], True))
        if count < len(rest):
            apart = rest[count]
            stretches.append(Stretch(apart.run, [apart], False))
            count += 1
        rest = rest[count:]
    return stretches


def _captured(gpu: Any, pool: Any, actions: Sequence[Action]) -> tuple[Any, int]:
    """A graph of as many of the first actions as can be captured, and how many these are."""
    count = next((k for k, a in enumerate(actions) if a.capture is None), len(actions))
    while count:
        graph, reached = _tried(gpu, pool, actions[:count])
        if graph is not None:
            return graph, count
        count = reached
    return None, 0


def _tried(gpu: Any, pool: Any, actions: Sequence[Action]) -> tuple[Any, int]:
    """A graph of all of these, or how many were captured before the one that could not be."""
    stream = gpu.cuda.Stream(non_blocking=True)
    reached = 0
    with stream, gpu.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            for action in actions:
                assert action.capture is not None
                action.capture()
                reached += 1
        except Exception:
            _end(stream)
            return None, reached
        return stream.end_capture(), reached


def _end(stream: Any) -> None:
    """End a capture that has failed; the driver may say so once more."""
    try:
        stream.end_capture()
    except RuntimeError:  # the base of the driver's errors
        return
