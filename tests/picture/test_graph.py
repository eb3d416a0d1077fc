"""Graphs: places that nothing shares, edges that lead forward, the same picture every time."""

from __future__ import annotations

import itertools
import random
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, OptionError
from chainrule.picture.graph import Edge, Graph, Group, Node, arranged, dot_text, drawn
from chainrule.picture.graph.order import End, crossings, ordered
from chainrule.picture.graph.place import spread
from chainrule.picture.graph.ranks import ranked
from chainrule.picture.text import text_width

SVG = "{http://www.w3.org/2000/svg}"


def random_graph(seed, count=30, edges=45, direction="right", groups=0):
    """A graph without circles, each edge from an earlier node to a later one."""
    rng = random.Random(seed)
    boxes = [Group(f"g{k}", f"group {k}", f"g{k - 1}" if k % 2 else "") for k in range(groups)]
    # Groups hold neighbours, as calls of modules do: no edge leaves one and comes back.
    room = [f"g{i * groups // count}" if groups else "" for i in range(count)]
    nodes = [
        Node(
            f"n{i}",
            f"node {i}" if i % 3 else "",
            (("data", str(rng.randrange(10**6))),) * rng.randrange(3),
            sign=rng.choice(["", "+", "tanh"]),
            group=room[i],
        )
        for i in range(count)
    ]
    pairs = [sorted(rng.sample(range(count), 2)) for _ in range(edges)]
    return Graph("random", nodes, [Edge(f"n{a}", f"n{b}") for a, b in pairs], boxes, direction)


def overlapping(a, b):
    return (
        a.x < b.x + b.width - 0.01
        and b.x < a.x + a.width - 0.01
        and a.y < b.y + b.height - 0.01
        and b.y < a.y + a.height - 0.01
    )


def inside(a, b):
    return (
        b.x <= a.x + 0.01
        and b.y <= a.y + 0.01
        and a.x + a.width <= b.x + b.width + 0.01
        and a.y + a.height <= b.y + b.height + 0.01
    )


each_direction = pytest.mark.parametrize("direction", ["right", "down"])


# --- places -------------------------------------------------------------------------------------


@each_direction
@pytest.mark.parametrize("groups", [0, 4])
@pytest.mark.parametrize("seed", range(8))
def test_no_two_boxes_overlap(seed, groups, direction):
    layout = arranged(random_graph(seed, direction=direction, groups=groups))
    boxes = [*layout.cards.values(), *layout.signs.values()]
    for a, b in itertools.combinations(boxes, 2):
        assert not overlapping(a, b), (a, b)


@each_direction
@pytest.mark.parametrize("seed", range(8))
def test_edges_lead_forward(seed, direction):
    graph = random_graph(seed, direction=direction)
    layout = arranged(graph)
    for edge in graph.edges:
        start = layout.cards[edge.source]
        end = layout.signs.get(edge.target, layout.cards[edge.target])
        if direction == "right":
            assert start.x + start.width < end.x
        else:
            assert start.y + start.height < end.y


@each_direction
@pytest.mark.parametrize("seed", range(4))
def test_groups_hold_what_is_in_them_and_nothing_else(seed, direction):
    graph = random_graph(seed, direction=direction, groups=4)
    layout = arranged(graph)
    parents = {group.key: group.parent for group in graph.groups}
    for group in graph.groups:
        if group.parent:
            assert inside(layout.frames[group.key], layout.frames[group.parent])
    for node in graph.nodes:
        around = {node.group, parents[node.group]}
        for key, frame in layout.frames.items():
            if key in around:
                assert inside(layout.cards[node.key], frame)
            else:
                assert not overlapping(layout.cards[node.key], frame)


@pytest.mark.parametrize("seed", range(6))
def test_no_line_enters_a_group_through_its_name(seed):
    graph = random_graph(seed, direction="down", groups=4, edges=30)
    layout = arranged(graph)
    for group in graph.groups:
        frame, begins = layout.frames[group.key], layout.names[group.key]
        ends = begins + text_width(group.title, 12.5)
        assert frame.x <= begins
        assert ends <= frame.x + frame.width
        entries = [
            piece.x1
            for pieces in layout.lines.values()
            for piece in pieces
            if abs(piece.y1 - frame.y) < 0.01 and abs(piece.x1 - piece.x2) < 0.01
        ]
        at_left = any(frame.x + 10 < x < frame.x + 10 + ends - begins for x in entries)
        assert not at_left or begins > frame.x + 10


@pytest.mark.parametrize("groups", [0, 4])
def test_everything_is_on_the_paper(groups):
    layout = arranged(random_graph(3, groups=groups))
    for box in (*layout.cards.values(), *layout.signs.values(), *layout.frames.values()):
        assert box.x >= -0.01
        assert box.y >= -0.01
        assert box.x + box.width <= layout.width + 0.01
        assert box.y + box.height <= layout.height + 0.01


def test_lines_end_at_every_node_that_an_edge_leads_to():
    graph = random_graph(1)
    layout = arranged(graph)
    for edge in graph.edges:
        end = layout.signs.get(edge.target, layout.cards[edge.target])
        tips = [piece for piece in layout.lines[edge.source] if piece.arrow]
        assert any(
            end.x - 0.01 <= tip.x2 <= end.x + end.width and end.y <= tip.y2 <= end.y + end.height
            for tip in tips
        ), edge


@pytest.mark.parametrize("seed", range(6))
def test_lines_pass_around_the_nodes(seed):
    graph = random_graph(seed, edges=70)
    layout = arranged(graph)
    for pieces in layout.lines.values():
        for piece in pieces:
            if abs(piece.y1 - piece.y2) < 0.01:  # level pieces are those within a column
                for card in layout.cards.values():
                    through = card.y + 0.01 < piece.y1 < card.y + card.height - 0.01
                    beside = piece.x2 <= card.x + 0.01 or piece.x1 >= card.x + card.width - 0.01
                    assert not through or beside


def test_the_same_graph_gives_the_same_picture():
    assert str(drawn(random_graph(5, groups=4))) == str(drawn(random_graph(5, groups=4)))


def test_a_chain_is_one_straight_line():
    nodes = [Node(f"n{i}", "x" * (1 + i % 4)) for i in range(9)]
    edges = [Edge(f"n{i}", f"n{i + 1}") for i in range(8)]
    layout = arranged(Graph("chain", nodes, edges))
    middles = {round(card.y + card.height / 2, 3) for card in layout.cards.values()}
    assert len(middles) == 1


def test_operands_stand_in_their_order():
    nodes = [Node("b", "b"), Node("a", "a"), Node("c", "", sign="-")]
    layout = arranged(Graph("a - b", nodes, [Edge("a", "c"), Edge("b", "c")]))
    assert layout.cards["a"].y < layout.cards["b"].y
    ends = {key: next(p.y2 for p in layout.lines[key] if p.arrow) for key in "ab"}
    assert ends["a"] < ends["b"]


def test_a_value_used_twice_sends_two_lines():
    nodes = [Node("a", "a"), Node("c", "", sign="*")]
    layout = arranged(Graph("a * a", nodes, [Edge("a", "c"), Edge("a", "c")]))
    assert sum(piece.arrow for piece in layout.lines["a"]) == 2


def test_ten_thousand_in_a_row_need_no_recursion():
    nodes = [Node(f"n{i}") for i in range(10_000)]
    edges = [Edge(f"n{i}", f"n{i + 1}") for i in range(9_999)]
    layout = arranged(Graph("row", nodes, edges))
    assert layout.cards["n9999"].x > layout.cards["n9998"].x


def test_a_long_loop_with_shared_weights_takes_no_vertex_an_edge():
    # 1,000 steps that read one weight: as separate lines they would pass 500,000 columns.
    nodes = [Node("w"), *(Node(f"n{i}") for i in range(1000))]
    edges = [Edge(f"n{i}", f"n{i + 1}") for i in range(999)]
    edges += [Edge("w", f"n{i}") for i in range(1000)]
    began = time.process_time()
    arranged(Graph("loop", nodes, edges))
    assert time.process_time() - began < 20


def test_no_nodes_at_all():
    assert arranged(Graph("nothing", [], [])).width == 0
    ET.fromstring(str(drawn(Graph("nothing", [], []))))


# --- the steps ----------------------------------------------------------------------------------


def test_a_weight_stands_beside_its_product():
    #  x0 -> a -> b -> c, w -> c
    assert ranked(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_ports_stand_alone_at_the_ends():
    ranks = ranked(5, [(0, 1), (1, 2), (3, 2), (2, 4)], first=[0], last=[4])
    assert ranks[0] == 0
    assert min(ranks[1:4]) == 1
    assert ranks[4] == max(ranks[1:4]) + 1


def test_a_circle_is_refused():
    nodes = [Node("a"), Node("b")]
    with pytest.raises(DataError, match="lead in a circle"):
        arranged(Graph("circle", nodes, [Edge("a", "b"), Edge("b", "a")]))


@given(st.randoms(use_true_random=False), st.integers(2, 7), st.integers(2, 7))
def test_crossings_are_those_of_the_definition(rng, upper, lower):
    pairs = [(a, b) for a in range(upper) for b in range(lower) if rng.random() < 0.4]
    after = [[End(0, upper + b, 0) for x, b in pairs if x == a] for a in range(upper)]
    after += [[] for _ in range(lower)]
    columns = [list(range(upper)), list(range(upper, upper + lower))]
    counted = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(pairs, 2))
    assert crossings(columns, after) == counted


def test_crossings_that_can_be_avoided_are():
    hops = [(0, 0, 5, 0), (1, 0, 4, 0), (2, 0, 3, 0)]
    columns = ordered([0, 0, 0, 1, 1, 1], hops)
    after = [[End(0, b, 0) for a, _, b, _ in hops if a == v] for v in range(6)]
    assert crossings(columns, after) == 0


@given(
    st.lists(
        st.tuples(st.floats(-100, 100), st.floats(0.1, 10), st.floats(0, 20)),
        min_size=1,
        max_size=12,
    )
)
def test_spread_keeps_distances_and_is_a_minimum(rows):
    wishes, weights, steps = (list(column) for column in zip(*rows))
    offsets = list(itertools.accumulate(steps))
    places = spread(wishes, weights, offsets)
    for i, (a, b) in enumerate(itertools.pairwise(places)):
        assert b - a >= offsets[i + 1] - offsets[i] - 1e-9
    cost = sum(w * (p - x) ** 2 for p, x, w in zip(places, wishes, weights))
    # Convex: no worse than the wishes pushed down only, or up only, or closed up at their mean.
    down = [wishes[0]]
    for i in range(1, len(wishes)):
        down.append(max(wishes[i], down[-1] + offsets[i] - offsets[i - 1]))
    mean = sum(w * (x - o) for x, w, o in zip(wishes, weights, offsets)) / sum(weights)
    for other in (down, [mean + o for o in offsets]):
        rival = sum(w * (p - x) ** 2 for p, x, w in zip(other, wishes, weights))
        assert cost <= rival + 1e-6 * (1 + rival)


# --- the picture --------------------------------------------------------------------------------


def test_the_picture_is_xml_that_says_everything():
    nodes = [
        Node("a", "a <&> b", (("data", "2"), ("grad", "-4")), note='"x"'),
        Node("b", "b", sign="tanh", group="g"),
    ]
    graph = Graph(
        "title", nodes, [Edge("a", "b")], [Group("g", "block")], remark="seen", description="words"
    )
    root = ET.fromstring(str(drawn(graph)))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for expected in ("a <&> b", "data", "2", "grad", "-4", "b", "tanh", "block", "seen"):
        assert expected in texts
    assert root.find(f"{SVG}title").text == "title"
    assert root.find(f"{SVG}desc").text == "words"


def test_texts_lie_within_their_boxes():
    graph = random_graph(2)
    layout = arranged(graph)
    root = ET.fromstring(str(drawn(graph)))
    for text in root.iter(f"{SVG}text"):
        x, y = float(text.get("x")), float(text.get("y"))
        assert any(
            box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
            for box in (*layout.cards.values(), *layout.signs.values())
        ), text.text


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Graph("", [Node("a"), Node("a")], []), "two nodes of a graph have the key 'a'"),
        (lambda: Graph("", [Node("alpha")], [Edge("alpah", "alpha")]), "did you mean 'alpha'"),
        (lambda: Graph("", [Node("a", group="g")], []), "node 'a' names 'g', which is not there"),
        (lambda: Graph("", [], [], [Group("g", ""), Group("g", "")]), "two groups"),
        (lambda: Graph("", [], [], [Group("a", "", "b"), Group("b", "")]), "group 'a' names 'b'"),
    ],
)
def test_a_graph_that_does_not_hold_together_is_refused(make, sentence):
    with pytest.raises(DataError, match=sentence):
        make()


def test_a_direction_that_there_is_not():
    with pytest.raises(OptionError, match="'right' or 'down', not 'left'"):
        Graph("", [], [], direction="left")


# --- DOT ----------------------------------------------------------------------------------------


def tokens_of(text):
    """The words, quoted texts and signs of a DOT text."""
    tokens = []
    i = 0
    while i < len(text):
        if text[i] == '"':
            word = ""
            i += 1
            while text[i] != '"':
                if text[i] == "\\":
                    i += 1
                    word += "\n" if text[i] == "n" else text[i]
                else:
                    word += text[i]
                i += 1
            tokens.append(("text", word))
            i += 1
        elif text[i].isspace():
            i += 1
        elif text.startswith("->", i):
            tokens.append(("sign", "->"))
            i += 2
        elif text[i] in "{}[];=,":
            tokens.append(("sign", text[i]))
            i += 1
        else:
            start = i
            while i < len(text) and (text[i].isalnum() or text[i] == "_"):
                i += 1
            assert i > start, text[start : start + 20]
            tokens.append(("word", text[start:i]))
    return tokens


def nodes_and_edges(text):
    tokens = tokens_of(text)
    signs = [token for kind, token in tokens if kind == "sign"]
    assert signs.count("{") == signs.count("}")
    nodes, edges = {}, []
    for a, b, c, *_ in zip(tokens, tokens[1:], tokens[2:], tokens[3:]):
        if a[0] == "text" and b == ("sign", "->"):
            edges.append((a[1], c[1]))
    for a, b, c, d, e in zip(tokens, tokens[1:], tokens[2:], tokens[3:], tokens[4:]):
        if a[0] == "text" and (b, c, d) == (("sign", "["), ("word", "label"), ("sign", "=")):
            nodes[a[1]] = e[1]
    return nodes, edges


@pytest.mark.parametrize("groups", [0, 4])
def test_dot_has_every_node_and_edge(groups):
    graph = random_graph(4, groups=groups)
    nodes, edges = nodes_and_edges(dot_text(graph))
    signed = {node.key for node in graph.nodes if node.sign}
    assert len(nodes) == len(graph.nodes) + len(signed)
    assert len(edges) == len(graph.edges) + len(signed)
    for edge in graph.edges:
        door = f"{edge.target} op" if edge.target in signed else edge.target
        assert (edge.source, door) in edges
    assert dot_text(graph).count("subgraph") == groups


def test_dot_quotes_what_it_is_given():
    evil = 'a"] ; b [label="\\'
    graph = Graph(evil, [Node(evil, evil, (("x\ny", "z"),))], [])
    nodes, edges = nodes_and_edges(dot_text(graph))
    assert nodes == {evil: f"{evil}\nx\ny z"}
    assert not edges
