"""The service at an address (floor 5)."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.serve.app import application
from chainrule.serve.limits import Limits
from chainrule.train.job.predictor import Predictor
from chainrule.web.hosts import OWN_NAMES
from chainrule.web.server import address_of, bracketed, is_loopback, listening, server_of

__all__ = ["serve"]


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
    hosts = OWN_NAMES | {bracketed(host)} if is_loopback(host) else None
    server = server_of(application(predictor, limits, hosts), limits)
    with listening(host, port) as found:
        started(address_of(host, found))
        server.run(sockets=[found])
