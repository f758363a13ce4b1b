"""What devices may ask."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.enrolment import DeviceDescription, Enrolled, EnrolRequest
from agent.wire.jobs import (
    Done,
    EndReport,
    Heartbeat,
    HeartbeatAnswer,
    LeaseAnswer,
    LeaseRequest,
    RoundAnswer,
    RoundRequest,
)
from agent.wire.readings import Accepted, Batch
from orchestrator.api.auth import AsDevice, Serving, same_protocol
from orchestrator.api.messages import Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.storage import devices, enrolment

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["devices"])


@router.post("/enrol", **described(EnrolRequest, Enrolled))
def enrol(body: Body, serving: Serving) -> Response:
    """Join the fleet with a join code; the same request again gets the same answer."""
    request = message(EnrolRequest, body)
    with serving.database.write() as session:
        device = enrolment.enrol(session, request, now_ms=serving.clock.epoch_ms())
    return answer(Enrolled(device_id=device.id, name=device.name))


@router.post("/device", **described(DeviceDescription, Done))
def describe(caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Say anew what this device is."""
    description = message(DeviceDescription, body)
    with serving.database.write() as session:
        devices.describe(session, caller.device_id, description)
    return answer(Done())


@router.post("/leases", **described(LeaseRequest, LeaseAnswer))
def lease(caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Ask for work; the same claim again gets the same lease."""
    return answer(serving.dispatch.lease(caller.device_id, message(LeaseRequest, body)))


@router.post("/jobs/{job_id}/heartbeat", **described(Heartbeat, HeartbeatAnswer))
def heartbeat(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Keep the lease; hear whether to stop."""
    return answer(serving.dispatch.heartbeat(caller.device_id, job_id, message(Heartbeat, body)))


@router.post("/jobs/{job_id}/rounds", **described(RoundRequest, RoundAnswer))
def next_round(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Get the next round; none means that the job is done."""
    return answer(serving.dispatch.next_round(caller.device_id, job_id, message(RoundRequest, body)))


@router.post("/jobs/{job_id}/batches", **described(Batch, Accepted))
def batch(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Hand over the readings of one pass; they are committed when this answers, and taken whatever the lease."""
    return answer(Accepted(readings=serving.dispatch.take_in(caller.device_id, job_id, message(Batch, body))))


@router.post("/jobs/{job_id}/end", **described(EndReport, Done))
def end(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Let go of a job that is not done."""
    serving.dispatch.end(caller.device_id, job_id, message(EndReport, body))
    return answer(Done())
