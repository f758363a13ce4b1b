"""What people are shown of sweeps, read from the tables."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.analysis.planning import stored_plan
from orchestrator.jobs.progress import sweep_left_s
from orchestrator.storage import sweeps
from orchestrator.storage.job_queries import job_views, took_s
from orchestrator.storage.tables import Job, Sweep
from orchestrator.views import JobView, SweepView


def newest_sweeps(session: Session, *, newest: int, now_ms: int) -> tuple[SweepView, ...]:
    """The ``newest`` sweeps, newest first."""
    rows = session.scalars(sa.select(Sweep).order_by(Sweep.id.desc()).limit(newest)).all()
    return _views(session, rows, now_ms)


def sweep(session: Session, sweep_id: int, *, now_ms: int) -> SweepView:
    """One sweep and how its jobs stand.

    Raises:
        NotFound: there is none of that number.
    """
    return _views(session, [sweeps.one(session, sweep_id)], now_ms)[0]


def _views(session: Session, rows: Sequence[Sweep], now_ms: int) -> tuple[SweepView, ...]:
    theirs = Job.sweep_id.in_([row.id for row in rows])
    took = took_s(session, theirs, now_ms=now_ms)
    jobs: dict[int, list[JobView]] = {row.id: [] for row in rows}
    for view in job_views(session, theirs, now_ms=now_ms):
        jobs[view.sweep_id].append(view)
    return tuple(
        SweepView(
            id=row.id,
            created_ms=row.created_ms,
            priority=row.priority,
            plan=stored_plan(row.plan),
            retry_of=row.retry_of,
            left_s=sweep_left_s(jobs[row.id], took),
            jobs=tuple(jobs[row.id]),
        )
        for row in rows
    )
