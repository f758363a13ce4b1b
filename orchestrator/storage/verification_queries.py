"""What people are shown of verifications, made on the spot from the readings."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.conditions import DoubtReason
from agent.wire.schedule_files import Latency, Proof
from agent.wire.schedules import Schedule
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.prediction import OutOfReach, predict
from orchestrator.analysis.proving import Entry, Finding, verify
from orchestrator.storage import curve_queries, curves, verifications
from orchestrator.storage.job_queries import job_views
from orchestrator.storage.tables import Curve, Job, Verification
from orchestrator.views.sweeps import JobView
from orchestrator.views.verifications import VerificationView, VerifiedView


def verification(session: Session, job_id: int, *, now_ms: int) -> VerificationView:
    """One verification.

    Raises:
        NotFound: there is none of that number.
    """
    return _views(session, [verifications.one(session, job_id)], now_ms)[0]


def of_curve(session: Session, curve_id: int, *, now_ms: int) -> tuple[VerificationView, ...]:
    """The verifications of schedules that were chosen on the curve, newest first.

    Raises:
        NotFound: there is no such curve.
    """
    curve_queries.summary(session, curve_id)
    return _views(session, verifications.of_curve(session, curve_id), now_ms)


def _views(session: Session, rows: Sequence[Verification], now_ms: int) -> tuple[VerificationView, ...]:
    jobs = {view.id: view for view in job_views(session, Job.id.in_([row.job_id for row in rows]), now_ms=now_ms)}
    chosen_on = {row.curve_id for row in rows}
    analyses = {curve_id: curve_queries.curve(session, curve_id).analysis for curve_id in chosen_on}
    return tuple(_view(session, row, jobs[row.job_id], analyses[row.curve_id]) for row in rows)


def _view(session: Session, row: Verification, job: JobView, analysis: Analysis) -> VerificationView:
    entries = verifications.entries_of(session, session.get_one(Job, row.job_id))
    timed = session.scalar(sa.select(Curve).where(Curve.job_id == row.job_id))
    passes = [] if timed is None else curves.analysable(session, timed, curves.passes_of(session, timed))
    found = verify(entries, passes)
    sha256 = None if timed is None else timed.blob_sha256
    return VerificationView(
        job=job,
        curve_id=row.curve_id,
        entries=tuple(
            VerifiedView(
                schedule=entry.schedule,
                uniform=entry.uniform,
                predicted=_predicted(analysis, entry.schedule),
                uniform_predicted=None if entry.uniform is None else _predicted(analysis, entry.uniform),
                passes=finding.passes,
                proof=_proof(entry, finding, job, sha256, found.doubts),
            )
            for entry, finding in zip(entries, found.findings, strict=True)
        ),
    )


def _predicted(analysis: Analysis, schedule: Schedule) -> Latency | None:
    if analysis.blocks is None:
        return None
    try:
        said = predict(analysis.blocks, schedule)
    except OutOfReach:
        return None
    return Latency(latency_ns=said.latency_ns, low_ns=said.low_ns, high_ns=said.high_ns)


def _proof(
    entry: Entry, finding: Finding, job: JobView, sha256: str | None, doubts: tuple[DoubtReason, ...]
) -> Proof | None:
    """What the device said, once the readings are sealed and enough of them."""
    if sha256 is None or job.ended_ms is None or finding.against_plain is None:
        return None
    if finding.measured is None or finding.plain is None or (entry.uniform is not None and finding.uniform is None):
        return None
    return Proof(
        job_id=job.id,
        readings_sha256=sha256,
        measured_ms=job.ended_ms,
        passes=finding.passes,
        measured=finding.measured,
        plain=finding.plain,
        uniform=finding.uniform,
        against_plain=finding.against_plain,
        against_uniform=finding.against_uniform,
        doubts=doubts,
    )
