"""Any graph as a picture or as DOT text, by a layered layout of our own (floor 0).

A `Graph` of `Node`s, `Edge`s and nested `Group`s says what is to be seen. `drawn` makes an `Svg` of
it, `dot_text` writes it for Graphviz. The layout goes in four steps, a file each: `ranks` (which
column), `order` (who stands above whom), `place` (how far down) and `layout` (groups, and the
whole).
"""

from chainrule.picture.graph.dot import dot_text
from chainrule.picture.graph.layout import Box, Layout, arranged
from chainrule.picture.graph.model import Direction, Edge, Graph, Group, Kind, Node
from chainrule.picture.graph.render import drawn

__all__ = [
    "Box",
    "Direction",
    "Edge",
    "Graph",
    "Group",
    "Kind",
    "Layout",
    "Node",
    "arranged",
    "dot_text",
    "drawn",
]
