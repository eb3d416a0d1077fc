"""Draw `docs/neuron.png`, the picture of the README: a neuron as its graph after backward."""

from __future__ import annotations

from pathlib import Path

from chainrule import draw
from chainrule.picture import Svg
from chainrule.scalar import Value


def neuron() -> Svg:
    """The graph of a tanh neuron after backward."""
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.0, "b")
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.label = "out"
    out.backward()
    return draw(out).svg


if __name__ == "__main__":
    neuron().save(Path(__file__).with_name("neuron.png"))
