"""The one table of error -> HTTP status, and what a refusal looks like on the wire."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agent.errors import StepfarmError
from agent.wire.codec import encode
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem
from orchestrator import errors

log = logging.getLogger(__name__)

STATUS: dict[type[StepfarmError], tuple[int, str]] = {
    errors.BadRequest: (400, "bad-request"),
    errors.NotAMessage: (422, "not-a-message"),
    errors.NotSignedIn: (401, "not-signed-in"),
    errors.NotAllowed: (403, "not-allowed"),
    errors.CodeRefused: (403, "code-refused"),
    errors.NotFound: (404, "not-found"),
    errors.Conflict: (409, "conflict"),
    errors.LeaseLost: (409, "lease-lost"),
    errors.AgentDoubled: (409, "agent-doubled"),
    errors.KeyTaken: (409, "key-taken"),
    errors.TooManyAttempts: (429, "too-many-attempts"),
    errors.ProtocolMismatch: (426, "protocol-mismatch"),
    errors.BodyRefused: (415, "body-refused"),
    errors.BodyTooLarge: (413, "body-too-large"),
    errors.DatabaseAway: (503, "database-away"),
    errors.DatabaseTaken: (503, "database-taken"),
    errors.SchemaMismatch: (503, "schema-mismatch"),
    errors.NotReady: (503, "not-ready"),
}


HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
"""What HTTP wants beside a status (RFC 9110, sections 11.6.1 and 10.2.3)."""


def problem(status: int, name: str, detail: str, advice: str) -> Response:
    """The answer that says no."""
    body = encode(Problem(type=name, title=name.replace("-", " "), detail=_clean(detail), advice=_clean(advice)))
    return Response(body, status_code=status, media_type=PROBLEM_CONTENT_TYPE, headers=HEADERS.get(status))


def _clean(text: str) -> str:
    """``text`` as the wire takes it: a refusal may quote what nobody could send."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")[:4_000]


def install(app: FastAPI) -> None:
    """Make every error of ``app`` answer as a problem."""
    app.add_exception_handler(StepfarmError, _expected)
    app.add_exception_handler(RequestValidationError, _no_such_path)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(ClientDisconnect, _cut_off)
    app.add_exception_handler(Exception, _unexpected)


def _expected(_request: Request, error: Exception) -> Response:
    if not isinstance(error, StepfarmError):
        raise TypeError
    status, name = STATUS.get(type(error), (500, "internal"))
    refusal = problem(status, name, error.message, error.advice)
    if isinstance(error, errors.TooManyAttempts):
        refusal.headers["Retry-After"] = str(error.wait_s)
    return refusal


def _no_such_path(_request: Request, _error: Exception) -> Response:
    return problem(404, "not-found", "There is nothing at this path.", "Numbers in a path are whole and positive.")


def _of_the_framework(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError
    names = {404: "not-found", 405: "method-not-allowed"}
    answer = problem(
        error.status_code,
        names.get(error.status_code, "refused"),
        str(error.detail),
        "The OpenAPI description at /openapi.json lists every route.",
    )
    answer.headers.update(error.headers or {})  # "Allow" beside 405
    return answer


def _cut_off(_request: Request, _error: Exception) -> Response:
    # Nobody hears this. It is an event of any network, and neither a fault of the orchestrator nor one to log as such.
    return problem(400, "bad-request", "The connection ended before the whole body had come.", "Send it again.")


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    answer = problem(500, "internal", "The orchestrator failed at this.", "Its log says more; please report it.")
    # uvicorn closes the connection after an error that nobody caught, without a word: who keeps it would find it dead.
    answer.headers["Connection"] = "close"
    return answer
