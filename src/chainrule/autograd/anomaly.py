"""Where a gradient goes wrong: the first NaN on the way back, and what it came from (floor 2).

While it is switched on, every recorded operation remembers the person's line and the layer that it
was called in, and every gradient is looked at. That takes time; otherwise it costs nothing, for the
tape is then read by another reader and walked by another walk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.autograd import tape
from chainrule.autograd.tape import Node, Traced, Walk, record
from chainrule.backend.arrays import to_host
from chainrule.errors import GradientError
from chainrule.ops.core import READERS, Op

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
           "set_detect_anomaly"]  # fmt: skip

# Where a node was made, in words.
_places: WeakKeyDictionary[Node, str] = WeakKeyDictionary()


class _State:
    enabled = False
    check_nan = True


_state = _State()


def is_anomaly_enabled() -> bool:
    """Say whether gradients are being looked at."""
    return _state.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Say whether NaN in one is an error."""
    return _state.check_nan


class set_detect_anomaly:  # noqa: N801  # PyTorch's name
    """Look at gradients or not: from now on as a statement, inside as a `with` block.

    Args:
        mode: whether to.
        check_nan: whether NaN is an error.

    Examples:
        >>> with set_detect_anomaly(True):
        ...     is_anomaly_enabled()
        True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _state.enabled, _state.check_nan
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        """Begin the block; it is switched already."""

    def __exit__(self, *_: object) -> None:
        _switch(*self._before)


class detect_anomaly:  # noqa: N801  # PyTorch's name
    """Find out, inside the block, where NaN in a gradient comes from.

    Args:
        check_nan: whether NaN is an error.

    Raises:
        GradientError: on the way back, at the first operation whose gradient is NaN: names it, the
            index, the layer and the line that called it.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> x = tensor([1.0, 0.0], requires_grad=True)
        >>> with detect_anomaly():  # doctest: +ELLIPSIS
        ...     (x.sqrt() * 0).sum().backward()
        Traceback (most recent call last):
        chainrule.errors.GradientError: the gradient of sqrt is nan at index (1,); it was ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _state.enabled, _state.check_nan
        _switch(True, self._check_nan)

    def __exit__(self, *_: object) -> None:
        _switch(*self._before)


def _switch(enabled: bool, check_nan: bool) -> None:
    _state.enabled, _state.check_nan = bool(enabled), bool(check_nan)
    tape.walks.kind = _Looking if enabled and check_nan else Walk
    reader = _record_with_place if enabled else record
    for kind in READERS:
        if issubclass(kind, Traced):
            READERS[kind] = reader


def _record_with_place(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    y = record(op, args, attrs)
    if y.node is not None and y.node not in _places:
        _places[y.node] = _place(sys._getframe(1))
    return y


class _Looking(Walk):
    """A walk that looks at every gradient that is handed on."""

    def through(self, node: Node, g: Any, wanted: set[int] | None) -> None:
        self.node = node
        super().through(node, g, wanted)

    def give(self, to: Any, g: Any, shared: bool) -> None:
        bad = np.argwhere(np.isnan(to_host(getattr(g, "array", g))))
        if len(bad):
            self._complain(tuple(int(i) for i in bad[0]))
        super().give(to, g, shared)

    def _complain(self, index: tuple[int, ...]) -> None:
        node = getattr(self, "node", None)
        if node is None:
            raise GradientError(f"the gradient that backward() began with is nan at index {index}")
        place = _places.get(node, "before anomalies were looked for")
        raise GradientError(
            f"the gradient of {node.op.name} is nan at index {index}; it was computed {place}"
        )


# --- where a person's program is ----------------------------------------------------------------


def _place(frame: FrameType | None) -> str:
    """The layer that is being called, and the person's line, in words."""
    frames = list(_outwards(frame))
    modules = [f.f_locals["self"] for f in frames if _is_layer(f.f_locals.get("self"))]
    own = next((f for f in frames if not _is_ours(f)), None)
    words = [f"in {_path(modules[0], modules[-1])}"] if modules else []
    if own is not None:
        words.append(f"at {own.f_code.co_filename}:{own.f_lineno}")
    return ", ".join(words) or "inside of the library"


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "chainrule"


def _is_layer(thing: Any) -> bool:
    return hasattr(type(thing), "named_modules")


def _path(inner: Any, outer: Any) -> str:
    """The name of a layer as seen from the outermost."""
    kind = type(inner).__name__
    name = next((n for n, m in outer.named_modules() if m is inner), "")
    return f"{name} ({kind})" if name else kind
