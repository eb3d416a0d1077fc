"""How a convolution and its gradient by the images go over source images (floor 2).

Both sweep over source images and sum up, for each position, what some taps find there, times the
filters. In a convolution all positions meet the same taps, at multiples of the stride. In the
gradient by the images the source is the gradient at the output, and positions whose numbers have
the same remainder by the stride meet the same taps: each such phase is a sweep of its own with a
part of the filters, from one source pixel to the next. There taps are counted from the last, so
that with the taps the pixels go forward too, and a gradient can be made by the very code of a
convolution. This file is arithmetic alone.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.ops.window import Sizes, Window

__all__ = ["Phase", "Sweep", "backward", "forward"]


class Phase(NamedTuple):
    """Positions of the result that meet the same taps; all by dimension.

    Attributes:
        first: the first of them; from one to the next it is the sweep's `between`.
        many: how many.
        base: the source pixel that the first tap meets there; it may be outside.
        taps: the first tap, as they are counted, the step to the next, and how many there are.
        move: source pixels from one of these taps to the next.
    """

    first: Sizes
    many: Sizes
    base: Sizes
    taps: tuple[tuple[int, int, int], ...]
    move: Sizes

    @property
    def meets(self) -> bool:
        """Whether there are taps at all."""
        return all(n for _, _, n in self.taps)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first and the last source pixel that the first position reads, by dimension."""
        lasts = [b + m * (n - 1) for b, m, (_, _, n) in zip(self.base, self.move, self.taps)]
        return tuple((min(b, last), max(b, last)) for b, last in zip(self.base, lasts))


@dataclass(frozen=True)
class Sweep:
    """How a result is made from source images.

    Attributes:
        phases: of the positions.
        apart: source pixels from one position of a phase to the next, by dimension.
        between: pixels of the result from one position of a phase to the next.
        backwards: whether taps are counted from the last.
    """

    phases: tuple[Phase, ...]
    apart: Sizes
    between: Sizes
    backwards: bool

    @property
    def counts(self) -> Sizes:
        """The most positions of a phase, by dimension."""
        return tuple(map(max, *(phase.many for phase in self.phases), (0,) * len(self.apart)))

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first and the last source pixel that first positions read, by dimension."""
        found = [*zip(*(phase.spans for phase in self.phases if phase.meets))]
        none = [[(0, 0)]] * len(self.apart)
        return tuple((min(a for a, _ in d), max(b for _, b in d)) for d in found or none)

    def outside(self, size: Sizes) -> tuple[bool, ...]:
        """Whether pixels outside source images of a size are met, by dimension."""
        found = [first < 0 for first, _ in self.spans]
        for phase in (p for p in self.phases if p.meets):
            lies = zip(phase.spans, phase.many, self.apart, size)
            found = [f or last + (n - 1) * s >= m for f, ((_, last), n, s, m) in zip(found, lies)]
        return tuple(found)


def forward(window: Window, steps: Sizes) -> Sweep:
    """How a convolution's result of `steps` positions is made from its images."""
    rank = len(steps)
    base = tuple(-p for p in window.padding)
    taps = tuple((0, 1, k) for k in window.size)
    phase = Phase((0,) * rank, steps, base, taps, window.dilation)
    return Sweep((phase,), window.stride, (1,) * rank, backwards=False)


def backward(window: Window, image: Sizes) -> Sweep:
    """How the gradient by images of a size is made from that at the output."""
    lines = [residues(*of) for of in zip(image, *window[:4])]
    phases = tuple(Phase(*map(tuple, zip(*each))) for each in itertools.product(*lines))
    return Sweep(phases, (1,) * len(image), window.stride, backwards=True)


def residues(
    n: int, size: int, stride: int, padding: int, dilation: int
) -> list[tuple[int, int, int, tuple[int, int, int], int]]:
    """The phases along a dimension of n pixels, the fields of each as in `Phase`.

    Examples:
        >>> residues(5, size=3, stride=2, padding=1, dilation=1)
        [(0, 3, 0, (1, 2, 1), 1), (1, 2, 0, (0, 2, 2), 1)]
    """
    found = []
    step = stride // math.gcd(stride, dilation)
    for first in range(min(stride, n)):
        many = -(-(n - first) // stride)
        met = [t for t in range(size) if (first + padding - t * dilation) % stride == 0]
        last = met[-1] if met else size - 1
        base = (first + padding - last * dilation) // stride if met else 0
        found.append(
            (first, many, base, (size - 1 - last, step, len(met)), dilation * step // stride)
        )
    return found
