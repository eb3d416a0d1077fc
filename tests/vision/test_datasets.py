"""Data sets of images, from small files made here: found, read, transformed, refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import vision
from chainrule.data import DataLoader, write_idx
from chainrule.errors import DataError, OptionError
from chainrule.vision import datasets, transforms

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch, tmp_path):
    """Look for data in the test's own folders alone."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr("chainrule.data.places.cache_folder", lambda: tmp_path / "cache")


def digits(folder, count=6, part="t10k"):
    """The two files of a part of MNIST."""
    folder.mkdir(parents=True)
    x = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    y = np.arange(count, dtype=np.uint8)
    write_idx(folder / f"{part}-images-idx3-ubyte", x)
    write_idx(folder / f"{part}-labels-idx1-ubyte", y)
    return x, y


@pytest.mark.parametrize("kind", [datasets.MNIST, datasets.FashionMNIST])
def test_digits_and_clothes(tmp_path, kind):
    x, y = digits(tmp_path / kind.__name__ / "raw")
    found = kind(tmp_path, train=False)
    assert len(found) == 6
    image, label = found[2]
    assert image.mode == "L"
    assert label == 2
    np.testing.assert_array_equal(np.asarray(image), x[2])
    np.testing.assert_array_equal(found.targets, y)
    assert tuple(found.data.shape) == (6, 28, 28)
    assert found.class_to_idx[found.classes[3]] == 3


def test_batches_of_digits(tmp_path):
    x, _ = digits(tmp_path / "mnist")
    prepare = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )
    found = datasets.MNIST(tmp_path, False, prepare, target_transform=lambda label: label + 10)
    images, labels = next(iter(DataLoader(found, batch_size=4)))
    expected = (x[:4, None] / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert labels.tolist() == [10, 11, 12, 13]
    shown = repr(found)
    assert "Number of datapoints: 6" in shown
    assert "Normalize(mean=(0.1307,), std=(0.3081,))" in shown


def test_pictures_of_cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (4, 3073), dtype=np.uint8)
    rows[:, 0] = [3, 1, 9, 0]
    (folder / "test_batch.bin").write_bytes(rows.tobytes())
    found = datasets.CIFAR10(tmp_path, train=False)
    assert found.targets == [3, 1, 9, 0]
    assert found.data.shape == (4, 32, 32, 3)
    image, label = found[2]
    assert label == 9
    np.testing.assert_array_equal(
        np.asarray(image), rows[2, 1:].reshape(3, 32, 32).transpose(1, 2, 0)
    )
    (folder / "test_batch.bin").write_bytes(rows.tobytes()[:-1])
    with pytest.raises(DataError, match="no file of CIFAR-10's binary version"):
        datasets.CIFAR10(tmp_path, train=False)


def test_an_archive_gives_up_its_batches_and_nothing_else(tmp_path):
    archive = tmp_path / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in (
            "../evil.txt",
            "../../data_batch_1.bin",
            "cifar-10-batches-bin/test_batch.bin",
        ):
            member = tarfile.TarInfo(name)
            member.size = 3
            packed.addfile(member, io.BytesIO(b"abc"))
    datasets._unpack(archive, tmp_path / "in" / "out")
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert written == ["cifar.tar.gz", "in/out/data_batch_1.bin", "in/out/test_batch.bin"]


def folders(root):
    for name, grey in {"cat": 10, "dog": 200}.items():
        (root / name).mkdir(parents=True)
        for i in range(2):
            pil.new("L", (6, 4), grey + i).save(root / name / f"{i}.png")
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_images(tmp_path):
    found = datasets.ImageFolder(folders(tmp_path / "pets"), transform=transforms.ToTensor())
    assert found.classes == ["cat", "dog"]
    assert found.class_to_idx == {"cat": 0, "dog": 1}
    assert found.targets == [0, 0, 1, 1]
    assert found.imgs is found.samples
    image, label = found[3]
    assert tuple(image.shape) == (3, 4, 6)
    assert label == 1
    np.testing.assert_allclose(image.numpy(), 201 / 255, rtol=1e-6)


def test_a_folder_of_anything(tmp_path):
    def read(path):
        return len(Path(path).read_text(encoding="utf-8"))

    root = folders(tmp_path / "pets")
    only = {"extensions": (".txt",), "allow_empty": True}
    assert datasets.DatasetFolder(root, read, **only)[0] == (8, 0)
    chosen = datasets.DatasetFolder(root, str, is_valid_file=lambda path: path.endswith("1.png"))
    assert len(chosen) == 2


def test_noise_is_the_same_at_every_look():
    found = datasets.FakeData(5, (3, 8, 8), 4)
    image, label = found[3]
    again, same = found[3]
    np.testing.assert_array_equal(np.asarray(image), np.asarray(again))
    assert label == same < 4
    assert np.asarray(found[4][0]).tobytes() != np.asarray(image).tobytes()
    assert len(list(found)) == 5


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda root: datasets.MNIST(root), DataError, "MNIST was not found in .*download=True"),
        (lambda root: datasets.CIFAR10(root), DataError, "CIFAR10's binary version was not found"),
        (lambda root: datasets.ImageFolder(root / "none"), DataError, "there is no folder"),
        (lambda root: datasets.ImageFolder(root), DataError, "has no subfolders"),
        (lambda root: datasets.DatasetFolder(root, str), OptionError, "exactly one of extensions"),
        (lambda root: datasets.VisionDataset(root, max, max), OptionError, "not both"),
        (lambda root: datasets.FakeData(2)[2], IndexError, "no sample 2, only 2"),
        (lambda root: datasets.CelebA, AttributeError, "vision.datasets has no 'CelebA'"),
        (lambda root: vision.models.resnet18, AttributeError, "write the network with"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask(tmp_path)


def test_the_pickled_cifar_is_not_read(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match="the pickled version beside it is not read"):
        datasets.CIFAR10(tmp_path)


def test_an_empty_class_is_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="cat has no files of the kind"):
        datasets.ImageFolder(tmp_path)


def test_it_comes_with_the_library():
    assert cr.vision is vision
