"""The store of join codes, and how a device becomes known by one."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.wire.codec import to_plain
from agent.wire.enrolment import DeviceKind, EnrolRequest
from orchestrator.errors import CodeRefused, Conflict, KeyTaken, NotFound
from orchestrator.roles import Role
from orchestrator.storage.keys import sha256
from orchestrator.storage.tables import Device, JoinCode, Key
from orchestrator.views import JoinCodeState, JoinCodeView

JOIN_CODE_MS = 60 * 60 * 1_000

NEW_CODE = "Make a new one: stepfarm enroll-code."


def add_join_code(session: Session, code: str, *, now_ms: int, readmits: Device | None = None) -> JoinCode:
    """A new join code, good for 60 minutes, for a new device or for one that is known.

    Raises:
        Conflict: the device was revoked.
    """
    if readmits is not None and readmits.revoked_ms is not None:
        raise Conflict(f"{readmits.name} was revoked, which is for good.", "Enrol it under another name.")
    row = JoinCode(
        code_sha256=sha256(code),
        created_ms=now_ms,
        expires_ms=now_ms + JOIN_CODE_MS,
        readmits=None if readmits is None else readmits.id,
    )
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
        CodeRefused: the code is wrong, expired, for another device, or was used by another one, or by one that was
            revoked since.
        Conflict: another device has that name, or that key; or the device is known already, and the code for a new one.
        KeyTaken: a known device comes with a key that was known before.
    """
    code = session.scalar(sa.select(JoinCode).where(JoinCode.code_sha256 == sha256(request.code)).with_for_update())
    if code is None:
        raise CodeRefused("There is no such join code.", f"Check it for typing errors. {NEW_CODE}")
    if code.used_ms is not None:
        return _enrolled_before(session, code, request)
    if _state(code, now_ms) is JoinCodeState.EXPIRED:
        raise CodeRefused("That join code has expired: codes are good for 60 minutes.", NEW_CODE)
    if code.readmits is not None:
        return _readmitted(session, code, code.readmits, request, now_ms=now_ms)
    if request.device_id is not None:
        raise Conflict(
            "This device is enrolled already, and that join code is for a new one.",
            f"A new key for it: stepfarm enroll-code --device {request.name}. To make it another device: "
            "stepfarm-agent unenroll first. The join code is still good.",
        )
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
    _add_key(session, device, request, now_ms=now_ms)
    code.used_ms = now_ms
    code.device_id = device.id
    session.flush()
    return device


def _readmitted(session: Session, code: JoinCode, device_id: int, request: EnrolRequest, *, now_ms: int) -> Device:
    """The known device with a new key; whatever keys it had are good for nothing from now on."""
    device = session.get_one(Device, device_id, with_for_update={"key_share": True})
    if device.revoked_ms is not None:
        raise CodeRefused(f"{device.name} was revoked since that join code was made.", "Ask the operator.")
    is_simulated = request.description.kind is DeviceKind.SIMULATED
    other = request.name != device.name or request.device_id not in (None, device.id)
    if other or is_simulated != (device.kind == DeviceKind.SIMULATED.value):
        raise CodeRefused(
            f"That join code lets {device.name} back in, and no other device.",
            f"On that device: --name {device.name}. For another: stepfarm enroll-code.",
        )
    known = session.scalar(sa.select(Key).where(Key.secret_sha256 == request.key_sha256))
    if known is not None and (known.device_id != device.id or known.revoked_ms is not None):
        raise KeyTaken("That key was known before.", "Make another.")
    its = (Key.device_id == device.id, Key.revoked_ms.is_(None), Key.secret_sha256 != request.key_sha256)
    session.execute(sa.update(Key).where(*its).values(revoked_ms=now_ms))
    if known is None:
        _add_key(session, device, request, now_ms=now_ms)
    code.used_ms = now_ms
    code.device_id = device.id
    session.flush()
    return device


def _add_key(session: Session, device: Device, request: EnrolRequest, *, now_ms: int) -> None:
    session.add(
        Key(
            secret_sha256=request.key_sha256,
            role=Role.DEVICE.value,
            label=device.name,
            device_id=device.id,
            created_ms=now_ms,
        )
    )


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a device called {name} already, or was before it was revoked.",
        "Choose another name with --name; the join code is still good. Where this is that device and has lost its key: "
        f"stepfarm enroll-code --device {name}.",
    )


def _enrolled_before(session: Session, code: JoinCode, request: EnrolRequest) -> Device:
    holder = session.scalar(sa.select(Key.device_id).where(Key.secret_sha256 == request.key_sha256))
    if code.device_id is None or holder != code.device_id:
        raise CodeRefused("That join code was used already, by another device.", NEW_CODE)
    device = session.get_one(Device, code.device_id)
    if device.revoked_ms is not None:
        raise CodeRefused("The device that this join code let in was revoked.", NEW_CODE)
    return device
