"""Pixels, and the PNG files they become, read back by another library."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, ShapeError
from chainrule.picture import data_uri, diverging, encode_png, image_grid, shrink, to_pixels


def decoded(png):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)))


@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,), (4,)]), st.integers(0, 2**31)
)
def test_a_png_holds_the_pixels_it_was_given(height, width, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)
    np.testing.assert_array_equal(decoded(encode_png(pixels)), pixels)


def test_a_smooth_picture_is_filtered_and_still_itself():
    ramp = np.add.outer(np.arange(200), np.arange(100)).astype(np.uint8)
    png = encode_png(ramp)
    assert len(png) < ramp.size / 20
    np.testing.assert_array_equal(decoded(png), ramp)


def test_views_are_encoded_as_they_look():
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(decoded(encode_png(pixels[::-1, ::2].T)), pixels[::-1, ::2].T)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2)),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 3), np.uint8),
        np.zeros((2, 2, 3, 1), np.uint8),
    ],
)
def test_other_arrays_are_no_picture(pixels):
    with pytest.raises(DataError, match="expected uint8 pixels"):
        encode_png(pixels)


def test_an_address_carries_the_picture():
    png = encode_png(np.zeros((2, 2), np.uint8))
    head, _, data = data_uri(png).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == png


def test_signs_have_colours_and_zero_has_none():
    blue, white, red = diverging([-1.0, 0.0, 1.0])
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert len(set(white.tolist())) == 1


def test_the_scale_is_symmetric_and_may_be_shared():
    np.testing.assert_array_equal(diverging([0.5], limit=1.0), diverging([1.0], limit=2.0))
    np.testing.assert_array_equal(diverging([5.0], limit=1.0), diverging([1.0]))


def test_unknown_weights_are_grey_and_no_weights_are_white():
    assert diverging([[np.nan, 1.0]])[0, 0].tolist() == [128] * 3
    assert diverging(np.zeros((2, 2))).min() > 240
    assert diverging(np.zeros((0, 3))).shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 4, 5), (4, 5)), ((4, 5), (4, 5)), ((3, 4, 5), (4, 5, 3)), ((7, 4, 5), (4, 5))],
)
def test_images_of_any_number_of_channels(shape, expected):
    assert to_pixels(np.full(shape, 0.5)).shape == expected


def test_brightness_is_clipped():
    assert to_pixels([[-1.0, 2.0, np.nan]]).tolist() == [[0, 255, 0]]


def test_what_is_no_image_is_told():
    with pytest.raises(ShapeError, match=r"\(C, H, W\)"):
        to_pixels(np.zeros(3))
    with pytest.raises(DataError, match="divide by 255"):
        to_pixels(np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize("shape", [(100, 60), (60, 100, 3), (97, 1), (1, 500, 3), (20, 20)])
def test_large_pictures_are_averaged_down(shape):
    pixels = np.full(shape, 77, np.uint8)
    small = shrink(pixels, 48)
    assert max(small.shape[:2]) <= 48
    assert small.ndim == pixels.ndim
    assert set(small.ravel().tolist()) == {77}


def test_a_grid_keeps_each_image_in_its_place():
    images = np.arange(1, 6, dtype=np.uint8)[:, None, None] * np.ones((5, 2, 3), np.uint8)
    grid = image_grid(images, columns=2, scale=2, gap=1, fill=9)
    assert grid.shape == (14, 13)
    assert (grid[0, 0], grid[0, 7], grid[5, 0], grid[10, 0]) == (1, 2, 3, 5)
    assert (grid[:, 6] == 9).all()
    assert (grid[10:, 7:] == 9).all()
    assert image_grid(np.stack([images] * 3, axis=-1), 3).shape == (5, 11, 3)


@pytest.mark.parametrize("options", [{"columns": 0}, {"columns": 1, "scale": 0}])
def test_a_grid_of_nothing_is_told(options):
    with pytest.raises(DataError, match="image_grid"):
        image_grid(np.zeros((1, 2, 2), np.uint8), **options)
    with pytest.raises(DataError, match="image_grid"):
        image_grid(np.zeros((0, 2, 2), np.uint8), columns=1)
