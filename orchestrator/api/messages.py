"""How a route reads its message and writes its answer: the wire's codec, with a bound on the body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response

from agent.wire.codec import MAX_BODY_BYTES, WireError, decode, encode
from agent.wire.fields import INT64_MAX
from orchestrator.errors import BodyRefused, BodyTooLarge, NotAMessage

T = TypeVar("T")

NEWEST = 500
"""A list shows so many, newest first."""

Number = Annotated[int, PathParameter(ge=1, le=INT64_MAX)]
"""The number of something, in a path."""


def body_up_to(max_bytes: int) -> Callable[[Request], Awaitable[bytes]]:
    """The dependency that reads the body of a request, and no further than ``max_bytes``."""

    async def bounded_body(request: Request) -> bytes:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BodyRefused("Compressed bodies are not taken.", "Send the JSON as it is.")
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise BodyRefused("The body must be JSON.", "Send the header Content-Type: application/json.")
        parts, length = [], 0
        async for part in request.stream():
            length += len(part)
            if length > max_bytes:
                raise BodyTooLarge(f"The body is larger than {max_bytes} bytes.", "Send it in smaller parts.")
            parts.append(part)
        return b"".join(parts)

    return bounded_body


Body = Annotated[bytes, Depends(body_up_to(MAX_BODY_BYTES))]


def message(cls: type[T], body: bytes, *, max_bytes: int = MAX_BODY_BYTES) -> T:
    """The ``cls`` that ``body`` holds.

    Raises:
        NotAMessage: it holds none; the place in it is named.
    """
    try:
        return decode(cls, body, max_bytes=max_bytes)
    except WireError as error:
        raise NotAMessage(f"{error}.", "The OpenAPI description at /openapi.json says what is taken.") from None


def answer(said: object) -> Response:
    """``said``, a message, as the answer."""
    return Response(encode(said), media_type="application/json")
