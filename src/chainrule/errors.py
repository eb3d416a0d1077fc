"""The errors a person meets, and how they are worded (floor 0).

One clear sentence each: the thing, what was expected, what came, and what to do. The command line
prints the sentence alone and exits with 2; in Python they are ordinary exceptions, each also an
instance of the built-in one that PyTorch or NumPy would raise, so existing `except` clauses work.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

__all__ = [
    "CallError",
    "CaptureError",
    "ChainruleError",
    "DataError",
    "GradientError",
    "MissingExtraError",
    "OptionError",
    "ShapeError",
    "chosen",
    "did_you_mean",
    "kind_of",
    "one_line",
    "require",
    "sentence_of",
]


class ChainruleError(Exception):
    """What every error of this library is: a sentence for a person, never a surprise from inside.

    Attributes:
        module: the innermost module of a network that it happened in, if it did in one.
        where: the path of that module, as seen from the outermost; the sentence begins with it.
    """

    module: object | None = None
    where = ""

    def __str__(self) -> str:
        sentence = super().__str__()
        return f"{self.where}: {sentence}" if self.where else sentence


class ShapeError(ChainruleError, ValueError, RuntimeError):
    """Shapes that do not fit together: `ValueError` as in NumPy, `RuntimeError` as in PyTorch."""


class DataError(ChainruleError, ValueError, RuntimeError):
    """A file, an array or a state dict from outside that is not what it should be."""


class OptionError(ChainruleError, ValueError):
    """An option or argument outside what is allowed."""


class CallError(ChainruleError, TypeError):
    """A module that is called with something it does not take, or with too much of it."""


class GradientError(ChainruleError, RuntimeError):
    """A gradient that cannot be computed, or one that does not stand up to a check."""


class CaptureError(ChainruleError, RuntimeError):
    """A step that cannot be recorded, because a replay would not do what the step does."""


class MissingExtraError(ChainruleError, ImportError):
    """A library that this feature needs and that is not installed."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest of `choices`, or nothing.

    Examples:
        >>> did_you_mean("lable", ["label", "pixel0"])
        "; did you mean 'label'?"
        >>> did_you_mean("zzz", ["label"])
        ''
    """
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def chosen(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """Return what `name` stands for in `table`, or say what there is.

    Raises:
        OptionError: it stands for nothing.

    Examples:
        >>> chosen("fruit", "pear", {"pear": 3})
        3
    """
    if name not in table:
        raise OptionError(
            f"there is no {kind} {name!r}; use one of {', '.join(table)}"
            + did_you_mean(name, table)
        )
    return table[name]


def kind_of(value: object) -> str:
    """Return what a value is, for a sentence.

    Examples:
        >>> kind_of(3), kind_of(int)
        ('int', 'the class int')
    """
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def one_line(text: str) -> str:
    r"""Return text from outside so that it can be shown: on one line, nothing a terminal obeys.

    Examples:
        >>> one_line("no cat,\n\tno \x1b[31mdog")
        'no cat, no ?[31mdog'
    """
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def sentence_of(error: BaseException) -> str:
    """Return what an error says to a person; one of the system begins with its file.

    Examples:
        >>> sentence_of(FileNotFoundError(2, "No such file or directory", "letter.txt"))
        'letter.txt: No such file or directory'
    """
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module` where it is used, or say in one sentence what to install.

    Args:
        module: dotted name, `"PIL.Image"`.
        extra: the extra of this package that brings it, `"images"`.
        purpose: what needs it, for the sentence: `"reading image files"`.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed; "
            f"install it with: pip install 'chainrule[{extra}]'"
        ) from error
