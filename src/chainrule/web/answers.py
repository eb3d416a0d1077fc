"""Answers as JSON, and errors as answers: one sentence and a status that fits (floor 4).

A traceback never leaves the process: it is for the log of whoever runs the service.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from chainrule.errors import ChainruleError, one_line
from chainrule.web.refusal import RequestError

__all__ = ["HEADERS", "handlers", "json_answer", "status_of"]

_LOG = logging.getLogger("chainrule.web")

# What every answer says to the browser: nothing is kept, guessed, or told to others.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def json_answer(content: Any, status: int = 200) -> Response:
    """Return an answer that is JSON, in ASCII.

    Args:
        content: plain values, finite numbers.
        status: of HTTP.

    Examples:
        >>> json_answer({"a": 1}).body
        b'{"a": 1}'
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False)
    return Response(text, status, HEADERS, "application/json")


def status_of(error: ChainruleError) -> int:
    """Return the status of HTTP that fits an error.

    Args:
        error: of ours, and so about what was asked.
    """
    return error.status if isinstance(error, RequestError) else 422


def handlers(sentences: Mapping[int, str]) -> dict[Any, Callable[..., Any]]:
    """Return what an application does about exceptions.

    Args:
        sentences: what to say to a status of HTTP, where that should be better than its name.
    """

    async def told_of_http(_: Request, error: Any) -> Response:
        sentence = sentences.get(error.status_code, str(error.detail))
        response = json_answer({"error": one_line(sentence)}, error.status_code)
        response.headers.update(error.headers or {})
        return response

    return {
        ChainruleError: _told,
        HTTPException: told_of_http,
        ClientDisconnect: _gone,
        Exception: _unexpected,
    }


async def _told(_: Request, error: Any) -> Response:
    return json_answer({"error": one_line(str(error))}, status_of(error))


async def _gone(_: Request, _error: Any) -> Response:
    return Response(status_code=400)  # to nobody


async def _unexpected(_: Request, error: Any) -> Response:
    if isinstance(error, MemoryError):
        return json_answer({"error": "there is not enough memory for this; ask for less"}, 503)
    _LOG.error("a request failed: %s: %s", type(error).__name__, one_line(str(error)))
    return json_answer({"error": "something went wrong in the service; its log says what"}, 500)
