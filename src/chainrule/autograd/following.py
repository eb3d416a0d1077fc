"""While a tape is followed, its way back says whose operations it goes through (floor 2).

Every node made inside of `following()` remembers the calls it was made in, and a walk back over it
is inside of them again. So who watches the door sees to which layer a gradient belongs. A tape that
nobody follows is read and walked as ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.autograd import tape
from chainrule.autograd.tape import Node, Traced
from chainrule.ops.core import READERS, Op
from chainrule.ops.scope import SCOPE, Entry

__all__ = ["following", "made_in"]


def made_in(node: Node) -> tuple[Entry, ...]:
    """The calls of modules in which a node was made while its tape was followed."""
    return getattr(node, "entries", ())


@contextmanager
def following() -> Iterator[None]:
    """Let operations on the way back be inside the calls that made them.

    Examples:
        >>> from chainrule import nn, ops
        >>> from chainrule.autograd import ones
        >>> from chainrule.ops.scope import SCOPE
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> seen = []
        >>> def watcher(op, args, attrs, y):
        ...     seen.append((op.name, SCOPE.entries[-1:], SCOPE.back))
        >>> with following(), ops.core.listen(lambda *_: None), ops.watch(watcher):
        ...     net(ones(1, 2)).sum().backward()
        >>> [(name, back) for name, where, back in seen if where and where[0].path == "1 (ReLU)"]
        [('relu', False), ('gt', True), ('mul', True)]
    """
    readers = {kind: reader for kind, reader in READERS.items() if issubclass(kind, Traced)}
    walk = tape.walks.kind

    class Following(walk):  # type: ignore[misc, valid-type]  # whichever walk was usual before
        def __enter__(self) -> None:
            self.before = SCOPE.entries, SCOPE.back
            SCOPE.entries, SCOPE.back = (), True

        def __exit__(self, *_: object) -> None:
            SCOPE.entries, SCOPE.back = self.before

        def through(self, node: Node, g: Any, wanted: set[int] | None) -> None:
            SCOPE.entries = made_in(node)
            super().through(node, g, wanted)
            SCOPE.entries = ()

    def remembering(kind: type) -> Any:
        def read(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
            y = readers[kind](op, args, attrs)
            node = getattr(y, "node", None)
            if node is not None and not hasattr(node, "entries"):
                node.entries = SCOPE.entries
            return y

        return read

    for kind in readers:
        READERS[kind] = remembering(kind)
    tape.walks.kind = Following
    try:
        yield
    finally:
        READERS.update(readers)
        tape.walks.kind = walk
