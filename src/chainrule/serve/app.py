"""The service as an application: its addresses, and how errors are told (floor 5).

What each address takes and gives; what a network makes of it is asked of the batcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chainrule.errors import ChainruleError, one_line
from chainrule.ops import Array
from chainrule.picture import Markup
from chainrule.serve.batching import Batcher
from chainrule.serve.limits import Limits
from chainrule.serve.page import answered, page, refused
from chainrule.serve.reading import Asked, asked_by_form, asked_by_json
from chainrule.serve.schema import openapi, schema
from chainrule.train.job.predictor import Answer, Predictor, Rows
from chainrule.web.answers import HEADERS, handlers, json_answer, status_of
from chainrule.web.bodies import Bodies
from chainrule.web.hosts import Hosts
from chainrule.web.refusal import RequestError

__all__ = ["application"]

_CURLS = "application/x-www-form-urlencoded"  # what curl says that JSON is, if not told better
_LARGE = 1 << 15  # bytes or numbers that are worked on beside the loop, so that others are heard
_MOST_SAID = 1 << 18  # numbers in one answer
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {**HEADERS, "Content-Security-Policy": _POLICY}
_SENTENCES = {
    404: "there is nothing at this address; / is a page, and /predict takes questions",
    405: "this address is not asked in this way; /schema says what there is",
}


def application(
    predictor: Predictor, limits: Limits | None = None, hosts: Collection[str] | None = None
) -> Starlette:
    """Return the service of a model, to be run by any ASGI server.

    Args:
        predictor: of the run.
        limits: what clients are granted; the usual if `None`.
        hosts: the names under which it may be asked for; all if `None`. On a machine of one's own
            they keep pages of other sites from asking in the person's name.

    Examples:
        >>> from chainrule import nn
        >>> from chainrule.train.job.described import Input
        >>> app = application(Predictor("run", nn.Linear(2, 1), Input((2,), 255.0, None), []))
        >>> [route.path for route in app.routes]
        ['/predict', '/', '/', '/health', '/schema', '/openapi.json']
    """
    service = _Service(predictor, limits or Limits())
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/", service.page, methods=["GET"]),
        Route("/", service.form, methods=["POST"]),
        Route("/health", service.health, methods=["GET"]),
        Route("/schema", service.schema, methods=["GET"]),
        Route("/openapi.json", service.openapi, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=service.lifespan,
        exception_handlers=handlers(_SENTENCES),
    )
    if hosts is not None:
        app.add_middleware(Hosts, hosts=frozenset(hosts))
    return app


class _Predicted(NamedTuple):
    """Answers, and what there is to note."""

    answers: list[Answer]
    notes: list[str]


class _Service:
    """The state of the service and the bodies of its addresses."""

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor, self.limits = predictor, limits
        self.title = Path(predictor.run).resolve().name or "model"
        self.bodies = Bodies(limits)
        self.batcher = Batcher(predictor.outputs, limits)
        self.decoding = asyncio.Semaphore(1)  # of images and large bodies, one at a time
        self.requests = 0

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Run the batches while the service is up."""
        work = asyncio.create_task(self.batcher.work())
        try:
            yield
        finally:
            work.cancel()

    # --- addresses ------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """The page, with an empty form."""
        return self._page(request)

    async def form(self, request: Request) -> Response:
        """The page, with the answer to what was filled in."""
        try:
            said, status = answered(*await self._predicted(request)), 200
        except ChainruleError as error:
            said, status = refused(one_line(str(error))), status_of(error)
        return self._page(request, said, status, getattr(request.state, "row", None))

    def _page(
        self,
        request: Request,
        said: Markup | None = None,
        status: int = 200,
        filled: dict[str, Any] | None = None,
    ) -> Response:
        address = str(request.base_url).rstrip("/")
        text = page(self.predictor, self.title, address, said, filled)
        return HTMLResponse(text, status, _HEADERS)

    async def health(self, _: Request) -> Response:
        """Whether the service is well, and what it has done."""
        done = self.batcher
        return json_answer(
            {
                "status": "ok",
                "model": self.title,
                "requests": self.requests,
                "rows": done.rows,
                "batches": done.batches,
                "waiting": done.waiting,
            }
        )

    async def schema(self, _: Request) -> Response:
        """What may be sent and what comes back."""
        return json_answer(schema(self.predictor, self.limits))

    async def openapi(self, _: Request) -> Response:
        """The same for tools."""
        return json_answer(openapi(self.predictor, self.limits, self.title))

    async def predict(self, request: Request) -> Response:
        """What the model makes of rows or images."""
        answers, notes = await self._predicted(request)
        told: dict[str, Any] = {"predictions": [answer.plain() for answer in answers]}
        return json_answer(told | ({"notes": notes} if notes else {}))

    # --- from a request to answers --------------------------------------------------------------

    async def _predicted(self, request: Request) -> _Predicted:
        self.requests += 1
        with self.batcher.expected():
            async with self.bodies.body(request) as content:
                asked = await self._asked(request, content)
                rows = await self._rows(asked, len(content))
        self._check(rows.x, asked.top)
        outputs = await self.batcher.outputs(rows.x)
        if not np.isfinite(outputs).all():
            raise RequestError(
                422, "the model gives no finite numbers for this; are the numbers in its range?"
            )
        answers = await self._beside(
            outputs.size > _LARGE, self.predictor.answers, outputs, asked.top
        )
        return _Predicted(answers, rows.notes)

    async def _asked(self, request: Request, content: bytes) -> Asked:
        """What the body asks for, by what it says it is."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind == "application/json" or (kind == _CURLS and content.lstrip().startswith(b"{")):
            return await self._beside(len(content) > _LARGE, asked_by_json, content)
        if kind in ("multipart/form-data", _CURLS):
            asked = await asked_by_form(request, content)
            request.state.row = asked.rows[0] if asked.rows else None
            return asked
        if kind.startswith("image/"):
            switches = [request.query_params.get(name) == "1" for name in ("resize", "invert")]
            return Asked([], [content], switches[0], switches[1])
        raise RequestError(
            415, f"{kind[:60]!r} is not taken; send application/json, an image, or a form"
        )

    async def _rows(self, asked: Asked, size: int) -> Rows:
        """What the network is given."""
        if len(asked.rows) > self.limits.rows:
            raise RequestError(
                422, f"{len(asked.rows):,} rows are more than the {self.limits.rows:,} of a request"
            )
        if asked.images:
            x = await self._beside(True, self._images, asked)
            return Rows(x, [])
        return await self._beside(size > _LARGE, self.predictor.from_records, asked.rows)

    def _images(self, asked: Asked) -> Array:
        return np.stack(
            [
                self.predictor.from_image(image, resize=asked.resize, invert=asked.invert)
                for image in asked.images
            ]
        )

    def _check(self, x: Array, top: int | None) -> None:
        named = min(top or len(self.predictor.classes), len(self.predictor.classes))
        if len(x) * named > _MOST_SAID:
            raise RequestError(
                422, f"{len(x):,} rows with {named} classes each are too much; ask for fewer by top"
            )

    async def _beside(self, large: bool, work: Callable[..., Any], *args: Any) -> Any:
        """Do something at once, or in a thread if it takes long, and then one at a time."""
        if not large:
            return work(*args)
        async with self.decoding:
            return await asyncio.to_thread(work, *args)
