"""How tensors print: PyTorch's choice of digits, widths, line breaks and omissions (floor 2).

One form serves all numbers that are shown: whole ones end in a point, others have four decimals,
and both are written with powers of ten where sizes differ a thousandfold. Of large tensors only the
ends of each dimension are shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError

__all__ = ["set_printoptions", "text"]


@dataclass(frozen=True)
class Options:
    """What can be chosen.

    Attributes:
        precision: decimals.
        threshold: more elements than these are not all shown.
        edgeitems: how many are then shown at each end of a dimension.
        linewidth: characters to a line.
        sci_mode: whether to use powers of ten; `None`: where sizes differ much.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}


class _Chosen:
    options = Options()


_chosen = _Chosen()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors print, from now on.

    Args:
        precision: decimals, 4 at first.
        threshold: more elements than these, 1000 at first, are not all shown.
        edgeitems: how many are then shown at each end of a dimension, 3 at first.
        linewidth: characters to a line, 80 at first.
        profile: "default", "short" or "full", from which to start.
        sci_mode: whether to use powers of ten; where sizes differ much if `None`.

    Raises:
        OptionError: another profile.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> set_printoptions(precision=2)
        >>> tensor([1 / 3])
        tensor([0.33])
        >>> set_printoptions(profile="default")
    """
    if profile not in (None, *_PROFILES):
        raise OptionError(f"profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
    start = _chosen.options if profile is None else _PROFILES[profile]
    wishes = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    given: dict[str, Any] = {name: v for name, v in wishes.items() if v is not None}
    _chosen.options = replace(start, **given, sci_mode=sci_mode)


def text(x: ops.Array, notes: list[str], name: str = "tensor") -> str:
    """Return how a tensor prints: its numbers, and after them the notes.

    Examples:
        >>> print(text(np.array([1.0, 2.5]), ["requires_grad=True"]))
        tensor([1.0000, 2.5000], requires_grad=True)
    """
    options, head = _chosen.options, f"{name}("
    if x.size:
        whole = head + _rows(x, len(head), _form(_ends(x, options), options), options)
    else:
        whole = head + "[]"
        notes = [f"size={x.shape}", *notes] if x.ndim != 1 else notes
    length = len(whole) - whole.rfind("\n") + 1  # of the last line
    for note in notes:
        if length + len(note) + 2 > options.linewidth:
            whole += ",\n" + " " * len(head) + note
            length = len(head) + len(note)
        else:
            whole += ", " + note
            length += len(note) + 2
    return whole + ")"


def _ends(x: ops.Array, options: Options) -> ops.Array:
    """The elements that are shown."""
    if x.size <= options.threshold:
        return x
    for dim, n in enumerate(x.shape):
        if n > 2 * options.edgeitems:
            kept = [*range(options.edgeitems), *range(n - options.edgeitems, n)]
            x = np.take(x, kept, axis=dim)
    return x


def _form(x: ops.Array, options: Options) -> Callable[[Any], str]:
    """The form in which all elements are written, in one width."""
    if x.dtype.kind != "f":
        width = max(len(str(v)) for v in x.reshape(-1).tolist())
        return lambda v: str(v).rjust(width)
    finite = x[np.isfinite(x) & (x != 0)].astype(np.float64)
    whole = bool((finite == np.ceil(finite)).all())
    if _in_powers(np.abs(finite), whole, options):
        shape, point = f".{options.precision}e", ""
    else:
        shape, point = (".0f", ".") if whole else (f".{options.precision}f", "")
    width = max([1, *(len(format(v, shape) + point) for v in finite.tolist())])
    return lambda v: (format(v, shape) + (point if math.isfinite(v) else "")).rjust(width)


def _in_powers(sizes: ops.Array, whole: bool, options: Options) -> bool:
    """Whether numbers of these sizes, none of them 0, are written with powers of ten."""
    if not sizes.size or options.sci_mode is not None:
        return bool(sizes.size and options.sci_mode)
    least, most = sizes.min(), sizes.max()
    return bool(most / least > 1000 or most > 1e8 or (not whole and least < 1e-4))


def _rows(x: ops.Array, indent: int, write: Callable[[Any], str], options: Options) -> str:
    """The elements in brackets, one dimension inside of another."""
    if x.ndim == 0:
        return write(x.item())
    short = x.size > options.threshold or options.threshold == -1
    return _nested(x, indent, write, options, short)


def _nested(
    x: ops.Array, indent: int, write: Callable[[Any], str], options: Options, short: bool
) -> str:
    edge, count = options.edgeitems, len(x)
    left_out = short and count > 2 * edge
    shown = [*x[:edge], *x[count - edge :]] if left_out else list(x)
    if x.ndim > 1:
        rows = [_nested(row, indent + 1, write, options, short) for row in shown]
        if left_out:
            rows.insert(edge, "...")
        return "[" + ("," + "\n" * (x.ndim - 1) + " " * (indent + 1)).join(rows) + "]"
    words = [write(v) for v in np.asarray(shown, dtype=x.dtype).tolist()]
    if left_out:
        words.insert(edge, " ...")
    width = len(write(x[0].item())) + 2
    to_a_line = max(1, (options.linewidth - indent) // width)
    lines = [", ".join(words[i : i + to_a_line]) for i in range(0, len(words), to_a_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
