"""What the README promises: its Python runs, and its commands are those of CI."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S)
PROGRAMS = [p for language, p in BLOCKS if language == "python" and "runs/" not in p]
COMMANDS = "\n".join(p for language, p in BLOCKS if not language)


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

    commands = re.findall(rf"chainrule ({'|'.join(cli.commands)})\b([^#\n]*)", COMMANDS)
    assert {name for name, _ in commands} == set(cli.commands)
    for name, rest in commands:
        known = {option for p in cli.commands[name].params for option in p.opts} | {"--help"}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)) <= known, f"{name} {rest}"
