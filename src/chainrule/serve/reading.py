"""A request's body, read within limits, and what it asks for (floor 5).

Three forms: JSON with rows or with images as base64, an image as it is, and what a form of a page
sends. Whatever comes, a `RequestError` or `DataError` with one sentence is the worst that happens.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from chainrule.errors import did_you_mean, kind_of
from chainrule.serve.limits import Limits
from chainrule.serve.refusal import RequestError

__all__ = ["COLUMN", "Asked", "Bodies", "asked_by_form", "asked_by_json"]

COLUMN = "column:"  # before the name of a column in a form
_SWITCHES = ("resize", "invert")
_MOST_IMAGES = 64
_MOST_FIELDS = 4096
_PASSED_OVER = 8  # times the largest body: what is read of one that is refused


class Asked(NamedTuple):
    """What a client wants to know.

    Attributes:
        rows: records, or nothing if there are images.
        images: files of images.
        resize: bring images to the size that the model takes.
        invert: exchange black and white.
        top: how many classes to name; all if `None`.
    """

    rows: list[Any]
    images: list[bytes]
    resize: bool = False
    invert: bool = False
    top: int | None = None


class Bodies:
    """Reads bodies, each within the limits, and all together too.

    Args:
        limits: of one, and of all that are held at a time.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body; it counts as held until the block ends.

        Raises:
            RequestError: it is too large, too slow, or there are too many.
        """
        told = request.headers.get("content-length", "")
        claimed = int(told[:20]) if told.isdecimal() else 0
        if claimed > self._limits.body:
            await self._pass_over(request, claimed)
            raise self._too_large()
        content = bytearray()
        try:
            await self._fill(content, request)
            yield bytes(content)
        finally:
            self._held -= len(content)

    async def _fill(self, content: bytearray, request: Request) -> None:
        try:
            async with asyncio.timeout(self._limits.timeout):
                async for chunk in request.stream():
                    self._held += len(chunk)
                    content += chunk
                    self._check(len(content))
        except TimeoutError:
            raise RequestError(
                408, f"the body did not arrive within {self._limits.timeout:g} s"
            ) from None

    async def _pass_over(self, request: Request, claimed: int) -> None:
        """Let a client send what will be refused, if that is soon done: many listen only then."""
        if claimed > _PASSED_OVER * self._limits.body:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.timeout):
                async for _ in request.stream():
                    pass

    def _check(self, size: int) -> None:
        if size > self._limits.body:
            raise self._too_large()
        if self._held > self._limits.held:
            raise RequestError(
                503, "too much is being sent at the same time; try again in a moment"
            )

    def _too_large(self) -> RequestError:
        return RequestError(
            413, f"a body may have {self._limits.body:,} bytes at most; send fewer rows at a time"
        )


# --- JSON ---------------------------------------------------------------------------------------


def asked_by_json(content: bytes) -> Asked:
    """Read what a JSON body asks for.

    Raises:
        RequestError: it is no such JSON.

    Examples:
        >>> asked_by_json(b'{"rows": [[1, 2]], "top": 1}').rows
        [[1, 2]]
    """
    try:
        wanted = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    if not isinstance(wanted, dict):
        raise RequestError(422, f'the body is a {kind_of(wanted)}; {{"rows": [...]}} is due')
    for name in wanted:
        if name not in Asked._fields:
            hint = did_you_mean(name[:40], Asked._fields) or "; there are " + ", ".join(
                Asked._fields
            )
            raise RequestError(422, f"there is nothing called {name[:40]!r}{hint}")
    rows, images = wanted.get("rows"), wanted.get("images")
    if (rows is None) == (images is None) or not isinstance(rows or images, list):
        raise RequestError(
            422, 'a list of "rows" or a list of "images" with something in it is due'
        )
    top = wanted.get("top")
    if top is not None and (type(top) is not int or top < 1):
        raise RequestError(
            422, '"top" says how many classes to name; a number of at least 1 is due'
        )
    switches = [wanted.get(name, False) for name in _SWITCHES]
    if not all(isinstance(switch, bool) for switch in switches):
        raise RequestError(422, '"resize" and "invert" are true or false')
    files = [_bytes_of(image) for image in _few(images or [])]
    return Asked(rows or [], files, switches[0], switches[1], top)


def _few(images: list[Any]) -> list[Any]:
    if len(images) > _MOST_IMAGES:
        raise RequestError(422, f"at most {_MOST_IMAGES} images are taken at a time")
    return images


def _bytes_of(image: Any) -> bytes:
    if isinstance(image, str):
        try:
            return base64.b64decode(image.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            pass
    raise RequestError(422, "an image in JSON is a text: its file in base64")


# --- forms --------------------------------------------------------------------------------------


async def asked_by_form(request: Request, content: bytes) -> Asked:
    """Read what a form asks for: files called image, or a value for each column.

    Args:
        request: with the headers.
        content: the body.

    Raises:
        RequestError: it is no such form.
    """
    form = await _form(request, content)
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        images = [await file.read() for file in _few(files)]
    finally:
        await form.close()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    switches = [fields.get(name) in ("1", "on", "true") for name in _SWITCHES]
    if images:
        return Asked([], images, switches[0], switches[1])
    row = {k.removeprefix(COLUMN): _value(v) for k, v in fields.items() if k.startswith(COLUMN)}
    if not row:
        raise RequestError(
            422, f'a form has a file called "image", or a field "{COLUMN}NAME" for each column'
        )
    return Asked([row], [])


async def _form(request: Request, content: bytes) -> FormData:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    try:
        return await Request(request.scope, receive).form(
            max_files=_MOST_IMAGES, max_fields=_MOST_FIELDS, max_part_size=1 << 20
        )
    except HTTPException as error:
        raise RequestError(400, f"the form cannot be read: {error.detail}") from None


def _value(text: str) -> Any:
    """A field as JSON would have it: nothing, a number, or text."""
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text
