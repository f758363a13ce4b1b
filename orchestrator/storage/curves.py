"""The store of readings, curves and results of analysis."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import WireError, from_plain, to_plain
from agent.wire.conditions import Conditions, Doubt
from agent.wire.jobs import ModelFacts, Subject
from agent.wire.jobs import Round as RoundRequested
from agent.wire.readings import Batch
from orchestrator.analysis.analyse import METHOD, METHOD_VERSION, Analysis
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import budget_used_up, stored_plan
from orchestrator.curves import blob
from orchestrator.curves.blob import StoredPass
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.storage.imports import Imported, PassNotes
from orchestrator.storage.tables import (
    AnalysisResult,
    Attempt,
    Curve,
    Job,
    Pass,
    ReadingBatch,
    Round,
    Sweep,
    Verification,
)

BUG = "This is a bug of the agent: please report it."


def take_in(session: Session, *, device_id: int, job_id: int, batch: Batch, now_ms: int) -> int:
    """Keep the readings of ``batch``, whatever became of the lease; how many readings it holds.

    The same batch may come any number of times and counts once.

    Raises:
        NotFound: this device never had an attempt of that number at that job, or had not said what it loaded.
        BadRequest: the round was never asked for, or not these token counts, or another subject.
        Conflict: other readings stand under the same key already; they stay as they are.
    """
    refuse_foreign(session, device_id=device_id, job_id=job_id, fence=batch.fence)
    # Locked, so that readings that come while the curve is being sealed wait and are kept beside the blob.
    curve = session.scalar(sa.select(Curve).where(Curve.job_id == job_id).with_for_update(key_share=True))
    if curve is None:
        raise NotFound(f"Job {job_id} has no curve yet.", "Ask for its first round before posting readings.")
    _refuse_unasked(session, curve, batch)
    content = blob.pack([StoredPass.of(batch)])
    known = session.scalar(
        sa.select(Pass.readings_sha256).where(
            Pass.job_id == job_id, Pass.fence == batch.fence, Pass.round == batch.round, Pass.number == batch.number
        )
    )
    if known is None:
        _add(session, curve, batch, content, now_ms)
    elif known != blob.sha256(content):
        raise Conflict(
            f"Pass {batch.number} of round {batch.round} of job {job_id} (lease {batch.fence}) holds other readings.",
            f"Readings are never rewritten. {BUG}",
        )
    return len(batch.readings)


def refuse_foreign(session: Session, *, device_id: int, job_id: int, fence: int) -> None:
    """Refuse what is said to come of an attempt that was not the device's.

    Raises:
        NotFound: this device never had an attempt of that number at that job.
    """
    attempt = session.scalar(
        sa.select(Attempt.fence)
        .join(Job, Job.id == Attempt.job_id)
        .where(Job.id == job_id, Job.device_id == device_id, Attempt.fence == fence)
    )
    if attempt is None:
        raise NotFound(
            f"This device has no lease {fence} on a job {job_id}.",
            "Post readings under the lease they were measured in.",
        )


def _refuse_unasked(session: Session, curve: Curve, batch: Batch) -> None:
    job_id = curve.job_id
    row = session.get(Round, (job_id, batch.round))
    if row is None:
        raise BadRequest(f"Job {job_id} was never asked for round {batch.round}.", BUG)
    asked = from_plain(RoundRequested, row.request)
    strange = {reading.tokens for reading in batch.readings} - {*asked.tokens, asked.sentinel}
    if strange:
        raise BadRequest(f"Round {batch.round} of job {job_id} does not ask for {min(strange)} tokens.", BUG)
    blocks = from_plain(ModelFacts, curve.facts).blocks if asked.subject is Subject.BLOCKS else 0
    if batch.blocks != blocks:
        raise BadRequest(
            f"Round {batch.round} of job {job_id} times the subject {asked.subject.value}: its readings hold the times "
            f"of {blocks} blocks, not of {batch.blocks}.",
            BUG,
        )


def _add(session: Session, curve: Curve, batch: Batch, content: bytes, now_ms: int) -> None:
    accepted = sum(reading.rejected is None for reading in batch.readings)
    row = Pass(
        job_id=curve.job_id,
        fence=batch.fence,
        round=batch.round,
        number=batch.number,
        complete=batch.complete,
        started_ms=batch.started_ms,
        received_ms=now_ms,
        conditions_before=to_plain(batch.before),
        conditions_after=to_plain(batch.after),
        doubts=[to_plain(doubt) for doubt in batch.doubts],
        readings=len(batch.readings),
        accepted=accepted,
        readings_sha256=blob.sha256(content),
    )
    session.add(row)
    session.flush()
    session.add(ReadingBatch(pass_id=row.id, format=blob.format_of(content), blob=content))
    curve.readings += len(batch.readings)
    curve.accepted += accepted
    session.flush()


def passes_of(session: Session, curve: Curve) -> list[StoredPass]:
    """Every pass of ``curve``, sealed or not, by round, attempt and number."""
    passes = sealed_passes(curve)
    loose = session.scalars(
        sa.select(ReadingBatch.blob).join(Pass, Pass.id == ReadingBatch.pass_id).where(Pass.job_id == curve.job_id)
    )
    for batch in loose:
        passes += blob.unpack(batch)
    return sorted(passes, key=lambda one: (one.round, one.fence, one.number))


def sealed_passes(curve: Curve) -> list[StoredPass]:
    """The passes in the blob of ``curve``; none before it is sealed."""
    return [] if curve.blob is None else blob.unpack(curve.blob)


def notes_of(session: Session, curve: Curve) -> dict[tuple[int, int, int], PassNotes]:
    """What was noted of each pass of ``curve`` beside its readings, by round, attempt and number."""
    if curve.imported is not None:
        notes = from_plain(Imported, curve.imported).passes
    else:
        asked = {
            number: from_plain(RoundRequested, request)
            for number, request in session.execute(
                sa.select(Round.number, Round.request).where(Round.job_id == curve.job_id)
            )
        }
        rows = session.scalars(sa.select(Pass).where(Pass.job_id == curve.job_id))
        notes = tuple(_notes(row, asked[row.round]) for row in rows)
    return {(one.round, one.fence, one.number): one for one in notes}


def _notes(row: Pass, asked: RoundRequested) -> PassNotes:
    return PassNotes(
        fence=row.fence,
        round=row.round,
        number=row.number,
        started_ms=row.started_ms,
        before=from_plain(Conditions, row.conditions_before),
        after=from_plain(Conditions, row.conditions_after),
        doubts=tuple(from_plain(Doubt, doubt) for doubt in row.doubts),
        order=asked.order,
    )


def analysable(session: Session, curve: Curve, passes: Sequence[StoredPass]) -> list[PassReadings]:
    """``passes`` of ``curve`` as the analysis takes them, with the doubts that the device noted."""
    notes = notes_of(session, curve)
    noted = [(one, notes[one.round, one.fence, one.number]) for one in passes]
    return [one.for_analysis(note.doubts, note.order) for one, note in noted]


def budget_is_used_up(session: Session, curve: Curve, passes: Sequence[PassReadings]) -> bool:
    """Whether the budget of its plan keeps the job of ``curve``, with ``passes``, from measuring more.

    Of an imported curve nobody knows the plan.
    """
    if curve.job_id is None:
        return False
    job = session.get_one(Job, curve.job_id)
    plan = stored_plan(session.get_one(Sweep, job.sweep_id).plan)
    rows = session.scalars(sa.select(Round.request).where(Round.job_id == job.id).order_by(Round.number))
    asked = [from_plain(RoundRequested, request) for request in rows]
    return bool(asked) and budget_used_up(plan, from_plain(ModelFacts, curve.facts), asked, passes)


def seal(session: Session, curve: Curve, *, now_ms: int) -> None:
    """Put all readings of ``curve`` into its one blob; the batches they came in are dropped in the same transaction."""
    session.refresh(curve, with_for_update={"key_share": True})
    passes = passes_of(session, curve)
    if not passes:
        return
    curve.blob = blob.pack(passes)
    curve.blob_sha256 = blob.sha256(curve.blob)
    curve.format = blob.format_of(curve.blob)
    curve.sealed_ms = now_ms
    sealed = sa.select(Pass.id).where(Pass.job_id == curve.job_id)
    session.execute(sa.delete(ReadingBatch).where(ReadingBatch.pass_id.in_(sealed)))
    session.flush()


def complete_passes(session: Session, job_id: int, round_number: int) -> int:
    """How many passes of a round are stored whole, over all attempts."""
    count = sa.select(sa.func.count()).where(Pass.job_id == job_id, Pass.round == round_number, Pass.complete)
    return session.scalar(count) or 0


def to_seal(session: Session) -> list[int]:
    """The numbers of curves of ended jobs with readings that are not in their blob."""
    loose = sa.select(Pass.job_id).join(ReadingBatch, ReadingBatch.pass_id == Pass.id)
    ended = sa.select(Curve.id).join(Job, Job.id == Curve.job_id).where(Job.ended_ms.is_not(None), Job.id.in_(loose))
    return list(session.scalars(ended.order_by(Curve.id)))


def is_curve() -> sa.ColumnElement[bool]:
    """The condition that a row of curves holds readings over token counts, not those of a verification."""
    return ~sa.exists().where(Verification.job_id == Curve.job_id)


def to_analyse(session: Session) -> list[int]:
    """The numbers of sealed curves whose readings no version of the method that is known here has seen.

    A result of an older version stands until somebody asks for a new one (`orchestrator.storage.reanalyses`).
    """
    known = made_of_its_readings(AnalysisResult.method_version <= METHOD_VERSION)
    waiting = sa.select(Curve.id).where(Curve.blob.is_not(None), is_curve(), ~known)
    return list(session.scalars(waiting.order_by(Curve.id)))


def made_of_its_readings(*versions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """That the method, in one of ``versions``, has seen the readings that a row of `Curve` holds now."""
    results = sa.select(AnalysisResult.id).where(
        AnalysisResult.curve_id == Curve.id,
        AnalysisResult.blob_sha256 == Curve.blob_sha256,
        AnalysisResult.method == METHOD,
        *versions,
    )
    return results.exists()


def keep_analysis(session: Session, curve_id: int, blob_sha256: str, analysis: Analysis, *, now_ms: int) -> None:
    """Keep what the analysis made of the readings with that hash, in the place of an earlier one by the same version.

    Results of other versions stay.
    """
    row = session.scalar(
        sa.select(AnalysisResult).where(
            AnalysisResult.curve_id == curve_id,
            AnalysisResult.blob_sha256 == blob_sha256,
            AnalysisResult.method == analysis.method,
            AnalysisResult.method_version == analysis.method_version,
        )
    )
    if row is None:
        row = AnalysisResult(
            curve_id=curve_id,
            method=analysis.method,
            method_version=analysis.method_version,
            blob_sha256=blob_sha256,
        )
        session.add(row)
    row.computed_ms, row.result = now_ms, to_plain(analysis)
    session.flush()


def find_analysis(session: Session, curve_id: int, blob_sha256: str) -> Analysis | None:
    """What the newest version of the method, this one at most, made of the readings with that hash, if any has.

    Results that are written in a way no longer understood do not count.
    """
    results = session.scalars(
        sa.select(AnalysisResult.result)
        .where(
            AnalysisResult.curve_id == curve_id,
            AnalysisResult.blob_sha256 == blob_sha256,
            AnalysisResult.method == METHOD,
            AnalysisResult.method_version <= METHOD_VERSION,
        )
        .order_by(AnalysisResult.method_version.desc())
    )
    for result in results:
        with contextlib.suppress(WireError):
            return from_plain(Analysis, result)
    return None
