"""The store of join codes, and how a device becomes known by one."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.wire.codec import to_plain
from agent.wire.enrolment import EnrolRequest
from orchestrator.errors import CodeRefused, Conflict, NotFound
from orchestrator.roles import Role
from orchestrator.storage.keys import sha256
from orchestrator.storage.tables import Device, JoinCode, Key
from orchestrator.views import JoinCodeState, JoinCodeView

JOIN_CODE_MS = 60 * 60 * 1_000

NEW_CODE = "Make a new one: stepfarm enroll-code."


def add_join_code(session: Session, code: str, *, now_ms: int) -> JoinCode:
    """A new join code, good for 60 minutes."""
    row = JoinCode(code_sha256=sha256(code), created_ms=now_ms, expires_ms=now_ms + JOIN_CODE_MS)
    session.add(row)
    session.flush()
    return row


def join_code(session: Session, join_code_id: int, *, now_ms: int) -> JoinCodeView:
    """What became of a join code.

    Raises:
        NotFound: there is none of that number.
    """
    row = session.execute(
        sa.select(JoinCode, Device.name)
        .outerjoin(Device, Device.id == JoinCode.device_id)
        .where(JoinCode.id == join_code_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no join code {join_code_id}.", NEW_CODE)
    code, device = row
    return JoinCodeView(id=code.id, state=_state(code, now_ms), device=device, expires_ms=code.expires_ms)


def _state(code: JoinCode, now_ms: int) -> JoinCodeState:
    if code.used_ms is not None:
        return JoinCodeState.USED
    return JoinCodeState.EXPIRED if now_ms > code.expires_ms else JoinCodeState.WAITING


def enrol(session: Session, request: EnrolRequest, *, now_ms: int) -> Device:
    """The device that ``request`` makes known; the same request again gives the same device.

    Raises:
        CodeRefused: the code is wrong, expired, or was used by another device, or by one that was revoked since.
        Conflict: another device has that name, or that key.
    """
    code = session.scalar(sa.select(JoinCode).where(JoinCode.code_sha256 == sha256(request.code)).with_for_update())
    if code is None:
        raise CodeRefused("There is no such join code.", f"Check it for typing errors. {NEW_CODE}")
    if code.used_ms is not None:
        return _enrolled_before(session, code, request)
    if _state(code, now_ms) is JoinCodeState.EXPIRED:
        raise CodeRefused("That join code has expired: codes are good for 60 minutes.", NEW_CODE)
    if session.scalar(sa.select(Device.id).where(Device.name == request.name)) is not None:
        raise _name_taken(request.name)
    if session.scalar(sa.select(Key.id).where(Key.secret_sha256 == request.key_sha256)) is not None:
        raise Conflict(
            "That key belongs to a device already.", "Enrol with a new key: stepfarm-agent unenroll, then again."
        )
    device = Device(
        name=request.name,
        kind=request.description.kind.value,
        labels={},
        description=to_plain(request.description),
        enrolled_ms=now_ms,
        last_seen_ms=now_ms,
    )
    session.add(device)
    try:
        session.flush()
    except IntegrityError:
        raise _name_taken(request.name) from None  # just now, by another device
    session.add(
        Key(
            secret_sha256=request.key_sha256,
            role=Role.DEVICE.value,
            label=request.name,
            device_id=device.id,
            created_ms=now_ms,
        )
    )
    code.used_ms = now_ms
    code.device_id = device.id
    session.flush()
    return device


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a device called {name} already, or was before it was revoked.",
        "Choose another name with --name. The join code is still good.",
    )


def _enrolled_before(session: Session, code: JoinCode, request: EnrolRequest) -> Device:
    holder = session.scalar(sa.select(Key.device_id).where(Key.secret_sha256 == request.key_sha256))
    if code.device_id is None or holder != code.device_id:
        raise CodeRefused("That join code was used already, by another device.", NEW_CODE)
    device = session.get_one(Device, code.device_id)
    if device.revoked_ms is not None:
        raise CodeRefused("The device that this join code let in was revoked.", NEW_CODE)
    return device
