"""Toy data sets: points in a plane, and small grey rectangles, drawn from a seed (floor 3).

Each is a question a small network can be watched answering: two moons that no line separates, a
ring around a cluster, spirals; or a surface over the plane, whose height is to be predicted. Same
arguments, same points. The classes take turns, so any first part of the examples is balanced. This
file knows geometry and `Examples`, no files.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.data.examples import Array, Examples
from chainrule.errors import OptionError

__all__ = [
    "blobs",
    "circles",
    "hill",
    "moons",
    "rectangles",
    "ring",
    "slope",
    "spiral",
    "waves",
    "xor",
]

_SIDE = 1.5  # surfaces are seen on a square from -_SIDE to _SIDE


def moons(n: int = 1000, noise: float = 0.1, seed: int = 0) -> Examples:
    """Two half circles that reach into each other.

    Args:
        n: how many points.
        noise: standard deviation of what is added to both coordinates.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 in the classes "upper" and "lower".

    Raises:
        OptionError: fewer points than classes, or a noise that is negative.

    Examples:
        >>> moons(n=4, noise=0).x.round(1)
        array([[ 0.5, -0.2],
               [-0.5,  0.2],
               [-1.5, -0.2],
               [ 1.5,  0.2]], dtype=float32)
    """
    rng, y = _start(n, noise, seed, classes=2)
    angle = np.pi * _along(y)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)  # (n, 2)
    x = np.where(y[:, None] == 0, upper, -upper)
    return _points(
        "moons", _jitter(x, noise, rng), y, ("upper", "lower"), "two interleaved half circles"
    )


def circles(n: int = 1000, noise: float = 0.05, seed: int = 0) -> Examples:
    """Two circles around the origin, of radius 1 and 1/2.

    Args:
        n: how many points.
        noise: standard deviation of what is added to both coordinates.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 in the classes "outer" and "inner".

    Raises:
        OptionError: fewer points than classes, or a noise that is negative.

    Examples:
        >>> import numpy as np
        >>> np.hypot(*circles(n=4, noise=0).x.T).tolist()
        [1.0, 0.5, 1.0, 0.5]
    """
    rng, y = _start(n, noise, seed, classes=2)
    x = _on_circle(2 * np.pi * _along(y, closed=True), np.where(y == 0, 1.0, 0.5))
    return _points(
        "circles", _jitter(x, noise, rng), y, ("outer", "inner"), "a circle within a circle"
    )


def ring(n: int = 1000, noise: float = 0.1, seed: int = 0) -> Examples:
    """A ring around a cluster: the two noisy classes that explicit backpropagation starts with.

    Args:
        n: how many points.
        noise: standard deviation across the ring; the cluster has twice that.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 in the classes "cluster" and "ring"; the ring has radius 1.

    Raises:
        OptionError: fewer points than classes, or a noise that is negative.

    Examples:
        >>> ring(n=200).counts()
        {'cluster': 100, 'ring': 100}
    """
    rng, y = _start(n, noise, seed, classes=2)
    around = _on_circle(rng.uniform(0, 2 * np.pi, n), rng.normal(1.0, noise, n))
    cluster = rng.normal(0.0, 2 * noise, (n, 2))
    x = np.where(y[:, None] == 0, cluster, around)
    return _points("ring", x, y, ("cluster", "ring"), "a ring around a cluster")


def spiral(n: int = 1000, noise: float = 0.02, seed: int = 0, arms: int = 3) -> Examples:
    """Spiral arms of one turn each, wound around one another.

    Args:
        n: how many points.
        noise: standard deviation of what is added to both coordinates.
        seed: of the draw.
        arms: how many arms, each a class.

    Returns:
        Points (n, 2) float32 in the classes "arm 1", "arm 2", ...

    Raises:
        OptionError: fewer than two arms, fewer points than arms, or a noise that is negative.

    Examples:
        >>> spiral(n=6, arms=2)
        Examples('spiral': 6 rows of 2 numbers, 2 classes)
    """
    rng, y = _start(n, noise, seed, classes=_several("arms", arms))
    radius = 0.1 + 0.9 * _along(y)
    x = _on_circle(2 * np.pi * (radius + y / arms), radius)
    names = tuple(f"arm {k + 1}" for k in range(arms))
    return _points("spiral", _jitter(x, noise, rng), y, names, f"{arms} spiral arms")


def xor(n: int = 1000, noise: float = 0.05, seed: int = 0) -> Examples:
    """Points of a square, classified by whether both coordinates have the same sign.

    Args:
        n: how many points.
        noise: standard deviation of what is added to both coordinates after they are classified.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 in the classes "same sign" and "opposite signs".

    Raises:
        OptionError: fewer points than classes, or a noise that is negative.

    Examples:
        >>> points = xor(noise=0)
        >>> bool(((points.x[:, 0] * points.x[:, 1] < 0) == points.y).all())
        True
    """
    rng, y = _start(n, noise, seed, classes=2)
    size = rng.uniform(0.05, 1.0, (n, 2))  # a gap along the axes, so that the classes can be told
    first = rng.choice([-1.0, 1.0], n)
    signs = np.stack([first, np.where(y == 0, first, -first)], axis=1)
    x = _jitter(size * signs, noise, rng)
    return _points(
        "xor", x, y, ("same sign", "opposite signs"), "a square whose quarters take turns"
    )


def blobs(n: int = 1000, noise: float = 0.2, seed: int = 0, centers: int = 3) -> Examples:
    """Round clusters, their centres evenly on a circle of radius 1.

    Args:
        n: how many points.
        noise: standard deviation of a cluster.
        seed: of the draw.
        centers: how many clusters, each a class.

    Returns:
        Points (n, 2) float32 in the classes "blob 1", "blob 2", ...

    Raises:
        OptionError: fewer than two centres, fewer points than centres, or a negative noise.

    Examples:
        >>> blobs(n=4, noise=0, centers=4).x.round(1).tolist()
        [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """
    rng, y = _start(n, noise, seed, classes=_several("centers", centers))
    x = _on_circle(2 * np.pi * y / centers, np.ones(n))
    names = tuple(f"blob {k + 1}" for k in range(centers))
    return _points("blobs", _jitter(x, noise, rng), y, names, f"{centers} round clusters")


def slope(n: int = 1000, noise: float = 0.05, seed: int = 0) -> Examples:
    """A tilted plane, y = (x1 + x2) / 3: what a network without a hidden layer can learn.

    Args:
        n: how many points.
        noise: standard deviation of what is added to the heights.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 of a square from -1.5 to 1.5 and their heights (n,) float32, from -1
        to 1 but for the noise.

    Raises:
        OptionError: no point, or a noise that is negative.

    Examples:
        >>> few = slope(n=2, noise=0)
        >>> few.x.round(2)
        array([[ 0.41, -0.69],
               [-1.38, -1.45]], dtype=float32)
        >>> few.y.round(2)
        array([-0.09, -0.94], dtype=float32)
    """
    return _surface("slope", n, noise, seed, lambda a, b: (a + b) / 3, "a tilted plane")


def hill(n: int = 1000, noise: float = 0.05, seed: int = 0) -> Examples:
    """A round hill beside a hollow, y = exp(-2 |x - c|^2) - exp(-2 |x + c|^2), c = (0.7, 0.7).

    Args:
        n: how many points.
        noise: standard deviation of what is added to the heights.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 of a square from -1.5 to 1.5 and their heights (n,) float32, from -1
        to 1 but for the noise.

    Raises:
        OptionError: no point, or a noise that is negative.

    Examples:
        >>> few = hill(n=2, noise=0)
        >>> few.x.round(2)
        array([[ 0.41, -0.69],
               [-1.38, -1.45]], dtype=float32)
        >>> few.y.round(2)
        array([-0.07, -0.13], dtype=float32)
    """

    def height(a: Array, b: Array) -> Array:
        top, hollow = (np.exp(-2 * ((a - c) ** 2 + (b - c) ** 2)) for c in (0.7, -0.7))
        return np.asarray(top - hollow)

    return _surface("hill", n, noise, seed, height, "a hill beside a hollow")


def waves(n: int = 1000, noise: float = 0.05, seed: int = 0) -> Examples:
    """Crests and troughs that take turns like a chessboard's squares, y = sin(2 x1) sin(2 x2).

    Args:
        n: how many points.
        noise: standard deviation of what is added to the heights.
        seed: of the draw.

    Returns:
        Points (n, 2) float32 of a square from -1.5 to 1.5 and their heights (n,) float32, from -1
        to 1 but for the noise.

    Raises:
        OptionError: no point, or a noise that is negative.

    Examples:
        >>> few = waves(n=2, noise=0)
        >>> few.x.round(2)
        array([[ 0.41, -0.69],
               [-1.38, -1.45]], dtype=float32)
        >>> few.y.round(2)
        array([-0.72,  0.09], dtype=float32)
    """

    def height(a: Array, b: Array) -> Array:
        return np.asarray(np.sin(2 * a) * np.sin(2 * b))

    return _surface("waves", n, noise, seed, height, "crests and troughs")


def rectangles(n: int = 1000, noise: float = 0.0, seed: int = 0, side: int = 2) -> Examples:
    """Grey rectangles, 0 white and 1 black, rounded to one decimal; the answer is their mean.

    What one neuron can learn: it has the answer when each of its weights is 1 / side^2.

    Args:
        n: how many rectangles.
        noise: standard deviation of what is added to the means.
        seed: of the draw.
        side: width and height, so that an input is side^2 numbers, row by row.

    Returns:
        Inputs (n, side^2) float32 and their means (n,) float32: a number is predicted.

    Raises:
        OptionError: no rectangle, no side, or a noise that is negative.

    Examples:
        >>> few = rectangles(n=2)
        >>> few.x
        array([[0.6, 0.3, 0. , 0. ],
               [0.8, 0.9, 0.6, 0.7]], dtype=float32)
        >>> few.y.round(3)
        array([0.225, 0.75 ], dtype=float32)
    """
    rng, _ = _start(n, noise, seed, classes=1)
    if side < 1:
        raise OptionError(f"rectangles: side is at least 1, got {side}")
    grey = rng.random((n, side * side)).round(1)
    mean = grey.mean(axis=1) + rng.normal(0.0, noise, n)
    columns = tuple(f"grey{row}{column}" for row in range(side) for column in range(side))
    if side > 10:  # digits run together: grey111 would be two cells
        columns = tuple(f"grey{row}_{column}" for row in range(side) for column in range(side))
    about = f"{side}x{side} grey rectangles drawn from a seed, the answer is their mean"
    x, y = grey.astype(np.float32), mean.astype(np.float32)
    return Examples("rectangles", x, y, None, about, columns)


def _surface(
    name: str, n: int, noise: float, seed: int, height: Callable[[Array, Array], Array], about: str
) -> Examples:
    rng, _ = _start(n, noise, seed, classes=1)
    x = rng.uniform(-_SIDE, _SIDE, (n, 2))
    y = _jitter(height(x[:, 0], x[:, 1]), noise, rng)
    about = f"{about} over a square, drawn from a seed, the answer is the height"
    return Examples(name, x.astype(np.float32), y.astype(np.float32), None, about, ("x1", "x2"))


def _start(n: int, noise: float, seed: int, classes: int) -> tuple[np.random.Generator, Array]:
    """Check the arguments that all toys share; return the generator and labels that take turns."""
    if n < classes:
        raise OptionError(f"n is at least {classes} here, one point for each class, got {n}")
    if not 0 <= noise < np.inf:
        raise OptionError(f"noise is a standard deviation, 0 or more, got {noise}")
    if seed < 0:
        raise OptionError(f"seed is 0 or more, got {seed}")
    return np.random.default_rng(seed), np.arange(n) % classes


def _several(option: str, value: int) -> int:
    if value < 2:
        raise OptionError(f"{option} is at least 2, so that there are classes to tell, got {value}")
    return value


def _along(y: Array, closed: bool = False) -> Array:
    """Return evenly spaced positions from 0 to 1 within each class; `closed` leaves out the 1."""
    classes = int(y.max()) + 1
    sizes = np.bincount(y)[y]
    return (np.arange(len(y)) // classes) / np.maximum(sizes - (0 if closed else 1), 1)


def _on_circle(angle: Array, radius: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)  # (n, 2)


def _jitter(x: Array, noise: float, rng: np.random.Generator) -> Array:
    return x + rng.normal(0.0, noise, x.shape)


def _points(name: str, x: Array, y: Array, classes: tuple[str, ...], about: str) -> Examples:
    about = f"{about}, drawn from a seed"
    return Examples(name, x.astype(np.float32), y, classes, about, ("x1", "x2"))
