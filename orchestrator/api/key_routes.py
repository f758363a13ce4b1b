"""What operators may ask of keys: make, see, rotate, revoke."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.jobs import Done
from orchestrator.api.auth import AsOperator, Serving, same_protocol
from orchestrator.api.messages import NEWEST, Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.keys import new_key, write_operator_key
from orchestrator.roles import Role
from orchestrator.storage import key_changes
from orchestrator.views import KeyList, KeyRequest, KeyView, NewKey

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])


@router.get("/keys", **described(None, KeyList))
def key_list(_caller: AsOperator, serving: Serving) -> Response:
    """The newest keys, those that are good first."""
    with serving.database.read() as session:
        return answer(KeyList(keys=key_changes.newest(session, newest=NEWEST, now_ms=serving.clock.epoch_ms())))


@router.post("/keys", **described(KeyRequest, NewKey))
def create(_caller: AsOperator, body: Body, serving: Serving) -> Response:
    """A new key for a person; the secret is shown this once."""
    request, now_ms = message(KeyRequest, body), serving.clock.epoch_ms()
    secret = new_key(request.role)
    with serving.database.write() as session:
        made = key_changes.create(
            session, secret, role=request.role, label=request.label, days=request.days, now_ms=now_ms
        )
    return answer(NewKey(key=made, secret=secret))


@router.post("/keys/{key_id}/rotate", **described(Done, NewKey))
def rotate(key_id: Number, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Put another key in the place of this one, at once; a device is asked to do so itself."""
    message(Done, body)
    now_ms = serving.clock.epoch_ms()
    with serving.database.write() as session:
        key = key_changes.key(session, key_id)
        if key.device_id is not None:
            return answer(NewKey(key=key_changes.ask_to_rotate(session, key, now_ms=now_ms), secret=None))
        secret = new_key(Role(key.role))
        rotated = key_changes.rotate(session, key, secret, now_ms=now_ms)
        if key_changes.is_kept(key):
            # On disk before it is good, as at a first start: if the commit fails, the next start makes it good.
            write_operator_key(serving.home, secret)
        return answer(NewKey(key=rotated, secret=secret))


@router.post("/keys/{key_id}/revoke", **described(Done, KeyView))
def revoke(key_id: Number, _caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Make this key good for nothing; of a device, the one it has and the one it was to have."""
    message(Done, body)
    with serving.database.write() as session:
        key = key_changes.key(session, key_id)
        return answer(key_changes.revoke(session, key, now_ms=serving.clock.epoch_ms()))
