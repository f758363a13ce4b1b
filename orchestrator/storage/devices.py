"""The store of devices: what they say of themselves, what people say of them, and who is shut out."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import from_plain, to_plain
from agent.wire.enrolment import DeviceDescription
from agent.wire.fields import DeviceName
from orchestrator.errors import BadRequest, NotFound
from orchestrator.jobs.matching import Candidate
from orchestrator.jobs.presence import is_quiet
from orchestrator.jobs.runs import Run, which_run
from orchestrator.jobs.states import JobState
from orchestrator.storage import jobs
from orchestrator.storage.tables import Device, Job, Key
from orchestrator.views import MOST_LABELS, Label, LabelChange

SEEN_RESOLUTION_MS = 5_000
"""How old "last seen" may be before it is written again: not every request needs a write."""


def describe(session: Session, device_id: int, description: DeviceDescription) -> None:
    """Keep what the device now says of itself; what kind it is stays as it was enrolled."""
    session.get_one(Device, device_id).description = to_plain(description)


def seen(session: Session, device_id: int, *, now_ms: int) -> None:
    """The device spoke just now."""
    device = session.get_one(Device, device_id)
    if now_ms - device.last_seen_ms >= SEEN_RESOLUTION_MS:
        device.last_seen_ms = now_ms


def note_run(session: Session, device_id: int, run: str, *, now_ms: int) -> bool:
    """Whether ``run`` is the newest start of an agent with this identity; one that was unknown is, from now on.

    A run that speaks after a newer one has is an agent that goes on beside it: that is noted, and its wish is not
    to be met.
    """
    device = session.get_one(Device, device_id, with_for_update={"key_share": True}, populate_existing=True)
    match which_run(run, newest=device.agent_run, earlier=device.earlier_run):
        case Run.EARLIER:
            device.doubled_ms = now_ms
            return False
        case Run.NEW:
            device.agent_run, device.earlier_run = run, device.agent_run
    return True


def named(session: Session, name: DeviceName, *, to_write: bool = False) -> Device:
    """The device of that name; locked until the transaction ends where it is ``to_write``.

    Raises:
        NotFound: no device has that name.
    """
    wanted = sa.select(Device).where(Device.name == name)
    device = session.scalar(wanted.with_for_update(key_share=True) if to_write else wanted)
    if device is None:
        known = ", ".join(session.scalars(sa.select(Device.name).order_by(Device.name).limit(20)))
        raise NotFound(f"There is no device called {name}.", f"The devices are: {known or 'none yet'}.")
    return device


def candidates(session: Session) -> list[Candidate]:
    """What a sweep may choose from, by name. No device of them can be revoked before this transaction ends."""
    rows = session.scalars(sa.select(Device).order_by(Device.name).with_for_update(read=True))
    return [_candidate(row, from_plain(DeviceDescription, row.description)) for row in rows]


def _candidate(row: Device, said: DeviceDescription) -> Candidate:
    return Candidate(
        id=row.id,
        name=row.name,
        labels=labels_of(row),
        revoked=row.revoked_ms is not None,
        cores=said.cores,
        holdings=said.holdings,
    )


def waiting(session: Session) -> dict[int, int]:
    """How many jobs each device still has to do, by its number; none for those that have nothing to do."""
    unfinished = [state.value for state in JobState if not state.final]
    rows = session.execute(
        sa.select(Job.device_id, sa.func.count()).where(Job.state.in_(unfinished)).group_by(Job.device_id)
    )
    return {device_id: count for device_id, count in rows}  # noqa: C416  # a Row is no tuple to mypy


def quiet(session: Session, *, now_ms: int) -> set[int]:
    """The numbers of the devices that have gone quiet."""
    rows = session.execute(sa.select(Device.id, Device.last_seen_ms))
    return {device_id for device_id, last_seen_ms in rows if is_quiet(last_seen_ms=last_seen_ms, now_ms=now_ms)}


def labels_of(device: Device) -> tuple[Label, ...]:
    """The labels of a device, by name."""
    return tuple(Label(name=name, value=value) for name, value in sorted(device.labels.items()))


def label(session: Session, name: DeviceName, change: LabelChange) -> Device:
    """Put labels on a device, in the place of those with the same names, and take others away, if they are there.

    Raises:
        NotFound: no device has that name.
        BadRequest: that would be too many labels.
    """
    device = named(session, name, to_write=True)
    kept = {name: value for name, value in device.labels.items() if name not in change.remove}
    # A new dictionary: a change inside the old one would go unnoticed.
    labels = {**kept, **{one.name: one.value for one in change.put}}
    if len(labels) > MOST_LABELS:
        raise BadRequest(f"{device.name} would have {len(labels)} labels, the most is {MOST_LABELS}.", "Remove some.")
    device.labels = labels
    return device


def revoke(session: Session, name: DeviceName, *, now_ms: int) -> Device:
    """Shut a device out: its keys are good for nothing from now on, and its jobs that have not ended are cancelled.

    Its name stays taken, and what it measured stays. Twice is once.

    Raises:
        NotFound: no device has that name.
    """
    device = named(session, name, to_write=True)
    if device.revoked_ms is None:
        device.revoked_ms = now_ms
        session.execute(
            sa.update(Key).where(Key.device_id == device.id, Key.revoked_ms.is_(None)).values(revoked_ms=now_ms)
        )
        jobs.cancel_all_of(session, device.id, now_ms=now_ms)
    return device
