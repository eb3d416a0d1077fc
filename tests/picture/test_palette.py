"""The colours keep the two promises of their module: contrast, and distance for every eye."""

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from chainrule.picture.palette import (
    DARK_INK,
    DARK_PAPER,
    INK,
    PAPER,
    SERIES,
    rgb,
    series_color,
    series_dash,
)

# Machado, Oliveira, Fernandes 2009, severity 1, in linear light.
EYES = {
    "usual": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def light(color):
    share = np.array(rgb(color)) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(XYZ[1] @ light(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(linear):
    x, y, z = np.cbrt(XYZ @ linear / np.array([0.9505, 1, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("color", SERIES)
@pytest.mark.parametrize("paper", [PAPER, DARK_PAPER])
def test_every_colour_stands_out_from_the_paper(color, paper):
    assert contrast(color, paper) >= 3


def test_ink_is_easy_to_read():
    assert contrast(INK, PAPER) > 12
    assert contrast(DARK_INK, DARK_PAPER) > 12


@pytest.mark.parametrize("eye", EYES)
def test_any_two_colours_stay_apart(eye):
    seen = [lab(np.clip(EYES[eye] @ light(color), 1e-4, 1)) for color in SERIES]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 11


def test_the_classes_of_the_playground_keep_them_too():
    """Its pages have two colours more, in a table of their own."""
    text = (files("chainrule.playground") / "pages/shared/palette.js").read_text(encoding="utf-8")
    classes = re.findall("#[0-9a-f]{6}", re.search(r"CLASSES = \[(.*?)\]", text)[1])
    assert classes[: len(SERIES)] == list(SERIES)
    assert len(classes) == 8
    assert min(contrast(color, paper) for color in classes for paper in (PAPER, DARK_PAPER)) >= 3
    for eye in EYES.values():
        seen = [lab(np.clip(eye @ light(color), 1e-4, 1)) for color in classes]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 11


def test_colours_and_dashes_tell_eighteen_series_apart():
    looks = {(series_color(i), series_dash(i)) for i in range(18)}
    assert len(looks) == 18
