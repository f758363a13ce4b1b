"""What people are shown of the fleet, read from the tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import from_plain
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName
from orchestrator.jobs.presence import device_state
from orchestrator.jobs.states import JobState
from orchestrator.storage import devices
from orchestrator.storage.job_queries import job_views
from orchestrator.storage.tables import Device, Job
from orchestrator.views import DeviceView, JobView


def fleet(session: Session, *, now_ms: int) -> tuple[DeviceView, ...]:
    """Every device, by name."""
    rows = session.scalars(sa.select(Device).order_by(Device.name)).all()
    held = {job.device: job for job in job_views(session, Job.state == JobState.LEASED.value, now_ms=now_ms)}
    queued = _queued(session)
    return tuple(_view(row, held.get(row.name), queued.get(row.id, 0), now_ms) for row in rows)


def device(session: Session, name: DeviceName, *, now_ms: int) -> DeviceView:
    """One device.

    Raises:
        NotFound: no device has that name.
    """
    row = devices.named(session, name)
    its_lease = sa.and_(Job.state == JobState.LEASED.value, Job.device_id == row.id)
    held = job_views(session, its_lease, now_ms=now_ms)
    return _view(row, held[0] if held else None, _queued(session).get(row.id, 0), now_ms)


def _queued(session: Session) -> dict[int, int]:
    """How many jobs wait for each device."""
    waiting = sa.select(Job.device_id, sa.func.count()).where(Job.state == JobState.QUEUED.value)
    return dict(session.execute(waiting.group_by(Job.device_id)).all())


def _view(row: Device, job: JobView | None, queued: int, now_ms: int) -> DeviceView:
    revoked = row.revoked_ms is not None
    return DeviceView(
        id=row.id,
        name=row.name,
        kind=DeviceKind(row.kind),
        state=device_state(revoked=revoked, last_seen_ms=row.last_seen_ms, measuring=job is not None, now_ms=now_ms),
        labels=devices.labels_of(row),
        description=from_plain(DeviceDescription, row.description),
        enrolled_ms=row.enrolled_ms,
        last_seen_ms=row.last_seen_ms,
        doubled_ms=row.doubled_ms,
        revoked_ms=row.revoked_ms,
        job=job,
        queued=queued,
    )
