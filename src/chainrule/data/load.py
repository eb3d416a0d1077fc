"""Data by name: one function from what a person types to `Examples` (floor 3).

`digits`, `mnist` and the toys by their names, a table or a folder of images by its path. What is
known wins over what lies in the working folder: `./digits` is the folder. This file knows the names
and which option belongs to which kind of data; all the reading is done elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chainrule.data.digits import digits
from chainrule.data.examples import Examples
from chainrule.data.images import Size, image_folder
from chainrule.data.mnist import mnist
from chainrule.data.tables.large import Told, untold
from chainrule.data.tables.table import table
from chainrule.data.toys import (
    blobs,
    circles,
    hill,
    moons,
    rectangles,
    ring,
    slope,
    spiral,
    waves,
    xor,
)
from chainrule.errors import DataError, OptionError, did_you_mean

__all__ = ["KNOWN", "load"]

TABLES = frozenset({".csv", ".tsv", ".txt", ".parquet"})
TOYS: Mapping[str, Callable[..., Examples]] = MappingProxyType(
    {
        "moons": moons,
        "circles": circles,
        "ring": ring,
        "spiral": spiral,
        "xor": xor,
        "blobs": blobs,
        "slope": slope,
        "hill": hill,
        "waves": waves,
        "rectangles": rectangles,
    }
)
# The data sets that have a name, in the order in which they are listed to a person.
KNOWN: Mapping[str, Callable[..., Examples]] = MappingProxyType(
    {"digits": digits, "mnist": mnist, **TOYS}
)
# Which options the data sets with a name have, and what an option belongs to.
BY_NAME = {"mnist": ("data_dir",)}
OWNERS = {
    "data_dir": "mnist",
    "target": "a table",
    "categorical": "a table",
    "numeric": "a table",
    "drop": "a table",
    "memory": "a table",
    "size": "a folder of images",
    "grey": "a folder of images",
}


def load(
    name: str | Path,
    *,
    data_dir: Path | str | None = None,
    target: str | None = None,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    drop: Collection[str] = (),
    memory: int | None = None,
    told: Told = untold,
    size: Size | None = None,
    grey: bool | None = None,
    seed: int = 0,
) -> Examples:
    """Load a data set by its name, a table or a folder of images by its path.

    Args:
        name: one of `KNOWN`, or a path.
        data_dir: of `mnist` only: a folder to look for its files in.
        target: of a table only: the name of its target column.
        categorical: of a table only: columns that are categories whatever they look like.
        numeric: of a table only: columns that are numbers; cells that are none count as missing.
        drop: of a table only: columns to leave out.
        memory: of a table only: bytes; a larger file is read in pieces.
        told: hears how far that is: what is being done, rows done, and of how many if known.
        size: of a folder of images only: height and width to bring them to.
        grey: of a folder of images only: whether to keep one channel or three.
        seed: of the toys, which are drawn; nothing else has any use for it.

    Returns:
        What was found, as `Examples`.

    Raises:
        DataError: nothing has that name, or what has it is not what it should be.
        OptionError: an option that this kind of data does not have.

    Examples:
        >>> load("moons")
        Examples('moons': 1,000 rows of 2 numbers, 2 classes)
        >>> load("digits", target="label")
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: target does not apply to 'digits', only to a table; leave it \
out
    """
    columns = {"categorical": categorical or None, "numeric": numeric or None, "drop": drop or None}
    options = {
        "data_dir": data_dir,
        "target": target,
        **columns,
        "memory": memory,
        "size": size,
        "grey": grey,
    }
    if isinstance(name, str) and name in KNOWN:
        applying = _applying(name, options, *BY_NAME.get(name, ()))
        return TOYS[name](seed=seed, **applying) if name in TOYS else KNOWN[name](**applying)
    path = Path(os.path.expanduser(name))
    if os.path.isdir(path) and str(name):  # an empty name is not the working folder
        return image_folder(path, **_applying(name, options, "size", "grey"))
    if os.path.isfile(path):
        if path.suffix.lower() not in TABLES:
            raise DataError(
                f"{path} is not a kind of file to learn from; a table "
                f"({', '.join(sorted(TABLES))}) or a folder of images is due"
            )
        asked = _applying(name, options, "target", *columns, "memory")
        given = {key: value for key, value in asked.items() if value is not None}
        return table(path, **given, told=told)
    raise DataError(
        f"{str(name)!r} is neither a file or folder nor one of the data sets {', '.join(KNOWN)}"
        f"{did_you_mean(str(name).lower(), KNOWN)}"
    )


def _applying(name: str | Path, options: dict[str, Any], *allowed: str) -> dict[str, Any]:
    """Return the options in `allowed`; any other that was given is an error."""
    for option, value in options.items():
        if value is not None and option not in allowed:
            raise OptionError(
                f"{option} does not apply to {str(name)!r}, only to {OWNERS[option]}; leave it out"
            )
    return {option: options[option] for option in allowed}
