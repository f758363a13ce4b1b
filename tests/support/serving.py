"""A real orchestrator under uvicorn in this process, on SQLite or PostgreSQL."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.config import Settings
from orchestrator.analysis.analyse import analyse
from orchestrator.api import hosting
from orchestrator.client import Client
from orchestrator.curves.analysing import one_by_one
from orchestrator.wiring import Orchestrator, prepare


@dataclass(frozen=True)
class Served:
    """Where the orchestrator answers, its operator's key, and the orchestrator itself."""

    url: str
    operator_key: str
    settings: Settings
    orchestrator: Orchestrator

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
def serving(
    home: Path, *, database_url: str | None = None, public_url: str | None = None, clock: Clock | None = None
) -> Iterator[Served]:
    """An orchestrator with its state under ``home``, until the context ends."""
    settings = Settings(
        home=home,
        database_url=database_url,
        public_url=public_url,
        port=free_port(),
        dashboard_port=free_port(),
    )
    clock = clock or SystemClock()
    key = prepare(settings, clock)
    with hosting.serving(
        settings, lambda: Orchestrator(settings, one_by_one(analyse), clock=clock, rng=random.Random(0))
    ) as app:
        yield Served(f"http://127.0.0.1:{settings.port}", key, settings, app.state.orchestrator)
