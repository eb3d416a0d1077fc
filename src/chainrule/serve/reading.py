"""What the body of a request asks for (floor 5).

Three forms: JSON with rows or with images as base64, an image as it is, and what a form of a page
sends. Whatever comes, a `RequestError` or `DataError` with one sentence is the worst that happens.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from chainrule.errors import did_you_mean, kind_of
from chainrule.web.refusal import RequestError

__all__ = ["COLUMN", "Asked", "asked_by_form", "asked_by_json"]

COLUMN = "column:"  # before the name of a column in a form
_SWITCHES = ("resize", "invert")
_MOST_IMAGES = 64
_MOST_FIELDS = 4096


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
