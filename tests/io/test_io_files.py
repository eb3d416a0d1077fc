"""Files are written whole or not at all."""

import os

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import DataError
from chainrule.files import replace_bytes, replace_text
from chainrule.io import load, save, save_model


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_new_and_replaced(tmp_path):
    for content in (b"one", b"", b"three" * 100_000):
        replace_bytes(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert names(tmp_path) == ["file"]


def test_text_is_utf8_with_line_feeds(tmp_path):
    replace_text(str(tmp_path / "note"), "é\nü\n")
    assert (tmp_path / "note").read_bytes() == b"\xc3\xa9\n\xc3\xbc\n"


def full_disk(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, moment):
    replace_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr(os, moment, full_disk)
    if moment == "replace":
        monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        replace_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_ctrl_c_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    replace_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", pressed)
    with pytest.raises(KeyboardInterrupt):
        replace_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("place", ["missing/file", "file/inside", "."])
def test_no_place_to_write_to(tmp_path, place):
    (tmp_path / "file").write_text("here")
    with pytest.raises((OSError, ValueError)):
        replace_bytes(tmp_path / place, b"new")
    assert names(tmp_path) == ["file"]


def test_weights_whose_writing_fails(tmp_path, monkeypatch):
    save({"x": np.ones(3)}, tmp_path / "x.safetensors")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match=r"x\.safetensors cannot be written: No space left"):
        save({"x": np.zeros(3)}, tmp_path / "x.safetensors")
    assert load(tmp_path / "x.safetensors")["x"].tolist() == [1, 1, 1]
    assert names(tmp_path) == ["x.safetensors"]


def test_a_model_whose_writing_fails(tmp_path, monkeypatch):
    save(nn.Linear(2, 3), tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match="No space left"):
        save(nn.Linear(4, 5), tmp_path / "model")
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before


def test_nothing_is_written_that_cannot_be_said(tmp_path):
    """What cannot be described, or is no JSON, is found before the first byte."""
    with pytest.raises(DataError):
        save(nn.Sequential(nn.Linear(2, 3), nn.CrossEntropyLoss()), tmp_path / "model")
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(tmp_path / "model", nn.Linear(2, 3), {"figure": float("nan")})
    assert not names(tmp_path)
