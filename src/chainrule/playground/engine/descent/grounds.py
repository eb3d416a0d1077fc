"""What can be descended: curves and surfaces, each its lowest points, a start (floor 5).

The functions are written with operations, so they take tensors, arrays and numbers alike. Their
text is part of the script that repeats an experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule import ops

__all__ = ["GROUNDS", "Ground"]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A function to descend.

    Args:
        label: what a person calls it.
        formula: for a reader.
        height: the function, of one coordinate or of two.
        low: the least coordinates shown; as many as the function takes.
        high: the greatest.
        start: where a descent begins unless it is said.
        lr: a rate that suits plain descent.
        lr_adaptive: a rate that suits optimisers that divide by the size of the gradient.
        minima: the lowest place of every valley, in the picture; the deepest first.
        curvature: the greatest second derivative in any direction where it is the same everywhere,
            otherwise `None`.
        about: a sentence on what is to be seen.
        most: the greatest height shown; as high as it comes if `None`.

    Examples:
        >>> GROUNDS["ravine"].height(1.0, 1.0), GROUNDS["ravine"].curvature
        (25.5, 50.0)
    """

    label: str
    formula: str
    height: Callable[..., Any]
    low: tuple[float, ...]
    high: tuple[float, ...]
    start: tuple[float, ...]
    lr: float
    lr_adaptive: float
    minima: tuple[tuple[float, ...], ...]
    curvature: float | None = None
    about: str
    most: float | None = None

    @property
    def dims(self) -> int:
        """How many coordinates there are."""
        return len(self.low)

    def at(self, points: Any) -> Any:
        """Return the heights of points.

        Args:
            points: a tensor or an array, shape (..., dims).
        """
        return self.height(*(points[..., i] for i in range(self.dims)))


# --- curves -------------------------------------------------------------------------------------


def parabola(x: Any) -> Any:
    """One valley, as steep on both sides."""
    return x**2


def valleys(x: Any) -> Any:
    """A local valley at the right, the deeper one at the left."""
    return (x**2 - 1) ** 2 + 0.3 * x


def cliff(x: Any) -> Any:
    """A plateau at the right, a cliff, and a flat valley below it."""
    return 0.05 * x**2 + ops.sigmoid(10 * (x - 1))


def kink(x: Any) -> Any:
    """As steep beside the lowest point as far from it."""
    return abs(x)


def waves(x: Any) -> Any:
    """A wide valley with many small ones in it."""
    return 0.1 * x**2 + 1 - ops.cos(3 * x)


# --- surfaces -----------------------------------------------------------------------------------


def bowl(x: Any, y: Any) -> Any:
    """As steep in every direction."""
    return x**2 + y**2


def ravine(x: Any, y: Any) -> Any:
    """Fifty times as curved across as along."""
    return (x**2 + 50 * y**2) / 2


def saddle(x: Any, y: Any) -> Any:
    """A pass between two valleys."""
    return x**2 - y**2 + y**4 / 4


def rosenbrock(x: Any, y: Any) -> Any:
    """A bent valley, steep to get into and nearly flat to go along."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def himmelblau(x: Any, y: Any) -> Any:
    """Four valleys, equally deep."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def hollows(x: Any, y: Any) -> Any:
    """A shallow hollow in front of a deep one."""
    deep = ops.exp(-((x + 1) ** 2) - (y + 1) ** 2)
    shallow = ops.exp(-((x - 1) ** 2) - (y - 1) ** 2)
    return (x**2 + y**2) / 20 - 1.2 * deep - 0.8 * shallow


def plateau(x: Any, y: Any) -> Any:
    """A hole in a plain that is all but flat."""
    return 1 - ops.exp(-(x**2 + y**2) / 2)


GROUNDS: dict[str, Ground] = {
    "parabola": Ground(
        label="curve: a parabola",
        formula="f(x) = x²",
        height=parabola,
        low=(-3,),
        high=(3,),
        start=(-2.5,),
        lr=0.1,
        lr_adaptive=0.1,
        minima=((0.0,),),
        curvature=2.0,
        about="The curvature is 2 everywhere, so plain descent halves its error at a rate of 1/4, "
        "arrives in one step at 1/2, and overshoots further each time above 1.",
    ),
    "valleys": Ground(
        label="curve: two valleys",
        formula="f(x) = (x² − 1)² + 0.3 x",
        height=valleys,
        low=(-1.8,),
        high=(1.8,),
        start=(1.7,),
        lr=0.02,
        lr_adaptive=0.05,
        minima=((-1.0355787140888537,), (0.9601495555191055,)),
        about="Plain descent ends in the valley that it starts above; momentum may carry a "
        "ball through it into the deeper one.",
    ),
    "cliff": Ground(
        label="curve: a plateau and a cliff",
        formula="f(x) = 0.05 x² + 1 / (1 + e^(−10 (x − 1)))",
        height=cliff,
        low=(-3,),
        high=(3,),
        start=(2.6,),
        lr=0.3,
        lr_adaptive=0.1,
        minima=((-0.004346510853289639,),),
        about="On the plateau steps are short; at the cliff one slope is so large that the step "
        "after it is thrown far.",
    ),
    "kink": Ground(
        label="curve: a kink",
        formula="f(x) = |x|",
        height=kink,
        low=(-2,),
        high=(2,),
        start=(-1.75,),
        lr=0.1,
        lr_adaptive=0.1,
        minima=((0.0,),),
        about="The slope does not become smaller near the lowest point, so a constant rate ends in "
        "steps to and fro.",
    ),
    "waves": Ground(
        label="curve: waves",
        formula="f(x) = 0.1 x² + 1 − cos 3x",
        height=waves,
        low=(-5,),
        high=(5,),
        start=(4.6,),
        lr=0.02,
        lr_adaptive=0.1,
        minima=(
            (0.0,),
            (-2.0487251273952287,),
            (2.0487251273952287,),
            (-4.096583585387091,),
            (4.096583585387091,),
        ),
        about="Each wave holds who is slow; momentum, or noise, carries some over.",
    ),
    "bowl": Ground(
        label="surface: a bowl",
        formula="f(x, y) = x² + y²",
        height=bowl,
        low=(-3, -3),
        high=(3, 3),
        start=(-2.5, 2),
        lr=0.1,
        lr_adaptive=0.1,
        minima=((0.0, 0.0),),
        curvature=2.0,
        about="Downhill is the way to the lowest point, from everywhere.",
    ),
    "ravine": Ground(
        label="surface: a narrow ravine",
        formula="f(x, y) = (x² + 50 y²) / 2",
        height=ravine,
        low=(-4, -2.5),
        high=(4, 2.5),
        start=(-3.6, 2.0),
        lr=0.035,
        lr_adaptive=0.2,
        minima=((0.0, 0.0),),
        curvature=50.0,
        about="The walls allow no rate above 2/50, which is slow along the floor; momentum "
        "gathers speed along the floor and cancels out across it.",
    ),
    "saddle": Ground(
        label="surface: a saddle",
        formula="f(x, y) = x² − y² + y⁴/4",
        height=saddle,
        low=(-2.5, -2.5),
        high=(2.5, 2.5),
        start=(2, 0.001),
        lr=0.05,
        lr_adaptive=0.05,
        minima=((0.0, 2**0.5), (0.0, -(2**0.5))),
        about="Everybody goes down to the pass; there the slope is next to nothing, and "
        "who divides by the size of the slope is off sooner.",
    ),
    "rosenbrock": Ground(
        label="surface: Rosenbrock's",
        formula="f(x, y) = (1 − x)² + 100 (y − x²)²",
        height=rosenbrock,
        low=(-2, -1),
        high=(2, 3),
        start=(-1.5, 2),
        lr=0.0005,
        lr_adaptive=0.1,
        minima=((1.0, 1.0),),
        about="The valley is found at once, its floor is nearly flat and bends: its lowest "
        "point takes hundreds of steps.",
    ),
    "himmelblau": Ground(
        label="surface: Himmelblau's",
        formula="f(x, y) = (x² + y − 11)² + (x + y² − 7)²",
        height=himmelblau,
        low=(-5, -5),
        high=(5, 5),
        start=(0, -0.5),
        lr=0.005,
        lr_adaptive=0.1,
        minima=(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644036),
        ),
        about="Four places are equally low; which is reached hangs on the start, and on who goes.",
    ),
    "hollows": Ground(
        label="surface: two hollows",
        formula="f(x, y) = (x² + y²)/20 − 1.2 e^(−(x+1)² − (y+1)²) − 0.8 e^(−(x−1)² − (y−1)²)",
        height=hollows,
        low=(-3, -3),
        high=(3, 3),
        start=(2.2, 2.4),
        lr=0.15,
        lr_adaptive=0.1,
        minima=(
            (-0.9592900111475908, -0.9592900111475908),
            (0.9392745876503473, 0.9392745876503473),
        ),
        about="The shallow hollow stands before the deep one.",
    ),
    "plateau": Ground(
        label="surface: a plateau",
        formula="f(x, y) = 1 − e^(−(x² + y²)/2)",
        height=plateau,
        low=(-4, -4),
        high=(4, 4),
        start=(3.0, -2.6),
        lr=0.5,
        lr_adaptive=0.1,
        minima=((0.0, 0.0),),
        about="Far out there is next to no slope, and plain descent hardly moves; steps that are "
        "divided by the size of the slope are as long there as anywhere.",
    ),
}
