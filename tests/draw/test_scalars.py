"""Graphs of scalars: every number with label, data, gradient and operator, operands in order."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chainrule.draw import draw
from chainrule.errors import OptionError
from chainrule.picture.graph import arranged
from chainrule.scalar import MLP, Value

SVG = "{http://www.w3.org/2000/svg}"


def neuron():
    """The tanh neuron of two inputs, with its gradients."""
    x1, x2, w1, w2 = Value(2, "x1"), Value(0, "x2"), Value(-3, "w1"), Value(1, "w2")
    b = Value(6, "b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.backward()
    return o


def by_title(drawing):
    return {node.title: node for node in drawing.graph.nodes if node.title}


def test_label_data_and_grad_of_the_neuron():
    nodes = by_title(draw(neuron()))
    expected = {
        "x1": (2, -3), "w1": (-3, 2), "x2": (0, 1), "w2": (1, 0), "b": (6, 1), "n": (0, 1),
        "o": (0, 1),
    }  # fmt: skip
    for label, (data, grad) in expected.items():
        assert nodes[label].rows == (("data", str(data)), ("grad", str(grad))), label


def test_every_operator_is_a_sign_in_front_of_its_result():
    drawing = draw(neuron())
    assert [node.sign for node in drawing.graph.nodes if node.sign] == ["×", "×", "+", "+", "tanh"]
    nodes = by_title(drawing)
    assert nodes["o"].sign == "tanh"
    assert nodes["n"].sign == "+"


def test_all_of_it_is_in_the_picture():
    root = ET.fromstring(draw(neuron())._repr_svg_())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for expected in ("x1", "x2", "w1", "w2", "b", "n", "o", "tanh", "+", "×", "-3", "6"):
        assert expected in texts
    assert texts.count("data") == texts.count("grad") == 10


def test_every_operation_has_a_sign():
    a, b = Value(2, "a"), Value(3, "b")
    results = [
        a + b, a - b, a * b, a / b, a**b, -a, abs(a), a.exp(), a.log(), a.sqrt(), a.tanh(),
        a.sigmoid(), a.relu(),
    ]  # fmt: skip
    signs = [node.sign for node in draw(results).graph.nodes if node.sign]
    assert signs == ["+", "−", "×", "/", "xʸ", "−", "abs", "exp", "log", "√", "tanh", "σ", "relu"]


def test_operands_are_edges_in_their_order():
    a, b = Value(5, "a"), Value(3, "b")
    for difference, order in ((a - b, ["a", "b"]), (b - a, ["b", "a"])):
        graph = draw(difference).graph
        names = {node.key: node.title for node in graph.nodes}
        assert [names[edge.source] for edge in graph.edges] == order


def test_a_value_used_twice_has_two_edges():
    a = Value(3, "a")
    assert len(draw(a * a).graph.edges) == 2


def test_constants_are_muted_leaves_are_not():
    kinds = {node.rows[0][1]: node.kind for node in draw(Value(3, "a") * 7 + 1).graph.nodes}
    assert kinds == {"3": "leaf", "7": "constant", "21": "result", "1": "constant", "22": "output"}


def test_several_results_make_one_graph():
    a = Value(2, "a")
    both = draw(a * 3, a + 1)
    assert sum(node.title == "a" for node in both.graph.nodes) == 1
    assert [node.kind for node in both.graph.nodes].count("output") == 2
    assert draw([a * 3, a + 1]).graph.edges == both.graph.edges
    assert len(draw(np.array([a, a * 2], dtype=object)).graph.nodes) == 3


def test_equal_numbers_are_different_nodes():
    assert len(draw(Value(1, "a") + Value(1, "b")).graph.nodes) == 3


def test_one_number_alone():
    assert repr(draw(Value(3, "a"))) == "Drawing of a: 1 node, 0 edges"


def test_a_graph_above_the_limit_shows_what_is_near_and_says_so():
    x = Value(1.0, "x")
    for _ in range(500):
        x = x + 1
    drawing = draw(x, limit=100)
    assert len(drawing.graph.nodes) == 100
    assert drawing.graph.remark.startswith("the 100 of 1,001 numbers that are nearest")
    assert drawing.graph.remark in drawing._repr_svg_()
    assert drawing.graph.nodes[-1].rows[0] == ("data", "501")


def test_a_chain_of_100_000_does_not_recurse():
    x = Value(1.0)
    for _ in range(100_000):
        x = x + 1
    assert len(draw(x, limit=50).graph.nodes) == 50


def test_an_mlp_of_190_numbers_is_drawn_without_overlaps():
    mlp = MLP(3, [6, 5, 1])
    loss = (mlp([2.0, 3.0, -1.0]) - 1) ** 2
    drawing = draw(loss)
    assert len(drawing.graph.nodes) == 190
    layout = arranged(drawing.graph)
    for a, b in itertools.combinations([*layout.cards.values(), *layout.signs.values()], 2):
        across = a.x < b.x + b.width and b.x < a.x + a.width
        assert not (across and a.y < b.y + b.height and b.y < a.y + a.height)


def test_in_words():
    words = draw(neuron()).svg.description
    assert words.startswith("o is 0: 5 operations on 5 numbers")
    assert "x1 2 (slope -3)" in words


def test_down_instead_of_right():
    right, down = draw(neuron()).svg, draw(neuron(), direction="down").svg
    assert right.width > right.height
    assert down.height > down.width
    with pytest.raises(OptionError, match="'right' or 'down'"):
        draw(neuron(), direction="up")


# --- the drawing --------------------------------------------------------------------------------


def test_dot_has_operators_as_nodes():
    dot = draw(neuron()).dot
    assert dot.startswith('digraph "o"')
    assert 'label="tanh", shape=circle' in dot
    assert 'label="x1\\ndata 2\\ngrad -3"' in dot


@pytest.mark.parametrize("ending", ["svg", "dot"])
def test_saved_as_text(tmp_path, ending):
    drawing = draw(neuron())
    drawing.save(tmp_path / f"neuron.{ending}")
    text = (tmp_path / f"neuron.{ending}").read_text(encoding="utf-8")
    assert text.strip() == (drawing.dot if ending == "dot" else str(drawing.svg))


@pytest.mark.parametrize(
    ("name", "beginning", "needed"),
    [("neuron.PNG", b"\x89PNG\r\n", "resvg_py"), ("neuron.pdf", b"%PDF-", "typst")],
)
def test_saved_as_image(tmp_path, name, beginning, needed):
    pytest.importorskip(needed)
    draw(neuron()).save(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(beginning)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"saved as \.svg, \.png, \.pdf or \.dot, got .*neuron"):
        draw(neuron()).save(tmp_path / "neuron.gif")
    assert not list(tmp_path.iterdir())


def test_options_of_modules_are_refused_elsewhere():
    with pytest.raises(OptionError, match="for modules, and Value is none"):
        draw(Value(3), depth=2)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(OptionError, match=r"draw takes a scalar\.Value, a Tensor.* got dict"):
        draw({})
    with pytest.raises(OptionError, match="got list"):
        draw([])
