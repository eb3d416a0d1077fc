"""`chainrule serve`: a saved model as an HTTP service (floor 5)."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from rich.console import Console

from chainrule.errors import OptionError, one_line, require
from chainrule.train.job.predictor import Predictor

__all__ = ["serve_command"]


_BYTES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_SECONDS = {"": 1, "s": 1, "ms": 1e-3, "m": 60, "min": 60}
_MEASURES: dict[str, tuple[str, Mapping[str, float], str]] = {
    "body": ("--max-body", _BYTES, "500K or 10M"),
    "timeout": ("--timeout", _SECONDS, "30s"),
    "wait": ("--max-wait", _SECONDS, "2ms"),
}


def serve_command(
    run: str, *, host: str, port: int, limits: Mapping[str, str | int], device: str = "cpu"
) -> None:
    """Serve the model in `run` until told to stop.

    Args:
        run: the folder that `chainrule train` wrote.
        host: the address to listen at.
        port: likewise.
        limits: those of `serve.Limits`, as they were typed.
        device: where the model answers.

    Raises:
        DataError: the model cannot be read.
        OptionError: the address or the device cannot be had, or a limit cannot be.
    """
    require("uvicorn", "serve", "serving a model")
    require("starlette", "serve", "serving a model")
    require("python_multipart", "serve", "serving a model")
    from chainrule.serve.limits import Limits
    from chainrule.serve.server import serve
    from chainrule.web.server import is_loopback

    granted = Limits(**{name: _number(name, value) for name, value in limits.items()})
    predictor = Predictor.of(run, device)
    console = Console(highlight=False, emoji=False, markup=False)
    if not is_loopback(host):
        console.print(
            f"{one_line(host)} is reached by others too: whoever can connect may ask this model, "
            "unencrypted and without a password"
        )

    def started(address: str) -> None:
        console.print(f"serving {one_line(run)} at {address}; Ctrl-C stops it", soft_wrap=True)

    signal.signal(signal.SIGTERM, _stop)
    try:
        serve(predictor, host, port, limits=granted, started=started)
    finally:
        console.print("stopped")


def _number(name: str, typed: str | int) -> Any:
    """A limit as a number; sizes and times may have a unit."""
    if isinstance(typed, int):
        return typed
    option, units, example = _MEASURES[name]
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", typed.strip().lower())
    if found is None or found[2] not in units:
        raise OptionError(f"{option} {typed}: a number with a unit is due, as in {example}")
    number = float(found[1]) * units[found[2]]
    return int(number) if name == "body" else number


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End in order; the service has been shut down by then."""
    sys.exit(0)
