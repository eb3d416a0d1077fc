"""The lessons as a chapter of the site: their files, and a page that lists them stair by stair."""

from __future__ import annotations

import shutil
from itertools import groupby
from pathlib import Path

from chainrule.learn import Lesson, lessons
from chainrule.picture import Markup, element

STEP, RISE, FOOT = 36, 9, 56  # pixels: across and up for each lesson, and below the first


def write_lessons(folder: Path) -> None:
    """Copy the lessons into a folder of the site and write the page that lists them."""
    folder.mkdir(exist_ok=True)
    staircase = lessons()
    kept = {f"{lesson.name}.py" for lesson in staircase} | {"index.md"}
    for stale in folder.iterdir():
        if stale.name not in kept:
            stale.unlink()
    for lesson in staircase:
        shutil.copy2(lesson.path, folder)
    (folder / "index.md").write_text(index(staircase), encoding="utf-8")


def index(staircase: list[Lesson]) -> str:
    """The page: the picture, then every stair with a line for each of its lessons."""
    parts = [
        "# Lessons",
        "Short programs, one step each: every one begins with something that fails, repairs it, "
        "and ends in assertions. Read them here as they ran when this site was built, or run them "
        "yourself: `chainrule learn 3` in the terminal, `chainrule learn 3 --notebook` to change "
        "things and see.",
        f'<div class="staircase">{picture(staircase)}</div>',
    ]
    for stair, group in groupby(staircase, key=lambda lesson: lesson.stair):
        steps = list(group)
        lines = [
            f"{step.number}. [{step.title}]({step.name}.py)  \n   {step.promise}" for step in steps
        ]
        contents = [f"{step.number} {step.title} <{step.name}>" for step in steps]
        parts += [
            f"## {stair}",
            "{.steps}\n" + "\n".join(lines),
            "\n".join(["```{toctree}", ":hidden:", f":caption: {stair}", "", *contents, "```"]),
        ]
    return "\n\n".join(parts) + "\n"


def picture(staircase: list[Lesson]) -> Markup:
    """The staircase: a step for each lesson, which is a link to it, in the colour of its stair."""
    height = FOOT + RISE * len(staircase)
    names = list(dict.fromkeys(lesson.stair for lesson in staircase))
    steps = [
        element(
            "a",
            element("title", f"{lesson.number}. {lesson.title}"),
            element(
                "rect",
                x=STEP * i,
                y=height - FOOT - RISE * i,
                width=STEP - 2,
                height=FOOT + RISE * i,
                class_=f"stair-{names.index(lesson.stair) % 6}",
            ),
            element(
                "text",
                str(lesson.number),
                x=STEP * i + STEP / 2 - 1,
                y=height - FOOT - RISE * i + 19,
            ),
            href=f"{lesson.name}.html",
        )
        for i, lesson in enumerate(staircase)
    ]
    return element(
        "svg",
        element("title", "The staircase of lessons"),
        *steps,
        viewBox=f"0 0 {STEP * len(staircase)} {height + 2}",
        role="img",
    )
