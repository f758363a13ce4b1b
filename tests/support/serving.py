"""A real orchestrator under uvicorn in this process, on SQLite or PostgreSQL."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from agent.clock import Clock, SystemClock
from agent.config import Settings
from orchestrator.analysis.analyse import analyse
from orchestrator.api.application import create_application
from orchestrator.client import Client
from orchestrator.wiring import Orchestrator, prepare


@dataclass(frozen=True)
class Served:
    """Where the orchestrator answers, and its operator's key."""

    url: str
    operator_key: str
    settings: Settings
    orchestrator: Callable[[], Orchestrator]

    @property
    def client(self) -> Client:
        """The operator's client."""
        return Client(self.url, self.operator_key)


def free_port() -> int:
    """A loopback port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(home: Path, *, database_url: str | None = None, clock: Clock | None = None) -> Iterator[Served]:
    """An orchestrator with its state under ``home``, until the context ends."""
    settings = Settings(home=home, database_url=database_url, port=free_port(), dashboard_port=free_port())
    clock = clock or SystemClock()
    key = prepare(settings, clock)
    app = create_application(lambda: Orchestrator(settings, analyse, clock=clock, rng=random.Random(0)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=settings.port, log_level="warning", ws="none"))
    started = threading.Event()
    startup = server.startup

    async def announce(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = announce  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        if not started.wait(30):
            raise RuntimeError("the orchestrator did not start")
        yield Served(
            f"http://127.0.0.1:{settings.port}", key, settings, lambda: app.state.orchestrator  # type: ignore[no-any-return]
        )
    finally:
        server.should_exit = True
        thread.join(30)
