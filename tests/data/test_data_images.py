"""Folders of images and single images: what is read, and every way in which one can be wrong."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import images as module
from chainrule.data.images import image_folder, read_image
from chainrule.errors import DataError, MissingExtraError, OptionError

Image = pytest.importorskip("PIL.Image")


def save(path, size=(4, 4), colour=0, mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), colour).save(path, **options)
    return path


@pytest.fixture
def pets(tmp_path):
    """Make a folder of two classes, grey images of 4x6."""
    for kind, grey in (("dog", 255), ("cat", 10)):
        for k in range(2):
            save(tmp_path / "pets" / kind / f"{k}.png", (4, 6), grey)
    return tmp_path / "pets"


def png(width, height, data=b""):
    """Return the bytes of a PNG whose header claims a size."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


# What is read


def test_folder(pets):
    some = image_folder(pets)
    assert some.x.shape == (4, 1, 4, 6)
    assert some.x.dtype == np.uint8
    assert some.levels == 255
    assert some.classes == ("cat", "dog")
    assert some.y.tolist() == [0, 0, 1, 1]
    assert some.x[:, 0, 0, 0].tolist() == [10, 10, 255, 255]
    assert some.name == "pets"
    assert some.about == "4 images of 2 classes from the folder pets, 4x6 grey"


def test_classes_that_are_numbers(tmp_path):
    for k in (10, 9, 0):
        save(tmp_path / str(k) / "a.png")
    assert image_folder(tmp_path).classes == ("0", "9", "10")


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "bmp", "gif", "webp"])
def test_formats(tmp_path, suffix):
    for kind in "ab":
        save(tmp_path / kind / f"x.{suffix}", colour=200)
    some = image_folder(tmp_path)
    assert some.x.shape == (2, 1, 4, 4)
    assert abs(int(some.x[0, 0, 0, 0]) - 200) <= 2


def test_colour_and_grey(pets, tmp_path):
    save(pets / "cat" / "red.png", (4, 6), "red", "RGB")
    some = image_folder(pets)
    assert some.x.shape == (5, 3, 4, 6)
    assert "in colour" in some.about
    assert some.x[2, :, 0, 0].tolist() == [255, 0, 0]
    assert some.x[0, :, 0, 0].tolist() == [10] * 3
    assert image_folder(pets, grey=True).x.shape == (5, 1, 4, 6)
    assert image_folder(pets, grey=True).x[2, 0, 0, 0] == 76  # 0.299 red
    (pets / "cat" / "red.png").unlink()
    save(pets / "cat" / "grey.png", (4, 6), (7, 7, 7), "RGB")
    assert image_folder(pets).x.shape == (5, 1, 4, 6)
    assert image_folder(pets, grey=False).x.shape == (5, 3, 4, 6)


def test_sizes(pets):
    assert image_folder(pets, size=8).x.shape[2:] == (8, 8)
    assert image_folder(pets, size=(2, 3)).x.shape[2:] == (2, 3)
    save(pets / "cat" / "large.png", (40, 60), 10)
    some = image_folder(pets)
    assert some.x.shape[2:] == (4, 6)
    assert "brought to one size" in some.about
    assert (some.x[some.y == 0] == 10).all()


def test_a_common_size_is_64_at_most(tmp_path):
    for k, size in enumerate([(300, 400), (320, 400), (340, 420)]):
        save(tmp_path / f"{k}" / "a.png", size)
    assert image_folder(tmp_path).x.shape[2:] == (51, 64)


def test_resizing_averages(tmp_path):
    board = np.indices((64, 64)).sum(0) % 2 * 255
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "a.png")
    small = read_image(tmp_path / "a.png", size=8, resize=True)
    assert np.abs(small.astype(int) - 127).max() < 4  # without it, all black or all white


def test_hidden_and_other_files(pets):
    (pets / "notes.txt").write_text("mine")
    (pets / "cat" / "Thumbs.db").write_text("other")
    (pets / "cat" / ".hidden.png").write_text("hidden")
    (pets / ".cache").mkdir()
    (pets / "__MACOSX").mkdir()
    some = image_folder(pets)
    assert len(some) == 4
    assert some.classes == ("cat", "dog")
    assert some.about.endswith("; 2 other files left out")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_orientation(tmp_path, orientation, suffix):
    from PIL import ImageOps

    pixels = np.zeros((8, 16), np.uint8)
    pixels[:4, :8] = 255
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} | ({"lossless": True} if suffix == "webp" else {})
    path = tmp_path / "a" / f"x.{suffix}"
    path.parent.mkdir()
    image.save(path, exif=exif, **(options if suffix != "png" else {}))
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("L"))
    np.testing.assert_array_equal(read_image(path)[0], upright)
    save(tmp_path / "b" / "x.png", upright.shape)
    assert image_folder(tmp_path).x.shape[2:] == upright.shape


def test_exif_in_disorder(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xffjunk")
    assert read_image(tmp_path / "a.jpg").shape == (1, 3, 3)


def test_16_bits(tmp_path):
    values = np.array([[0, 255, 256, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0].tolist() == [[0, 0, 1, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_transparent_is_white(tmp_path, mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    image = image if mode == "RGBA" else image.convert(mode)
    suffix = "png" if mode != "PA" else "webp"
    (image.convert("RGBA") if mode == "PA" else image).save(tmp_path / f"a.{suffix}")
    if mode == "P":  # a palette whose entry 0 is transparent
        flat = Image.new("P", (2, 1), 0)
        flat.putpalette([9, 9, 9, 0, 0, 0])
        flat.putpixel((1, 0), 1)
        flat.save(tmp_path / "a.png", transparency=0)
    for channels in (1, 3):
        pixels = read_image(tmp_path / f"a.{suffix}", channels=channels)
        assert pixels[:, 0, 0].tolist() == [255] * channels
        assert pixels[:, 0, 1].max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_modes(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (3, 2), "white").convert(mode).save(path)
    assert (read_image(path, channels=3) >= 254).all()
    assert (read_image(path) >= 254).all()


def test_read_image(tmp_path):
    path = save(tmp_path / "cat.png", (32, 20), "red", "RGB")
    assert read_image(path).shape == (1, 32, 20)
    assert read_image(path, channels=3)[:, 0, 0].tolist() == [255, 0, 0]
    assert read_image(path, size=(32, 20)).shape == (1, 32, 20)
    assert read_image(path, size=28, channels=3, resize=True).shape == (3, 28, 28)
    assert read_image(path).flags.c_contiguous
    assert read_image(path).flags.writeable
    with pytest.raises(DataError, match=r"cat\.png is 32x20, the model takes 28x28.*pass --resize"):
        read_image(path, size=28)


# What is refused


def test_folders_that_are_none(tmp_path, pets):
    with pytest.raises(DataError, match="none: there is no such folder"):
        image_folder(tmp_path / "none")
    with pytest.raises(DataError, match="there is no such folder"):
        image_folder(pets / "cat" / "0.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty has neither subfolders nor images"):
        image_folder(tmp_path / "empty")
    (tmp_path / "empty").rmdir()
    with pytest.raises(DataError, match="cat has images but no subfolders"):
        image_folder(pets / "cat")
    with pytest.raises(DataError, match="pets may be the folder you mean"):
        image_folder(tmp_path)


def test_classes_that_are_none(pets):
    (pets / "fish").mkdir()
    with pytest.raises(DataError, match=r"fish has no images \(.*\.png.*\); add some, or remove"):
        image_folder(pets)
    (pets / "fish").rmdir()
    for path in (pets / "cat").iterdir():
        path.unlink()
    (pets / "cat").rmdir()
    with pytest.raises(DataError, match="one class only, 'dog'"):
        image_folder(pets)


def test_images_that_are_none(pets):
    whole = np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)
    path = pets / "cat" / "z.png"
    Image.fromarray(whole).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    for size in (None, 4):
        with pytest.raises(DataError, match=r"z\.png is damaged and cannot be decoded \(.*trunc"):
            image_folder(pets, size=size)
    for raw in (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        path.write_bytes(raw)
        with pytest.raises(DataError, match=r"z\.png is not an image that can be read \(PNG, JPEG"):
            image_folder(pets)


def test_missing_image(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(DataError, match="no such image file"):
            read_image(path)


@pytest.mark.parametrize("side", [8001, 12_000, 60_000])
def test_too_large(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=r"bomb\.png is too large: more than 64 million pixels"):
            read_image(path)


def test_too_many(pets, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with pytest.raises(
        DataError, match=r"4 images of 100x100 would take .* GB; choose a smaller size"
    ):
        image_folder(pets, size=100)


@pytest.mark.parametrize("size", [0, -1, 5000, 2.5, (3,), (1, 2, 3), (0, 4), "8", (8, 2.0)])
def test_sizes_that_are_none(pets, size):
    with pytest.raises(OptionError, match="size is a number of pixels or a pair"):
        image_folder(pets, size=size)
    with pytest.raises(OptionError, match="size is a number of pixels or a pair"):
        read_image(pets / "cat" / "0.png", size=size)


def test_channels_that_are_none(pets):
    with pytest.raises(OptionError, match=r"channels is 1 .grey. or 3 .colour., got 4"):
        read_image(pets / "cat" / "0.png", channels=4)


def test_pillow_missing(pets, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r"reading image files needs PIL.*\[images\]"):
        image_folder(pets)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), suffix=st.sampled_from(["png", "jpg", "gif", "bmp", "webp"]))
def test_any_damage_is_an_image_or_a_data_error(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("damage", numbered=True) / f"x.{suffix}"
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])
    message = path.name
    try:
        assert read_image(path).dtype == np.uint8
    except DataError as error:
        message = str(error)
    assert path.name in message
    assert "\n" not in message
