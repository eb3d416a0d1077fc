"""What the README promises: its Python runs, and its commands are those of CI."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = [p for p in re.findall(r"```python\n(.*?)```", README, re.S) if "runs/" not in p]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_python_in_the_readme_runs(program: str) -> None:
    exec(compile(program, "README.md", "exec"), {})


def test_the_test_command_is_what_ci_runs() -> None:
    (command,) = re.findall(r"^python3 -m venv .*pytest.*$", README, re.M)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_options_in_the_readme_exist() -> None:
    from chainrule.cli.main import cli

    known = {option for p in cli.commands["train"].params for option in p.opts}
    commands = "\n".join(re.findall(r"```\n(.*?)```", README, re.S))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", commands))
    assert named - known <= {"--help"}
