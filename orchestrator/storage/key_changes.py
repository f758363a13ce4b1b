"""The store of keys, as they are made, rotated and revoked.

A person's key is rotated at once: the new one is good and the old one is not. A device makes its keys itself, so it is
asked to, and its old key is good until it has used the new one: an answer that is lost must not shut it out.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.errors import Conflict, KeyTaken, NotFound
from orchestrator.roles import Role
from orchestrator.storage.keys import add_key
from orchestrator.storage.operator_key import LABEL
from orchestrator.storage.tables import Device, Key
from orchestrator.views import KeyState, KeyView

DAY_MS = 86_400_000


def create(session: Session, secret: str, *, role: Role, label: str, days: int | None, now_ms: int) -> KeyView:
    """A new key of a person.

    Raises:
        Conflict: the label is the one of the orchestrator's own key.
    """
    if label == LABEL:
        raise Conflict(f"{LABEL} is the label of the key that the orchestrator keeps itself.", "Choose another label.")
    expires_ms = None if days is None else now_ms + days * DAY_MS
    return view(session, add_key(session, secret, role, label, now_ms=now_ms, expires_ms=expires_ms), now_ms=now_ms)


def key(session: Session, key_id: int) -> Key:
    """The key of that number, locked until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    found = session.get(Key, key_id, with_for_update=True)
    if found is None:
        raise NotFound(f"There is no key {key_id}.", "See: stepfarm keys list")
    return found


def is_kept(key: Key) -> bool:
    """Whether it is the operator's key that the orchestrator keeps in its state directory."""
    return key.role == Role.OPERATOR.value and key.label == LABEL


def rotate(session: Session, key: Key, secret: str, *, now_ms: int) -> KeyView:
    """The key of a person that takes the place of ``key``, at once, for as many days from now as that one had.

    Raises:
        Conflict: ``key`` is not good.
    """
    _refuse_ended(key, now_ms)
    expires_ms = None if key.expires_ms is None else now_ms + key.expires_ms - key.created_ms
    key.revoked_ms = now_ms
    new = add_key(session, secret, Role(key.role), key.label, now_ms=now_ms, expires_ms=expires_ms)
    return view(session, new, now_ms=now_ms)


def ask_to_rotate(session: Session, key: Key, *, now_ms: int) -> KeyView:
    """The key of a device that is to make itself another with its next wish for work.

    Raises:
        Conflict: ``key`` is not good.
    """
    _refuse_ended(key, now_ms)
    if key.rotate_asked_ms is None:
        key.rotate_asked_ms = now_ms
    return view(session, key.id, now_ms=now_ms)


def renew(session: Session, key_id: int, secret_sha256: str, *, now_ms: int) -> None:
    """Keep the key that a device made to take the place of ``key_id``. The same again is the same.

    Raises:
        Conflict: nobody asked for it.
        KeyTaken: another key of that hash is there, good or not.
    """
    old = key(session, key_id)
    known = session.scalar(sa.select(Key).where(Key.secret_sha256 == secret_sha256))
    if known is not None:
        if known.supersedes == old.id and known.revoked_ms is None:
            return
        raise KeyTaken("That key was known before.", "Make another.")
    if old.rotate_asked_ms is None:
        raise Conflict("Nobody asked this device for a new key.", "Ask the operator: stepfarm keys rotate")
    # Another that was made before, and never used, is one that the device does not have.
    session.execute(sa.update(Key).where(Key.supersedes == old.id, Key.revoked_ms.is_(None)).values(revoked_ms=now_ms))
    session.add(
        Key(
            secret_sha256=secret_sha256,
            role=old.role,
            label=old.label,
            device_id=old.device_id,
            created_ms=now_ms,
            supersedes=old.id,
        )
    )


def end(session: Session, key_id: int, *, now_ms: int) -> None:
    """Revoke the key that another has superseded, the other having been used."""
    session.execute(sa.update(Key).where(Key.id == key_id, Key.revoked_ms.is_(None)).values(revoked_ms=now_ms))


def revoke(session: Session, key: Key, *, now_ms: int) -> KeyView:
    """The key, good for nothing from now on; of a device both generations. Twice is once.

    Raises:
        Conflict: the orchestrator keeps it: with it gone nobody could let anybody in.
    """
    if is_kept(key):
        raise Conflict(
            f"Key {key.id} is the one that the orchestrator keeps for its operator.",
            f"Put another in its place, at once: stepfarm keys rotate {key.id}",
        )
    its = Key.id == key.id if key.device_id is None else Key.device_id == key.device_id
    session.execute(sa.update(Key).where(its, Key.revoked_ms.is_(None)).values(revoked_ms=now_ms))
    session.refresh(key)
    return view(session, key.id, now_ms=now_ms)


def newest(session: Session, *, newest: int, now_ms: int) -> tuple[KeyView, ...]:
    """The keys: those not revoked first, each part with the newest first, as many as ``newest``."""
    order = (sa.case((Key.revoked_ms.is_(None), 0), else_=1), Key.id.desc())
    rows = session.execute(_with_device().order_by(*order).limit(newest))
    return tuple(_view(key, device, now_ms) for key, device in rows)


def view(session: Session, key_id: int, *, now_ms: int) -> KeyView:
    """What people are shown of a key that is there."""
    found, device = session.execute(_with_device().where(Key.id == key_id)).one()
    return _view(found, device, now_ms)


def _with_device() -> sa.Select[Key, str | None]:
    return sa.select(Key, Device.name).outerjoin(Device, Device.id == Key.device_id)


def _view(key: Key, device: str | None, now_ms: int) -> KeyView:
    return KeyView(
        id=key.id,
        role=Role(key.role),
        label=key.label,
        device=device,
        state=_state(key, now_ms),
        created_ms=key.created_ms,
        expires_ms=key.expires_ms,
        revoked_ms=key.revoked_ms,
    )


def _state(key: Key, now_ms: int) -> KeyState:
    if key.revoked_ms is not None:
        return KeyState.REVOKED
    if key.expires_ms is not None and now_ms > key.expires_ms:
        return KeyState.EXPIRED
    return KeyState.GOOD if key.rotate_asked_ms is None else KeyState.ROTATING


def _refuse_ended(key: Key, now_ms: int) -> None:
    state = _state(key, now_ms)
    if state in (KeyState.REVOKED, KeyState.EXPIRED):
        advice = (
            "Make a new one: stepfarm keys create"
            if key.device_id is None
            else f"Let the device back in: stepfarm enroll-code --device {key.label}"
        )
        raise Conflict(f"Key {key.id} is {state.value}.", advice)
