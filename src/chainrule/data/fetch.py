"""Downloading published files with checksums (floor 3).

pooch does the work: a file arrives beside its place, is compared with its SHA-256 and renamed, so a
broken download leaves nothing behind. This file shows how far it is where a person is watching, and
turns whatever goes wrong on the way into one sentence that says where was looked, why it failed and
what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chainrule.data.places import VARIABLE
from chainrule.errors import DataError, require

__all__ = ["fetch"]

TIMEOUT = (4.0, 30.0)  # seconds to connect, and to wait for the next bytes


def fetch(
    title: str, files: Mapping[str, str], mirrors: Sequence[str], places: Sequence[Path]
) -> None:
    """Download `files` into the last of `places`, each from the first mirror that has it.

    Args:
        title: what the files are, for a person: `"MNIST"`.
        files: file name to the SHA-256 of the file as it is published.
        mirrors: addresses that a file name completes, ending in a slash; one that does not end in
            a slash is the address of the file, which may have another name there.
        places: the folders that were searched in vain; the last is downloaded to.

    Raises:
        DataError: no mirror could be reached, or none had the right file.
        MissingExtraError: pooch is not installed.

    Examples:
        >>> from pathlib import Path
        >>> fetch("MNIST", {}, ["https://example.org/"], [Path("cache")])  # nothing to do
    """
    looked = ", ".join(map(str, places))
    pooch = require("pooch", "download", f"downloading {title} (which is not in {looked})")
    with _quiet(pooch.get_logger()), _progress() as progress:
        for name, sha256 in files.items():
            reasons = []
            for mirror in mirrors:
                url = mirror + name if mirror.endswith("/") else mirror
                reason = _try(pooch, url, sha256, places[-1] / name, progress)
                if reason is None:
                    break
                reasons.append(reason)
            else:
                raise DataError(
                    f"{title} was not found in {looked}, and {name} could not be downloaded "
                    f"({'; '.join(dict.fromkeys(reasons))}); put {', '.join(files)} into a folder "
                    f"and give it as data_dir or in the environment variable {VARIABLE}"
                )


def _try(pooch: Any, url: str, sha256: str, path: Path, progress: Any) -> str | None:
    """Download one file from one address; return why that failed, None if it did not."""
    bar = _Bar(progress, path.name)
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=bar)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, downloader=downloader)
    except (OSError, ValueError) as error:  # what requests raises is an OSError
        bar.remove()
        return _reason(url, error)
    return None


def _reason(url: str, error: Exception) -> str:
    """Say in a few words why a mirror failed: its own message is half a page of addresses."""
    problems = require("requests.exceptions", "download", "downloading data sets")
    host = urlsplit(url).netloc
    if isinstance(error, problems.HTTPError):
        return f"{host} answered {error.response.status_code}"
    if isinstance(error, problems.RequestException):
        return f"no connection to {host}"
    if isinstance(error, OSError):
        return f"writing failed: {error}"
    return f"{host} sent a file with another checksum"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch's lines from standing in front of our one sentence."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _progress() -> Any:
    """Return a display of downloads that draws nothing where nobody is watching."""
    rich = require("rich.progress", "download", "showing the progress of a download")
    console = require("rich.console", "download", "showing progress").Console(stderr=True)
    columns = (
        rich.TextColumn("downloading {task.description}"),
        rich.BarColumn(),
        rich.DownloadColumn(),
    )
    watched = console.is_terminal
    return rich.Progress(*columns, console=console, transient=True, disable=not watched)


class _Bar:
    """One file's progress, with the methods that pooch calls as its bytes arrive."""

    def __init__(self, progress: Any, name: str) -> None:
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def update(self, count: int) -> None:
        """Move on by `count` bytes."""
        self._progress.update(self._task, advance=count, total=self.total or None)

    def reset(self) -> None:
        """Go back to the start: pooch does so before it fills the bar."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Leave the bar where it is; the display goes when all files are there."""

    def remove(self) -> None:
        """Take the bar of a failed download away."""
        self._progress.remove_task(self._task)
