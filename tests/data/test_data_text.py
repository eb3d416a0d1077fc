"""Texts: where they are looked for, what is refused, and the real files where they are at hand."""

import hashlib
import importlib
import os
import string
from pathlib import Path

import pytest

from chainrule.data import text
from chainrule.errors import DataError, MissingExtraError, OptionError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
# The package hands on a function of the same name, which hides the module's own.
module = importlib.import_module("chainrule.data.text")
CONTENTS = b"one\ntwo"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Look only into folders of this test, and never into the network."""
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def published(monkeypatch):
    """Have a text of two lines published at an address; give the means to change it."""

    def publish(address="http://127.0.0.1:9/other-name.txt"):
        sha256 = hashlib.sha256(CONTENTS).hexdigest()
        one = module._Published("names.txt", sha256, address)
        monkeypatch.setattr(module, "PUBLISHED", {"names": one})

    publish()
    return publish


@pytest.mark.parametrize(
    ("name", "first", "letters", "lines"),
    [
        ("names", "emma", 228_145, 32_033),
        ("shakespeare", "First Citizen:", 1_115_394, 40_000),
    ],
)
def test_the_published_texts(name, first, letters, lines):
    folders = [os.environ.get("CHAINRULE_DATA"), SHARED]
    file = module.PUBLISHED[name].file
    found = [f for f in folders if f and (Path(f) / "text" / file).is_file()]
    if not found:
        pytest.skip(f"no {file} in CHAINRULE_DATA or {SHARED}")
    whole = text(name, found[0])
    assert whole.splitlines()[0] == first
    assert (len(whole), len(whole.splitlines())) == (letters, lines)


def test_the_shipped_names():
    names = text("small-names").splitlines()
    assert len(names) > 400
    assert names == sorted(set(names))
    assert set("".join(names)) <= set(string.ascii_lowercase)


def test_the_shipped_sonnets():
    sonnets = text("sonnets").rstrip("\n").split("\n\n")
    assert [len(sonnet.splitlines()) for sonnet in sonnets] == [14] * 4
    assert "\r" not in text("sonnets")


def test_a_name_that_no_text_has():
    with pytest.raises(OptionError, match=r"no text 'sonets'; .*; did you mean 'sonnets'\?"):
        text("sonets")


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("below", ["", "text"])
def test_folders_in_their_order(tmp_path, monkeypatch, below):
    for place in ("my", "variable"):
        (tmp_path / place / below).mkdir(parents=True)
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "variable"))
    (tmp_path / "variable" / below / "names.txt").write_bytes(CONTENTS)
    assert text("names") == "one\ntwo"
    (tmp_path / "my" / below / "names.txt").write_bytes(b"other")
    with pytest.raises(DataError, match=r"my.*names\.txt is not the published file: its SHA-256"):
        text("names", tmp_path / "my")


@pytest.mark.usefixtures("published")
def test_no_file_and_no_network(tmp_path, capsys):
    with pytest.raises(DataError) as caught:
        text("names", tmp_path / "my")
    sentence = str(caught.value)
    for part in ("my", "my/text", "cache/chainrule/text"):
        assert str(tmp_path / part) in sentence
    assert "names.txt could not be downloaded (no connection to 127.0.0.1:9)" in sentence
    assert "\n" not in sentence
    assert capsys.readouterr() == ("", "")


def test_pooch_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"not in .*cache.* needs pooch.*\[download\]"):
        text("names")


def test_a_download_arrives_under_our_name(tmp_path, published):
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "input.txt").write_bytes(CONTENTS)
    handler = functools.partial(Quiet, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        published(f"http://127.0.0.1:{running.server_port}/input.txt")
        assert text("names") == "one\ntwo"
        running.shutdown()
        thread.join()
    assert [path.name for path in (tmp_path / "cache/chainrule/text").iterdir()] == ["names.txt"]
    assert text("names") == "one\ntwo"  # from the cache now
