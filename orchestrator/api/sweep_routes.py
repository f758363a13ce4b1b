"""What people may ask of sweeps: queue them, follow them, cancel them, try again."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api.auth import AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.messages import NEWEST, Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.errors import BadRequest
from orchestrator.jobs.matching import chosen, refuse_too_many_threads
from orchestrator.storage import devices, sweep_queries, sweeps
from orchestrator.views import SweepList, SweepRequest, SweepView

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])

MOST_JOBS = 4_000
"""A sweep of more jobs is surely a mistake."""


@router.post("/sweeps", **described(SweepRequest, SweepView))
def create(caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Queue a sweep: one job for each model, workload and device that is named or carries one of the labels."""
    request, now_ms = message(SweepRequest, body), serving.clock.epoch_ms()
    with serving.database.write() as session:
        found = chosen(devices.candidates(session), request.devices, request.labels)
        _refuse_absurd(request, len(found))
        refuse_too_many_threads(found, request.workloads)
        sweep_id = sweeps.create(
            session,
            models=request.models,
            workloads=request.workloads,
            device_ids=[device.id for device in found],
            plan=request.plan,
            priority=request.priority,
            key_id=caller.key_id,
            now_ms=now_ms,
        )
        return answer(sweep_queries.sweep(session, sweep_id, now_ms=now_ms))


def _refuse_absurd(request: SweepRequest, devices: int) -> None:
    count = len(request.models) * len(request.workloads) * devices
    if count > MOST_JOBS:
        raise BadRequest(f"That sweep has {count} jobs, the most is {MOST_JOBS}.", "Queue several smaller ones.")


@router.get("/sweeps", **described(None, SweepList))
def newest(_caller: AsViewer, serving: Serving) -> Response:
    """The newest sweeps."""
    with serving.database.read() as session:
        found = sweep_queries.newest_sweeps(session, newest=NEWEST, now_ms=serving.clock.epoch_ms())
        return answer(SweepList(sweeps=found))


@router.get("/sweeps/{sweep_id}", **described(None, SweepView))
def sweep(sweep_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One sweep and how its jobs stand."""
    with serving.database.read() as session:
        return answer(sweep_queries.sweep(session, sweep_id, now_ms=serving.clock.epoch_ms()))


@router.post("/sweeps/{sweep_id}/cancel", **described(Done, SweepView))
def cancel(sweep_id: Number, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Cancel what is queued, and ask the devices to stop what they measure."""
    message(Done, body)
    now_ms = serving.clock.epoch_ms()
    with serving.database.write() as session:
        sweeps.cancel(session, sweep_id, now_ms=now_ms)
        return answer(sweep_queries.sweep(session, sweep_id, now_ms=now_ms))


@router.post("/sweeps/{sweep_id}/retry", **described(Done, SweepView))
def retry(sweep_id: Number, caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Queue the failed and cancelled jobs of a sweep again, as a new sweep."""
    message(Done, body)
    now_ms = serving.clock.epoch_ms()
    with serving.database.write() as session:
        again = sweeps.retry(session, sweep_id, key_id=caller.key_id, now_ms=now_ms)
        return answer(sweep_queries.sweep(session, again, now_ms=now_ms))
