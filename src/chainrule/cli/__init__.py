"""The command line: `chainrule train`, `predict`, `explain` and `learn` (floor 5)."""

from chainrule.cli.main import main

__all__ = ["main"]
