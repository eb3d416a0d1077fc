"""The command line called as a person calls it, and models that it has trained."""

import importlib
import shlex
from contextlib import redirect_stdout
from io import StringIO
from typing import NamedTuple

import pytest

from chainrule.cli import main
from cli import material


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Work in an empty folder, with nobody's data sets in reach and no mirror to ask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no-cache"))
    mnist = importlib.import_module("chainrule.data.mnist")
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))


@pytest.fixture
def chainrule(capsys):
    """Call `chainrule` with a command line, in this process."""

    def call(line, *more):
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(line), *map(str, more)])
        return Ended(ended.value.code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folders as `chainrule train` leaves them, by name; each made when first asked for."""
    home = tmp_path_factory.mktemp("trained")
    lines = {
        "digits": "digits --model mlp --hidden 32 --epochs 4",
        "pets": f"{home}/pets.csv --model linear --epochs 12 --lr 0.1 --batch-size 16",
        "prices": f"{home}/prices.csv --model linear --epochs 30 --lr 0.2 --batch-size 16",
        "kaggle": f"{home}/kaggle.csv --model linear --epochs 10 --lr 0.01",
    }

    def folder(name):
        place = home / name
        if not place.exists():
            if name != "digits":
                getattr(material, name)(home / f"{name}.csv")
            with redirect_stdout(StringIO()), pytest.raises(SystemExit) as ended:
                main(["train", *shlex.split(lines[name]), "--seed", "1", "--out", str(place)])
            assert ended.value.code == 0
        return place

    return folder
