"""Transforms: what each does to an image of Pillow's and to a tensor, by hand and by the other."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError, ShapeError
from chainrule.vision import transforms, utils
from chainrule.vision.transforms import functional as F

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def picture(height=6, width=8, channels=3):
    """A smooth picture, as bytes (H, W, C)."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return (40 + 9 * y + 13 * x + 25 * c).astype(np.uint8)


IMAGE = pil.fromarray(picture())
TENSOR = F.pil_to_tensor(IMAGE)


def numbers(image):
    """The bytes (C, H, W) of either kind."""
    return image.numpy() if isinstance(image, cr.Tensor) else F.pil_to_tensor(image).numpy()


# What is done to both kinds of image must come to the same, but for rounding.
BOTH = {
    "hflip": F.hflip,
    "vflip": F.vflip,
    "crop": lambda image: F.crop(image, 1, 2, 3, 4),
    "crop beyond": lambda image: F.crop(image, -1, 5, 9, 6),
    "center_crop": lambda image: F.center_crop(image, [4, 5]),
    "center_crop beyond": lambda image: F.center_crop(image, 9),
    "pad": lambda image: F.pad(image, 2),
    "pad of two": lambda image: F.pad(image, [1, 2], fill=7),
    "pad of four": lambda image: F.pad(image, (1, 2, 3, 0), padding_mode="reflect"),
    "pad by its edge": lambda image: F.pad(image, 2, padding_mode="edge"),
    "pad symmetric": lambda image: F.pad(image, 2, padding_mode="symmetric"),
    "resize": lambda image: F.resize(image, [3, 5]),
    "resize up": lambda image: F.resize(image, [12, 11]),
    "resize the shorter": lambda image: F.resize(image, 3),
    "resize within": lambda image: F.resize(image, 5, max_size=6),
    "resize to the nearest": lambda image: F.resize(image, 4, F.InterpolationMode.NEAREST),
    "resize by cubes": lambda image: F.resize(image, 4, F.InterpolationMode.BICUBIC),
    "resized_crop": lambda image: F.resized_crop(image, 1, 1, 4, 4, 8),
    "rotate": lambda image: F.rotate(image, 90, expand=True),
    "rotate a little": lambda image: F.rotate(image, 20, fill=9),
    "grey": F.rgb_to_grayscale,
    "grey of three": lambda image: F.to_grayscale(image, 3),
    "brightness": lambda image: F.adjust_brightness(image, 1.4),
    "contrast": lambda image: F.adjust_contrast(image, 0.5),
    "saturation": lambda image: F.adjust_saturation(image, 0.3),
    "hue": lambda image: F.adjust_hue(image, 0.2),
}


@pytest.mark.parametrize("name", BOTH)
def test_both_kinds_of_image_come_to_the_same(name):
    ours, theirs = numbers(BOTH[name](TENSOR)), numbers(BOTH[name](IMAGE))
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_cutting_and_turning_by_hand():
    x = picture().transpose(2, 0, 1)
    np.testing.assert_array_equal(numbers(F.hflip(IMAGE)), x[:, :, ::-1])
    np.testing.assert_array_equal(numbers(F.vflip(TENSOR)), x[:, ::-1])
    np.testing.assert_array_equal(numbers(F.crop(IMAGE, 1, 2, 3, 4)), x[:, 1:4, 2:6])
    np.testing.assert_array_equal(numbers(F.center_crop(TENSOR, 4)), x[:, 1:5, 2:6])
    np.testing.assert_array_equal(
        numbers(F.rotate(IMAGE, 90, expand=True)), np.rot90(x, axes=(1, 2))
    )
    padded = np.pad(x, ((0, 0), (2, 0), (1, 3)))
    np.testing.assert_array_equal(numbers(F.pad(IMAGE, (1, 2, 3, 0))), padded)


def test_larger_by_interpolation_is_pytorchs(torch):
    x = picture().transpose(2, 0, 1)[None].astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.tensor(x), (9, 5), mode="bilinear", antialias=True
    )
    found = F.resize(cr.tensor(x), [9, 5])
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


def test_between_forms():
    found = transforms.ToTensor()(IMAGE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.numpy(), picture().transpose(2, 0, 1) / np.float32(255))
    np.testing.assert_array_equal(transforms.PILToTensor()(IMAGE).numpy(), TENSOR.numpy())
    again = transforms.ToPILImage()(found)
    assert again.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(again), picture())
    assert transforms.ToPILImage()(cr.zeros(1, 4, 4)).mode == "L"
    truth = pil.fromarray(np.eye(4, dtype=bool))
    np.testing.assert_array_equal(F.to_tensor(truth).numpy()[0], np.eye(4))
    as_float = picture().astype(np.float32)
    np.testing.assert_array_equal(F.to_tensor(as_float).numpy(), as_float.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (np.uint8(255), np.float32, 1.0),
        (np.float32(1.0), np.uint8, 255),
        (np.uint8(255), np.int32, 255 * 2**23),
        (np.int32(255 * 2**23), np.uint8, 255),
        (np.float32(0.5), np.float64, 0.5),
    ],
)
def test_formats_of_numbers(value, dtype, expected):
    found = transforms.ConvertImageDtype(dtype)(cr.from_numpy(np.full((1, 2, 2), value)))
    assert found.dtype == dtype
    assert (found == expected).all()


def test_normalize():
    x = transforms.ToTensor()(IMAGE)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    expected = (x.numpy() - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(transforms.Normalize(mean, std)(x).numpy(), expected, rtol=1e-5)
    changed = x.clone()
    assert transforms.Normalize(mean, std, inplace=True)(changed) is changed
    np.testing.assert_allclose(changed.numpy(), expected, rtol=1e-5)


# --- chance -------------------------------------------------------------------------------------

RANDOM = {
    "RandomCrop": transforms.RandomCrop(4, padding=1),
    "RandomCrop of little": transforms.RandomCrop(10, pad_if_needed=True),
    "RandomResizedCrop": transforms.RandomResizedCrop(5),
    "RandomHorizontalFlip": transforms.RandomHorizontalFlip(),
    "RandomVerticalFlip": transforms.RandomVerticalFlip(),
    "RandomRotation": transforms.RandomRotation(30),
    "RandomGrayscale": transforms.RandomGrayscale(0.5),
    "ColorJitter": transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "RandomApply": transforms.RandomApply([F.hflip, F.vflip]),
    "RandomOrder": transforms.RandomOrder([F.hflip, lambda image: F.rotate(image, 20)]),
    "RandomChoice": transforms.RandomChoice([F.hflip, F.vflip], p=[1, 2]),
}


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("image", [IMAGE, TENSOR], ids=["pillow", "tensor"])
def test_chance_varies_and_the_same_seed_repeats(name, image):
    def drawn():
        cr.manual_seed(3)
        return [numbers(RANDOM[name](image)) for _ in range(12)]

    first, second = drawn(), drawn()
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)
    assert len({a.tobytes() for a in first}) > 1
    assert len({a.shape for a in first}) == 1


def test_flips_happen_as_often_as_they_should():
    cr.manual_seed(0)
    flip = transforms.RandomHorizontalFlip(0.25)
    turned = sum(flip(TENSOR) is not TENSOR for _ in range(2000))
    assert 400 < turned < 600


def test_every_place_of_a_crop_is_reached():
    cr.manual_seed(0)
    crop = transforms.RandomCrop(4)
    corners = {int(crop(TENSOR)[0, 0, 0]) for _ in range(300)}
    assert len(corners) == len({int(v) for v in picture()[:3, :5, 0].ravel()})


@pytest.mark.parametrize("value", [0, (0.1, 0.2, 0.3), "random"])
def test_erasing(value):
    cr.manual_seed(1)
    x = cr.full((3, 20, 20), 0.5)
    found = transforms.RandomErasing(p=1.0, value=value)(x)
    changed = (found != x).numpy()
    share = changed.any(0).mean()
    assert 0.01 < share < 0.4
    assert (x == 0.5).all()
    if value == (0.1, 0.2, 0.3):
        for channel, v in zip(found.numpy(), value):
            assert set(np.unique(channel)) == {np.float32(0.5), np.float32(v)}


# --- sentences, representations, grids ----------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda: transforms.RandomCrop(9)(TENSOR), OptionError, "out of an image of 6 by 8"),
        (lambda: F.normalize(TENSOR, [0], [1]), OptionError, r"put ToTensor\(\) before"),
        (lambda: F.normalize(cr.ones(1, 2, 2), [0], [0]), OptionError, "std, which is 0"),
        (lambda: F.pad(TENSOR, (1, 2, 3)), OptionError, "1, 2 or 4 numbers, got 3"),
        (lambda: F.pad(TENSOR, 1, padding_mode="wrap"), OptionError, "padding_mode is one of"),
        (lambda: F.resize(TENSOR, 0), OptionError, "one or two numbers above 0"),
        (lambda: F.adjust_hue(TENSOR, 0.7), OptionError, "from -0.5 to 0.5"),
        (lambda: F.hflip(np.ones((2, 2))), OptionError, "an image is one of Pillow's or a tensor"),
        (lambda: F.to_tensor(np.ones(3)), ShapeError, r"\(H, W\) or \(H, W, C\)"),
        (lambda: F.to_pil_image(cr.ones(5, 2, 2)), ShapeError, "1 to 4 channels"),
        (lambda: transforms.Lambda(3), OptionError, "Lambda takes a function"),
        (lambda: transforms.ColorJitter(-1), OptionError, "0 or more"),
        (lambda: transforms.Rezise, AttributeError, "did you mean 'Resize'"),
        (lambda: utils.make_grid(cr.ones(2)), ShapeError, r"images \(N, C, H, W\)"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask()


def test_representations():
    both = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    assert repr(both) == "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n)"
    assert repr(transforms.RandomHorizontalFlip()) == "RandomHorizontalFlip(p=0.5)"


def test_a_grid_of_images(tmp_path):
    x = cr.tensor(np.arange(5 * 4, dtype=np.float32).reshape(5, 1, 2, 2))
    grid = utils.make_grid(x, nrow=3, padding=1, pad_value=-1)
    assert tuple(grid.shape) == (3, 7, 10)
    np.testing.assert_array_equal(grid[0, 1:3, 4:6], x[1, 0])
    np.testing.assert_array_equal(grid[2, 4:6, 1:3], x[3, 0])
    assert (grid[0, 0] == -1).all()
    scaled = utils.make_grid(x, normalize=True)
    assert scaled.max() == 1
    assert scaled.min() == 0
    path = tmp_path / "grid.png"
    utils.save_image(scaled, path)
    np.testing.assert_array_equal(
        np.asarray(pil.open(path)), (scaled * 255 + 0.5).numpy().astype(np.uint8).transpose(1, 2, 0)
    )
    with pytest.raises(OptionError, match="cannot be written as an image"):
        utils.save_image(x, tmp_path / "grid.what")
