"""Regions: all elements of some views of one shape, in the order in which the first lies (floor 2).

Dimensions that lie one after another in all of them become one, so that the innermost loop, of
which LLVM makes vectors, is as long as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Writer

__all__ = ["region"]


def region(
    w: Writer,
    sizes: Sequence[Number],
    strides: Sequence[Sequence[int]],
    write: Callable[..., None],
) -> None:
    """Write a nest of loops over a region.

    Args:
        w: the function's writer.
        sizes: of the region in each dimension, at least 1; a number known, or a register.
        strides: for each view elements from one to the next along each dimension.
        write: is given for each view how many elements from its first the present one lies.
    """
    order = sorted(range(len(sizes)), key=lambda d: -abs(strides[0][d]))
    loops: list[tuple[Number, tuple[int, ...]]] = []
    for d in order:
        size, steps = sizes[d], tuple(own[d] for own in strides)
        if isinstance(size, int) and size == 1:
            continue
        if loops and isinstance(size, int) and loops[-1][1] == tuple(size * s for s in steps):
            loops[-1] = _times(loops[-1][0], size), steps
        else:
            loops.append((size, steps))
    nothing = w.number(0, INDEX)
    _nest(w, loops, [nothing] * len(strides), write)


def _nest(
    w: Writer,
    loops: Sequence[tuple[Number, tuple[int, ...]]],
    starts: Sequence[Register],
    write: Callable[..., None],
) -> None:
    if not loops:
        write(*starts)
        return
    (size, steps), *inner = loops
    with w.loop(size, parallel=not inner) as i:
        _nest(w, inner, [i * step + start for step, start in zip(steps, starts)], write)


def _times(a: Number, n: int) -> Number:
    return a * n
