"""The store of devices, join codes and keys. Of every secret only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.wire.codec import to_plain
from agent.wire.enrolment import DeviceDescription, EnrolRequest
from orchestrator.errors import CodeRefused, Conflict, NotFound, NotSignedIn
from orchestrator.roles import Principal, Role
from orchestrator.storage.tables import Device, JoinCode, Key

JOIN_CODE_MS = 60 * 60 * 1_000
SEEN_RESOLUTION_MS = 5_000
"""How old "last seen" may be before it is written again: not every request needs a write."""

NEW_CODE = "Make a new one: stepfarm enroll-code."


def sha256(secret: str) -> str:
    """The hash under which a secret is kept. Secrets are random and long, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_join_code(session: Session, code: str, *, now_ms: int) -> int:
    """Keep a new join code; until when it is good."""
    expires_ms = now_ms + JOIN_CODE_MS
    session.add(JoinCode(code_sha256=sha256(code), created_ms=now_ms, expires_ms=expires_ms))
    session.flush()
    return expires_ms


def enrol(session: Session, request: EnrolRequest, *, now_ms: int) -> Device:
    """The device that ``request`` makes known; the same request again gives the same device.

    Raises:
        CodeRefused: the code is wrong, expired, or was used by another device.
        Conflict: another device has that name, or that key.
    """
    code = session.scalar(sa.select(JoinCode).where(JoinCode.code_sha256 == sha256(request.code)).with_for_update())
    if code is None:
        raise CodeRefused("There is no such join code.", f"Check it for typing errors. {NEW_CODE}")
    if code.used_ms is not None:
        return _enrolled_before(session, code, request)
    if now_ms > code.expires_ms:
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
        f"There is a device called {name} already.", "Choose another name with --name. The join code is still good."
    )


def _enrolled_before(session: Session, code: JoinCode, request: EnrolRequest) -> Device:
    holder = session.scalar(sa.select(Key.device_id).where(Key.secret_sha256 == request.key_sha256))
    if code.device_id is None or holder != code.device_id:
        raise CodeRefused("That join code was used already, by another device.", NEW_CODE)
    return session.get_one(Device, code.device_id)


def describe(session: Session, device_id: int, description: DeviceDescription) -> None:
    """Keep what the device now says of itself; what kind it is stays as it was enrolled."""
    session.get_one(Device, device_id).description = to_plain(description)


def seen(session: Session, device_id: int, *, now_ms: int) -> None:
    """The device spoke just now."""
    device = session.get_one(Device, device_id)
    if now_ms - device.last_seen_ms >= SEEN_RESOLUTION_MS:
        device.last_seen_ms = now_ms


def named(session: Session, names: Sequence[str]) -> list[Device]:
    """The devices with these names, in this order.

    Raises:
        NotFound: no device has one of the names.
    """
    devices = {device.name: device for device in session.scalars(sa.select(Device).where(Device.name.in_(names)))}
    for name in names:
        if name not in devices:
            known = ", ".join(session.scalars(sa.select(Device.name).order_by(Device.name).limit(20)))
            raise NotFound(f"There is no device called {name}.", f"The devices are: {known or 'none yet'}.")
    return [devices[name] for name in names]


def add_key(session: Session, secret: str, role: Role, label: str, *, now_ms: int) -> int:
    """Keep the key of a person; its number."""
    key = Key(secret_sha256=sha256(secret), role=role.value, label=label, created_ms=now_ms)
    session.add(key)
    session.flush()
    return key.id


def holder_of(session: Session, secret: str, *, now_ms: int) -> tuple[int, Principal]:
    """The number of the key and who holds it.

    Raises:
        NotSignedIn: nobody does, or the key is expired or revoked.
    """
    key = session.scalar(sa.select(Key).where(Key.secret_sha256 == sha256(secret)))
    if key is None:
        raise NotSignedIn(
            "That key is not known here.", "Check the key, and that the address is the right orchestrator's."
        )
    if key.revoked_ms is not None:
        raise NotSignedIn("That key was revoked.", "Ask the operator for a new one; a device is enrolled anew.")
    if key.expires_ms is not None and now_ms > key.expires_ms:
        raise NotSignedIn("That key has expired.", "Ask the operator for a new one.")
    return key.id, Principal(role=Role(key.role), label=key.label, device_id=key.device_id)


def is_key(session: Session, secret: str) -> bool:
    """Whether this key is known, good or not."""
    return session.scalar(sa.select(Key.id).where(Key.secret_sha256 == sha256(secret))) is not None
