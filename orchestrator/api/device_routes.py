"""What devices may ask."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from agent.wire.accuracy import TallyBatch, TrialAnswer, TrialRequest
from agent.wire.enrolment import DeviceDescription, Enrolled, EnrolRequest, NextKey
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
from orchestrator.api.auth import AsDevice, Serving, address_of, attempts_of, same_protocol
from orchestrator.api.messages import Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.errors import CodeRefused
from orchestrator.storage import devices, enrolment, key_changes

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["devices"])


@router.post("/enrol", **described(EnrolRequest, Enrolled))
def enrol(asked: Request, body: Body, serving: Serving) -> Response:
    """Join the fleet with a join code; the same request again gets the same answer."""
    request = message(EnrolRequest, body)
    attempts, address, now_ns = attempts_of(asked), address_of(asked), serving.clock.monotonic_ns()
    attempts.refuse_spent(address, now_ns)
    try:
        with serving.database.write() as session:
            device = enrolment.enrol(session, request, now_ms=serving.clock.epoch_ms())
    except CodeRefused:
        attempts.failed(address, now_ns)
        raise
    return answer(Enrolled(device_id=device.id, name=device.name))


@router.post("/device", **described(DeviceDescription, Done))
def describe(caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Say anew what this device is."""
    description = message(DeviceDescription, body)
    with serving.database.write() as session:
        devices.describe(session, caller.device_id, description)
    return answer(Done())


@router.post("/device/key", **described(NextKey, Done))
def renew_key(caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Keep the key that the device was asked to make; the one before is good until this one is used."""
    next_key = message(NextKey, body)
    with serving.database.write() as session:
        key_changes.renew(session, caller.key_id, next_key.key_sha256, now_ms=serving.clock.epoch_ms())
    return answer(Done())


@router.post("/leases", **described(LeaseRequest, LeaseAnswer))
def lease(caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Ask for work; the same claim again gets the same lease."""
    found = serving.dispatch.lease(caller.device_id, message(LeaseRequest, body))
    return answer(replace(found, rotate_key=caller.asked_to_rotate))


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


@router.post("/jobs/{job_id}/trial", **described(TrialRequest, TrialAnswer))
def next_trial(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Get the trial of an accuracy job and how much of it is stored; none means that the job has ended."""
    return answer(serving.trials.next_trial(caller.device_id, job_id, message(TrialRequest, body)))


@router.post("/jobs/{job_id}/tallies", **described(TallyBatch, Done))
def tallies(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Hand over what a batch of images came to; committed when this answers, and taken whatever the lease."""
    serving.trials.take_in(caller.device_id, job_id, message(TallyBatch, body))
    return answer(Done())


@router.post("/jobs/{job_id}/end", **described(EndReport, Done))
def end(job_id: Number, caller: AsDevice, body: Body, serving: Serving) -> Response:
    """Let go of a job that is not done."""
    serving.dispatch.end(caller.device_id, job_id, message(EndReport, body))
    return answer(Done())
