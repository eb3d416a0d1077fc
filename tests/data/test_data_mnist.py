"""MNIST: where it is looked for, what is refused, and the real files where they are at hand."""

import gzip
import importlib
import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.data import fetch as fetching
from chainrule.data.idx import write_idx
from chainrule.data.mnist import mnist
from chainrule.data.places import cache_folder, places
from chainrule.errors import DataError, MissingExtraError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
# The package hands on a function of the same name, which hides the module's own.
module = importlib.import_module("chainrule.data.mnist")
NAMES = tuple(module.CONTENTS)


def real_folder():
    """Return the folder of the real files, or skip the test."""
    for folder in (os.environ.get("CHAINRULE_DATA"), SHARED):
        if folder and (Path(folder) / "mnist" / f"{NAMES[0]}.gz").is_file():
            return Path(folder)
    pytest.skip(f"no MNIST files in CHAINRULE_DATA or {SHARED}")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch, request):
    """Look only into folders of this test, and never into the network."""
    if "real" in request.node.name:
        return
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "MIRRORS", ("http://127.0.0.1:9/",))


def write_set(folder, suffix="", dotted=False, n=3, **changes):
    """Write four small files that have the form of MNIST's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        shape = (n, 28, 28) if "images" in name else (n,)
        array = changes.get(name, np.full(shape, len(name) % 10, np.uint8))
        write_idx(folder / ((name.replace("-idx", ".idx") if dotted else name) + suffix), array)


def test_the_real_files():
    some = mnist(real_folder())
    assert repr(some).startswith("Examples('mnist': 60,000 images 1x28x28, 10 classes; 10,000")
    assert some.x.dtype == np.uint8
    assert some.levels == 255
    assert some.y[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert some.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert some.counts()["1"] == 6742
    assert some.test.counts()["1"] == 1135
    assert some.x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert some.x.std() / 255 == pytest.approx(0.3081, abs=1e-4)
    assert "CC BY-SA 3.0" in some.about
    assert str(real_folder()) in some.about


def test_a_real_file_compressed_anew_is_taken(tmp_path):
    folder = real_folder() / "mnist"
    for name in NAMES:
        (tmp_path / f"{name}.gz").symlink_to(folder / f"{name}.gz")
    labels = tmp_path / f"{NAMES[3]}.gz"
    contents = gzip.decompress(labels.read_bytes())
    labels.unlink()
    labels.write_bytes(gzip.compress(contents, 1, mtime=0))
    assert len(mnist(tmp_path).test) == 10_000
    labels.write_bytes(gzip.compress(contents[:-1] + b"\0"))
    with pytest.raises(DataError, match=rf"{NAMES[3]}.gz is not the published file.*ff7bcfd416de"):
        mnist(tmp_path)


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("below", ["", "mnist"])
def test_plain_files_in_a_given_folder(tmp_path, dotted, below):
    write_set(tmp_path / "my" / below, dotted=dotted)
    some = mnist(tmp_path / "my")
    assert some.x.shape == (3, 1, 28, 28)
    assert len(some.test) == 3
    assert some.about.endswith(str(tmp_path / "my" / below).rstrip("/"))


@pytest.mark.parametrize("below", ["", "mnist"])
def test_the_folder_of_the_variable(tmp_path, monkeypatch, below):
    write_set(tmp_path / "env" / below)
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "env"))
    assert len(mnist()) == 3
    write_set(tmp_path / "my", n=4)
    assert len(mnist(tmp_path / "my")) == 4


def test_the_cache(tmp_path):
    write_set(tmp_path / "cache" / "chainrule" / "mnist")
    assert len(mnist()) == 3


def test_order_of_places(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    cache = tmp_path / "cache" / "chainrule" / "mnist"
    assert places("mnist", "a") == [Path("a"), Path("a/mnist"), tmp_path, tmp_path / "mnist", cache]
    assert places("mnist", cache)[-1] == cache
    assert places("mnist", "~/x")[0] == Path.home() / "x"


def test_cache_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder().is_absolute()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().name == "chainrule"


def test_a_given_archive_with_another_checksum(tmp_path):
    write_set(tmp_path, suffix=".gz")
    with pytest.raises(
        DataError, match=r"t10k-images.*should be 0fa7898d5092\.\.\., is [0-9a-f]{12}"
    ):
        mnist(tmp_path)


def test_some_of_the_files_only(tmp_path):
    write_set(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    with pytest.raises(DataError, match=f"only 3 of the four .*{NAMES[1]} .* is missing"):
        mnist(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({NAMES[1]: np.array([1, 11, 2], np.uint8)}, f"{NAMES[1]}: label 1 .* is 11"),
        ({NAMES[1]: np.array([1, 2], np.uint8)}, "2 labels, but there are 3 images"),
        ({NAMES[0]: np.zeros((3, 28, 27), np.uint8)}, "N x 28 x 28 bytes are due"),
        ({NAMES[2]: np.zeros((3, 784), np.uint8)}, "N x 28 x 28 bytes are due"),
        ({NAMES[3]: np.zeros((3, 1), np.uint8)}, "N bytes are due"),
        ({NAMES[3]: np.zeros(3, np.int32)}, "N bytes are due, it holds int32"),
    ],
)
def test_files_that_are_no_mnist(tmp_path, changes, words):
    write_set(tmp_path, **changes)
    with pytest.raises(DataError, match=words):
        mnist(tmp_path)


def test_no_files_and_no_network(tmp_path, capsys):
    with pytest.raises(DataError) as caught:
        mnist(tmp_path / "my")
    sentence = str(caught.value)
    for part in ("my", "my/mnist", "cache/chainrule/mnist"):
        assert str(tmp_path / part) in sentence
    assert "no connection to 127.0.0.1:9" in sentence
    assert "CHAINRULE_DATA" in sentence
    assert "\n" not in sentence
    assert capsys.readouterr() == ("", "")


def test_pooch_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"not in .*cache.* needs pooch.*\[download\]"):
        mnist()


# Downloads, from a server of our own


@pytest.fixture
def server(tmp_path):
    """Serve a folder on this machine; give the folder and its address."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def sha256(contents):
    import hashlib

    return hashlib.sha256(contents).hexdigest()


def test_download_goes_to_the_cache_and_is_carried_on(tmp_path, monkeypatch, server):
    folder, address = server
    write_set(folder, suffix=".gz")
    packed = {name: (folder / f"{name}.gz").read_bytes() for name in NAMES}
    monkeypatch.setattr(module, "MIRRORS", ("http://127.0.0.1:9/", address))
    monkeypatch.setattr(module, "ARCHIVES", {name: sha256(raw) for name, raw in packed.items()})
    contents = {name: sha256(gzip.decompress(raw)) for name, raw in packed.items()}
    monkeypatch.setattr(module, "CONTENTS", contents)
    cache = tmp_path / "cache" / "chainrule" / "mnist"
    cache.mkdir(parents=True)
    (cache / f"{NAMES[0]}.gz").write_bytes(packed[NAMES[0]])  # one is there already
    (folder / f"{NAMES[0]}.gz").unlink()
    assert len(mnist()) == 3
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    for path in folder.iterdir():
        path.unlink()
    assert len(mnist()) == 3  # from the cache now


def test_download_with_another_checksum_leaves_nothing(tmp_path, server):
    folder, address = server
    (folder / "a.gz").write_bytes(b"other")
    with pytest.raises(DataError, match=r"127\.0\.0\.1:[0-9]+ sent a file with another checksum"):
        fetching.fetch("Some", {"a.gz": "0" * 64}, [address], [tmp_path / "to"])
    assert not list((tmp_path / "to").iterdir())


def test_download_that_is_not_there(tmp_path, server):
    with pytest.raises(DataError, match="answered 404"):
        fetching.fetch("Some", {"none.gz": "0" * 64}, [server[1]], [tmp_path / "to"])


def test_download_that_cannot_be_written(tmp_path, server):
    folder, address = server
    (folder / "a.gz").write_bytes(b"some")
    (tmp_path / "to").write_text("a file, not a folder")
    with pytest.raises(DataError, match="writing failed"):
        fetching.fetch("Some", {"a.gz": sha256(b"some")}, [address], [tmp_path / "to"])


def test_a_watched_download_draws_a_bar(tmp_path, server, monkeypatch, capsys):
    import rich.console

    folder, address = server
    (folder / "a.gz").write_bytes(bytes(5000))
    terminal = rich.console.Console

    def forced(**options):
        return terminal(force_terminal=True, **options)

    monkeypatch.setattr(rich.console, "Console", forced)
    fetching.fetch("Some", {"a.gz": sha256(bytes(5000))}, [address], [tmp_path / "to"])
    assert "downloading a.gz" in capsys.readouterr().err


def test_the_published_archives_and_their_contents_have_the_same_names():
    assert tuple(module.ARCHIVES) == tuple(module.CONTENTS)
