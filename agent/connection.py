"""One HTTP conversation with the orchestrator: JSON messages, the key, the protocol version, typed errors.

The agent's client and the client of people (``orchestrator.client``) both speak through it.
"""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

import urllib3

from agent.errors import ConfigError, OrchestratorAway, Refused
from agent.wire.codec import MAX_BODY_BYTES, WireError, decode, encode
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION, protocol_complaint

T = TypeVar("T")

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Connection:
    """The way to one orchestrator, for one holder of a key.

    Args:
        url: where the orchestrator answers; plain http on loopback alone.
        key: what the caller signs in with, None for the few calls that need none.
        caller: "agent" or "client", for advice about versions.
    """

    def __init__(self, url: str, key: str | None, *, caller: str, timeout_s: float = 30.0) -> None:
        self.url = _checked(url)
        self._caller = caller
        self._headers = {PROTOCOL_HEADER: str(PROTOCOL_VERSION), "Accept": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5.0, read=timeout_s), retries=False, maxsize=4)

    def get(self, path: str, answer: type[T], *, max_bytes: int = MAX_BODY_BYTES) -> T:
        """What the orchestrator answers to GET.

        Raises:
            OrchestratorAway: nobody answers, or not in a state to.
            Refused: the orchestrator said no.
        """
        return decode_answer(answer, self._request("GET", path, None), self.url, max_bytes)

    def post(self, path: str, message: object, answer: type[T]) -> T:
        """What the orchestrator answers to POST of ``message``.

        Raises:
            OrchestratorAway: nobody answers, or not in a state to; whether the message arrived is not known.
            Refused: the orchestrator said no.
        """
        return decode_answer(answer, self._request("POST", path, encode(message)), self.url, MAX_BODY_BYTES)

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {**self._headers, "Content-Type": "application/json"} if body is not None else self._headers
        try:
            response = self._pool.request(method, self.url + path, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise OrchestratorAway(
                f"The orchestrator at {self.url} does not answer ({_short(error)}).",
                "Is it running (stepfarm up), and is the address right?",
            ) from None
        self._refuse_other_protocol(response)
        if response.status < 300:
            return response.data
        raise _error_of(response, self.url)

    def _refuse_other_protocol(self, response: urllib3.BaseHTTPResponse) -> None:
        theirs = response.headers.get(PROTOCOL_HEADER)
        if theirs is None and response.status >= 500:
            return  # a proxy, or a host without its application: away, not foreign
        complaint = protocol_complaint(theirs, they="orchestrator", we=self._caller)
        if complaint is not None:
            raise Refused(f"{self.url}: {complaint}.", "", status=response.status, type="protocol-mismatch")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{url!r} is no address of an orchestrator.", "It looks like https://farm.example.org.")
    if parts.username or parts.password:
        raise ConfigError("An address must not carry a name or password.", "Sign in with a key instead.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(
            f"{url} would send the key unencrypted over the network.",
            "Use https (docs/operating.md shows a TLS reverse proxy); plain http is for this machine alone.",
        )
    return url.rstrip("/")


def decode_answer(answer: type[T], body: bytes, url: str, max_bytes: int) -> T:
    """The orchestrator's answer as ``answer``; what is none counts as an orchestrator that is away."""
    try:
        return decode(answer, body, max_bytes=max_bytes)
    except WireError as error:
        raise OrchestratorAway(
            f"The answer of {url} makes no sense: {error}.", "Is that address Stepfarm's, and its version this one's?"
        ) from None


def _error_of(response: urllib3.BaseHTTPResponse, url: str) -> OrchestratorAway | Refused:
    problem = _problem_of(response)
    if response.status >= 500 or problem is None:
        detail = problem.detail if problem else f"it answered {response.status}"
        return OrchestratorAway(
            f"The orchestrator at {url} is not ready: {detail}.", problem.advice if problem else "Try again shortly."
        )
    return Refused(problem.detail, problem.advice, status=response.status, type=problem.type)


def _problem_of(response: urllib3.BaseHTTPResponse) -> Problem | None:
    if not response.headers.get("Content-Type", "").startswith(PROBLEM_CONTENT_TYPE):
        return None
    try:
        return decode(Problem, response.data)
    except WireError:
        return None


def _short(error: urllib3.exceptions.HTTPError) -> str:
    names = {
        urllib3.exceptions.NewConnectionError: "connection refused",
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
        urllib3.exceptions.ReadTimeoutError: "no answer in time",
        urllib3.exceptions.SSLError: "its certificate is not trusted",
        urllib3.exceptions.ProtocolError: "the connection broke",
        urllib3.exceptions.NameResolutionError: "no such host",
    }
    return next((name for kind, name in names.items() if type(error) is kind), type(error).__name__)
