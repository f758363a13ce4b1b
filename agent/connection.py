"""One HTTP conversation with the orchestrator: JSON messages, the key, the protocol version, typed errors.

The agent's client and the client of people (``orchestrator.client``) both speak through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import urllib3

from agent.errors import ConfigError, OrchestratorAway, Refused
from agent.tls import checked_ca, complaint_about
from agent.wire.codec import MAX_BODY_BYTES, WireError, decode, encode
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION, protocol_complaint

T = TypeVar("T")

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

CHUNK_BYTES = 2**18

TRY_AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 that say nothing of the request itself: it came at a bad moment."""


class Connection:
    """The way to one orchestrator, for one holder of a key.

    Args:
        url: where the orchestrator answers; plain http on loopback alone.
        key: what the caller signs in with, None for the few calls that need none.
        caller: "agent" or "client", for advice about versions.
        ca: a file of authorities to trust, they alone; None for those of the system.
        max_bytes: the largest answer that is read.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        caller: str,
        ca: str | None = None,
        timeout_s: float = 30.0,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.url = _checked(url)
        self._caller = caller
        self._max_bytes = max_bytes
        self._headers = {PROTOCOL_HEADER: str(PROTOCOL_VERSION), "Accept": "application/json"}
        if key is not None:
            self.sign_in_with(key)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5.0, read=timeout_s),
            retries=False,
            maxsize=4,
            ca_certs=None if ca is None else checked_ca(ca),
        )

    def sign_in_with(self, key: str) -> None:
        """Sign every request in with ``key`` from now on. Not while another thread asks."""
        self._headers["Authorization"] = f"Bearer {_checked_key(key)}"

    def get(self, path: str, answer: type[T]) -> T:
        """What the orchestrator answers to GET.

        Raises:
            OrchestratorAway: nobody answers, or not in a state to.
            Refused: the orchestrator said no.
        """
        return self._decoded(answer, self._request("GET", path, None))

    def post(self, path: str, message: object, answer: type[T]) -> T:
        """What the orchestrator answers to POST of ``message``.

        Raises:
            OrchestratorAway: nobody answers, or not in a state to; whether the message arrived is not known.
            Refused: the orchestrator said no.
        """
        return self._decoded(answer, self._request("POST", path, encode(message)))

    def stream(self, path: str, offset: int) -> Iterator[bytes]:
        """What the orchestrator answers to GET, as it comes, from byte ``offset`` on.

        Raises:
            OrchestratorAway: nobody answers, or not in a state to, or the answer broke off; some of it may have come.
            Refused: the orchestrator said no.
        """
        headers = {**self._headers, "Accept": "*/*"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            response = self._pool.request(
                "GET", self.url + path, headers=headers, redirect=False, preload_content=False, decode_content=False
            )
            try:
                self._refuse_foreign(response)
                if response.status >= 300:
                    raise _error_of(response, _bounded_body(response, self._max_bytes), self.url)
                # Who stands between may answer with the whole where a part was asked for.
                beyond = 0 if response.status == 206 else offset
                for chunk in response.stream(CHUNK_BYTES):
                    yield chunk[beyond:]
                    beyond = max(0, beyond - len(chunk))
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise self._no_answer(error) from None

    def _no_answer(self, error: urllib3.exceptions.HTTPError) -> OrchestratorAway:
        return OrchestratorAway(
            f"The orchestrator at {self.url} does not answer ({_short(error)}).",
            "Is it running (stepfarm up), and is the address right?",
        )

    def _decoded(self, answer: type[T], body: bytes) -> T:
        """The orchestrator's answer; what is none counts as an orchestrator that is away."""
        try:
            return decode(answer, body, max_bytes=self._max_bytes)
        except WireError as error:
            raise OrchestratorAway(
                f"The answer of {self.url} makes no sense: {error}.",
                "Is that address Stepfarm's, and its version this one's?",
            ) from None

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {**self._headers, "Content-Type": "application/json"} if body is not None else self._headers
        try:
            response = self._pool.request(
                method,
                self.url + path,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            content = _bounded_body(response, self._max_bytes)
        except urllib3.exceptions.SSLError as error:
            complaint, advice = complaint_about(error)
            raise OrchestratorAway(f"{self.url} cannot be trusted: {complaint}.", advice) from None
        except urllib3.exceptions.HTTPError as error:
            raise self._no_answer(error) from None
        self._refuse_foreign(response)
        if response.status < 300:
            return content
        raise _error_of(response, content, self.url)

    def _refuse_foreign(self, response: urllib3.BaseHTTPResponse) -> None:
        theirs = response.headers.get(PROTOCOL_HEADER)
        if theirs is None:
            if response.status >= 500:
                return  # a proxy before an orchestrator that is not up
            # A proxy, or a network's sign-in page: never a verdict on what was sent, so nothing is given up for it.
            raise OrchestratorAway(
                f"What answers at {self.url} is not Stepfarm (status {response.status}).",
                "Is the address right, and does a proxy stand between?",
            )
        complaint = protocol_complaint(theirs, they="orchestrator", we=self._caller)
        if complaint is not None:
            # 426 whatever it answered: no request will fare better until one side is upgraded.
            raise Refused(f"{self.url}: {complaint}.", "", status=426, type="protocol-mismatch")


def _bounded_body(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    """The body of ``response``, read no further than one byte beyond ``max_bytes``."""
    content = response.read(max_bytes + 1)
    if len(content) > max_bytes:
        response.close()
    return content


def _checked(url: str) -> str:
    advice = "It looks like https://farm.example.org."
    try:
        parts = urllib3.util.parse_url(url)  # the very parser that requests go by
    except ValueError:
        raise ConfigError(f"{url!r} is no address of an orchestrator.", advice) from None
    if parts.auth:
        raise ConfigError("An address must not carry a name or password.", "Sign in with a key instead.")
    if parts.scheme not in ("http", "https") or not parts.host or parts.query or parts.fragment:
        raise ConfigError(f"{url!r} is no address of an orchestrator.", advice)
    if parts.scheme == "http" and parts.host not in LOOPBACK:
        raise ConfigError(
            f"{url} would send the key unencrypted over the network.",
            "Use https (docs/operating.md shows a TLS reverse proxy); plain http is for this machine alone.",
        )
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("That is no key: a key is one line of letters and digits.", "Copy it again, whole.")
    return key


def _error_of(response: urllib3.BaseHTTPResponse, content: bytes, url: str) -> OrchestratorAway | Refused:
    problem = _problem_of(response, content)
    if problem is None or response.status >= 500 or response.status in TRY_AGAIN:
        detail = problem.detail if problem else f"it answered {response.status}"
        return OrchestratorAway(
            f"The orchestrator at {url} is not ready: {detail.rstrip('.')}.",
            problem.advice if problem else "Try again shortly.",
        )
    return Refused(problem.detail, problem.advice, status=response.status, type=problem.type)


def _problem_of(response: urllib3.BaseHTTPResponse, content: bytes) -> Problem | None:
    if not response.headers.get("Content-Type", "").startswith(PROBLEM_CONTENT_TYPE):
        return None
    try:
        return decode(Problem, content)
    except WireError:
        return None


def _short(error: urllib3.exceptions.HTTPError) -> str:
    names = {
        urllib3.exceptions.NewConnectionError: "connection refused",
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
        urllib3.exceptions.ReadTimeoutError: "no answer in time",
        urllib3.exceptions.ProtocolError: "the connection broke",
        urllib3.exceptions.NameResolutionError: "no such host",
    }
    return next((name for kind, name in names.items() if type(error) is kind), type(error).__name__)
