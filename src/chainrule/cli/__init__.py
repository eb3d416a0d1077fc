"""The command line: `chainrule train` and `chainrule predict` (floor 5)."""

from chainrule.cli.main import main

__all__ = ["main"]
