"""What people may ask of the analysis: how far it is, and to have curves analysed anew."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from orchestrator.api.auth import AsOperator, Serving, same_protocol
from orchestrator.api.messages import Body, answer, message
from orchestrator.api.openapi import described
from orchestrator.storage import reanalyses
from orchestrator.views import ReanalysisRequest, ReanalysisView

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])


@router.get("/analyses", **described(None, ReanalysisView))
def standing(_caller: AsOperator, serving: Serving) -> Response:
    """How many curves have a result of which version of the method, and how many wait for a new one."""
    with serving.database.read() as session:
        return answer(reanalyses.standing(session))


@router.post("/analyses", **described(ReanalysisRequest, ReanalysisView))
def ask(_caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Have curves analysed anew from their readings; what waits already waits once."""
    request = message(ReanalysisRequest, body)
    with serving.database.write() as session:
        reanalyses.ask(session, request, now_ms=serving.clock.epoch_ms())
        standing = reanalyses.standing(session)
    serving.wake_analyst()
    return answer(standing)
