"""What `draw` gives back: a graph that shows itself in a notebook and goes to files (floor 4)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chainrule.errors import OptionError, did_you_mean
from chainrule.files import replace_text
from chainrule.picture import Svg
from chainrule.picture.graph import Graph, dot_text, drawn

__all__ = ["Drawing"]

_ENDINGS = (".svg", ".png", ".pdf", ".dot")


@dataclass(frozen=True)
class Drawing:
    """A graph as a picture.

    The last expression of a notebook cell shows it.

    Attributes:
        graph: its nodes, edges and groups, as plain data.
        picture: how it looks, if not as graphs do.

    Examples:
        >>> from chainrule.draw import draw
        >>> from chainrule.scalar import Value
        >>> drawing = draw(Value(2, "a") * Value(-3, "b"))
        >>> drawing
        Drawing of *: 3 nodes, 2 edges
        >>> drawing.dot.startswith("digraph")
        True
    """

    graph: Graph
    picture: Svg | None = None

    @cached_property
    def svg(self) -> Svg:
        """The picture."""
        return drawn(self.graph) if self.picture is None else self.picture

    @cached_property
    def dot(self) -> str:
        """The graph in DOT, the language of Graphviz."""
        return dot_text(self.graph)

    def _repr_svg_(self) -> str:
        return str(self.svg)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file.

        Args:
            path: ending in `.svg`, `.png`, `.pdf`, or `.dot` for the graph as text.

        Raises:
            OptionError: another ending.
            OSError: the folder is missing, or may not be written to.
        """
        ending = Path(path).suffix.lower()
        if ending not in _ENDINGS:
            raise OptionError(
                f"a drawing is saved as .svg, .png, .pdf or .dot, got {os.fspath(path)!r}"
                + did_you_mean(ending, _ENDINGS)
            )
        if ending == ".dot":
            replace_text(path, self.dot + "\n")
        else:
            self.svg.save(path)

    def __repr__(self) -> str:
        nodes, edges = len(self.graph.nodes), len(self.graph.edges)
        return (
            f"Drawing of {self.graph.title}: {nodes:,} node{'s' * (nodes != 1)}, "
            f"{edges:,} edge{'s' * (edges != 1)}"
        )
