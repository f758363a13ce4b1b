"""The one application: Ray Serve hosts it, and plain uvicorn can."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.clock import SystemClock
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from orchestrator.api import (
    accuracy_routes,
    analysis_routes,
    curve_routes,
    device_routes,
    export_routes,
    fleet_routes,
    health_routes,
    key_routes,
    openapi,
    problems,
    sweep_routes,
    verification_routes,
)
from orchestrator.api.attempts import Attempts
from orchestrator.api.metrics import Requests, Timed
from orchestrator.wiring import Orchestrator


def create_application(make_orchestrator: Callable[[], Orchestrator], *, behind_proxy: bool = False) -> FastAPI:
    """The application around the orchestrator that is made, and started, when the host starts the application.

    Args:
        behind_proxy: every request comes through a proxy, which says in ``X-Forwarded-For`` from whom.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with make_orchestrator() as orchestrator:
            app.state.orchestrator = orchestrator
            yield

    app = FastAPI(
        title="Stepfarm",
        summary="Token-latency curves of Vision Transformers, measured on a fleet of devices",
        version=version("stepfarm"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.attempts = Attempts()
    app.state.behind_proxy = behind_proxy
    app.state.requests = Requests()
    app.add_middleware(Timed, requests=app.state.requests, clock=SystemClock())
    app.add_middleware(ProtocolHeader)
    problems.install(app)
    for routes in (
        health_routes,
        device_routes,
        export_routes,
        fleet_routes,
        key_routes,
        sweep_routes,
        verification_routes,
        curve_routes,
        analysis_routes,
        accuracy_routes,
    ):
        app.include_router(routes.router)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    framework = app.openapi

    def described() -> dict[str, Any]:
        description = framework()
        description.setdefault("components", {})["schemas"] = openapi.components()
        return description

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to extend the description


class ProtocolHeader:
    """Says on every answer, refusals too, which protocol this side speaks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and mark the answer."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
            await send(message)

        await self._app(scope, receive, marked)
