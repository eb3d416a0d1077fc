"""A drawing, brought to the form that the digits of a set have (floor 5).

Each set was made from pen strokes in a way of its own, and a network reads only what looks as if it
had been made in that way. This file knows both ways, and how lines become pixels; no network.

MNIST (Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998): the
drawing is scaled, in proportion, until its ink fits into a box of 20x20, and lies with its centre
of mass in the middle of 28x28. The small digits (C. Kaynak, 1995, with NIST's preprocessing, M. D.
Garris et al., 1994): sheared until the left ends of its highest and its lowest ink stand above one
another, stretched to a box of 20x32, lines made thicker or thinner until there is as much ink as in
any other, and dots counted in blocks of 4x4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError
from chainrule.ops import Array

__all__ = ["checked_strokes", "drawn"]

_MOST_STROKES, _MOST_POINTS = 100, 10_000
_FAR = 1.0  # how far beside the pad a line may go, in its sides

# Of MNIST: the width of lines in pixels, and over how many of them an edge fades; so chosen that
# ink, length of edges and the share of full pixels are those of its images.
_SIDE, _BOX, _PEN, _EDGE = 28, 20.0, 2.5, 1.2
_MIDDLE = 14.5  # where its centres of mass lie, from the corner of an image

# Of the small digits: dots along a side, and the box, and the share of all dots that are dark.
_DOTS, _WIDE, _HIGH, _DARK = 32, 20.0, 32.0, 0.305
_LEAST_PEN, _MOST_PEN = 2.0, 10.0  # dots
_STRETCH = 2.0  # across, at most so many times as much as down
_BLOCK = 4

_AT_ONCE = 256  # parts of lines
_FINE = 0.1  # pixels from one point of a line to the next, at least
_POINT = 1e-3  # what a drawing measures at least, in sides of the pad


def checked_strokes(strokes: Any) -> list[Array]:
    """Return lines that came from outside, (points, 2) each.

    Args:
        strokes: a list of lists of [x, y]; 0 to 1 from left to right and from top to bottom.

    Raises:
        OptionError: they are no lines, too many, or there are none.

    Examples:
        >>> checked_strokes([[[0.5, 0.5], [0.5, 0.75]]])
        [array([[0.5 , 0.5 ],
               [0.5 , 0.75]])]
    """
    if not isinstance(strokes, list) or not all(isinstance(line, list) for line in strokes):
        raise OptionError("strokes must be a list of lines, each a list of points [x, y]")
    lines = [line for line in strokes if line]
    if not lines:
        raise OptionError("nothing is drawn yet; draw a digit")
    if len(strokes) > _MOST_STROKES or sum(map(len, lines)) > _MOST_POINTS:
        raise OptionError(
            f"a drawing has at most {_MOST_STROKES} lines and {_MOST_POINTS:,} points; begin anew"
        )
    for line in lines:
        for point in line:
            _check_point(point)
    return [np.array(line, dtype=np.float64) for line in lines]


def _check_point(point: Any) -> None:
    numbers = (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in point)
    )
    if not numbers or not all(-_FAR <= x <= 1 + _FAR for x in point):
        raise OptionError("each point must be [x, y], two numbers from 0 to 1 on the pad")


def drawn(lines: Sequence[Array], side: int) -> Array:
    """Return lines as an image of a set of digits.

    Args:
        lines: (points, 2) each, x and y, downwards.
        side: 28 for MNIST's form, 8 for that of the small digits.

    Returns:
        (side, side), from 0 to 1 for full ink.

    Examples:
        >>> one = np.array([[0.5, 0.1], [0.5, 0.9]])
        >>> drawn([one], 8)[4].round(1).tolist()
        [0.0, 0.0, 0.2, 1.0, 1.0, 0.2, 0.0, 0.0]
        >>> drawn([one], 28).shape
        (28, 28)
    """
    return _as_mnist(lines) if side == _SIDE else _as_small(lines)


# --- MNIST --------------------------------------------------------------------------------------


def _as_mnist(lines: Sequence[Array]) -> Array:
    low, size = _box(lines)
    scale = (_BOX - _PEN - _EDGE) / max(size.max(), _POINT)
    placed = [(line - low - size / 2) * scale + _MIDDLE for line in lines]
    image = _inked(_distances(placed, _SIDE), _PEN, _EDGE)
    aside = _MIDDLE - _centre(image)
    return _inked(_distances([line + aside for line in placed], _SIDE), _PEN, _EDGE)


def _centre(image: Array) -> Array:
    """Return the centre of mass, x and y, from the corner of the image."""
    places = np.arange(len(image)) + 0.5
    total = image.sum()
    return np.array([(image.sum(axis=0) @ places) / total, (image.sum(axis=1) @ places) / total])


# --- the small digits ---------------------------------------------------------------------------


def _as_small(lines: Sequence[Array]) -> Array:
    pen = _LEAST_PEN
    for _ in range(4):  # the room for the lines hangs on their width, and that on the room
        distances = _distances(_stretched(_upright(lines), pen), _DOTS)
        pen = _pen_for(distances)
    dots = _inked(distances, pen, 1.0)
    blocks = _DOTS // _BLOCK
    return np.asarray(dots.reshape(blocks, _BLOCK, blocks, _BLOCK).mean(axis=(1, 3)))


def _upright(lines: Sequence[Array]) -> list[Array]:
    """Shear lines until the left ends of the highest and the lowest ink stand above one another."""
    low, size = _box(lines)
    if size[1] < max(size[0] / 4, _POINT):
        return list(lines)  # too flat to have a top and a bottom
    # Lines are about 4 dots of 32 wide there: what is that much lower is in the top row too.
    near, turned = size[1] / 8, list(lines)
    for _ in range(3):  # what is leftmost in a row may be another part once it is sheared
        top = _leftmost(turned, low[1], low[1] + near)
        bottom = _leftmost(turned, low[1] + size[1] - near, low[1] + size[1])
        slope = (bottom - top) / size[1]
        turned = [line - [[slope, 0.0]] * (line[:, 1:] - low[1]) for line in turned]
    return turned


def _leftmost(lines: Sequence[Array], high: float, low: float) -> float:
    """Return where the left end is of what lies between two heights."""
    begins, ends = _segments(lines)
    (x, y), (right, down) = begins.T, (ends - begins).T
    steep = np.where(down == 0, 1.0, down)
    found = np.inf
    for height in (high, low):  # within a piece of a line the left end is one of its two ends
        along = np.where(down == 0, 0.0, np.clip((height - y) / steep, 0, 1))
        inside = (y + along * down >= high - 1e-9) & (y + along * down <= low + 1e-9)
        found = min(found, (x + along * right)[inside].min(initial=np.inf))
        flat = (down == 0) & (y >= high) & (y <= low)
        found = min(found, (x + right)[flat].min(initial=np.inf))
    return float(found)


def _stretched(lines: Sequence[Array], pen: float) -> list[Array]:
    """Fill the box with lines of a width."""
    low, size = _box(lines)
    down = (_HIGH - pen) / max(size[1], _POINT)
    across = min((_WIDE - min(pen, _WIDE / 2)) / max(size[0], _POINT), _STRETCH * down)
    if size[1] < size[0] / 4:
        down = min(down, across)  # a line from left to right stays one
    return [(line - low - size / 2) * [across, down] + _DOTS / 2 for line in lines]


def _pen_for(distances: Array) -> float:
    """Return the width of lines at which there is as much ink as there is to be."""
    low, high = _LEAST_PEN, _MOST_PEN
    for _ in range(12):
        pen = (low + high) / 2
        enough = _inked(distances, pen, 1.0).mean() > _DARK
        low, high = (low, pen) if enough else (pen, high)
    return (low + high) / 2


# --- both ---------------------------------------------------------------------------------------


def _box(lines: Sequence[Array]) -> tuple[Array, Array]:
    """Return the upper left corner of all points, and width and height."""
    points = np.concatenate(lines)
    low = points.min(axis=0)
    return low, points.max(axis=0) - low


def _distances(lines: Sequence[Array], side: int) -> Array:
    """Return how far the middle of each pixel, (side, side), is from the nearest line."""
    begins, ends = _segments([_thinned(line) for line in lines])
    middles = np.arange(side, dtype=np.float32) + np.float32(0.5)
    x, y = np.tile(middles, side)[:, None], np.repeat(middles, side)[:, None]
    nearest = np.full(side * side, np.inf, dtype=np.float32)
    for i in range(0, len(begins), _AT_ONCE):
        some = slice(i, i + _AT_ONCE)
        (left, top), (right, down) = begins[some].T, (ends - begins)[some].T
        across, below = x - left, y - top
        length = np.maximum(right * right + down * down, np.float32(1e-12))
        along = (across * right + below * down) / length
        np.clip(along, 0, 1, out=along)
        across -= along * right
        below -= along * down
        np.minimum(nearest, (across * across + below * below).min(axis=1), out=nearest)
    return np.sqrt(nearest, dtype=np.float64).reshape(side, side)


def _segments(lines: Sequence[Array]) -> tuple[Array, Array]:
    """Return where the parts of lines begin and end, (parts, 2); a point is one too."""
    begins = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    return begins, ends


def _thinned(line: Array) -> Array:
    """Return a line without the points that lie within a fraction of a pixel of one another."""
    kept = [0]
    for i in range(1, len(line) - 1):
        if max(abs(line[i] - line[kept[-1]])) >= _FINE:
            kept.append(i)
    return line[[*kept, len(line) - 1]].astype(np.float32)


def _inked(distances: Array, pen: float, edge: float) -> Array:
    """Return how dark each pixel is, 0 to 1, under lines whose edges fade."""
    return np.clip(0.5 + (pen / 2 - distances) / edge, 0, 1)
