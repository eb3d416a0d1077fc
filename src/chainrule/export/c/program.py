"""A program of C around a network: rows of text come in, answers go out (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.data.tables.columns import YES_NO, Column
from chainrule.data.tables.recipe import Recipe
from chainrule.export.c.text import literal, quoted

__all__ = ["Field", "fields_of", "program_lines"]


@dataclass(frozen=True)
class Field:
    """What one number of a table's row is.

    Attributes:
        name: of the column.
        codes: the number for each text, if texts stand in the column.
        missing: what stands for an empty cell, and for a text that has no number.
    """

    name: str
    codes: Mapping[str, int] = field(default_factory=dict)
    missing: float = math.nan


def fields_of(recipe: Recipe) -> list[Field]:
    """What the numbers are that a recipe makes of a row.

    Args:
        recipe: of a table.

    Examples:
        >>> recipe = Recipe.of({"area": ["40", "65", ""], "street": ["A", "B", "A"]})
        >>> for one in fields_of(recipe):
        ...     print(one)
        Field(name='area', codes={}, missing=nan)
        Field(name='street', codes={'A': 1, 'B': 2}, missing=0)
    """
    return [one for column in recipe.columns if column.used for one in _fields(column)]


def _fields(column: Column) -> Iterator[Field]:
    missing = math.nan if any(column.gaps) else column.fill
    if column.kind == "category":
        codes = {text: k for k, text in enumerate(column.categories, start=1)}
        yield Field(column.name, codes | dict.fromkeys(column.rare, len(codes) + 1), 0)
    elif column.kind == "yes/no":
        forms = (str.lower, str.capitalize, str.upper)
        codes = {form(word): int(value) for word, value in YES_NO.items() for form in forms}
        yield Field(column.name, codes, missing)
    elif column.kind == "date":
        for name, size in zip(column.features, column.sizes):
            yield Field(name, {str(k): k for k in range(1, size)}, 0 if size else math.nan)
    else:
        yield Field(column.name, {}, missing)


_PROGRAM = """#ifdef {upper}_MAIN
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
{tables}
/* The number that a cell stands for; whether it is one. */
static bool {name}_cell(char *text, int column, float *number)
{{
    text += strspn(text, " \\t\\"");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \\t\\"\\r\\n", text[length - 1])) {{
        text[--length] = 0;
    }}
{unused}{lookup}    char *end;
    *number = strtof(text, &end);
    return *end == 0;
}}

/* End the cell that begins here; what follows it, if anything does. */
static char *{name}_cut(char *text)
{{
    bool quoted = false;
    while (*text && (quoted || *text != ',')) {{
        quoted ^= *text++ == '"';
    }}
    if (*text == 0) {{
        return NULL;
    }}
    *text = 0;
    return text + 1;
}}

int main(void)
{{
    static char line[{longest}];
    static float input[{upper}_INPUTS], output[{upper}_OUTPUTS];
    for (long row = 1; fgets(line, sizeof line, stdin); row++) {{
        int count = 0;
        bool whole = true;
        for (char *cell = line, *next; cell; cell = next, count++) {{
            next = {name}_cut(cell);
            if (count < {upper}_INPUTS && !{name}_cell(cell, count, &input[count])) {{
                whole = false;
            }}
        }}
        if (row == 1 && {header}) {{
            continue; /* the names of the columns */
        }}
        if (!whole || count != {upper}_INPUTS) {{
            fprintf(stderr, "row %ld needs %d numbers between commas\\n", row, {upper}_INPUTS);
            return 2;
        }}
        {name}_predict(input, output);
{answer}        for (int i = 0; i < {upper}_OUTPUTS; i++) {{
            printf("%s%.9g", i ? "," : "", (double)output[i]);
        }}
        printf("\\n");
    }}
    return 0;
}}
#endif"""

_LOOKUP = """    bool named = length == 0;
    for (size_t k = 0; k < sizeof {name}_codes / sizeof *{name}_codes; k++) {{
        if ({name}_codes[k].column == column) {{
            named = true;
            if (!strcmp({name}_codes[k].text, text)) {{
                *number = {name}_codes[k].code;
                return true;
            }}
        }}
    }}
    if (named) {{
        *number = {name}_missing[column];
        return true;
    }}
"""

_EMPTY = """    if (length == 0) {{
        *number = {missing};
        return true;
    }}
"""

_ANSWER = """        int best = 0;
        for (int i = 1; i < {upper}_OUTPUTS; i++) {{
            best = output[i] > output[best] ? i : best;
        }}
        printf("%s,", {name}_classes[best]);
"""


def program_lines(name: str, fields: Sequence[Field], classes: bool) -> list[str]:
    """The lines of the program.

    Args:
        name: of the network.
        fields: what the numbers of a row are, if that is known.
        classes: whether the outputs are scores of classes that have names.
    """
    upper = name.upper()
    lookup = _LOOKUP if any(f.codes for f in fields) else _EMPTY
    first = '!strncmp(line + strspn(line, "\\" "), {name}_columns[0], strlen({name}_columns[0]))'
    text = _PROGRAM.format(
        name=name,
        upper=upper,
        tables=_tables(name, fields),
        unused="" if fields else "    (void)column;\n",
        lookup=lookup.format(name=name, missing=f"{name}_missing[column]" if fields else "NAN"),
        header=first.format(name=name) if fields else "!whole",
        longest=f"{upper}_INPUTS * 64 + 4096",
        answer=_ANSWER.format(name=name, upper=upper) if classes else "",
    )
    return text.splitlines()


def _tables(name: str, fields: Sequence[Field]) -> str:
    lines: list[str] = []
    entries = [(k, word, code) for k, f in enumerate(fields) for word, code in f.codes.items()]
    if entries:
        lines += [
            "",
            "/* The categories of each column. */",
            "static const struct {",
            "    int column;",
        ]
        lines += ["    const char *text;", "    float code;", f"}} {name}_codes[] = {{"]
        lines += [f"    {{{k}, {quoted(word)}, {code}}}," for k, word, code in entries] + ["};"]
    if fields:
        single = np.dtype(np.float32)
        lines += ["", "/* What stands for an empty cell, and for a text that is not above. */"]
        lines += [f"static const float {name}_missing[{len(fields)}] = {{"]
        lines += [f"    {literal(f.missing, single)}," for f in fields] + ["};"]
    return "\n".join(lines) + ("\n" if lines else "")
