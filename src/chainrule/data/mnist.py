"""MNIST: 60,000 handwritten digits of 28x28 and 10,000 more to test with (floor 3).

Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"; CC BY-SA 3.0. The
four files are looked for on disk, plain or compressed, and downloaded where there is none. This
file knows which files they are, what must be in them and where they are published.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chainrule.data.examples import Array, Examples
from chainrule.data.fetch import fetch
from chainrule.data.idx import read_idx
from chainrule.data.places import places
from chainrule.errors import DataError

__all__ = ["mnist"]

# Of the gzip archives as they are published: what a download must have.
ARCHIVES = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
# Of what is in them: what an archive on disk must contain. Copies that somebody unpacked and
# compressed again are common; their bytes differ, their digits do not.
CONTENTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
CLASSES = tuple("0123456789")
SIDE = 28


def mnist(data_dir: Path | str | None = None) -> Examples:
    """Load MNIST from a folder, or download it (11 MB) into the user's cache.

    Looked for in `data_dir`, in its subfolder `mnist`, in the folder of the environment variable
    CHAINRULE_DATA, in its subfolder `mnist`, and in the cache. Compressed files are compared with
    their checksums; of plain ones the format is checked.

    Args:
        data_dir: a folder with the four files.

    Returns:
        Images (60000, 1, 28, 28) uint8 with 255 levels, labels (60000,), and in `test` 10,000 more.

    Raises:
        DataError: a file is not what it should be, or there is none and no connection.
        MissingExtraError: there is none, and pooch, which downloads them, is not installed.

    Examples:
        >>> mnist("data")  # doctest: +SKIP
        Examples('mnist': 60,000 images 1x28x28, 10 classes; 10,000 held out)
    """
    folders = places("mnist", data_dir)
    found = _find(folders)
    if found is None:
        archives = {f"{name}.gz": sha256 for name, sha256 in ARCHIVES.items()}
        fetch("MNIST", archives, MIRRORS, folders)
        found = {name: folders[-1] / f"{name}.gz" for name in CONTENTS}
    about = (
        "28x28 handwritten digits; Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0; read from "
        f"{found['train-images-idx3-ubyte'].parent}"
    )
    return _part("train", found, about, test=_part("t10k", found, about))


def _find(folders: list[Path]) -> dict[str, Path] | None:
    """Return the files of the first folder that has any of the four; all four must be there."""
    for folder in folders:
        found = {name: path for name in CONTENTS if (path := _file(folder, name)) is not None}
        if len(found) == len(CONTENTS):
            return found
        # In the cache an interrupted download may have left some of the four: it is carried on.
        if found and folder != folders[-1]:
            missing = ", ".join(name for name in CONTENTS if name not in found)
            raise DataError(
                f"{folder} has only {len(found)} of the four MNIST files: {missing} (plain or .gz) "
                "is missing; add it there"
            )
    return None


def _file(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    candidates = [f"{name}.gz", name, f"{dotted}.gz", dotted]
    return next((folder / file for file in candidates if (folder / file).is_file()), None)


def _part(part: str, found: dict[str, Path], about: str, test: Examples | None = None) -> Examples:
    images = _read(found, f"{part}-images-idx3-ubyte", (SIDE, SIDE))
    label_file = found[f"{part}-labels-idx1-ubyte"]
    labels = _read(found, f"{part}-labels-idx1-ubyte", ())
    if len(labels) != len(images):
        raise DataError(
            f"{label_file} has {len(labels):,} labels, but there are {len(images):,} images; put "
            "files that belong together into the folder"
        )
    if labels.size and labels.max() > 9:
        row = int(np.argmax(labels > 9))
        raise DataError(
            f"{label_file}: label {row} (from 0) is {labels[row]}; the digits are 0 to 9"
        )
    x = images[:, None]  # (N, 1, 28, 28)
    return Examples("mnist", x, labels, CLASSES, about, levels=255.0, test=test)


def _read(found: dict[str, Path], name: str, shape: tuple[int, ...]) -> Array:
    path = found[name]
    array = read_idx(path, CONTENTS[name] if path.suffix == ".gz" else None)
    if array.dtype != np.uint8 or array.ndim != 1 + len(shape) or array.shape[1:] != shape:
        each = " x ".join(map(str, ("N", *shape)))
        raise DataError(
            f"{path}: {each} bytes are due, it holds {array.dtype} of shape {array.shape}"
        )
    return array
