"""C as text: lines in blocks, names, types and numbers (floor 4). Knows nothing of networks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = [
    "Code",
    "Index",
    "comment",
    "ctype",
    "identifier",
    "literal",
    "numbers",
    "offset",
    "quoted",
]

# An index along a dimension: a number, or an expression.
Index: TypeAlias = int | str

_WIDTH = 96
_TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


class Code:
    """Lines of C, indented by the blocks that they stand in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """Put down a line."""
        self.lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str = "") -> Iterator[None]:
        """Put down `head {`, what is written inside, and `}`."""
        self.line(f"{head} {{".strip())
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def identifier(text: str) -> str:
    """The text as part of a name in C.

    Examples:
        >>> identifier("0.weight")
        '0_weight'
    """
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")


def comment(text: str) -> str:
    """The text as a comment, with nothing in it that would end one or begin another line.

    Examples:
        >>> comment("a */ b")
        '/* a * / b */'
    """
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return f"/* {plain.replace('*/', '* /').replace('/*', '/ *')} */"


def quoted(text: str) -> str:
    r"""The text as a string of C, bytes that are not ASCII or have a meaning as numbers.

    Examples:
        >>> print(quoted('say "?"'))
        "say \"\?\""
    """
    return '"' + "".join(map(_letter, text.encode("utf-8", "replace"))) + '"'


def _letter(byte: int) -> str:
    letter = chr(byte)
    if letter in '"\\?':  # two question marks could begin a trigraph
        return f"\\{letter}"
    return letter if 32 <= byte < 127 else f"\\{byte:03o}"


def ctype(dtype: np.dtype[Any]) -> str:
    """The type of numbers of a dtype.

    Raises:
        DataError: C has none.
    """
    if dtype.name not in _TYPES:
        raise DataError(
            f"C has no numbers of {dtype.name}; bring the network to float32 with model.float()"
        )
    return _TYPES[dtype.name]


# --- numbers ------------------------------------------------------------------------------------


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A number in an expression, exactly, in as few digits as do.

    Examples:
        >>> literal(0.1, np.dtype(np.float32)), literal(2, np.dtype(np.float64))
        ('0.1f', '2.0')
    """
    if dtype.kind != "f":
        return _whole(int(value))
    real = dtype.type(value)
    if math.isnan(real):
        return "NAN"
    if math.isinf(real):
        return "INFINITY" if real > 0 else "(-INFINITY)"
    text = repr(float(np.format_float_scientific(real, unique=True)))
    text += "f" if dtype.itemsize == 4 else ""
    return f"({text})" if text.startswith("-") else text


def _whole(value: int) -> str:
    if value == -(2**63):
        return "INT64_MIN"
    text = str(value) if abs(value) < 2**31 else f"INT64_C({value})"
    return f"({text})" if value < 0 else text


def numbers(array: Array) -> list[str]:
    """The lines of an array's initialiser: real numbers in hexadecimal, which loses nothing."""
    word_of = _SINGLE if array.dtype.name == "float32" else _WORDS.get(array.dtype.kind, _whole)
    lines, line = [], ""
    for word in map(word_of, array.ravel().tolist()):
        if line and len(line) + len(word) + 2 > _WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += f"{word}, "
    return [*lines, line.rstrip()]


def _exact(value: float, suffix: str = "") -> str:
    if not math.isfinite(value):
        return literal(value, np.dtype(np.float64))
    if not value:
        return f"{value}{suffix}"
    mantissa, _, exponent = value.hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}{suffix}"


_SINGLE = partial(_exact, suffix="f")
_WORDS = {"f": _exact, "b": lambda value: str(int(value))}


# --- places -------------------------------------------------------------------------------------


def offset(start: int, strides: tuple[int, ...], index: tuple[Index, ...]) -> str:
    """Where in memory an element lies, as an expression.

    Examples:
        >>> offset(2, (28, 1), ("i", "j + 1"))
        '28*i + j + 3'
        >>> offset(0, (4, -1), (0, "j"))
        '-j'
    """
    words: list[str] = []
    for step, at in zip(strides, index):
        if isinstance(at, str):
            at, _, more = at.partition(" + ") if re.fullmatch(r"\w+ \+ \d+", at) else (at, "", "")
            start += step * int(more or 0)
        if isinstance(at, int):
            start += step * at
        elif step:
            words.append(_term(step, at))
    if start or not words:
        words.append(f"{start:+d}")
    return _joined(words)


def _term(step: int, at: str) -> str:
    if re.fullmatch(r"\w+", at) is None and (abs(step) != 1 or step < 0):
        at = f"({at})"
    return f"{'-' if step < 0 else '+'}{at if abs(step) == 1 else f'{abs(step)}*{at}'}"


def _joined(words: list[str]) -> str:
    first, *rest = words
    text = first.removeprefix("+")
    return text + "".join(f" {word[0]} {word[1:]}" for word in rest)
