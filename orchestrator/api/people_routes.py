"""What people may ask: the command line, the dashboard and notebooks, all through the typed client."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api.auth import AsAnyone, AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.device_routes import Number
from orchestrator.api.messages import Body, answer, message
from orchestrator.api.openapi import described
from orchestrator.errors import BadRequest
from orchestrator.keys import new_join_code
from orchestrator.roles import Principal
from orchestrator.storage import devices, jobs, queries
from orchestrator.views import (
    CurveList,
    CurveView,
    DeviceList,
    JoinCode,
    ReadingsView,
    SweepList,
    SweepRequest,
    SweepView,
)

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])

NEWEST = 500
"""A list shows so many, newest first."""

MOST_JOBS = 4_000
"""A sweep of more jobs is surely a mistake."""


@router.get("/me", **described(None, Principal))
def me(caller: AsAnyone) -> Response:
    """Who holds this key."""
    return answer(caller.principal)


@router.post("/join-codes", **described(Done, JoinCode))
def join_code(_caller: AsOperator, body: Body, serving: Serving) -> Response:
    """A new join code, shown this once."""
    message(Done, body)
    code = new_join_code()
    with serving.database.write() as session:
        expires_ms = devices.add_join_code(session, code, now_ms=serving.clock.epoch_ms())
    return answer(JoinCode(code=code, expires_ms=expires_ms))


@router.get("/devices", **described(None, DeviceList))
def fleet(_caller: AsViewer, serving: Serving) -> Response:
    """Every device."""
    with serving.database.read() as session:
        return answer(DeviceList(devices=queries.fleet(session, now_ms=serving.clock.epoch_ms())))


@router.post("/sweeps", **described(SweepRequest, SweepView))
def create_sweep(caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Queue a sweep: one job for each model, workload and device."""
    request = message(SweepRequest, body)
    count = len(request.models) * len(request.workloads) * len(request.devices)
    if count > MOST_JOBS:
        raise BadRequest(f"That sweep has {count} jobs, the most is {MOST_JOBS}.", "Queue several smaller ones.")
    with serving.database.write() as session:
        found = devices.named(session, request.devices)
        sweep_id = jobs.create_sweep(
            session,
            models=request.models,
            workloads=request.workloads,
            device_ids=[device.id for device in found],
            plan=request.plan,
            priority=request.priority,
            key_id=caller.key_id,
            now_ms=serving.clock.epoch_ms(),
        )
        return answer(queries.sweep(session, sweep_id))


@router.get("/sweeps", **described(None, SweepList))
def sweeps(_caller: AsViewer, serving: Serving) -> Response:
    """The newest sweeps."""
    with serving.database.read() as session:
        return answer(SweepList(sweeps=queries.sweeps(session, newest=NEWEST)))


@router.get("/sweeps/{sweep_id}", **described(None, SweepView))
def sweep(sweep_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One sweep and how its jobs stand."""
    with serving.database.read() as session:
        return answer(queries.sweep(session, sweep_id))


@router.post("/sweeps/{sweep_id}/cancel", **described(Done, SweepView))
def cancel_sweep(sweep_id: Number, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Cancel what is queued, and ask the devices to stop what they measure."""
    message(Done, body)
    with serving.database.write() as session:
        jobs.ask_to_cancel(session, sweep_id, now_ms=serving.clock.epoch_ms())
        return answer(queries.sweep(session, sweep_id))


@router.get("/curves", **described(None, CurveList))
def curve_list(_caller: AsViewer, serving: Serving) -> Response:
    """The newest curves."""
    with serving.database.read() as session:
        return answer(CurveList(curves=queries.summaries(session, newest=NEWEST)))


@router.get("/curves/{curve_id}", **described(None, CurveView))
def curve(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One curve with steps, sweet spots and recommendation."""
    with serving.database.read() as session:
        return answer(queries.curve(session, curve_id))


@router.get("/curves/{curve_id}/readings", **described(None, ReadingsView))
def readings(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """Every reading of a curve, with the conditions of its passes."""
    with serving.database.read() as session:
        return answer(queries.readings(session, curve_id))
