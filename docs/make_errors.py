"""Write `docs/errors.md`: wrong programs, what is said of them here, and what PyTorch says.

The programs are those that the tests hold to their sentences, `tests/wrong_programs.py`. What
PyTorch says is asked of the PyTorch that is installed.
"""

from __future__ import annotations

import ast
import contextlib
import html
import inspect
import io
import itertools
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "errors.md"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from wrong_programs import PROGRAMS, Wrong  # noqa: E402

BEGINNING = """\
# Wrong programs, and what is said of them

What goes wrong in a network should say where, what was expected, what came, and what to do. Below
are programs as one writes them while learning, each short and each wrong. They use names that
PyTorch has too, so both can be asked: run them after `import chainrule as torch` or after
`import torch`. A sentence begins with the path of the layer, where there is one: `3 (Linear)` is
the fourth layer of a `Sequential`.

The sentences are the same in a step that is compiled, while it is recorded and when it is replayed,
and in `fit`. The page is written by `python docs/make_errors.py`, and a test holds every sentence.

Some things are refused here of which PyTorch says nothing, or only warns:

- **A prediction and a target of different shapes** are never spread over one another, not even one
  number over many; `target.expand(...)` says that it is meant.
- **Softmax or sigmoid before a loss that has its own**, as far as the prediction remembers how it
  was computed: inside `no_grad()` it does not. `log_softmax` before `cross_entropy` changes nothing
  and is let through; so are probabilities as targets, and `nll_loss` of `log_softmax`.
- **A gradient that an optimiser has stepped by, and that `backward()` then adds to**, at the next
  `step()` of that optimiser. Adding up before one step, several steps by one gradient, two
  optimisers that go their own ways, and gradients that you set or change yourself are let through.

And some programs that PyTorch refuses are right here: values that are changed in place where the
gradient needs the old ones (`y = w.exp(); y += 1`), layers set before `super().__init__()`, NumPy's
`float64` given to a layer of `float32`.
"""


def told(program: Callable[[Any], Any], library: Any) -> str:
    """What a library says of a program: its error, its warnings, or nothing."""
    with warnings.catch_warnings(record=True) as heard, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            program(library)
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
    if heard:
        return f"A warning: {' '.join(str(heard[0].message).split())}"
    return "Nothing."


def shown(program: Callable[[Any], Any]) -> str:
    """The lines of a program without its head."""
    source = textwrap.dedent(inspect.getsource(program))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    lines = source.splitlines()[function.body[0].lineno - 1 :]
    body = textwrap.dedent("\n".join(lines)).rstrip()
    # Outside of a function two blank lines follow a class, not one.
    return re.sub(r"(\n +.*\n)\n(?=\S)", r"\1\n\n", body)


def row(*cells: str, kind: str = "td") -> str:
    """A row of a table; what is in it may hold any signs."""
    inside = "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells)
    return f"<tr>{inside}</tr>"


def entry(wrong: Wrong, theirs: Any, name: str) -> Iterator[str]:
    """The lines about one program."""
    import chainrule

    yield f"### {wrong.title[0].upper()}{wrong.title[1:]}"
    yield ""
    yield "```python"
    yield shown(wrong.program)
    yield "```"
    yield ""
    yield '<table class="said">'
    yield row("chainrule", name, kind="th")
    yield row(told(wrong.program, chainrule), told(wrong.program, theirs))
    yield "</table>"
    yield ""


def written() -> Iterator[str]:
    """The lines of the page."""
    import torch

    name = f"PyTorch {torch.__version__.partition('+')[0]}"
    yield BEGINNING
    for section, rows in itertools.groupby(PROGRAMS.values(), key=lambda row: row.section):
        yield f"## {section}"
        yield ""
        for wrong in rows:
            yield from entry(wrong, torch, name)


def page() -> str:
    """Return the page."""
    return "\n".join(written()).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(PROGRAMS)} programs")
