"""Who is let in: only whoever knows the token, asking from a page of this very service (floor 5).

The token stands first in every path. Another site's page may send requests to this machine in
the name of the person who looks at it, but it does not know the token, is named as their origin,
and cannot read the answer.
"""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from chainrule.web.answers import json_answer

__all__ = ["Gate"]

_LOST = "this address lacks the token; open the one that chainrule play printed"
_FOREIGN = "this request comes from a page of another site, and is refused"


class Gate:
    """Lets requests through to an application that have its token and no foreign origin.

    Args:
        app: the application; it sees paths without the token.
        token: the first part of every path.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        first, slash, rest = scope["path"].removeprefix("/").partition("/")
        refusal = ""
        if not hmac.compare_digest(first.encode("utf-8", "replace"), self.token):
            refusal = _LOST
        elif _is_foreign(scope):
            refusal = _FOREIGN
        if refusal:
            await json_answer({"error": refusal}, 403)(scope, receive, send)
            return
        path = slash + rest
        await self.app(dict(scope, path=path, raw_path=path.encode()), receive, send)


def _is_foreign(scope: Scope) -> bool:
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host', '')}":
        return True
    # A link, or a frame of a notebook, may lead here from elsewhere; nothing else may.
    cross = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
    return cross and headers.get("sec-fetch-mode") != "navigate"
