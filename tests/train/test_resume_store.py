"""Checkpoints in files: whole or not there, checked when read, and a full disk loses nothing."""

import errno
import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import nn
from chainrule.errors import DataError
from chainrule.train import Checkpoint, fit
from chainrule.train.checkpointing import store

STATE = {"step": 3, "weights": {"a": np.arange(6.0).reshape(2, 3)}, "rest": (None, [1.5, "x"])}
X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(64, 1)


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


def two(folder):
    """Write two checkpoints, and return the path of the newer one."""
    store.write(folder, 1, {"step": 1}, keep=2)
    return store.write(folder, 2, STATE, keep=2)


def test_what_is_written_is_read(tmp_path):
    path = two(tmp_path)
    found = store.newest(tmp_path)
    assert (found.path, found.damaged) == (path, ())
    np.testing.assert_array_equal(found.state["weights"]["a"], STATE["weights"]["a"])
    assert found.state["rest"] == STATE["rest"]
    assert not list(tmp_path.glob(".*"))


def test_an_empty_folder_and_none(tmp_path):
    assert store.newest(tmp_path) == (None, None, ())
    assert store.newest(tmp_path / "none") == (None, None, ())


def test_every_changed_byte_is_noticed(tmp_path):
    path = two(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x04
        path.write_bytes(changed)
        found = store.newest(tmp_path)
        if found.path == path:  # a blank between two words of the header
            assert whole[place : place + 1] == b" "
        else:
            assert found.state == {"step": 1}
            assert found.damaged[0].startswith(
                f"the checkpoint {path.name} is damaged and left out"
            )


def test_every_length(tmp_path):
    path = two(tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert store.newest(tmp_path).state == {"step": 1}


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300))
def test_anything_at_all(tmp_path_factory, content):
    place = tmp_path_factory.mktemp("some")
    (place / "step-000000009.safetensors").write_bytes(content)
    assert store.newest(place).path is None


def test_a_checksum_does_not_make_it_one_of_this_run(tmp_path):
    """What is whole, but says something else, is refused in a sentence."""
    for wrong in (None, 3, [], {"job": None}, {"job": {}}, {"job": {"batches in an epoch": "x"}}):
        store.write(tmp_path, 5, wrong, keep=1)
        with pytest.raises(DataError, match=r"step-000000005\.safetensors is not of this run"):
            fit(nn.Linear(1, 1), (X, X), resume=tmp_path, progress=False)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_part_that_is_something_else(tmp_path_factory, data):
    """Any part of a checkpoint exchanged for anything: a sentence, or a run that goes on."""
    folder = tmp_path_factory.mktemp("run")
    fit(nn.Linear(1, 1), (X, X), epochs=1, callbacks=[Checkpoint(folder)], progress=False)
    state = store.newest(folder).state
    place = state
    while True:
        key = data.draw(st.sampled_from(sorted(place, key=str)) if isinstance(place, dict) else
                        st.sampled_from(range(len(place))))  # fmt: skip
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(
        st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})
        | st.just(np.zeros(2)) | st.floats()
    )  # fmt: skip
    store.write(folder, 99, state, keep=1)
    with suppress(DataError):
        fit(nn.Linear(1, 1), (X, X), epochs=1, resume=folder, progress=False)


def test_one_that_is_too_large_is_not_read(tmp_path):
    path = two(tmp_path)
    with path.open("ab") as file:
        file.truncate(1 << 40)
    found = store.newest(tmp_path, most_bytes=1 << 20)
    assert found.state == {"step": 1}
    assert "1,099,511,627,776 bytes, more than such a run has any use for" in found.damaged[0]


def test_what_is_not_a_checkpoint_is_left_alone(tmp_path):
    other = tmp_path / "step-two.safetensors"
    other.write_text("notes")
    two(tmp_path)
    store.write(tmp_path, 3, {}, keep=1)
    assert {p.name for p in tmp_path.iterdir()} == {"step-000000003.safetensors", other.name}
    store.clear(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [other.name]


def test_what_was_never_finished_is_cleared_away(tmp_path):
    path = two(tmp_path)
    (tmp_path / ".step-000000003.safetensors.123.part").write_bytes(b"half")
    fit(nn.Linear(1, 1), (X, X), epochs=1, callbacks=[Checkpoint(tmp_path)], progress=False)
    assert not list(tmp_path.glob(".*"))
    assert path.exists()


# --- damage, and a disk that is full, during a run ----------------------------------------------


def test_the_one_before_is_used_and_the_person_told(tmp_path, capsys):
    def run(epochs):
        return fit(
            nn.Linear(1, 1),
            (X, X),
            epochs=epochs,
            callbacks=[Checkpoint(tmp_path)],
            resume=tmp_path,
        )

    run(3)
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-9])
    capsys.readouterr()
    history = run(4)
    said = capsys.readouterr().out
    assert f"the checkpoint {newest.name} is damaged and left out: " in said
    assert "resumed from step-000000002.safetensors: epoch 2 of 4, step 2 of 4" in said
    assert history["epoch"] == [1, 2, 3, 4]


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    from chainrule.io import weights

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def run(epochs):
        saver = Checkpoint(tmp_path)
        return fit(
            nn.Linear(1, 1), (X, X), epochs=epochs, callbacks=[saver], resume=tmp_path,
            progress=False,
        )  # fmt: skip

    run(2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(weights, "replace_bytes", full)
        with pytest.raises(DataError) as stopped:
            run(4)
    assert str(stopped.value) == (
        f"{tmp_path}/step-000000003.safetensors cannot be written: No space left on device; "
        "training has stopped in epoch 3 after step 3, and the last that was saved is "
        "step-000000002.safetensors: make room, and resume"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert run(4)["epoch"] == [1, 2, 3, 4]


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from chainrule.cli import main
main(["train", "moons", "--hidden", "64,64", "--epochs", "30", "--checkpoint", "0", "--out", "out"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX's")
def test_a_file_that_may_not_grow(tmp_path):
    """The kernel itself refuses, as it does where a disk is full; nothing is left behind."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "cannot be written: File too large; training has stopped" in ended.stderr
    assert "none was saved before: make room, and resume" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_description_is_json_and_nothing_is_pickled(tmp_path):
    path = two(tmp_path)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(json.loads(header["__metadata__"]["chainrule"])) == {"format", "sha256", "state"}
