"""How a route reads its message and writes its answer: the wire's codec, with a bound on the body."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.responses import Response

from agent.wire.codec import MAX_BODY_BYTES, WireError, decode, encode
from orchestrator.errors import BodyRefused, BodyTooLarge, NotAMessage

T = TypeVar("T")


async def bounded_body(request: Request) -> bytes:
    """The body of ``request``, read no further than a message can be long."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BodyRefused("Compressed bodies are not taken.", "Send the JSON as it is.")
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise BodyRefused("The body must be JSON.", "Send the header Content-Type: application/json.")
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_BODY_BYTES:
            raise BodyTooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.", "Send smaller batches.")
        parts.append(part)
    return b"".join(parts)


Body = Annotated[bytes, Depends(bounded_body)]


def message(cls: type[T], body: bytes) -> T:
    """The ``cls`` that ``body`` holds.

    Raises:
        NotAMessage: it holds none; the place in it is named.
    """
    try:
        return decode(cls, body)
    except WireError as error:
        raise NotAMessage(f"{error}.", "The OpenAPI description at /openapi.json says what is taken.") from None


def answer(said: object) -> Response:
    """``said``, a message, as the answer."""
    return Response(encode(said), media_type="application/json")
