"""What writers make of terms: brackets that are right, LaTeX and MathML that are well formed."""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from chainrule import nn, ops
from chainrule.autograd import tensor
from chainrule.errors import OptionError
from chainrule.explain.equations.following.numbers import with_numbers
from chainrule.explain.equations.network import Derivation
from chainrule.explain.equations.scalars import of_scalar
from chainrule.explain.equations.terms.term import Term, leaf
from chainrule.explain.equations.writing import latex, mathml, text
from chainrule.nn import functional as F
from chainrule.scalar import Value


def network():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    ).double()
    return model, tensor(rng.standard_normal((4, 1, 6, 6))), tensor(np.array([0, 2, 1, 1]))


def scalar():
    x, gamma = Value(3.0, "x"), Value(-2e-7, "gamma")
    return of_scalar((x * x + gamma / x).sqrt().log())


@pytest.fixture(params=["network", "numbers", "scalar"])
def equations(request):
    if request.param == "scalar":
        return scalar()
    if request.param == "numbers":
        return with_numbers(*network(), F.cross_entropy)
    return Derivation(*network(), F.cross_entropy).equations()


def terms(equations):
    """Every side of every line."""
    return [side for line in equations.lines for side in (line.left, line.right, *line.steps)]


# --- brackets ------------------------------------------------------------------------------------


def grown(rng: random.Random, depth: int):
    """A random formula of numbers."""
    if depth == 0 or rng.random() < 0.15:
        return float(rng.choice([-3, -2, -0.5, 0.25, 2, 3, 5]))
    name = rng.choice(["add", "sub", "mul", "div", "neg", "square", "sqrt", "abs", "tanh"])
    count = {"add": 2, "sub": 2, "mul": 2, "div": 2}.get(name, 1)
    return Term(ops.REGISTRY[name], tuple(grown(rng, depth - 1) for _ in range(count)))


def as_python(said: str) -> str:
    """What was written as an expression of Python."""
    said = said.replace("−", "-").replace("·", "*").replace("²", "**2")
    said = re.sub(r"√\|([^|]*)\|", r"sqrt(abs(\1))", said)
    said = re.sub(r"\|([^|]*)\|", r"abs(\1)", said)
    return re.sub(r"√((?:\d[\d.]*)|(?=\())", r"sqrt\1", re.sub(r"√(\d[\d.]*)", r"√(\1)", said))


@pytest.mark.parametrize("seed", range(150))
def test_brackets_keep_the_meaning(seed):
    term = grown(random.Random(seed), 4)
    said = text.written(term)
    if said.count("|") > 2:  # bars within bars have no left and right
        return
    names = {
        "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
        "tanh": math.tanh,
        "abs": abs,
        "__builtins__": {},
    }
    expected = float(term.evaluate({})) if isinstance(term, Term) else term
    try:
        found = eval(as_python(said), names)  # the test's own numbers
    except ZeroDivisionError:
        return
    assert found == pytest.approx(expected, nan_ok=True), said


def test_a_square_is_that_of_all_in_its_brackets():
    a, b = leaf("a"), leaf("b")
    total = Term(ops.add, (a, b))
    assert text.written(Term(ops.square, (total,))) == "(a + b)²"
    assert text.written(Term(ops.square, (Term(ops.neg, (a,)),))) == "(−a)²"
    assert text.written(Term(ops.neg, (Term(ops.square, (a,)),))) == "−a²"
    assert text.written(Term(ops.square, (-2.0,))) == "(−2)²"
    assert text.written(Term(ops.sub, (a, total))) == "a − (a + b)"
    assert text.written(Term(ops.sub, (a, -2.0))) == "a − (−2)"
    assert text.written(Term(ops.div, (a, Term(ops.mul, (2.0, b))))) == "a / (2 b)"
    assert text.written(Term(ops.div, (Term(ops.div, (a, b)), b))) == "a / b / b"


def test_products_of_matrices_and_of_elements_are_told_apart():
    w, z = leaf("W", "2", shape=(3, 4)), leaf("Z", "1", shape=(4, 5), mark="d")
    product = Term(ops.matrix_product, (w, z), shape=(3, 5))
    mask = Term(ops.gt, (leaf("Z", "1", shape=(3, 5)), 0.0), shape=(3, 5))
    both = Term(ops.mul, (product, mask), shape=(3, 5))
    assert text.written(both) == "W₂ dZ₁ ⊙ [Z₁ > 0]"
    turned = Term(ops.REGISTRY["permute"], (both,), (("dims", (1, 0)),), (5, 3))
    assert text.written(turned) == "(W₂ dZ₁ ⊙ [Z₁ > 0])ᵀ"
    right = Term(ops.matrix_product, (both, leaf("V", shape=(5, 2))), shape=(3, 2))
    assert text.written(right) == "(W₂ dZ₁ ⊙ [Z₁ > 0]) V"


def test_settings_that_are_usual_go_without_saying():
    x, w = leaf("X"), leaf("W", "1")
    usual = Term("conv2d", (x, w), (("stride", (1, 1)), ("padding", 0)))
    padded = Term("conv2d", (x, w), (("stride", 2), ("padding", (1, 1))))
    assert text.written(usual) == "conv2d(X, W₁)"
    assert text.written(padded) == "conv2d(X, W₁, stride=2, padding=(1, 1))"


@pytest.mark.parametrize(
    ("value", "said", "tex"),
    [
        (100352.0, "100352", "100352"),
        (-0.5, "−0.5", "-0.5"),
        (1.25e-7, "1.25e−7", r"1.25 \cdot 10^{-7}"),
        (math.inf, "∞", r"\infty"),
        (-math.inf, "−∞", r"-\infty"),
        (math.nan, "NaN", r"\mathrm{NaN}"),
    ],
)
def test_numbers(value, said, tex):
    assert text.written(value) == said
    assert latex.written(value) == tex


# --- text ----------------------------------------------------------------------------------------


def test_text_keeps_to_the_width_of_a_terminal(equations):
    assert max(len(line) for line in str(equations).splitlines()) <= 100


def test_shapes_stand_at_the_ends_of_lines():
    said = str(Derivation(*network(), F.cross_entropy).equations())
    assert re.search(r"Z₁ = conv2d\(X, W₁, b₁\) +\(4, 2, 4, 4\)$", said, re.MULTILINE)
    assert re.search(r"dZ₂ = A₂ − Y +\(4, 3\)$", said, re.MULTILINE)


# --- LaTeX ---------------------------------------------------------------------------------------

# What amsmath, MathJax and KaTeX all have.
KNOWN = {
    r"\frac",
    r"\sqrt",
    r"\left",
    r"\right",
    r"\cdot",
    r"\odot",
    r"\top",
    r"\operatorname",
    r"\mathit",
    r"\mathrm",
    r"\partial",
    r"\begin",
    r"\end",
    r"\ge",
    r"\le",
    r"\ne",
    r"\infty",
    r"\gamma",
    r"\beta",
    r"\,",
    r"\_",
    r"\\",
    r"\hat",
    r"\text",
    r"\quad",
}


def test_latex_is_well_formed(equations):
    tex = equations.latex()
    assert tex.count("$$") == 2 * (len(equations.sections) + bool(equations.checks))
    for block in re.findall(r"\$\$(.*?)\$\$", tex, re.DOTALL):
        assert set(re.findall(r"\\(?:[A-Za-z]+|.)", block)) <= KNOWN
        depth = 0
        for character in re.sub(r"\\.", "", block):
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0
        assert depth == 0
        assert block.count(r"\left") == block.count(r"\right")
        body = block.split("\n", 1)[1].rsplit("\n", 1)[0]
        for row in body.split("\\\\\n"):
            assert re.sub(r"\\&", "", row).count("&") in (1, 3, 4)


def test_latex_says_what_text_says():
    derivation = Derivation(*network(), F.cross_entropy).equations()
    assert latex.written(derivation["dZ2"].right) == "A_{2} - Y"
    gradient = r"\operatorname{sum}_{0}\left(\mathrm{d}Z_{2}\right)"
    assert latex.written(derivation["db2"].right) == rf"\frac{{{gradient}}}{{m}}"
    slope = Term(None, name="L", mark="d", by=leaf("a", "1"))
    assert latex.written(slope) == r"\frac{\mathrm{d}L}{\mathrm{d}a_{1}}"


def test_a_hat_is_a_hat():
    guess = leaf("Ŷ", shape=(4, 1))
    assert text.written(guess) == "Ŷ"
    assert latex.written(guess) == r"\hat{Y}"
    assert "<mover" in mathml.mathml(guess)


def test_names_from_outside_are_names_in_latex():
    assert latex.written(leaf("under_score")) == r"\mathit{under\_score}"
    assert latex.escaped(r"\input{x}$%") == r"\textbackslash input\{x\}\$\%"


def test_latex_can_be_set(equations):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for side in terms(equations):
        parser.parse(f"${latex.written(side)}$")


# --- MathML and pages ----------------------------------------------------------------------------

CORE = {
    "math",
    "mrow",
    "mi",
    "mn",
    "mo",
    "msub",
    "msup",
    "msubsup",
    "mfrac",
    "msqrt",
    "mtext",
    "mspace",
    "mover",
}
CHILDREN = {"mover": 2, "msub": 2, "msup": 2, "msubsup": 3, "mfrac": 2}


def test_mathml_is_well_formed(equations):
    for side in terms(equations):
        root = ET.fromstring(mathml.mathml(side))
        for element in root.iter():
            assert element.tag in CORE
            assert len(element) == CHILDREN.get(element.tag, len(element))


class Page(HTMLParser):
    """What is in a page: its tags, and whether they close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_needs_nothing_else(equations, tmp_path):
    equations.save(tmp_path / "page.html", title="<L>")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    found = Page(page)
    assert not found.tags & {"script", "img", "iframe", "object"}
    assert "<title>&lt;L&gt;</title>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_names_from_outside_are_names_in_a_page():
    x = Value(2.0, "x")
    inner = x * 3
    inner.label = "<script>alert(1)</script>"
    page = of_scalar(inner + 1).html()
    assert "<script" not in page


def test_a_notebook_is_shown_what_is_written(equations):
    assert equations._repr_html_() == equations.html()
    assert equations._repr_latex_() == equations.latex()
    assert repr(equations) == str(equations)


def test_what_is_saved_is_what_is_shown(equations, tmp_path):
    equations.save(tmp_path / "a.txt")
    equations.save(tmp_path / "a.tex")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == f"{equations}\n"
    assert (tmp_path / "a.tex").read_text(encoding="utf-8") == f"{equations.latex()}\n"
    with pytest.raises(OptionError, match=r"saved as .html, .tex or .txt, got .*htm'; did you"):
        equations.save(tmp_path / "a.htm")


def test_checks_are_in_a_table():
    derivation = scalar()
    page, tex = derivation.html(), derivation.latex()
    assert page.count("<tr") == 1 + len(derivation.checks)
    rows = tex.split(r"\begin{array}")[1].split(r"\end{array}")[0].splitlines()[1:]
    assert len(rows) == 1 + len(derivation.checks)
    for said in (page, tex, str(derivation)):
        assert "by backward()" in said
        assert "slopes agree" in said


def test_notes_are_in_every_form():
    inner = Value(2.0, "x") * 3
    inner.label = "three & more"
    derivation = of_scalar(inner + 1)
    assert "three & more" in str(derivation)
    assert "three &amp; more" in derivation.html()
    assert r"\text{three \& more}" in derivation.latex()
