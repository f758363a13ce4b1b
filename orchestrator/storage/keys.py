"""The store of keys, what devices and people sign in with. Of every secret only the SHA-256 is kept."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.errors import NotSignedIn
from orchestrator.roles import Principal, Role
from orchestrator.storage.tables import Device, Key


def sha256(secret: str) -> str:
    """The hash under which a secret is kept. Secrets are random and long, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_key(session: Session, secret: str, role: Role, label: str, *, now_ms: int) -> int:
    """Keep the key of a person; its number."""
    key = Key(secret_sha256=sha256(secret), role=role.value, label=label, created_ms=now_ms)
    session.add(key)
    session.flush()
    return key.id


def is_key(session: Session, secret: str) -> bool:
    """Whether this key is known, good or not."""
    return session.scalar(sa.select(Key.id).where(Key.secret_sha256 == sha256(secret))) is not None


def holder_of(session: Session, secret: str, *, now_ms: int) -> tuple[int, Principal]:
    """The number of the key and who holds it.

    Raises:
        NotSignedIn: nobody does, or the key is expired or revoked, or the device that holds it is.
    """
    row = session.execute(
        sa.select(Key, Device.revoked_ms)
        .outerjoin(Device, Device.id == Key.device_id)
        .where(Key.secret_sha256 == sha256(secret))
    ).one_or_none()
    if row is None:
        raise NotSignedIn(
            "That key is not known here.", "Check the key, and that the address is the right orchestrator's."
        )
    key, device_revoked_ms = row
    if key.revoked_ms is not None or device_revoked_ms is not None:
        raise revoked()
    if key.expires_ms is not None and now_ms > key.expires_ms:
        raise NotSignedIn("That key has expired.", "Ask the operator for a new one.")
    return key.id, Principal(role=Role(key.role), label=key.label, device_id=key.device_id)


def revoked() -> NotSignedIn:
    """The refusal of a key that was good once."""
    return NotSignedIn(
        "That key was revoked.", "Ask the operator for a new one; a device is enrolled anew, under another name."
    )
