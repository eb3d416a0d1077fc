"""How Sphinx builds the site: every lesson and every page with code in it is run.

A cell that fails, a link that leads nowhere and any other warning fail the build
(`sphinx-build -W`). Nothing on the site is loaded from another address.
"""

from __future__ import annotations

import html
import logging
import os
import re
import sys
from pathlib import Path

from docutils import nodes

import chainrule

# The runner of notebooks reports each start on standard error, where warnings should stand out.
logging.getLogger("traitlets").setLevel(logging.ERROR)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# Pages may show what tests keep as lists, as planted faults.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(HERE.parent / "tests"), os.environ.get("PYTHONPATH")])
)

from reference import Reference  # noqa: E402  (this folder must be found first)
from staircase import write_lessons  # noqa: E402

write_lessons(HERE / "lessons")

project = "chainrule"
author = "the authors of chainrule"
release = version = chainrule.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute", "*.py"]
default_role = "code"
highlight_language = "python"

# --- pages that are run ---------------------------------------------------------------------------

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js: dict[str, object] = {}  # they would come from another address
myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 3

# --- docstrings -----------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True


def plain_docstring(_app, _what, _name, _obj, _options, lines):
    """Take our docstrings for what they are: text with `code` and examples, no reStructuredText."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if not in_example:
            lines[i] = _escaped(line)


def _escaped(line: str) -> str:
    """Escape what would be markup: stars, bars and a final underscore outside of `code`."""
    parts = re.split(r"(`+[^`]*`+)", line)
    parts[::2] = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
    # An ending on a piece of code, as in `Value`s, needs a space that does not show.
    return "".join(re.sub(r"^(?=\w)", r"\\ ", part) if i else part for i, part in enumerate(parts))


# --- pictures ---------------------------------------------------------------------------------


def words_for_pictures(app, doctree):
    """Give the pictures that cells made the title that is written in them."""
    for image in doctree.findall(nodes.image):
        file = Path(app.srcdir, image["uri"])
        if "alt" not in image and file.suffix == ".svg":
            title = re.search("<title>(.*?)</title>", file.read_text(encoding="utf-8"))
            image["alt"] = html.unescape(title[1]) if title else ""


# --- the look -------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "chainrule"
html_static_path = ["_static"]
html_css_files = ["chainrule.css"]
html_favicon = "_static/chainrule.svg"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_dark_style = "github-dark"


def setup(app):
    """Add what is ours; docstrings are read before napoleon looks for their sections."""
    app.add_directive("reference", Reference)
    app.connect("doctree-read", words_for_pictures)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
