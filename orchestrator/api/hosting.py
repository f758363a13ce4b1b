"""The application under plain uvicorn, for the smallest machine and for tests. The analysis runs in its process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from agent.config import Settings
from orchestrator.analysis.analyse import analyse
from orchestrator.api.application import create_application
from orchestrator.curves.analysing import one_by_one
from orchestrator.errors import StartFailed
from orchestrator.listening import Listening, on_loopback
from orchestrator.logs import log_to
from orchestrator.wiring import Orchestrator

START_S = 60.0
PATIENCE_S = 10
"""How long requests that run are waited for at the end."""


@contextlib.contextmanager
def serving(
    settings: Settings, make: Callable[[], Orchestrator] | None = None, *, listening: Listening | None = None
) -> Iterator[FastAPI]:
    """The application, answering from a thread of this process.

    Args:
        listening: where; at the settings' port of this machine by default.
        make: what makes the orchestrator, where it is not to be the usual one.

    Raises:
        StartFailed: it did not come up.
    """
    log_to(settings.orchestrator_home, settings.log_format)
    listening = listening or on_loopback(settings)
    make = make or (lambda: Orchestrator(settings, one_by_one(analyse)))
    app = create_application(make, behind_proxy=listening.behind_proxy)
    certificate = listening.certificate
    config = uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else certificate.key,
        # Who asks is the application's to find out: uvicorn would believe every program of this machine.
        proxy_headers=False,
        log_level="error",
        ws="none",
        timeout_graceful_shutdown=PATIENCE_S,
    )
    server = _AnnouncedServer(config)
    thread = threading.Thread(target=server.run, name="stepfarm-api", daemon=True)
    thread.start()
    try:
        if not server.up.wait(START_S) or not server.started:
            raise StartFailed("The API did not start.", "The log above says why.")
        yield app
    finally:
        server.should_exit = True
        thread.join()


class _AnnouncedServer(uvicorn.Server):
    """Says when its start has ended, well or not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        finally:
            self.up.set()
