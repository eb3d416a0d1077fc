"""The colours and the lettering of every picture (floor 0, knows no picture).

One set of colours serves light and dark pages: each stands out from white and from near-black by
more than 3 to 1, the least that graphics need, and any two stay apart for the three kinds of
colour blindness. Lettering and grid are drawn in `currentColor`, so that a picture set in a page
takes the page's own ink; only a picture that stands alone brings ink and paper with it.
"""

from __future__ import annotations

__all__ = [
    "ALONE",
    "DARK_INK",
    "DARK_PAPER",
    "DASHES",
    "FAULT",
    "FONT",
    "GOOD",
    "INK",
    "PAPER",
    "SERIES",
    "STYLESHEET",
    "rgb",
    "series_color",
    "series_dash",
]

SERIES = ("#0072b2", "#d55e00", "#8f43f0", "#0a9396", "#c1835f", "#6b6b3a")
DASHES = (None, "6 3", "2 3")  # the second and third round through SERIES are dashed

GOOD = SERIES[0]  # what was right: the diagonal of a confusion matrix
FAULT = SERIES[1]  # what was wrong: everything beside it

INK, PAPER = "#1b1f24", "#ffffff"
DARK_INK, DARK_PAPER = "#e4e6e9", "#14171b"

FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"
)

# Said once in a page that shows several pictures; carried by each picture that stands alone.
STYLESHEET = f"""\
.chainrule {{ font: 12px {FONT}; font-variant-numeric: tabular-nums; }}
.chainrule text {{ fill: currentColor; }}
.chainrule .title {{ font-size: 14px; font-weight: 600; }}
.chainrule .soft {{ fill-opacity: .68; }}
.chainrule .grid {{ stroke: currentColor; stroke-opacity: .13; }}
.chainrule .axis {{ stroke: currentColor; stroke-opacity: .45; }}
.chainrule .mark {{ stroke: currentColor; stroke-opacity: .6; stroke-dasharray: 2 3; }}
.chainrule .curve {{ fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }}
.chainrule .stop {{ fill: none; pointer-events: all; }}
.chainrule .tip {{ opacity: 0; pointer-events: none; }}
.chainrule g:hover > .tip {{ opacity: 1; }}
"""

ALONE = f"""\
.chainrule {{ color: {INK}; }}
.chainrule .paper {{ fill: {PAPER}; }}
@media screen and (prefers-color-scheme: dark) {{
  .chainrule {{ color: {DARK_INK}; }}
  .chainrule .paper {{ fill: {DARK_PAPER}; }}
}}
"""


def series_color(index: int) -> str:
    """Return the colour of the `index`-th series; after the last the first comes again.

    Examples:
        >>> series_color(0), series_color(6)
        ('#0072b2', '#0072b2')
    """
    return SERIES[index % len(SERIES)]


def series_dash(index: int) -> str | None:
    """Return the dashes that tell apart two series of one colour, `None` for a solid line.

    Examples:
        >>> series_dash(0), series_dash(6)
        (None, '6 3')
    """
    return DASHES[index // len(SERIES) % len(DASHES)]


def rgb(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, each 0 to 255, of a colour written `#rrggbb`.

    Examples:
        >>> rgb("#0072b2")
        (0, 114, 178)
    """
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
