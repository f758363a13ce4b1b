"""The operator's key that the orchestrator itself makes: one at a time is good."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.roles import Role
from orchestrator.storage.keys import add_key, sha256
from orchestrator.storage.tables import Key

LABEL = "operator"
"""The label of these keys, and of no other."""


def is_revoked(session: Session, secret: str) -> bool:
    """Whether this key was good once and is no more."""
    return (
        session.scalar(sa.select(Key.id).where(Key.secret_sha256 == sha256(secret), Key.revoked_ms.is_not(None)))
        is not None
    )


def make_good(session: Session, secret: str, *, now_ms: int) -> None:
    """Make ``secret`` the operator's key; one that was made before it is revoked."""
    of_ours = (Key.role == Role.OPERATOR.value, Key.label == LABEL, Key.revoked_ms.is_(None))
    session.execute(sa.update(Key).where(*of_ours, Key.secret_sha256 != sha256(secret)).values(revoked_ms=now_ms))
    if session.scalar(sa.select(Key.id).where(Key.secret_sha256 == sha256(secret))) is None:
        add_key(session, secret, Role.OPERATOR, LABEL, now_ms=now_ms)
