"""The staircase: what every lesson keeps to, and each of them run as a program."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.learn import STAIRS, lessons

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
LESSONS = lessons()
MOST_LINES = 120
SECONDS = 120  # a lesson takes a tenth of this on one core of its own

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def code_lines(lesson):
    """The lines of code: not blank ones, comments or prose."""
    lines = [line.strip() for line in lesson.path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_they_are_numbered_from_1_without_a_gap():
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))
    assert list(STAIRS)[-1] <= len(LESSONS)


@each_lesson
def test_it_is_short(lesson):
    assert len(code_lines(lesson)) < MOST_LINES


@each_lesson
def test_it_ends_in_assertions(lesson):
    *_, last = (cell for cell in lesson.cells if cell.is_code)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(last.text)))


@each_lesson
def test_it_says_what_to_try_and_what_comes_next(lesson):
    prose = "\n".join(cell.text for cell in lesson.cells if not cell.is_code)
    assert "## Try it yourself" in prose
    assert re.search(r"^\W*Next\b.*:", prose, re.MULTILINE)


@each_lesson
def test_it_leaves_global_random_state_alone(lesson):
    source = lesson.path.read_text(encoding="utf-8")
    made = r"np\.random\.(?!default_rng|Generator)\w+\("
    assert not re.search(rf"{made}|\brandom\.(?!Random\b|default_rng\b|Generator\b)\w+\(", source)


@each_lesson
def test_it_runs_as_a_program(lesson, tmp_path):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    if SHARED.is_dir():
        environment.setdefault("CHAINRULE_DATA", str(SHARED))
    run = subprocess.run(
        [sys.executable, "-W", "error", lesson.path],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout
    assert not list(tmp_path.iterdir()), "a lesson leaves files behind"
