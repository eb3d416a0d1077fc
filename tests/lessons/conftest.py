"""Lessons to read, made up for the tests."""

import importlib

import pytest

from chainrule import learn
from lessons import material


@pytest.fixture
def lesson_of(tmp_path):
    """Write a lesson into a file of its own and read it."""

    def make(source, name="02_half"):
        file = tmp_path / f"{name}.py"
        file.write_text(source, encoding="utf-8")
        return learn.read(file)

    return make


@pytest.fixture
def twice(lesson_of):
    """A lesson with all kinds of cells."""
    return lesson_of(material.TWICE, "01_twice")


@pytest.fixture
def two_lessons(tmp_path, monkeypatch):
    """Have a staircase of two made-up lessons in place of the real one."""
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "01_twice.py").write_text(material.TWICE, encoding="utf-8")
    (folder / "02_the_half_of_it.py").write_text(material.HALF, encoding="utf-8")
    module = importlib.import_module("chainrule.learn.lesson")
    monkeypatch.setattr(module, "_folder", lambda: folder)
