"""A program of C around a network: rows of text come in, answers go out (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.export.c.text import literal, quoted

__all__ = ["Field", "program_lines"]


@dataclass(frozen=True)
class Field:
    """What one number of a table's row is.

    Attributes:
        name: of the column.
        codes: of a category, the number for each text; any other text is 0. Empty for numbers.
        missing: what stands for an empty cell.
    """

    name: str
    codes: Mapping[str, int] = field(default_factory=dict)
    missing: float = math.nan


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
{lookup}    if (length == 0) {{
        *number = {missing};
        return true;
    }}
    char *end;
    *number = strtof(text, &end);
    return *end == 0;
}}

int main(void)
{{
    static char line[{longest}];
    static float input[{upper}_INPUTS], output[{upper}_OUTPUTS];
    for (long row = 1; fgets(line, sizeof line, stdin); row++) {{
        int count = 0;
        bool whole = true;
        for (char *cell = line, *next; cell; cell = next, count++) {{
            next = strchr(cell, ',');
            if (next) {{
                *next++ = 0;
            }}
            if (count < {upper}_INPUTS && !{name}_cell(cell, count, &input[count])) {{
                whole = false;
            }}
        }}
        if (!whole && row == 1) {{
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

_LOOKUP = """    bool named = false;
    for (size_t k = 0; k < sizeof {name}_codes / sizeof *{name}_codes; k++) {{
        if ({name}_codes[k].column == column) {{
            if (!named) {{
                *number = 0;
            }}
            named = true;
            if (!strcmp({name}_codes[k].text, text)) {{
                *number = {name}_codes[k].code;
                return true;
            }}
        }}
    }}
    if (named) {{
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
    named = any(f.codes for f in fields)
    text = _PROGRAM.format(
        name=name,
        upper=upper,
        tables=_tables(name, fields),
        lookup=_LOOKUP.format(name=name)
        if named
        else ""
        if _fills(fields)
        else "    (void)column;\n",
        missing=f"{name}_missing[column]" if _fills(fields) else "NAN",
        longest=f"{upper}_INPUTS * 64 + 4096",
        answer=_ANSWER.format(name=name, upper=upper) if classes else "",
    )
    return text.splitlines()


def _fills(fields: Sequence[Field]) -> bool:
    return any(not math.isnan(f.missing) for f in fields)


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
    if _fills(fields):
        single = np.dtype(np.float32)
        lines += ["", "/* What stands for an empty cell. */"]
        lines += [f"static const float {name}_missing[{len(fields)}] = {{"]
        lines += [f"    {literal(f.missing, single)}," for f in fields] + ["};"]
    return "\n".join(lines) + ("\n" if lines else "")
