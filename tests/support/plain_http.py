"""Plain HTTP requests to a served orchestrator, for what its clients would never send."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from agent.wire.codec import decode
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION


def ask(
    url: str,
    method: str,
    path: str,
    *,
    key: str | None = None,
    body: object = None,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
    protocol: str | None = str(PROTOCOL_VERSION),
) -> urllib3.BaseHTTPResponse:
    """The answer to one request: ``body`` is sent as JSON, ``raw`` as it is."""
    sent: dict[str, str] = {"Content-Type": "application/json"} if method == "POST" else {}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    if protocol is not None:
        sent[PROTOCOL_HEADER] = protocol
    content = raw if raw is not None else json.dumps(body).encode() if method == "POST" else None
    return urllib3.request(method, url + path, body=content, headers={**sent, **(headers or {})}, retries=False)


def problem_of(answer: urllib3.BaseHTTPResponse) -> Problem:
    """What the answer says went wrong."""
    assert answer.headers["Content-Type"] == PROBLEM_CONTENT_TYPE, answer.data
    return decode(Problem, answer.data)


def json_of(answer: urllib3.BaseHTTPResponse) -> Any:
    """What a good answer holds."""
    assert answer.status == 200, answer.data
    return answer.json()
