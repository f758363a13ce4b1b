"""What people may ask of the fleet: who is in it, who is let in, what they are called, who is shut out."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api.auth import AsAnyone, AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.messages import Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.keys import new_join_code
from orchestrator.roles import Principal
from orchestrator.storage import devices, enrolment, fleet_queries
from orchestrator.views import DeviceList, DeviceView, JoinCode, JoinCodeRequest, JoinCodeView, LabelChange

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])


@router.get("/me", **described(None, Principal))
def me(caller: AsAnyone) -> Response:
    """Who holds this key."""
    return answer(caller.principal)


@router.post("/join-codes", **described(JoinCodeRequest, JoinCode))
def new_code(_caller: AsOperator, body: Body, serving: Serving) -> Response:
    """A new join code, shown this once, and the address at which devices use it."""
    name = message(JoinCodeRequest, body).device
    code = new_join_code()
    with serving.database.write() as session:
        known = None if name is None else devices.named(session, name)
        row = enrolment.add_join_code(session, code, now_ms=serving.clock.epoch_ms(), readmits=known)
    return answer(JoinCode(id=row.id, code=code, url=serving.device_url, expires_ms=row.expires_ms, device=name))


@router.get("/join-codes/{join_code_id}", **described(None, JoinCodeView))
def join_code(join_code_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """What became of a join code, and which device it let in."""
    with serving.database.read() as session:
        return answer(enrolment.join_code(session, join_code_id, now_ms=serving.clock.epoch_ms()))


@router.get("/devices", **described(None, DeviceList))
def fleet(_caller: AsViewer, serving: Serving) -> Response:
    """Every device."""
    with serving.database.read() as session:
        return answer(DeviceList(devices=fleet_queries.fleet(session, now_ms=serving.clock.epoch_ms())))


@router.get("/devices/{name}", **described(None, DeviceView))
def device(name: str, _caller: AsViewer, serving: Serving) -> Response:
    """One device."""
    with serving.database.read() as session:
        return answer(fleet_queries.device(session, name, now_ms=serving.clock.epoch_ms()))


@router.post("/devices/{name}/labels", **described(LabelChange, DeviceView))
def label(name: str, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Put labels on a device, and take others away."""
    change, now_ms = message(LabelChange, body), serving.clock.epoch_ms()
    with serving.database.write() as session:
        devices.label(session, name, change)
        return answer(fleet_queries.device(session, name, now_ms=now_ms))


@router.post("/devices/{name}/revoke", **described(Done, DeviceView))
def revoke(name: str, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Shut a device out for good, and cancel what it had to do."""
    message(Done, body)
    now_ms = serving.clock.epoch_ms()
    with serving.database.write() as session:
        devices.revoke(session, name, now_ms=now_ms)
        return answer(fleet_queries.device(session, name, now_ms=now_ms))
