"""An application at an address: sockets, signals, and a clean end (floor 4)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from chainrule.errors import OptionError
from chainrule.web.guard import guarded
from chainrule.web.limits import WebLimits

__all__ = ["address_of", "bracketed", "is_loopback", "listening", "server_of"]

_BACKLOG = 2048
_GRACE = 3  # seconds for answers under way when the service is told to stop
_SPARE_FILES = 64  # that the process has open besides connections


def server_of(
    app: ASGIApp,
    limits: WebLimits,
    *,
    streams: Callable[[str], bool] = lambda path: False,
    stopping: Callable[[], None] = lambda: None,
) -> uvicorn.Server:
    """Return what runs an application, on a socket of `listening`, until it is told to stop.

    Args:
        app: the application.
        limits: what clients are granted.
        streams: whether an address, given by its path, answers for as long as somebody listens.
        stopping: called in the loop when the server is told to stop, to end what would go on.

    Raises:
        OptionError: the system does not allow so many connections.
    """
    _room_for(limits.connections)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # clients' noise; ours is told
    config = uvicorn.Config(
        app,
        http=guarded(limits, streams),
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
    return _Server(config, stopping)


class _Server(uvicorn.Server):
    """A server that lets endless answers end before it waits for all answers."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that clients can connect to.

    Args:
        host: the address to listen at.
        port: likewise; 0 for any that is free.

    Raises:
        OptionError: the address cannot be had.

    Examples:
        >>> with listening("127.0.0.1", 0) as found:
        ...     address_of("127.0.0.1", found) == f"http://127.0.0.1:{found.getsockname()[1]}"
        True
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        elsewhere = "" if is_loopback(host) else ", or the address of this machine as --host"
        raise OptionError(
            f"the service cannot listen at {bracketed(host)}:{port}: {reason}; choose another "
            f"--port{elsewhere}"
        ) from None


def address_of(host: str, found: socket.socket) -> str:
    """Return the address of a socket for a browser.

    Args:
        host: as it was given to `listening`.
        found: the socket.
    """
    return f"http://{bracketed(host)}:{found.getsockname()[1]}"


def bracketed(host: str) -> str:
    """Return a host as addresses write it.

    Args:
        host: a name or a number.

    Examples:
        >>> bracketed("::1")
        '[::1]'
    """
    return f"[{host}]" if ":" in host else host


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
