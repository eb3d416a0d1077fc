"""Pieces of time as a file in the Trace Event Format (floor 4).

Phases contain modules, modules contain modules and operations: complete events, one inside the
other. The memory of results is a counter. `chrome://tracing` and ui.perfetto.dev open such files.

The format: "Trace Event Format", by the Catapult project (Google), events of phases X, C and M.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chainrule.explain.profiling.pieces import Piece

__all__ = ["trace_file"]

_HERE = {"pid": 1, "tid": 1}
_WHOLE = {"compile": "compiling", "replay": "compiled step"}


class _Frame(NamedTuple):
    """What is open: a phase or the call of a module, since when."""

    key: Any
    name: str
    kind: str
    start: float


def trace_file(pieces: Sequence[Piece]) -> str:
    """Return the text of a file that shows pieces on a time line.

    Args:
        pieces: in order.

    Examples:
        >>> json.loads(trace_file([]))["displayTimeUnit"]
        'ms'
    """
    whole = [piece for piece in pieces if piece.kind != "python"]
    # Where two begin and end together, the outer one first: so it stays the outer one.
    slices = sorted(_slices(whole), key=lambda s: (s[1]["ts"], -s[1]["dur"], s[0]))
    events = [*_names(), *(event for _, event in slices), *map(_memory, whole)]
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events})


def _names() -> Iterator[dict[str, Any]]:
    yield {"name": "process_name", "ph": "M", **_HERE, "args": {"name": "chainrule"}}
    yield {"name": "thread_name", "ph": "M", **_HERE, "args": {"name": "modules and operations"}}


def _slices(pieces: Sequence[Piece]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Events, each with how many others it is inside of."""
    open_frames: list[_Frame] = []
    end = 0.0
    for piece in pieces:
        wanted = _frames(piece)
        same = 0
        while same < min(len(wanted), len(open_frames)) and _same(wanted[same], open_frames[same]):
            same += 1
        while len(open_frames) > same:
            frame = open_frames.pop()
            yield len(open_frames), _closed(frame, end)
        open_frames += wanted[same:]
        event = _event(_name(piece), piece.kind, piece.start, piece.end, **_about(piece))
        yield len(open_frames), event
        end = piece.end
    while open_frames:
        frame = open_frames.pop()
        yield len(open_frames), _closed(frame, end)


def _memory(piece: Piece) -> dict[str, Any]:
    about = {"bytes": piece.alive}
    return {"name": "results", "ph": "C", "ts": _us(piece.end), **_HERE, "args": about}


def _frames(piece: Piece) -> list[_Frame]:
    """What a piece is inside of, the outermost first."""
    if piece.kind != "op":
        return []
    start = piece.start
    calls = [_Frame(e, e.path or type(e.who).__name__, e.what, start) for e in piece.entries]
    return [_Frame(piece.phase, piece.phase, "phase", start), *calls]


def _same(one: _Frame, other: _Frame) -> bool:
    return one.key is other.key


def _closed(frame: _Frame, end: float) -> dict[str, Any]:
    return _event(frame.name, frame.kind, frame.start, end)


def _name(piece: Piece) -> str:
    return piece.call.op.name if piece.call else _WHOLE[piece.kind]


def _about(piece: Piece) -> dict[str, Any]:
    told: dict[str, Any] = {"line": str(piece.place)} if piece.place else {}
    if piece.call is None:
        return {**told, "steps": piece.steps}
    cost, call = piece.call.cost, piece.call
    shapes = [None if s is None else list(s) for s in call.shapes]
    return {**told, "shapes": shapes, "out": list(call.out), "dtype": str(call.dtype),
            "flops": cost.flops, "made": call.made}  # fmt: skip


def _event(name: str, kind: str, start: float, end: float, **about: Any) -> dict[str, Any]:
    return {"name": name, "cat": kind, "ph": "X", "ts": _us(start), "dur": _us(end) - _us(start),
            **_HERE, "args": about}  # fmt: skip


def _us(seconds: float) -> float:
    """Microseconds, to a 64th: begin and duration then add up to the end to the last bit.

    A viewer that adds them up would take what ends a hair late for something that has others in it.
    """
    return round(64e6 * seconds) / 64
