"""Time, memory and bound of a step before it is run, as one does it on a napkin (floor 4)."""

from chainrule.explain.napkin.estimate import napkin
from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.memory import Memory
from chainrule.explain.napkin.report import Napkin
from chainrule.explain.napkin.work import Work

__all__ = ["Machine", "Memory", "Napkin", "Work", "napkin"]
