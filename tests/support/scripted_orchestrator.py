"""An orchestrator that follows a script: it answers as told, keeps what it was asked, drops, holds back and lies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from agent.wire.codec import decode, encode
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION

T = TypeVar("T")

PATIENCE_S = 30.0
"""After so long a test that waits for the agent has failed."""


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    body: bytes
    key: str | None

    def message(self, kind: type[T]) -> T:
        """The body as a message."""
        return decode(kind, self.body)


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    protocol: str | None = str(PROTOCOL_VERSION)
    dropped: bool = False
    """Close the connection in place of an answer."""


def said(message: object) -> Said:
    """The answer that holds ``message``."""
    return Said(body=encode(message))


def refused(status: int, name: str, detail: str = "No.", advice: str = "Ask somebody else.") -> Said:
    """The answer that says no."""
    body = encode(Problem(type=name, title=name, detail=detail, advice=advice))
    return Said(status=status, body=body, content_type=PROBLEM_CONTENT_TYPE)


DROPPED = Said(dropped=True)
AWAY = Said(status=502, body=b"<html>bad gateway</html>", content_type="text/html", protocol=None)

Script = Callable[[Asked], Said]


@dataclass
class ScriptedOrchestrator:
    """Answers each request by the script, which runs in a thread of its own for each and may wait for a condition."""

    script: Script
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    faults: list[Exception] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, asked: Asked) -> Said:
        """What the script says, once the request is noted."""
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        try:
            return self.script(asked)
        except Exception as fault:  # noqa: BLE001  # a script's assertion must fail the test, not its thread
            self.faults.append(fault)
            return DROPPED

    def on(self, ending: str) -> list[Asked]:
        """The requests so far to paths with this ending."""
        return [asked for asked in self.asked if asked.path.endswith(ending)]

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until ``condition`` holds; it is looked at after each request."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), f"in vain; asked: {[one.path for one in self.asked]}"


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[ScriptedOrchestrator]:
    """An orchestrator that answers by ``script`` on a loopback port until the context ends."""
    orchestrator = ScriptedOrchestrator(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(orchestrator))
    server.daemon_threads = True
    orchestrator.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield orchestrator
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert orchestrator.faults == []


def _handler(orchestrator: ScriptedOrchestrator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            bearer = self.headers.get("Authorization")
            says = orchestrator.answer(Asked(self.path, body, bearer and bearer.removeprefix("Bearer ")))
            self.close_connection = True
            if says.dropped:
                return
            with contextlib.suppress(OSError):  # the agent may have been killed meanwhile
                self.send_response(says.status)
                self.send_header("Content-Type", says.content_type)
                self.send_header("Content-Length", str(len(says.body)))
                if says.protocol is not None:
                    self.send_header(PROTOCOL_HEADER, says.protocol)
                self.end_headers()
                self.wfile.write(says.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
            pass

    return Handler
