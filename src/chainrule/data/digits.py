"""The 8x8 handwritten digits of UCI, small enough to be part of the package (floor 3).

What there is to train on with no network and no files. E. Alpaydin and C. Kaynak, "Optical
Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, DOI 10.24432/C50P49,
CC BY 4.0; the note beside the files in `assets` says what was changed. This file knows where they
lie in the package.
"""

from __future__ import annotations

from importlib import resources

from chainrule.data.examples import Array, Examples
from chainrule.data.idx import read_idx

__all__ = ["digits"]

LEVELS = 16.0  # a pixel counts the dark dots in a block of 4x4
ABOUT = (
    "8x8 handwritten digits; E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, "
    "UCI 1998, DOI 10.24432/C50P49; CC BY 4.0; part of the package"
)


def digits() -> Examples:
    """Load the 1,797 handwritten digits that come with the package.

    Returns:
        Images (1797, 1, 8, 8) uint8 with the values 0 to 16, labels (1797,) of ten classes.

    Raises:
        DataError: the installed package is damaged.

    Examples:
        >>> digits()
        Examples('digits': 1,797 images 1x8x8, 10 classes)
        >>> print(digits().x[1, 0, :4])  # the upper half of a one
        [[ 0  0  0 12 13  5  0  0]
         [ 0  0  0 11 16  9  0  0]
         [ 0  0  3 15 16  6  0  0]
         [ 0  7 15 16 16  2  0  0]]
    """
    images = _asset("digits-images-idx3-ubyte.gz")[:, None]  # (1797, 1, 8, 8)
    labels = _asset("digits-labels-idx1-ubyte.gz")
    return Examples("digits", images, labels, tuple("0123456789"), ABOUT, levels=LEVELS)


def _asset(name: str) -> Array:
    with resources.as_file(resources.files("chainrule.data") / "assets" / name) as path:
        return read_idx(path)
