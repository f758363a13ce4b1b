"""What people may ask of verifications: queue one, and see what came of it."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from orchestrator.api.auth import AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.messages import Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.jobs.verifying import entries_for
from orchestrator.storage import curve_queries, verification_queries, verifications
from orchestrator.storage.tables import Curve
from orchestrator.views import VerificationList, VerificationRequest, VerificationView

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])


@router.post("/verifications", **described(VerificationRequest, VerificationView))
def create(caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Queue a job that times schedules on the device of a curve, beside the plain model and uniform pruning."""
    request, now_ms = message(VerificationRequest, body), serving.clock.epoch_ms()
    with serving.database.write() as session:
        summary = curve_queries.summary(session, request.curve_id)
        job_id = verifications.create(
            session,
            session.get_one(Curve, request.curve_id),
            entries_for(request.schedules, summary.facts, summary.workload.runtime),
            priority=request.priority,
            key_id=caller.key_id,
            now_ms=now_ms,
        )
        return answer(verification_queries.verification(session, job_id, now_ms=now_ms))


@router.get("/verifications/{job_id}", **described(None, VerificationView))
def verification(job_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One verification: what was predicted, and what the device said."""
    with serving.database.read() as session:
        found = verification_queries.verification(session, job_id, now_ms=serving.clock.epoch_ms())
        return answer(found)


@router.get("/curves/{curve_id}/verifications", **described(None, VerificationList))
def of_curve(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """The verifications of schedules that were chosen on a curve."""
    with serving.database.read() as session:
        found = verification_queries.of_curve(session, curve_id, now_ms=serving.clock.epoch_ms())
        return answer(VerificationList(verifications=found))
