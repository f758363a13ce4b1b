"""What people are shown of jobs, read from the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from agent.wire.codec import from_plain
from agent.wire.jobs import Failure, Task, Workload
from agent.wire.jobs import Round as RoundRequested
from orchestrator.jobs.presence import is_quiet
from orchestrator.jobs.progress import RoundUnderWay, round_left_s
from orchestrator.jobs.states import JobState
from orchestrator.storage.accuracy_queries import trial_progress
from orchestrator.storage.tables import Attempt, Curve, Device, Job, Pass, Round
from orchestrator.views import JobView, Progress

Condition = sa.ColumnElement[bool]


def job_views(session: Session, which: Condition, *, now_ms: int) -> list[JobView]:
    """The jobs that meet ``which``, a condition on the table of jobs, by number."""
    # Not the fence: that of a job in a database that was put back has been stepped over.
    of_job = aliased(Attempt)
    attempts = sa.select(sa.func.count()).where(of_job.job_id == Job.id).scalar_subquery()
    rows = session.execute(
        sa.select(Job, Device, Attempt.failure, Curve.id, attempts)
        .join(Device, Device.id == Job.device_id)
        .outerjoin(Attempt, sa.and_(Attempt.job_id == Job.id, Attempt.fence == Job.fence))
        .outerjoin(Curve, Curve.job_id == Job.id)
        .where(which)
        .order_by(Job.id)
    ).all()
    progress = _progress(session, which, now_ms) | trial_progress(session, which, now_ms=now_ms)
    return [
        _view(
            job,
            device,
            attempts=number,
            failure=failure,
            curve_id=curve_id,
            progress=progress.get(job.id),
            now_ms=now_ms,
        )
        for job, device, failure, curve_id, number in rows
    ]


def _view(
    job: Job,
    device: Device,
    *,
    attempts: int,
    failure: dict[str, Any] | None,
    curve_id: int | None,
    progress: Progress | None,
    now_ms: int,
) -> JobView:
    """The view of ``job``, whose newest attempt ended with ``failure``."""
    state = JobState(job.state)
    queued, leased = state is JobState.QUEUED, state is JobState.LEASED
    quiet = not state.final and is_quiet(last_seen_ms=device.last_seen_ms, now_ms=now_ms)
    if progress is not None and (quiet or not leased):
        progress = replace(progress, left_s=None)  # nobody works on it
    return JobView(
        id=job.id,
        sweep_id=job.sweep_id,
        device=device.name,
        task=Task(job.task),
        model=job.model,
        workload=from_plain(Workload, job.workload),
        state=state,
        attempts=attempts,
        cancelling=leased and job.cancel_asked_ms is not None,
        progress=progress,
        failure=None if job.failure is None else from_plain(Failure, job.failure),
        setback=from_plain(Failure, failure) if queued and failure is not None else None,
        waits_until_ms=job.not_before_ms if queued and job.not_before_ms > now_ms else None,
        curve_id=curve_id if Task(job.task) is Task.SWEEP else None,
        created_ms=job.created_ms,
        ended_ms=job.ended_ms,
        device_quiet=quiet,
    )


def _progress(session: Session, which: Condition, now_ms: int) -> dict[int, Progress]:
    newest = (
        sa.select(Round.job_id, sa.func.max(Round.number).label("number"))
        .join(Job, Job.id == Round.job_id)
        .where(which)
        .group_by(Round.job_id)
        .subquery()
    )
    at_hand = sa.case((Pass.fence == Job.fence, Pass.received_ms))
    rows = session.execute(
        sa.select(
            Round,
            sa.func.count(Pass.id),
            sa.func.count(at_hand),
            sa.func.max(at_hand),
            sa.func.max(Attempt.started_ms),
        )
        .join(newest, sa.and_(newest.c.job_id == Round.job_id, newest.c.number == Round.number))
        .join(Job, Job.id == Round.job_id)
        .join(Attempt, sa.and_(Attempt.job_id == Job.id, Attempt.fence == Job.fence))
        .outerjoin(Pass, sa.and_(Pass.job_id == Round.job_id, Pass.round == Round.number, Pass.complete))
        # A round is grouped by its key: PostgreSQL does not compare JSON.
        .group_by(Round.job_id, Round.number)
    ).all()
    return {row.job_id: _so_far(row, *counts, now_ms=now_ms) for row, *counts in rows}


def _so_far(row: Round, done: int, arrived: int, newest_ms: int | None, attempt_ms: int, *, now_ms: int) -> Progress:
    # A disturbed pass is stored, and another measured in its place.
    planned = max(from_plain(RoundRequested, row.request).max_passes, done)
    under_way = RoundUnderWay(
        began_ms=max(row.created_ms, attempt_ms), arrived=arrived, newest_ms=newest_ms, passes_left=planned - done
    )
    return Progress(
        round=row.number,
        passes_done=done,
        passes_planned=planned,
        left_s=round_left_s(under_way, now_ms=now_ms),
    )


def took_s(session: Session, which: Condition, *, now_ms: int) -> dict[int, float]:
    """How long the attempts at each job that meets ``which`` have taken so far, in seconds, by the job's number."""
    until_ms = sa.func.coalesce(Attempt.ended_ms, now_ms)
    rows = session.execute(
        sa.select(Attempt.job_id, sa.func.sum(until_ms - Attempt.started_ms))
        .join(Job, Job.id == Attempt.job_id)
        .where(which)
        .group_by(Attempt.job_id)
    )
    return {job_id: max(int(took_ms), 0) / 1_000 for job_id, took_ms in rows}
