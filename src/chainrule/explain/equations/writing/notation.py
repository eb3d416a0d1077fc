"""How a term is set: what stands beside, above, below and in brackets, for every writer (floor 4).

Text, LaTeX and MathML differ in how they say "a fraction" and agree on where one is. Here a term
becomes a small tree of layout: names, numbers, rows, fractions, powers, brackets. Which operation
is written how (a product by standing beside it, a transpose by a raised T, a comparison in square
brackets) and what needs brackets is decided here and nowhere else.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from chainrule.explain.equations.terms.term import Part, Term

__all__ = [
    "Enclosed",
    "Fraction",
    "Gap",
    "Layout",
    "Lowered",
    "Name",
    "Number",
    "Raised",
    "Root",
    "Row",
    "Sign",
    "Word",
    "accent",
    "digits",
    "layout",
    "letter",
]

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "psi": "ψ", "omega": "ω",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A variable: letters, what stands below the line, and the d or ∂ of a slope in front."""

    letters: str
    index: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Word:
    """An upright word, as the name of a function; "⊤" is that of a transpose."""

    text: str


@dataclass(frozen=True)
class Sign:
    """An operator between two things; with `after` a comma or colon; alone in front a minus."""

    text: str
    tight: bool = False


@dataclass(frozen=True)
class Gap:
    """What is between two factors that stand side by side."""


@dataclass(frozen=True)
class Row:
    """Things one after another."""

    parts: tuple[Layout, ...]


@dataclass(frozen=True)
class Fraction:
    """One thing above the other; a slope if `tight`."""

    over: Layout
    under: Layout
    tight: bool = False


@dataclass(frozen=True)
class Raised:
    """A power, or a transpose."""

    base: Layout
    exponent: Layout


@dataclass(frozen=True)
class Lowered:
    """Something with a word below the line."""

    base: Layout
    below: str


@dataclass(frozen=True)
class Root:
    """A square root."""

    inner: Layout


@dataclass(frozen=True)
class Enclosed:
    """Something in brackets."""

    inner: Layout
    left: str = "("
    right: str = ")"


Layout: TypeAlias = (
    Name | Number | Word | Sign | Gap | Row | Fraction | Raised | Lowered | Root | Enclosed
)

# How tightly a layout holds together; what is looser than its place asks for goes into brackets.
_SUM, _TIMES, _BESIDE, _POWER, _ATOM = range(1, 6)

# Functions whose name in print is not that of the operation.
_WORDS = {
    "relu": "ReLU",
    "sigmoid": "σ",
    "gelu": "GELU",
    "silu": "SiLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "log": "ln",
    "log_softmax": "ln softmax",
    "maximum": "max",
    "minimum": "min",
    "amax": "max",
    "amin": "min",
    "one_hot": "onehot",
    "euclidean_norm": "norm",
    "broadcast_to": "spread",
    "linear": "linear",
    "matmul": "product",
}
_EXACT = 10**9  # whole numbers below it are written in full
_RELATIONS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "eq": "=", "ne": "≠"}
_PRODUCTS = ("matrix_product", "matmul")
_SILENT = ("cast", "clone")
_QUIET = {"dtype", "shared", "window", "size", "num_classes", "keepdim", "start_dim", "end_dim"}
_USUAL: dict[str, set[Any]] = {
    "stride": {1},
    "padding": {0},
    "dilation": {1},
    "groups": {1},
    "reduction": {"mean"},
    "eps": {1e-5},
}
_PLAIN = ("kernel_size", "shape", "dims", "normalized_shape")
_ALONG = {"sum", "mean", "sum_to", "amax", "amin", "peak", "prod", "logsumexp", "var", "std"}


def letter(name: str) -> str:
    """A letter that is known by its name as itself; another name as it is.

    Examples:
        >>> letter("gamma"), letter("Z")
        ('γ', 'Z')
    """
    return _GREEK.get(name, name)


def accent(letters: str) -> tuple[str, bool]:
    """A letter without the hat that it may have, and whether it has one.

    Examples:
        >>> accent("Ŷ"), accent("Y")
        (('Y', True), ('Y', False))
    """
    apart = unicodedata.normalize("NFD", letters)
    hat = apart[1:] == "\N{COMBINING CIRCUMFLEX ACCENT}"
    return (apart[0], True) if hat else (letters, False)


def digits(value: float) -> tuple[str, int]:
    """A number as a person writes it: up to five digits, and the power of ten that is left.

    Examples:
        >>> digits(0.684000001), digits(-1.5e-7), digits(100352.0)
        (('0.684', 0), ('-1.5', -7), ('100352', 0))
    """
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "NaN"), 0
    if value == int(value) and abs(value) < _EXACT:
        return str(int(value)), 0
    text, _, power = f"{value:.5g}".partition("e")
    return text, int(power or 0)


def layout(part: Part, *, inline: bool = False) -> Layout:
    """Return how a term, or a number, is set.

    Args:
        part: the term.
        inline: for a writer with one line only, in which a fraction needs brackets.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> a, b = leaf("a"), leaf("b")
        >>> layout(Term(ops.neg, (Term(ops.add, (a, b)),)))  # doctest: +ELLIPSIS
        Row(parts=(Sign(text='−', tight=True), Enclosed(inner=Row(parts=(Name(letters='a', ...
    """
    return _led(_Setter(inline).set(part)[0])


Set: TypeAlias = tuple[Layout, int]


class _Setter:
    def __init__(self, inline: bool) -> None:
        self.inline = inline

    def set(self, part: Part) -> Set:
        """A part as layout, and how tightly that holds together."""
        if not isinstance(part, Term):
            value = 0.0 if part is None else float(part)
            return Number(value), _SUM if value < 0 else _TIMES if digits(value)[1] else _ATOM
        if part.op is None:
            return self.name(part)
        own = getattr(self, f"set_{part.called}", None)
        if own is not None:
            found: Set = own(part)
            return found
        if part.called in _RELATIONS:
            return self.relation(part)
        if part.called in _PRODUCTS:
            return self.matrices(part)
        if part.called in _SILENT:
            return self.set(part.args[0])
        return self.called(part), _ATOM

    def held(self, part: Part, level: int) -> Layout:
        """A part in a place that asks for `level`, in brackets if it is looser."""
        made, own = self.set(part)
        if own < level:
            return Enclosed(_led(made))
        return made if level else _led(made)

    def name(self, part: Term) -> Set:
        own = Name(part.name, part.index, part.mark)
        if part.by is None:
            return own, _ATOM
        return Fraction(own, Name(part.by.name, part.by.index, part.mark), tight=True), _POWER

    # --- sums and products ----------------------------------------------------------------------

    def set_add(self, part: Term) -> Set:
        return Row(self.in_sum(part, first=True)), _SUM

    set_sub = set_add

    def in_sum(self, part: Part, first: bool = False) -> tuple[Layout, ...]:
        """A part of a sum: another sum goes without brackets, what begins with a minus may not."""
        if isinstance(part, Term) and part.called in ("add", "sub"):
            a, b = part.args
            added = part.called == "add"
            after = self.in_sum(b) if added else (self.held(b, _TIMES),)
            return (*self.in_sum(a, first), Sign("+" if added else "−"), *after)
        made = self.held(part, _SUM if first else _TIMES)
        return (_led(made) if first else made,)

    def set_neg(self, part: Term) -> Set:
        return Row((Sign("−", tight=True), self.held(part.args[0], _TIMES))), _SUM

    def set_mul(self, part: Term) -> Set:
        factors = list(_flat(part, ("mul",)))
        if isinstance(factors[0], Term) and factors[0] == factors[-1] and len(factors) == 2:
            return self.power(factors[0], Number(2.0))
        pointwise = sum(bool(_shape(f)) for f in factors) > 1
        level = _TIMES if pointwise else _BESIDE
        row: list[Layout] = [self.held(factors[0], _BESIDE)]
        for before, after in pairwise(factors):
            row += [self.between(before, after, part), self.held(after, _BESIDE)]
        return Row(tuple(row)), level

    def between(self, before: Part, after: Part, whole: Term) -> Layout:
        """The sign of a product: ⊙ element by element, a dot before a number, otherwise nothing."""
        if _shape(before) and _shape(after):
            return Sign("⊙")
        dotted = not whole.shape and any(map(_needs_dot, (before, after)))
        return Sign("·") if dotted or not _has_names(after) or not _has_names(whole) else Gap()

    def matrices(self, part: Term) -> Set:
        row: list[Layout] = []
        for factor in _flat(part, _PRODUCTS):
            row += [Gap(), self.held(factor, _BESIDE)]
        return Row(tuple(row[1:])), _BESIDE

    def set_div(self, part: Term) -> Set:
        above, below = part.args
        if self.inline:
            return Fraction(self.held(above, _TIMES), self.held(below, _POWER)), _TIMES
        return Fraction(self.held(above, 0), self.held(below, 0)), _POWER

    def set_reciprocal(self, part: Term) -> Set:
        return self.set_div(Term("div", (1.0, part.args[0]), shape=part.shape))

    def set_linear(self, part: Term) -> Set:
        x, w, *b = part.args
        turned = Raised(self.held(w, _ATOM), Word("⊤"))
        product = Row((self.held(x, _BESIDE), Gap(), turned))
        if not b or b[0] is None:
            return product, _BESIDE
        return Row((product, Sign("+"), *self.in_sum(b[0]))), _SUM

    # --- powers ---------------------------------------------------------------------------------

    def power(self, base: Part, exponent: Layout) -> Set:
        return Raised(self.held(base, _ATOM), exponent), _POWER

    def set_square(self, part: Term) -> Set:
        return self.power(part.args[0], Number(2.0))

    def set_pow(self, part: Term) -> Set:
        base, exponent = part.args
        # On one line an exponent is followed by whatever comes next.
        return self.power(base, self.held(exponent, _ATOM if self.inline else 0))

    def set_exp(self, part: Term) -> Set:
        inner = part.args[0]
        if self.inline or (isinstance(inner, Term) and inner.op is not None):
            return self.called(part), _ATOM
        return Raised(Name("e"), self.held(inner, 0)), _POWER

    def set_abs(self, part: Term) -> Set:
        return Enclosed(self.held(part.args[0], 0), "|", "|"), _ATOM

    def set_sqrt(self, part: Term) -> Set:
        if not self.inline:
            return Root(self.held(part.args[0], 0)), _POWER
        inner = self.held(part.args[0], _ATOM)
        return Root(Enclosed(inner) if isinstance(inner, Row) else inner), _POWER

    def set_rsqrt(self, part: Term) -> Set:
        return self.set_div(Term("div", (1.0, Term("sqrt", part.args)), shape=part.shape))

    # --- shapes ---------------------------------------------------------------------------------

    def set_permute(self, part: Term) -> Set:
        n = len(part.shape)
        dims = tuple(d % n for d in part.options["dims"])
        if n > 1 and dims == (*range(n - 2), n - 1, n - 2):
            return self.power(part.args[0], Word("⊤"))
        return self.called(part), _ATOM

    def set_full(self, part: Term) -> Set:
        return self.set(part.args[0])

    def set_broadcast_to(self, part: Term) -> Set:
        # A number fills whatever shape it is used in.
        if not isinstance(part.args[0], Term):
            return self.set(part.args[0])
        return self.called(part, attrs=False), _ATOM

    def set_at(self, part: Term) -> Set:
        places = part.options["places"]
        inner = Row(_listed([_place(p) for p in places]))
        return Row((self.held(part.args[0], _ATOM), Enclosed(inner, "[", "]"))), _ATOM

    def set_slice(self, part: Term) -> Set:
        return self.places(part.args[0], part.options["key"], ())

    def set_index(self, part: Term) -> Set:
        return self.places(part.args[0], part.options["key"], part.args[1:])

    def set_unslice(self, part: Term) -> Set:
        return self.put(part, ())

    def set_unindex(self, part: Term) -> Set:
        return self.put(part, part.args[1:])

    def places(self, base: Part, key: Any, indices: Sequence[Part]) -> Set:
        """Some of the numbers of an array, by their places."""
        given = iter(indices)
        inner = [
            self.set(next(given))[0] if isinstance(k, str) else _place(k)
            for k in (key if isinstance(key, tuple) else (key,))
        ]
        return Row((self.held(base, _ATOM), Enclosed(Row(_listed(inner)), "[", "]"))), _ATOM

    def put(self, part: Term, indices: Sequence[Part]) -> Set:
        """Zeros with an array at some places."""
        key = part.options["key"]
        at = self.places(Term(None, name="0"), key, indices)[0]
        return Row((Word("at"), Enclosed(Row(_listed([at, self.held(part.args[0], 0)]))))), _ATOM

    def set_dot(self, part: Term) -> Set:
        a, b = part.args
        return Row((self.held(a, _BESIDE), Sign("·"), self.held(b, _BESIDE))), _TIMES

    def set_rest(self, part: Term) -> Set:
        count = part.options["count"]
        more = Word(f"from {count:,} more")
        return Enclosed(Row((self.set(part.args[0])[0], Gap(), more))), _ATOM

    # --- functions ------------------------------------------------------------------------------

    def relation(self, part: Term) -> Set:
        a, b = (self.held(x, _SUM) for x in part.args)
        return Enclosed(Row((a, Sign(_RELATIONS[part.called]), b)), "[", "]"), _ATOM

    def called(self, part: Term, attrs: bool = True) -> Layout:
        """A function of its arguments, with the settings that are not silent."""
        name = part.called.rstrip("'")
        word: Layout = Word(_WORDS.get(name, name) + "′" * (len(part.called) - len(name)))
        options = {k: v for k, v in part.attrs if _told(k, v)} if attrs else {}
        if "softmax" in name:
            options.pop("dim", None)
        elif name in _ALONG:
            dims = options.pop("dim", None)
            if dims is not None:
                dims = dims if isinstance(dims, (tuple, list)) else (dims,)
                word = Lowered(word, ",".join(map(str, dims)))
        given = [self.held(a, 0) for a in part.args if a is not None]
        told = [_setting(k, v) for k, v in options.items()]
        return Row((word, Enclosed(Row(_listed([*given, *told])))))


def _flat(part: Part, called: Sequence[str]) -> list[Part]:
    """The factors of a product of products, from left to right."""
    if isinstance(part, Term) and part.called in called:
        return [f for a in part.args for f in _flat(a, called)]
    return [part]


def _shape(part: Part) -> tuple[int, ...]:
    return part.shape if isinstance(part, Term) else ()


def _led(made: Layout) -> Layout:
    """A layout that nothing stands before, where a negative number is clear by itself."""
    match made:
        case Enclosed(Number(), "("):
            return made.inner
        case Row((first, *others)):
            return Row((_led(first), *others))
    return made


def _has_names(part: Part) -> bool:
    return isinstance(part, Term) and any(t.op is None for t in part.walk())


def _needs_dot(part: Part) -> bool:
    """Whether a factor is not clear beside another: a slope, a number in words, a long name."""
    if not isinstance(part, Term):
        return False
    if part.op is None:
        return part.by is not None or len(part.name) > 1
    return part.called == "rest"


def _listed(parts: Sequence[Layout]) -> tuple[Layout, ...]:
    row: list[Layout] = []
    for part in parts:
        row += [Sign(",", tight=True), part]
    return tuple(row[1:])


def _place(place: Any) -> Layout:
    """An index, or a range of them."""
    if isinstance(place, slice):
        ends = ["" if end is None else str(end) for end in (place.start, place.stop)]
        return Word(":".join(ends))
    if place is None or place is Ellipsis:
        return Word("…" if place is Ellipsis else "new")
    return Number(float(place))


def _told(name: str, value: Any) -> bool:
    """Whether a setting is one to tell: not what the shape of the line says, nor what is usual."""
    if name in _QUIET or value is None or value is False:
        return False
    each = value if isinstance(value, (tuple, list)) else (value,)
    usual = tuple(_USUAL.get(name, ()))
    return any(v not in usual for v in each)


def _setting(name: str, value: Any) -> Layout:
    """A setting by its name; the one that a function cannot do without goes without it."""
    if name in _PLAIN:
        return _value(value)
    return Row((Word(name), Sign("=", tight=True), _value(value)))


def _value(value: Any) -> Layout:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(float(value))
    if isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value):
        return Enclosed(Row(_listed([Number(float(v)) for v in value])))
    return Word(str(value))
