"""Images and weights: from any shape, at the right brightness, with the right words."""

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import draw, nn
from chainrule.errors import DataError, ShapeError
from chainrule.layers import Conv2D, Linear, Net, ReLU
from chainrule.picture import diverging
from chainrule.scalar import MLP

NAMESPACE = "{http://www.w3.org/2000/svg}"


def pixels(chart):
    """The images of a chart, without its scale."""
    image = pytest.importorskip("PIL.Image")
    root = ET.fromstring(str(chart))
    found = [at for at in root.iter(f"{NAMESPACE}image") if "pixelated" in (at.get("style") or "")]
    return [
        np.asarray(image.open(io.BytesIO(base64.b64decode(at.get("href").split(",")[1]))))
        for at in found
    ]


def texts(chart):
    return ["".join(at.itertext()) for at in ET.fromstring(str(chart)).iter(f"{NAMESPACE}text")]


# --- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 1, 4, 4), (3, 16)])
def test_grey_images_of_any_layout(shape):
    numbers = np.arange(48).reshape(shape) / 47
    found = np.stack(pixels(draw.images(numbers)))
    assert np.array_equal(found, np.rint(255 * numbers).astype(int).reshape(3, 4, 4))


def test_rows_of_pixels_take_the_shape_they_are_given():
    assert pixels(draw.images(np.zeros((2, 6)), shape=(2, 3)))[0].shape == (2, 3)


def test_colours_come_channels_first():
    red = np.zeros((1, 3, 2, 2))
    red[:, 0] = 1
    assert pixels(draw.images(red))[0][0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([0.0, 0.5, 0.25, 0.75], [0, 128, 64, 191]),  # shares of full brightness
        ([0, 4, 8, 16], [0, 64, 128, 255]),  # the brightest is white
        ([-1, 0, 0, 1], [0, 128, 128, 255]),  # the lowest is black
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_how_bright(numbers, shown):
    (image,) = pixels(draw.images(np.reshape(numbers, (1, 2, 2))))
    assert image.ravel().tolist() == shown


def test_ink_is_dark():
    (image,) = pixels(draw.images([[[0.0, 1.0]]], ink=True))
    assert image.tolist() == [[255, 0]]


def test_words_beneath_and_wrong_ones_marked():
    chart = draw.images(cr.zeros(3, 2, 2), captions=[7, "9, not 4", 1], wrong=[0, 1, 0])
    assert texts(chart) == ["7", "9, not 4", "1"]
    assert chart.description == "3 images: 7; 9, not 4 (marked); 1"


def test_of_many_images_the_first_are_shown_and_it_says_so():
    chart = draw.images(np.zeros((201, 2, 2)), captions=range(201), wrong=np.zeros(201, bool))
    assert len(pixels(chart)) == 200
    assert "the first 200 of 201 images" in texts(chart)


@pytest.mark.parametrize(
    ("images", "options", "error", "sentence"),
    [
        (np.zeros((2, 5)), {}, ShapeError, "5 pixels in a row are no square"),
        (np.zeros((2, 6)), {"shape": (2, 2)}, ShapeError, "not 2 x 2"),
        (np.zeros(4), {}, ShapeError, r"got \(4,\)"),
        (np.zeros((0, 2, 2)), {}, ShapeError, r"got \(0, 2, 2\)"),
        (np.zeros((1, 2, 4, 4)), {}, ShapeError, "1 or 3 channels"),
        (np.full((1, 2, 2), np.nan), {}, DataError, "NaN"),
        (["cat.png"], {}, DataError, "expected numbers"),
        (np.zeros((2, 2, 2)), {"captions": ["a"]}, ShapeError, "2 images with 1 captions"),
        (np.zeros((2, 2, 2)), {"wrong": [True]}, ShapeError, "2 images with 1 marks"),
        (np.zeros((2, 2, 2)), {"columns": 0}, DataError, "column"),
    ],
)
def test_images_that_are_none_are_told(images, options, error, sentence):
    with pytest.raises(error, match=sentence):
        draw.images(images, **options)


# --- weights -------------------------------------------------------------------------------------


def test_weights_are_coloured_on_one_scale():
    numbers = np.array([[[-2.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.0]]])
    found = np.stack(pixels(draw.weights(numbers)))
    assert np.array_equal(found, diverging(numbers, 2.0))


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_linear_layer_of_every_floor_has_an_image_for_each_unit(wrapped):
    module, layer, mlp = nn.Linear(4, 3), Linear(4, 3), MLP(4, [3, 1])
    weight = module.weight.detach().numpy()
    layer.weight["W"][:] = weight.T
    for neuron, row in zip(mlp.layers[0].neurons, weight, strict=True):
        for value, number in zip(neuron.w, row, strict=True):
            value.data = float(number)
    if wrapped:
        of_module = draw.weights(nn.Sequential(nn.Flatten(), module, nn.ReLU()))
        others = [draw.weights(Net([ReLU(), layer])), draw.weights(mlp)]
    else:
        of_module = draw.weights(module)
        others = [draw.weights(layer), draw.weights(mlp.layers[0])]
    assert of_module.description == "3 images: 0; 1; 2"
    assert pixels(of_module)[0].shape == (2, 2, 3)
    assert all(str(other) == str(of_module) for other in others)


@pytest.mark.parametrize("layer", [nn.Conv2d(2, 3, 5), Conv2D(2, 3, 5)])
def test_a_convolution_has_an_image_for_each_channel_of_a_unit(layer):
    chart = draw.weights(layer)
    assert chart.description == "6 images: 0, 0; 0, 1; 1, 0; 1, 1; 2, 0; 2, 1"
    assert {image.shape for image in pixels(chart)} == {(5, 5, 3)}


def test_units_may_have_names():
    assert "a; b" in draw.weights(np.eye(2), shape=(1, 2), captions=["a", "b"]).description


def test_weights_of_nothing_but_zero_are_pale():
    (image,) = pixels(draw.weights(np.zeros((1, 2, 2))))
    assert np.unique(image).tolist() == [247]


@pytest.mark.parametrize(
    ("weights", "options", "error", "sentence"),
    [
        (nn.ReLU(), {}, ShapeError, "ReLU has no layer with weights"),
        (nn.Linear(5, 2), {}, ShapeError, "give shape="),
        (np.full((1, 2, 2), np.inf), {}, DataError, "finite"),
        (np.eye(4), {"captions": ["a"]}, ShapeError, "4 units with 1 captions"),
        ("heavy", {}, DataError, "weights: expected numbers"),
    ],
)
def test_weights_that_are_none_are_told(weights, options, error, sentence):
    with pytest.raises(error, match=sentence):
        draw.weights(weights, **options)
