"""The store of verifications: which schedules a job times, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import from_plain, to_plain
from agent.wire.jobs import Task
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.proving import Entry
from orchestrator.errors import Conflict, NotFound
from orchestrator.storage import sweeps
from orchestrator.storage.tables import Curve, Device, Job, Sweep, Verification


def create(session: Session, curve: Curve, entries: Sequence[Entry], *, priority: int, key_id: int, now_ms: int) -> int:
    """The number of a new job, a sweep of its own, that times ``entries`` where ``curve`` was measured.

    Raises:
        Conflict: the curve was imported, or its device was revoked.
    """
    measured = None if curve.job_id is None else session.get(Job, curve.job_id)
    if measured is None:
        raise Conflict(
            f"Curve {curve.id} was imported: no device of this farm measured it, so none can prove a schedule of it.",
            "Measure the model on a device of this farm: stepfarm sweep create MODEL --device NAME --blocks",
        )
    # Locked for reading, so that it is not revoked meanwhile.
    device = session.scalar(sa.select(Device).where(Device.id == measured.device_id).with_for_update(read=True))
    assert device is not None
    if device.revoked_ms is not None:
        raise Conflict(f"The device {device.name} was revoked: it measures no more.", "Choose a curve of another.")
    sweep = Sweep(plan=to_plain(Plan()), priority=priority, created_by=key_id, created_ms=now_ms)
    session.add(sweep)
    session.flush()
    job = sweeps.queue(
        session,
        sweep,
        model=measured.model,
        workload=measured.workload,
        device_id=measured.device_id,
        task=Task.VERIFICATION,
    )
    session.add(Verification(job_id=job.id, curve_id=curve.id, entries=[to_plain(entry) for entry in entries]))
    session.flush()
    return job.id


def entries_of(session: Session, job: Job) -> tuple[Entry, ...]:
    """What ``job`` times; nothing where it is no verification."""
    row = session.get(Verification, job.id)
    return () if row is None else tuple(from_plain(Entry, entry) for entry in row.entries)


def one(session: Session, job_id: int) -> Verification:
    """The verification of that job.

    Raises:
        NotFound: there is none.
    """
    row = session.get(Verification, job_id)
    if row is None:
        raise NotFound(f"There is no verification {job_id}.", "Queue one: stepfarm schedule verify CURVE")
    return row


def of_curve(session: Session, curve_id: int) -> list[Verification]:
    """Those of schedules that were chosen on the curve, newest first."""
    rows = sa.select(Verification).where(Verification.curve_id == curve_id).order_by(Verification.job_id.desc())
    return list(session.scalars(rows))
