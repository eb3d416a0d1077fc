"""A page of HTML, complete in itself: it loads nothing, and a policy forbids it to (floor 0).

The colours of every page, light and dark, and its letters are in `assets/page.css`; the rest of its
look is its own. What is put into its body comes from `markup` and is escaped by construction.
"""

from __future__ import annotations

from importlib import resources

from chainrule.picture.markup import Markup, element

__all__ = ["asset", "document"]

# A second fence behind the escaping: nothing is loaded from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_SCRIPTS = "; script-src 'unsafe-inline'"


def document(title: str, style: str, *body: Markup, scripts: bool = False) -> str:
    """Return a page with a head that every page of this library has.

    Args:
        title: of the page.
        style: its style sheet, after that of all pages.
        *body: the elements in its body.
        scripts: whether the page's own scripts may run; otherwise none can.

    Examples:
        >>> page = document("1 < 2", "", element("p", "so it is"))
        >>> "<title>1 &lt; 2</title>" in page, "script-src" in page
        (True, False)
    """
    policy = _POLICY + _SCRIPTS * scripts
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="chainrule"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(f"\n{asset('page.css')}\n{style}")),
    )
    return f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n"


def asset(name: str) -> str:
    """Return the text of a file in `assets`."""
    return (resources.files("chainrule.picture") / "assets" / name).read_text(encoding="utf-8")
