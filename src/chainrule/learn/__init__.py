"""Lessons: short programs with their explanation, read, run and shown (floor 4).

A lesson is a Python file in the percent format: cells of prose and cells of code, which an editor
opens as a notebook and Python runs as a program. `lessons` lists those that come with chainrule,
`find` picks one by its number or a part of its name, a `Session` runs the cells of one, and
`notebook` and `page` turn one into a Jupyter notebook and into an HTML page.
"""

from chainrule.learn.lesson import STAIRS, Cell, Lesson, find, lessons, read, standing_alone
from chainrule.learn.notebook import notebook
from chainrule.learn.page import page
from chainrule.learn.session import Session, picture_of

__all__ = [
    "STAIRS",
    "Cell",
    "Lesson",
    "Session",
    "find",
    "lessons",
    "notebook",
    "page",
    "picture_of",
    "read",
    "standing_alone",
]
