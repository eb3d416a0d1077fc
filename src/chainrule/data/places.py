"""Where data sets are looked for, in which order (floor 3).

A folder the person gives, then the one in the environment variable CHAINRULE_DATA, then the user's
cache folder; in the first two also their subfolder named after the data set. This file knows
folders and names; it reads no data.
"""

from __future__ import annotations

import os
from pathlib import Path

from chainrule.files import cache_folder

__all__ = ["VARIABLE", "cache_folder", "places"]

VARIABLE = "CHAINRULE_DATA"


def places(name: str, data_dir: Path | str | None = None) -> list[Path]:
    """Return the folders in which the data set `name` is looked for, the first first.

    The last one is the cache: where it is downloaded to when none has it.

    Args:
        name: the data set, `"mnist"`.
        data_dir: a folder the person gave.

    Examples:
        >>> [folder.as_posix() for folder in places("mnist", "my")][:2]
        ['my', 'my/mnist']
    """
    cache = cache_folder() / name
    roots = [
        Path(os.path.expanduser(given)) for given in (data_dir, os.environ.get(VARIABLE)) if given
    ]
    folders = [folder for root in roots for folder in (root, root / name)]
    return [folder for folder in dict.fromkeys(folders) if folder != cache] + [cache]
