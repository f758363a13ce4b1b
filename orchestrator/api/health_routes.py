"""Whether the orchestrator lives, whether it can work, and how it does."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api import metrics
from orchestrator.api.auth import AsViewer, Serving
from orchestrator.api.messages import answer
from orchestrator.api.openapi import described, described_text
from orchestrator.storage.figures import figures

router = APIRouter(tags=["health"])


@router.get("/healthz", **described(None, Done))
def alive() -> Response:
    """The process answers."""
    return answer(Done())


@router.get("/readyz", **described(None, Done))
def ready(serving: Serving) -> Response:
    """The database answers, has this version's schema, is this orchestrator's to write, and the chores are at work."""
    serving.check_ready()
    return answer(Done())


@router.get("/metrics", **described_text())
def measured(request: Request, serving: Serving, _caller: AsViewer) -> Response:
    """The farm in figures, and how long requests take, for Prometheus."""
    with serving.database.read() as session:
        found = figures(session, now_ms=serving.clock.epoch_ms())
    text = metrics.text_of(found, serving.dispatch.spooled(), request.app.state.requests)
    return Response(text, media_type=metrics.CONTENT_TYPE)
