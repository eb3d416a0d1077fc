"""Requests that were meant for another host are refused (floor 4).

A page of another site can have its own name lead to this machine, and then ask what it likes in the
name of the person who looks at it. It cannot ask under this machine's name.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from chainrule.web.answers import json_answer

__all__ = ["OWN_NAMES", "Hosts", "name_of"]

# What a machine calls itself.
OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Hosts:
    """Lets requests through to an application if they name one of its hosts.

    Args:
        app: the application.
        hosts: names, without ports.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = dict(scope["headers"]).get(b"host", b"").decode("latin1")
            if name_of(named) not in self.hosts:
                sentence = "this service answers only where it was started; ask for localhost"
                await json_answer({"error": sentence}, 421)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def name_of(host: str) -> str:
    """Return a host without its port, in lower case.

    Args:
        host: as the header says it.

    Examples:
        >>> name_of("LocalHost:80"), name_of("[::1]:80")
        ('localhost', '[::1]')
    """
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()
