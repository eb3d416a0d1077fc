"""The service at an address: sockets, signals, and a clean end (floor 5)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from chainrule.errors import OptionError
from chainrule.serve.app import application
from chainrule.serve.guard import guarded
from chainrule.serve.limits import Limits
from chainrule.train.job.predictor import Predictor

__all__ = ["is_loopback", "serve"]

_BACKLOG = 2048
_GRACE = 3  # seconds for answers under way when the service is told to stop
_SPARE_FILES = 64  # that the process has open besides connections


def serve(
    predictor: Predictor,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    limits: Limits | None = None,
    started: Callable[[str], None] = lambda address: None,
) -> None:
    """Answer requests until the process is told to stop.

    Args:
        predictor: of the run.
        host: the address to listen at; anything but this machine's own lets others in.
        port: likewise; 0 for any that is free.
        limits: what clients are granted; the usual if `None`.
        started: called with the address once the service can be reached.

    Raises:
        OptionError: the address cannot be had.
    """
    limits = limits or Limits()
    _room_for(limits.connections)
    listening = _listening(host, port)
    port = listening.getsockname()[1]
    own = is_loopback(host)
    hosts = {"localhost", "127.0.0.1", "[::1]", _bracketed(host)} if own else None
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # clients' noise; ours is told
    config = uvicorn.Config(
        application(predictor, limits, hosts),
        http=guarded(limits),
        ws="none",
        lifespan="on",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=max(1, min(30, int(limits.timeout))),
        timeout_graceful_shutdown=_GRACE,
    )
    with listening:
        started(f"http://{_bracketed(host)}:{port}")
        uvicorn.Server(config).run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Args:
        host: a name or a number.

    Examples:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"the service cannot listen at {_bracketed(host)}:{port}: {reason}; choose another "
            "--port, or the address of this machine as --host"
        ) from None


def _room_for(connections: int) -> None:
    """Let the process have as many files open as there may be connections, if the system does."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < wanted:
            raise OptionError(
                f"this system lets a process have {most:,} files open, too few for "
                f"{connections:,} connections; pass --max-connections {max(most - _SPARE_FILES, 1)}"
            )
