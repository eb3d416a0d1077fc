"""The playground as an application: its addresses (floor 5).

    GET  /                         to the first page
    GET  /plane, /digits, /descent the pages, and GET /... their files
    GET  /api/tables               what can be set on each page
    POST /api/open                 {page, settings}: begins an experiment; its name and settings
    GET  /api/NAME/frames          its frames, as server-sent events
    POST /api/NAME/change          {setting: value}: the settings as they are then
    POST /api/NAME/adjust          likewise, as a part of the change before
    POST /api/NAME/undo, redo, restart
    POST /api/NAME/play            {playing, speed, steps}, each if it is to change
    POST /api/NAME/ask/QUESTION    {...}: the answer
    POST /api/NAME/take/FILE       a file that a person brought, as it is
    GET  /api/NAME/download/FILE   a file for the person
    POST /api/NAME/close           ends it

Bodies and answers are JSON, but for files; what goes wrong is one sentence under "error".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from chainrule.errors import kind_of
from chainrule.playground.engine.session import Session
from chainrule.playground.service.encoding import encoded
from chainrule.playground.service.files import static_files
from chainrule.playground.service.gate import Gate
from chainrule.playground.service.open_pages import OpenPage, OpenPages
from chainrule.web.answers import HEADERS, handlers
from chainrule.web.bodies import Bodies
from chainrule.web.hosts import OWN_NAMES, Hosts
from chainrule.web.limits import WebLimits
from chainrule.web.refusal import RequestError

__all__ = ["LIMITS", "application", "is_stream"]

LIMITS = WebLimits(body=16 << 20, held=64 << 20, timeout=20.0, connections=256)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview:"
)
_HEADERS = {**HEADERS, "Content-Security-Policy": _POLICY}
_SENTENCES = {
    404: "there is nothing at this address; the pages are plane, digits and descent",
    405: "this address is not asked in this way",
}
_MOST_STEPS = 1_000_000


def application(token: str, pages: OpenPages) -> Starlette:
    """Return the playground, to be run by any ASGI server on this machine.

    Args:
        token: the first part of every path.
        pages: the experiments; none yet.
    """
    service = _Service(pages)
    one = "/api/{name}"
    routes = [
        Route("/api/tables", service.tables, methods=["GET"]),
        Route("/api/open", service.open, methods=["POST"]),
        Route(f"{one}/frames", service.frames, methods=["GET"]),
        Route(f"{one}/change", service.change, methods=["POST"]),
        Route(f"{one}/adjust", service.adjust, methods=["POST"]),
        Route(one + "/{way:str}", service.travel, methods=["POST"]),
        Route(one + "/ask/{question}", service.ask, methods=["POST"]),
        Route(one + "/take/{file}", service.take, methods=["POST"]),
        Route(one + "/download/{file}", service.download, methods=["GET"]),
        Route("/", _first, methods=["GET"]),
        Route("/{path:path}", service.static, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes, lifespan=service.lifespan, exception_handlers=handlers(_SENTENCES)
    )
    app.add_middleware(Gate, token=token)
    app.add_middleware(Hosts, hosts=OWN_NAMES)
    return app


def is_stream(path: str) -> bool:
    """Whether an address answers for as long as somebody listens.

    Args:
        path: of the address.
    """
    return path.endswith("/frames")


async def _first(_: Request) -> Response:
    return RedirectResponse("plane", headers=_HEADERS)


class _Service:
    """The bodies of the addresses."""

    def __init__(self, pages: OpenPages) -> None:
        self.pages = pages
        self.files = static_files()
        self.bodies = Bodies(LIMITS)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Watch over the open pages while the service is up; end them with it."""
        watch = asyncio.create_task(self.pages.watch())
        try:
            yield
        finally:
            watch.cancel()
            await self.pages.end_all()

    async def static(self, request: Request) -> Response:
        """A page, or a file of one."""
        found = self.files.get("/" + request.path_params["path"])
        if found is None:
            raise RequestError(404, _SENTENCES[404])
        return Response(found.content, headers=_HEADERS, media_type=found.kind)

    async def tables(self, _: Request) -> Response:
        """What can be set on each page."""
        return _json(
            {
                page: {name: setting.plain() for name, setting in kind.SETTINGS.items()}
                for page, kind in self.pages.kinds.items()
            }
        )

    async def open(self, request: Request) -> Response:
        """Begin an experiment."""
        asked = await self._object(request)
        name, page = await self.pages.begin(asked.get("page"), asked.get("settings", {}))
        settings = await page.do(lambda session: session.settings)
        return _json({"name": name, "settings": settings})

    async def frames(self, request: Request) -> Response:
        """What moves, as it moves."""
        page = self._page(request)
        headers = {**_HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(page.frames(), 200, headers, "text/event-stream")

    async def change(self, request: Request) -> Response:
        """Set something."""
        return await self._set(request, lambda session, given: session.change(**given))

    async def adjust(self, request: Request) -> Response:
        """Set something as a part of the change before."""
        return await self._set(request, lambda session, given: session.adjust(**given))

    async def _set(
        self, request: Request, how: Callable[[Session, dict[str, Any]], None]
    ) -> Response:
        page, given = self._page(request), await self._object(request)

        def work(session: Session) -> dict[str, Any]:
            how(session, given)
            return session.settings

        return _json({"settings": await page.do(work)})

    async def travel(self, request: Request) -> Response:
        """Undo, redo, begin anew, play, close."""
        page, way = self._page(request), request.path_params["way"]
        if way == "close":
            await self.pages.end(request.path_params["name"])
            return _json({})
        if way == "play":
            await _play(page, await self._object(request))
            return _json({})
        if way not in ("undo", "redo", "restart"):
            raise RequestError(404, _SENTENCES[404])

        def work(session: Session) -> dict[str, Any]:
            getattr(session, way)()
            return session.settings

        return _json({"settings": await page.do(work)})

    async def ask(self, request: Request) -> Response:
        """A question about the experiment."""
        page, values = self._page(request), await self._object(request)
        question = request.path_params["question"]
        answer = await page.do(lambda session: session.ask(question, values), shows=False)
        text = await asyncio.to_thread(encoded, answer)
        return Response(text, headers=_HEADERS, media_type="application/json")

    async def take(self, request: Request) -> Response:
        """A file that a person brought."""
        page, file = self._page(request), request.path_params["file"]
        async with self.bodies.body(request) as content:

            def work(session: Session) -> dict[str, Any]:
                session.take(file, content)
                return session.settings

            return _json({"settings": await page.do(work)})

    async def download(self, request: Request) -> Response:
        """A file for the person."""
        page, file = self._page(request), request.path_params["file"]
        name, kind, content = await page.do(lambda session: session.download(file), shows=False)
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
        return Response(content, headers={**_HEADERS, **headers}, media_type=kind)

    def _page(self, request: Request) -> OpenPage:
        return self.pages[request.path_params["name"]]

    async def _object(self, request: Request) -> dict[str, Any]:
        """The body as a JSON object."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind != "application/json":
            raise RequestError(415, "the body must be JSON, sent as application/json")
        async with self.bodies.body(request) as content:
            try:
                found = json.loads(content, parse_constant=_no_number)
            except (ValueError, RecursionError):
                raise RequestError(400, "the body is not JSON") from None
        if not isinstance(found, dict):
            raise RequestError(422, f"the body must be a JSON object, got {kind_of(found)}")
        return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


async def _play(page: OpenPage, asked: dict[str, Any]) -> None:
    """Play or pause, quicker or slower, or take some steps."""
    playing, steps = asked.get("playing"), asked.get("steps")
    if "speed" in asked:
        speed = asked["speed"]
        number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
        if speed is not None and not (number and 0 < speed <= _MOST_STEPS):
            raise RequestError(422, "speed must be steps a second, above 0, or null for any")
        await asyncio.to_thread(page.player.pace, speed)
    if isinstance(playing, bool):
        await asyncio.to_thread(page.player.play, playing)
    elif playing is not None:
        raise RequestError(422, "playing must be true or false")
    if steps is not None:
        if not isinstance(steps, int) or isinstance(steps, bool) or not 0 < steps <= _MOST_STEPS:
            raise RequestError(422, f"steps must be from 1 to {_MOST_STEPS:,}")
        await asyncio.to_thread(page.player.step, steps)


def _json(content: Any) -> Response:
    return Response(encoded(content), headers=_HEADERS, media_type="application/json")
