"""What people are shown of accuracy, added up from tallies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.accuracy import Trial as TrialAsked
from agent.wire.codec import from_plain
from agent.wire.holdings import DatasetHeld, WeightsHeld
from agent.wire.jobs import ModelFacts, Workload
from agent.wire.schedules import Schedule
from orchestrator.analysis.shares import Share, change_of, mean_of, share_of
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.errors import NotFound
from orchestrator.jobs.progress import RoundUnderWay, round_left_s
from orchestrator.jobs.states import JobState
from orchestrator.storage.tables import Attempt, Device, Job, Tally, Trial
from orchestrator.views import Progress
from orchestrator.views.accuracy import AccuracyView, ScheduleAccuracy

SUMMED = ("images", "agreeing", "divergence", "divergence_squares", "top_1", "top_5", "lost", "gained")
Totals = Mapping[str, float]


def accuracies(session: Session, *, newest: int, model: str | None = None) -> tuple[AccuracyView, ...]:
    """The ``newest`` accuracies, newest first: all, or those of ``model``."""
    wanted = _rows().order_by(Job.id.desc()).limit(newest)
    return _views(session, wanted if model is None else wanted.where(Job.model == model))


def accuracy(session: Session, job_id: int) -> AccuracyView:
    """What the accuracy job of that number found.

    Raises:
        NotFound: there is none.
    """
    found = _views(session, _rows().where(Job.id == job_id))
    if not found:
        raise NotFound(f"There is no accuracy job {job_id}.", "`stepfarm accuracy list` shows them.")
    return found[0]


def _rows() -> sa.Select[Job, Trial, str]:
    return (
        sa.select(Job, Trial, Device.name).join(Trial, Trial.job_id == Job.id).join(Device, Device.id == Job.device_id)
    )


def _views(session: Session, rows: sa.Select[Job, Trial, str]) -> tuple[AccuracyView, ...]:
    found = session.execute(rows).all()
    totals = _totals(session, [job.id for job, _, _ in found])
    return tuple(_view(job, trial, device, totals[job.id]) for job, trial, device in found)


def _totals(session: Session, job_ids: Sequence[int]) -> dict[int, dict[int, Totals]]:
    """Sums over batches, by the number of the job and the place of the schedule."""
    rows = session.execute(
        sa.select(Tally.job_id, Tally.place, *(sa.func.sum(getattr(Tally, name)).label(name) for name in SUMMED))
        .where(Tally.job_id.in_(job_ids))
        .group_by(Tally.job_id, Tally.place)
    )
    found: dict[int, dict[int, Totals]] = defaultdict(dict)
    for row in rows.mappings():
        found[row["job_id"]][row["place"]] = {name: row[name] for name in SUMMED if row[name] is not None}
    return found


def _view(job: Job, row: Trial, device: str, totals: Mapping[int, Totals]) -> AccuracyView:
    trial = None if row.trial is None else from_plain(TrialAsked, row.trial)
    schedules: tuple[Schedule | None, ...] = () if trial is None else (None, *trial.schedules)
    return AccuracyView(
        job_id=job.id,
        sweep_id=job.sweep_id,
        job_state=JobState(job.state),
        device=device,
        model=job.model,
        workload=from_plain(Workload, job.workload),
        weights=from_plain(WeightsHeld, row.weights),
        dataset=from_plain(DatasetHeld, row.dataset),
        plan=from_plain(AccuracyPlan, row.plan),
        facts=None if row.facts is None else from_plain(ModelFacts, row.facts),
        images_planned=None if trial is None else trial.images,
        results=tuple(_found(schedule, totals[place]) for place, schedule in enumerate(schedules) if place in totals),
        created_ms=job.created_ms,
    )


def _found(schedule: Schedule | None, totals: Totals) -> ScheduleAccuracy:
    images = int(totals["images"])

    def share(name: str) -> Share | None:
        return share_of(int(totals[name]), images) if name in totals else None

    change = change_of(int(totals["lost"]), int(totals["gained"]), images) if "lost" in totals else None
    return ScheduleAccuracy(
        schedule=schedule,
        images=images,
        agreement=share_of(int(totals["agreeing"]), images),
        divergence=mean_of(totals["divergence"], totals["divergence_squares"], images),
        top_1=share("top_1"),
        top_5=share("top_5"),
        change=change,
    )


def trial_progress(session: Session, which: sa.ColumnElement[bool], *, now_ms: int) -> dict[int, Progress]:
    """How far the accuracy jobs that meet ``which`` are, in batches of images, by their numbers."""
    at_hand = sa.case((Tally.fence == Job.fence, Tally.received_ms))
    rows = session.execute(
        sa.select(
            Trial,
            sa.func.count(Tally.number),
            sa.func.count(at_hand),
            sa.func.max(at_hand),
            sa.func.max(Attempt.started_ms),
        )
        .join(Job, Job.id == Trial.job_id)
        .join(Attempt, sa.and_(Attempt.job_id == Job.id, Attempt.fence == Job.fence))
        .outerjoin(Tally, sa.and_(Tally.job_id == Trial.job_id, Tally.place == 0))
        .where(which, Trial.trial.is_not(None))
        # A trial is grouped by its key: PostgreSQL does not compare JSON.
        .group_by(Trial.job_id)
    ).all()
    return {row.job_id: _so_far(row, *counts, now_ms=now_ms) for row, *counts in rows}


def _so_far(row: Trial, done: int, arrived: int, newest_ms: int | None, attempt_ms: int, *, now_ms: int) -> Progress:
    assert row.trial is not None
    assert row.begun_ms is not None
    planned = from_plain(TrialAsked, row.trial).batches
    under_way = RoundUnderWay(
        began_ms=max(row.begun_ms, attempt_ms), arrived=arrived, newest_ms=newest_ms, passes_left=planned - done
    )
    return Progress(round=0, passes_done=done, passes_planned=planned, left_s=round_left_s(under_way, now_ms=now_ms))
