"""What people are shown, read from the tables."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import from_plain
from agent.wire.conditions import Conditions, Doubt
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.jobs import Failure, ModelFacts, Task, Workload
from agent.wire.jobs import Round as RoundRequested
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.planning import Plan
from orchestrator.errors import NotFound
from orchestrator.jobs.states import JobState
from orchestrator.storage import curves
from orchestrator.storage.tables import Curve, Device, Job, Pass, Round, Sweep
from orchestrator.views import (
    CurveSummary,
    CurveView,
    DeviceState,
    DeviceView,
    JobView,
    PassView,
    Progress,
    ReadingsView,
    SweepView,
)

QUIET_AFTER_MS = 90_000
"""A device that has not spoken for so long has gone quiet."""


def fleet(session: Session, *, now_ms: int) -> tuple[DeviceView, ...]:
    """Every device, by name."""
    leased = {
        device_id: job_id
        for job_id, device_id in session.execute(sa.select(Job.id, Job.device_id).where(Job.state == "leased"))
    }
    rows = session.scalars(sa.select(Device).order_by(Device.name)).all()
    return tuple(_device(row, leased.get(row.id), now_ms) for row in rows)


def _device(row: Device, job_id: int | None, now_ms: int) -> DeviceView:
    return DeviceView(
        id=row.id,
        name=row.name,
        kind=DeviceKind(row.kind),
        state=_device_state(row, job_id, now_ms),
        description=from_plain(DeviceDescription, row.description),
        enrolled_ms=row.enrolled_ms,
        last_seen_ms=row.last_seen_ms,
        job_id=job_id,
    )


def _device_state(row: Device, job_id: int | None, now_ms: int) -> DeviceState:
    if row.revoked_ms is not None:
        return DeviceState.REVOKED
    if now_ms - row.last_seen_ms > QUIET_AFTER_MS:
        return DeviceState.QUIET
    return DeviceState.IDLE if job_id is None else DeviceState.MEASURING


def sweeps(session: Session, *, newest: int) -> tuple[SweepView, ...]:
    """The ``newest`` sweeps, newest first."""
    rows = session.scalars(sa.select(Sweep).order_by(Sweep.id.desc()).limit(newest)).all()
    return _with_jobs(session, rows)


def sweep(session: Session, sweep_id: int) -> SweepView:
    """One sweep.

    Raises:
        NotFound: there is none of that number.
    """
    row = session.get(Sweep, sweep_id)
    if row is None:
        raise NotFound(f"There is no sweep {sweep_id}.", "`stepfarm sweep list` shows the sweeps.")
    return _with_jobs(session, [row])[0]


def _with_jobs(session: Session, rows: Sequence[Sweep]) -> tuple[SweepView, ...]:
    found = session.execute(
        sa.select(Job, Device.name, Curve.id)
        .join(Device, Device.id == Job.device_id)
        .outerjoin(Curve, Curve.job_id == Job.id)
        .where(Job.sweep_id.in_([row.id for row in rows]))
        .order_by(Job.id)
    ).all()
    progress = _progress(session, [row.id for row in rows])
    views: dict[int, list[JobView]] = {row.id: [] for row in rows}
    for job, device, curve_id in found:
        views[job.sweep_id].append(_job(job, device, curve_id, progress.get(job.id)))
    return tuple(
        SweepView(
            id=row.id,
            created_ms=row.created_ms,
            priority=row.priority,
            plan=from_plain(Plan, row.plan),
            jobs=tuple(views[row.id]),
        )
        for row in rows
    )


def _progress(session: Session, sweep_ids: Sequence[int]) -> dict[int, Progress]:
    newest = sa.select(Round.job_id, sa.func.max(Round.number).label("number")).group_by(Round.job_id).subquery()
    rows = session.execute(
        sa.select(Round.job_id, Round.number, Round.request, sa.func.count(Pass.id))
        .join(newest, sa.and_(newest.c.job_id == Round.job_id, newest.c.number == Round.number))
        .join(Job, Job.id == Round.job_id)
        .outerjoin(Pass, sa.and_(Pass.job_id == Round.job_id, Pass.round == Round.number, Pass.complete))
        .where(Job.sweep_id.in_(sweep_ids))
        # A round is grouped by its key: PostgreSQL does not compare JSON.
        .group_by(Round.job_id, Round.number)
    ).all()
    return {
        job_id: Progress(round=number, passes_done=done, passes_planned=from_plain(RoundRequested, request).max_passes)
        for job_id, number, request, done in rows
    }


def _job(job: Job, device: str, curve_id: int | None, progress: Progress | None) -> JobView:
    return JobView(
        id=job.id,
        sweep_id=job.sweep_id,
        device=device,
        task=Task(job.task),
        model=job.model,
        workload=from_plain(Workload, job.workload),
        state=JobState(job.state),
        attempts=job.fence,
        progress=progress,
        failure=None if job.failure is None else from_plain(Failure, job.failure),
        curve_id=curve_id,
        created_ms=job.created_ms,
        ended_ms=job.ended_ms,
    )


def summaries(session: Session, *, newest: int) -> tuple[CurveSummary, ...]:
    """The ``newest`` curves, newest first."""
    rows = session.execute(_curves().order_by(Curve.id.desc()).limit(newest)).all()
    return tuple(_summary(*row) for row in rows)


def _curves() -> sa.Select[Curve, Job, Device]:
    # The blob is megabytes: left out until somebody asks for it.
    return (
        sa.select(Curve, Job, Device)
        .join(Job, Job.id == Curve.job_id)
        .join(Device, Device.id == Job.device_id)
        .options(sa.orm.defer(Curve.blob))
    )


def _summary(curve: Curve, job: Job, device: Device) -> CurveSummary:
    return CurveSummary(
        id=curve.id,
        job_id=job.id,
        sweep_id=job.sweep_id,
        job_state=JobState(job.state),
        device=device.name,
        device_kind=DeviceKind(device.kind),
        model=job.model,
        workload=from_plain(Workload, job.workload),
        facts=from_plain(ModelFacts, curve.facts),
        readings=curve.readings,
        accepted=curve.accepted,
        created_ms=curve.created_ms,
    )


def curve(session: Session, curve_id: int) -> CurveView:
    """One curve with its analysis, made on the spot from the readings so far where none is stored yet.

    Raises:
        NotFound: there is none of that number.
    """
    row = _one_curve(session, curve_id)
    stored = _stored_analysis(session, row[0])
    if stored is None:
        passes = curves.passes_of(session, row[0])
        analysis = analyse(curves.analysable(session, row[0], passes))
        return CurveView(summary=_summary(*row), sealed=False, analysis=analysis)
    return CurveView(summary=_summary(*row), sealed=True, analysis=stored)


def _one_curve(session: Session, curve_id: int) -> sa.Row[Curve, Job, Device]:
    row = session.execute(_curves().where(Curve.id == curve_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no curve {curve_id}.", "`stepfarm curves list` shows the curves.")
    return row


def _stored_analysis(session: Session, row: Curve) -> Analysis | None:
    if row.blob_sha256 is None:
        return None
    return curves.find_analysis(session, row.id, row.blob_sha256)


def readings(session: Session, curve_id: int) -> ReadingsView:
    """All readings of a curve with the conditions of their passes.

    Raises:
        NotFound: there is none of that number.
    """
    row, job, _ = _one_curve(session, curve_id)
    rows = {
        (one.round, one.fence, one.number): one for one in session.scalars(sa.select(Pass).where(Pass.job_id == job.id))
    }
    views = []
    for one in curves.passes_of(session, row):
        kept = rows[(one.round, one.fence, one.number)]
        views.append(
            PassView(
                fence=one.fence,
                round=one.round,
                number=one.number,
                complete=one.complete,
                started_ms=kept.started_ms,
                before=from_plain(Conditions, kept.conditions_before),
                after=from_plain(Conditions, kept.conditions_after),
                doubts=tuple(from_plain(Doubt, doubt) for doubt in kept.doubts),
                tokens=tuple(one.tokens.tolist()),
                start_ns=tuple(one.start_ns.tolist()),
                latency_ns=tuple(one.latency_ns.tolist()),
                rejected=one.rejections(),
            )
        )
    return ReadingsView(curve_id=curve_id, passes=tuple(views))
