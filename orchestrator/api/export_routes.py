"""Exported models: which one a job measures, and the file itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response

from agent.vit.exporting import ExportWish
from agent.wire.codec import from_plain
from agent.wire.exports import ExportAnswer, ExportRequest
from agent.wire.jobs import Runtime, Workload
from orchestrator.api.auth import AsAnyone, AsDevice, Serving, same_protocol
from orchestrator.api.messages import Body, Number, answer, message
from orchestrator.api.openapi import described, described_file
from orchestrator.errors import BadRequest
from orchestrator.storage import jobs

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["devices"])

Sha256 = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$")]

CONTENT_TYPE = "application/octet-stream"


@router.post("/jobs/{job_id}/export", **described(ExportRequest, ExportAnswer))
def export(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Hear which exported model the job measures; it is made where it is not there."""
    request = message(ExportRequest, body)
    with serving.database.write() as session:
        job = jobs.held_job(session, device_id=caller.device_id, job_id=job_id, fence=request.fence)
        model, workload = job.model, from_plain(Workload, job.workload)
    if workload.runtime is not Runtime.ONNXRUNTIME:
        raise BadRequest(
            f"Job {job_id} is measured by the runtime {workload.runtime.value}, which needs no exported model.",
            "This is a bug of the agent: please report it.",
        )
    return answer(serving.exports.ask(ExportWish.of(model, workload)))


@router.get("/exports/{sha256}", **described_file(CONTENT_TYPE))
def exported(sha256: Sha256, _caller: AsAnyone, serving: Serving) -> FileResponse:
    """The content of an exported model, whole or the part that the header Range names."""
    return FileResponse(serving.exports.path_of(sha256), media_type=CONTENT_TYPE)
