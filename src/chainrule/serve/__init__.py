"""A saved model as a small HTTP service (floor 5)."""

from chainrule.serve.app import application
from chainrule.serve.limits import Limits
from chainrule.serve.server import serve

__all__ = ["Limits", "application", "serve"]
