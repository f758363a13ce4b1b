"""Whether the orchestrator lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api.auth import Serving
from orchestrator.api.messages import answer
from orchestrator.api.openapi import described

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
