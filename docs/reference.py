"""The directive of the API pages: names in an order that was chosen, and none of them forgotten.

`.. reference:: chainrule.optim` documents what stands in its body, a module's names in the order in
which a reader wants them. With `:complete:` every name in the module's `__all__` must be there;
`:elsewhere:` lists those that are spoken of in the text or have a page of their own. `:rest:`
documents after those in the body whatever else `__all__` has, by the files that define it.
"""

from __future__ import annotations

import importlib
import inspect

from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)


class Reference(SphinxDirective):
    """Document the names in the body, one after another."""

    has_content = True
    required_arguments = 1
    option_spec = {
        "complete": directives.flag,
        "rest": directives.flag,
        "elsewhere": directives.unchanged,
        "members": directives.unchanged,
    }

    def run(self):
        """Have autodoc write the entry of each name."""
        name = self.arguments[0]
        module = importlib.import_module(name)
        shown = self.env.metadata[self.env.docname].setdefault(name, [])
        shown += " ".join(self.content).split()
        if "complete" in self.options:
            known = {*shown, *self.options.get("elsewhere", "").split()}
            missing = [each for each in module.__all__ if each not in known]
            if missing:
                log.warning(
                    "not in the reference: %s of %s", missing, name, location=self.env.docname
                )
        chosen = " ".join(self.content).split()
        lines = [line for each in chosen for line in self.entry(name, module, each)]
        if "rest" in self.options:
            lines += self.rest(name, module, shown)
        return self.parse_text_to_nodes(StringList(lines, name))

    def rest(self, name, module, shown):
        """The lines that document what has not been shown, a rubric for each file."""
        known = {*shown, *self.options.get("elsewhere", "").split()}
        files = {}
        for each in module.__all__:
            thing = getattr(module, each)
            if each not in known and callable(thing):
                home = inspect.getmodule(thing)
                subject = (inspect.getdoc(home) or "").partition("\n")[0].partition(" (floor")[0]
                files.setdefault(subject.rstrip("."), []).append(each)
                shown.append(each)
        return [
            line
            for subject, names in files.items()
            for line in [
                f".. rubric:: {subject}",
                "",
                *(entry for each in names for entry in self.entry(name, module, each)),
            ]
        ]

    def entry(self, name, module, each):
        """The lines of reStructuredText that document one name."""
        thing = getattr(module, each)
        kind = "class" if inspect.isclass(thing) else "function"
        members = self.options.get("members")
        options = [f"   :members: {members}"] if members and kind == "class" else []
        return [f".. auto{kind}:: {name}.{each}", *options, ""]
