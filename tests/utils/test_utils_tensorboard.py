"""Event files: read back record by record, and by TensorBoard where it is installed."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import chainrule as cr
from chainrule.absent import AbsentError
from chainrule.errors import DataError
from chainrule.utils import eventfile
from chainrule.utils.tensorboard import SummaryWriter


def records(folder):
    """The messages of the only event file of a folder, checksums held."""
    (path,) = folder.glob("events.out.tfevents.*")
    data, messages = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        message = data[12 : 12 + length]
        assert eventfile.record(message) == data[: 16 + length]
        messages.append(message)
        data = data[16 + length :]
    return messages


def fields(message):
    """The fields of a message, each a number and its content."""
    found = []
    while message:
        key, message = varint(message)
        number, kind = key >> 3, key & 7
        if kind == 0:
            content, message = varint(message)
        else:
            size, message = (
                (8, message) if kind == 1 else (4, message) if kind == 5 else varint(message)
            )
            content, message = message[:size], message[size:]
            content = (
                struct.unpack("<d" if kind == 1 else "<f", content)[0] if kind != 2 else content
            )
        found.append((number, content))
    return found


def varint(data):
    """A number in groups of seven bits, and what follows it."""
    n = 0
    for i, byte in enumerate(data):
        n |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return n, data[i + 1 :]
    raise AssertionError("the number does not end")


def only(message, number):
    """The content of the one field of that number."""
    (content,) = [content for n, content in fields(message) if n == number]
    return content


@pytest.fixture
def written(tmp_path):
    """One event, by a function that adds it: its step and its value's message."""

    def write(add):
        with SummaryWriter(tmp_path) as writer:
            add(writer)
        head, event = records(tmp_path)
        assert only(head, 3) == b"brain.Event:2"
        return only(event, 2), only(only(event, 5), 1)

    return write


@pytest.mark.parametrize(
    "loss", [0.25, np.float32(0.25), cr.tensor(0.25)], ids=["number", "numpy", "tensor"]
)
def test_scalars(written, loss):
    step, value = written(lambda w: w.add_scalar("loss/train", loss, 300))
    assert step == 300
    assert fields(value) == [(1, b"loss/train"), (2, 0.25)]


def test_histograms(written):
    _, value = written(lambda w: w.add_histogram("w", cr.tensor([1.0, 2.0, 4.0]), 1, bins=3))
    content = fields(only(value, 5))
    assert content[:5] == [(1, 1.0), (2, 4.0), (3, 3.0), (4, 7.0), (5, 21.0)]
    edges, counts = (np.frombuffer(c, dtype="<f8") for _, c in content[5:])
    assert edges.tolist() == [2.0, 3.0, 4.0]
    assert counts.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("shape", "order"), [((3, 4, 5), "CHW"), ((4, 5, 3), "HWC"), ((4, 5), "HW")]
)
def test_images(written, shape, order):
    _, value = written(lambda w: w.add_image("x", cr.zeros(*shape), dataformats=order))
    height, width, channels, png = (content for _, content in fields(only(value, 4)))
    assert (height, width, channels) == (4, 5, 3 if len(shape) == 3 else 1)
    assert png[:4] == b"\x89PNG"


def test_several_images_stand_side_by_side(written):
    _, value = written(lambda w: w.add_images("x", cr.zeros(6, 3, 4, 5)))
    assert [content for _, content in fields(only(value, 4))][:2] == [4, 30]


def test_text(written):
    _, value = written(lambda w: w.add_text("note", "*good*"))
    assert only(value, 1) == b"note/text_summary"
    assert only(only(value, 8), 8) == b"*good*"


def test_scalars_of_one_picture_have_folders(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss", {"train": 1.0, "test": 2.0}, 4)
    for name, loss in [("train", 1.0), ("test", 2.0)]:
        _, event = records(tmp_path / f"loss_{name}")
        assert fields(only(only(event, 5), 1)) == [(1, b"loss"), (2, loss)]


def test_what_cannot_be_written_is_said(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(DataError, match="finite numbers"):
            writer.add_histogram("w", [])
        with pytest.raises(DataError, match="dataformats names the dimensions"):
            writer.add_image("x", cr.zeros(2, 2))
        with pytest.raises(AbsentError, match=r"no SummaryWriter\.add_graph"):
            writer.add_graph(None)


def test_a_folder_is_made_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_first") as writer:
        assert writer.get_logdir().startswith("runs")
        assert writer.get_logdir().endswith("_first")
    assert len(list((tmp_path / "runs").iterdir())) == 1
