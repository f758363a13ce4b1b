"""The store of keys, what devices and people sign in with. Of every secret only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from orchestrator.errors import NotSignedIn
from orchestrator.roles import Principal, Role
from orchestrator.storage.tables import Device, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who signed in, by which key.

    Attributes:
        asked_to_rotate: the device is to make itself another key.
        supersedes: the key before this one, where that is still good: this one has not been used yet.
    """

    key_id: int
    principal: Principal
    asked_to_rotate: bool
    supersedes: int | None


def sha256(secret: str) -> str:
    """The hash under which a secret is kept. Secrets are random and long, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_key(
    session: Session, secret: str, role: Role, label: str, *, now_ms: int, expires_ms: int | None = None
) -> int:
    """Keep the key of a person; its number."""
    key = Key(secret_sha256=sha256(secret), role=role.value, label=label, created_ms=now_ms, expires_ms=expires_ms)
    session.add(key)
    session.flush()
    return key.id


def holder_of(session: Session, secret: str, *, now_ms: int) -> Holder:
    """Who holds the key.

    Raises:
        NotSignedIn: nobody does, or the key is expired or revoked, or the device that holds it is.
    """
    before = aliased(Key)
    row = session.execute(
        sa.select(Key, Device.revoked_ms, before.id)
        .outerjoin(Device, Device.id == Key.device_id)
        .outerjoin(before, sa.and_(before.id == Key.supersedes, before.revoked_ms.is_(None)))
        .where(Key.secret_sha256 == sha256(secret))
    ).one_or_none()
    if row is None:
        raise NotSignedIn(
            "That key is not known here.", "Check the key, and that the address is the right orchestrator's."
        )
    key, device_revoked_ms, supersedes = row
    if device_revoked_ms is not None:
        raise NotSignedIn(
            "This device was revoked, and its key with it.",
            "Ask the operator whether that was meant; it is enrolled anew under another name alone.",
        )
    if key.revoked_ms is not None:
        raise _no_more("That key was revoked.", key)
    if key.expires_ms is not None and now_ms > key.expires_ms:
        raise _no_more("That key has expired.", key)
    return Holder(
        key_id=key.id,
        principal=Principal(role=Role(key.role), label=key.label, device_id=key.device_id),
        asked_to_rotate=key.rotate_asked_ms is not None,
        supersedes=supersedes,
    )


def _no_more(what: str, key: Key) -> NotSignedIn:
    if key.device_id is None:
        return NotSignedIn(what, "Ask the operator for a new one (stepfarm keys create).")
    return NotSignedIn(
        what,
        f"Ask the operator for a code that lets this device back in (stepfarm enroll-code --device {key.label}), then "
        "stepfarm-agent enroll with it. What waits to be sent is sent then.",
    )
