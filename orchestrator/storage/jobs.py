"""The store of jobs: leases, heartbeats, rounds and endings, each one transaction."""

from __future__ import annotations

import random
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import from_plain, to_plain
from agent.wire.jobs import Failure, FailureReason, ModelFacts, Task, Workload
from agent.wire.jobs import Round as RoundRequested
from orchestrator.analysis.planning import Plan, stored_plan
from orchestrator.errors import LeaseLost, NotFound
from orchestrator.jobs import endings
from orchestrator.jobs.states import MOVES, AttemptEnding, JobState
from orchestrator.storage.tables import Attempt, Curve, Device, Job, Pass, Round, Sweep, Tally


@dataclass(frozen=True, slots=True)
class LeasedJob:
    """A job in the hands of a device."""

    job_id: int
    fence: int
    task: Task
    model: str
    workload: Workload


def lease(
    session: Session, *, device_id: int, claim: str, now_ms: int, lease_ms: int, rng: random.Random
) -> LeasedJob | None:
    """The job that ``device_id`` shall work on, or None.

    - A revoked device gets none.
    - A device holds one lease at most.
    - The same claim gets the same lease again, renewed.
    - A new claim while a lease is held means that the agent was restarted: the attempt ends, and the job is leased
      again under a new fence, unless it was cancelled or has had its last attempt.
    - Otherwise the queued job of highest priority, then of lowest number, whose time has come.
    """
    # A claim that is repeated while it is still being answered waits here and then finds its lease.
    device = sa.select(Device.revoked_ms).where(Device.id == device_id).with_for_update(key_share=True)
    if session.scalar(device) is not None:
        return None
    held = session.scalar(
        sa.select(Job).where(Job.device_id == device_id, _is(JobState.LEASED)).with_for_update(key_share=True)
    )
    if held is not None:
        attempt = session.get_one(Attempt, (held.id, held.fence))
        if attempt.claim == claim:
            held.lease_until_ms = now_ms + lease_ms
            return _leased(held)
        _end_badly(session, held, AttemptEnding.RESTARTED, endings.restarted(), now_ms=now_ms, rng=rng)
        if held.state == JobState.QUEUED.value:
            # The device is here and asks: its own job need not wait.
            return _begin_attempt(session, held, claim, now_ms, lease_ms)
    job = session.scalar(
        sa.select(Job)
        .where(Job.device_id == device_id, _is(JobState.QUEUED), Job.not_before_ms <= now_ms)
        .order_by(Job.priority.desc(), Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return None if job is None else _begin_attempt(session, job, claim, now_ms, lease_ms)


def _is(state: JobState) -> sa.ColumnElement[bool]:
    # Written out, not a parameter: a plan made before parameters are known takes no partial index.
    return Job.state == sa.literal(state.value, literal_execute=True)


def _begin_attempt(session: Session, job: Job, claim: str, now_ms: int, lease_ms: int) -> LeasedJob:
    _move(job, JobState.LEASED)
    job.fence += 1
    job.lease_until_ms = now_ms + lease_ms
    session.add(Attempt(job_id=job.id, fence=job.fence, claim=claim, started_ms=now_ms))
    session.flush()
    return _leased(job)


def _leased(job: Job) -> LeasedJob:
    return LeasedJob(job.id, job.fence, Task(job.task), job.model, from_plain(Workload, job.workload))


def heartbeat(session: Session, *, device_id: int, job_id: int, fence: int, now_ms: int, lease_ms: int) -> bool:
    """Renew the lease; whether somebody asked to cancel the job.

    Raises:
        LeaseLost: the fence is not that of the device's lease on this job.
        NotFound: the job is not this device's.
    """
    job = held_job(session, device_id=device_id, job_id=job_id, fence=fence)
    job.lease_until_ms = now_ms + lease_ms
    return job.cancel_asked_ms is not None


def held_job(session: Session, *, device_id: int, job_id: int, fence: int) -> Job:
    """The job, locked for writing, on which this device holds the lease ``fence``.

    Raises:
        LeaseLost: the fence is not that of the device's lease on this job.
        NotFound: the job is not this device's.
    """
    job = own_job(session, device_id=device_id, job_id=job_id)
    refuse_lost(job, fence)
    return job


def own_job(session: Session, *, device_id: int, job_id: int) -> Job:
    """The job of this device, locked for writing, whoever holds the lease.

    Raises:
        NotFound: the job is not this device's.
    """
    # "key_share" lets readings of the job come in meanwhile: their rows refer to its key, which never changes.
    job = session.scalar(
        sa.select(Job).where(Job.id == job_id, Job.device_id == device_id).with_for_update(key_share=True)
    )
    if job is None:
        raise NotFound(f"This device has no job {job_id}.", "Ask for a lease.")
    return job


def refuse_lost(job: Job, fence: int) -> None:
    """Refuse to go on under a lease that is over.

    Raises:
        LeaseLost: the fence is not that of a lease on this job.
    """
    if job.state != JobState.LEASED.value or job.fence != fence:
        raise LeaseLost(
            f"Lease {fence} on job {job.id} is over: the job is {job.state}, its newest lease {job.fence}.",
            "Readings are still taken. Stop measuring and ask for a lease.",
        )


def ending_of(session: Session, job: Job, fence: int) -> AttemptEnding | None:
    """How the attempt ``fence`` at ``job`` ended; None where it has not, or never was."""
    attempt = session.get(Attempt, (job.id, fence))
    return None if attempt is None or attempt.ending is None else AttemptEnding(attempt.ending)


def measured_out(session: Session, job: Job, fence: int) -> bool:
    """Whether the attempt ``fence`` at ``job`` ended because there was no further round, for better or worse."""
    attempt = session.get(Attempt, (job.id, fence))
    if attempt is None:
        return False
    reason = None if attempt.failure is None else from_plain(Failure, attempt.failure).reason
    return attempt.ending == AttemptEnding.DONE.value or reason is FailureReason.ALL_REJECTED


def note_facts(session: Session, job: Job, facts: ModelFacts, *, now_ms: int) -> Curve:
    """The curve of ``job``, locked for writing, made when the device first says what it loaded."""
    curve = session.scalar(sa.select(Curve).where(Curve.job_id == job.id).with_for_update(key_share=True))
    if curve is None:
        curve = Curve(job_id=job.id, facts=to_plain(facts), readings=0, accepted=0, created_ms=now_ms)
        session.add(curve)
        session.flush()
    return curve


def plan_of(session: Session, job: Job) -> Plan:
    """How the sweep of ``job`` wants it measured."""
    return stored_plan(session.get_one(Sweep, job.sweep_id).plan)


def rounds_of(session: Session, job: Job) -> list[Round]:
    """The rounds asked for so far, in order."""
    return list(session.scalars(sa.select(Round).where(Round.job_id == job.id).order_by(Round.number)))


def add_round(session: Session, job: Job, request: RoundRequested, *, now_ms: int) -> None:
    """Note what the device is asked for next."""
    session.add(Round(job_id=job.id, number=request.number, request=to_plain(request), created_ms=now_ms))
    session.flush()


def conclude(session: Session, job: Job, curve: Curve, *, now_ms: int, rng: random.Random) -> None:
    """There is no further round: the job is done, or has failed where not one reading of ``curve`` was accepted."""
    if curve.accepted > 0:
        finish(session, job, now_ms=now_ms)
    else:
        fail(session, job, endings.without_a_reading(curve.readings), now_ms=now_ms, rng=rng)


def finish(session: Session, job: Job, *, now_ms: int) -> None:
    """The job is done."""
    _end_attempt(session, job, AttemptEnding.DONE, None, now_ms)
    _move(job, JobState.DONE)
    job.ended_ms = now_ms


def fail(session: Session, job: Job, failure: Failure, *, now_ms: int, rng: random.Random) -> None:
    """The attempt failed: the job is queued for another, or failed."""
    _end_badly(session, job, AttemptEnding.FAILED, failure, now_ms=now_ms, rng=rng)


def cancel_held(session: Session, job: Job, *, now_ms: int) -> None:
    """The device stopped because the job was cancelled."""
    _end_attempt(session, job, AttemptEnding.CANCELLED, None, now_ms)
    _move(job, JobState.CANCELLED)
    job.ended_ms = now_ms


def give_back(session: Session, job: Job, *, now_ms: int) -> None:
    """The device lets go of the job in good order: it is queued again, at once, and that is no strike."""
    _end_attempt(session, job, AttemptEnding.GIVEN_BACK, None, now_ms)
    if job.cancel_asked_ms is not None:
        _move(job, JobState.CANCELLED)
        job.ended_ms = now_ms
    else:
        _move(job, JobState.QUEUED)
        job.not_before_ms = now_ms


def expire(session: Session, *, now_ms: int, lease_ms: int, rng: random.Random) -> list[int]:
    """The numbers of the jobs whose lease has run out; each is queued again, failed or cancelled.

    No lease reaches further than ``lease_ms`` from now, and no job waits longer than the longest back-off: what does
    was written by a clock that has been set back since, and would be waited for as long as that was wrong.
    """
    _mend_after_clock_set_back(session, now_ms=now_ms, lease_ms=lease_ms)
    overdue = session.scalars(
        sa.select(Job)
        .where(_is(JobState.LEASED), Job.lease_until_ms < now_ms)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    for job in overdue:
        _end_badly(session, job, AttemptEnding.EXPIRED, endings.expired(), now_ms=now_ms, rng=rng)
    return [job.id for job in overdue]


def _mend_after_clock_set_back(session: Session, *, now_ms: int, lease_ms: int) -> None:
    limit_ms = now_ms + lease_ms
    session.execute(
        sa.update(Job).where(_is(JobState.LEASED), Job.lease_until_ms > limit_ms).values(lease_until_ms=limit_ms)
    )
    latest_ms = now_ms + endings.BACK_OFF_CAP_MS
    session.execute(
        sa.update(Job).where(_is(JobState.QUEUED), Job.not_before_ms > latest_ms).values(not_before_ms=now_ms)
    )


def ask_to_cancel(job: Job, *, now_ms: int) -> None:
    """Cancel ``job``, locked for writing: a queued one at once, a leased one when its device hears of it."""
    if job.state == JobState.QUEUED.value:
        _cancel_queued(job, now_ms)
    elif job.state == JobState.LEASED.value and job.cancel_asked_ms is None:
        job.cancel_asked_ms = now_ms


def cancel_all_of(session: Session, device_id: int, *, now_ms: int) -> None:
    """Cancel every job of a device that will not be heard of any more, the leased one too."""
    unfinished = [state.value for state in JobState if not state.final]
    rows = sa.select(Job).where(Job.device_id == device_id, Job.state.in_(unfinished)).order_by(Job.id)
    for job in session.scalars(rows.with_for_update(key_share=True)):
        if job.state == JobState.QUEUED.value:
            _cancel_queued(job, now_ms)
        else:
            job.cancel_asked_ms = job.cancel_asked_ms or now_ms
            cancel_held(session, job, now_ms=now_ms)


def _cancel_queued(job: Job, now_ms: int) -> None:
    _move(job, JobState.CANCELLED)
    job.cancel_asked_ms = job.ended_ms = now_ms


def _end_badly(
    session: Session, job: Job, ending: AttemptEnding, failure: Failure, *, now_ms: int, rng: random.Random
) -> None:
    _end_attempt(session, job, ending, failure, now_ms)
    if job.cancel_asked_ms is not None:
        _move(job, JobState.CANCELLED)
        job.ended_ms = now_ms
        return
    verdict = endings.after_bad_attempt(
        failure, strikes=job.strikes, progressed=_brought_a_pass(session, job), now_ms=now_ms, rng=rng
    )
    # Read before the job is changed: half a change would be written with the question.
    earlier = [] if verdict.failure is None else _earlier_failures(session, job)
    _move(job, verdict.state)
    job.strikes = verdict.strikes
    job.not_before_ms = verdict.not_before_ms
    if verdict.failure is not None:
        job.failure = to_plain(endings.with_earlier(verdict.failure, earlier))
        job.ended_ms = now_ms


def _earlier_failures(session: Session, job: Job) -> list[Failure]:
    """What the attempts at ``job`` before the newest ended with, in order."""
    rows = sa.select(Attempt.failure).where(Attempt.job_id == job.id, Attempt.fence < job.fence).order_by(Attempt.fence)
    return [from_plain(Failure, failure) for failure in session.scalars(rows) if failure is not None]


def _brought_a_pass(session: Session, job: Job) -> bool:
    """Whether a whole pass, or a batch of images, of the newest attempt is stored."""
    a_pass = sa.select(Pass.id).where(Pass.job_id == job.id, Pass.fence == job.fence, Pass.complete).limit(1)
    a_batch = sa.select(Tally.number).where(Tally.job_id == job.id, Tally.fence == job.fence).limit(1)
    return session.scalar(a_pass) is not None or session.scalar(a_batch) is not None


def _end_attempt(session: Session, job: Job, ending: AttemptEnding, failure: Failure | None, now_ms: int) -> None:
    attempt = session.get_one(Attempt, (job.id, job.fence))
    attempt.ended_ms = now_ms
    attempt.ending = ending.value
    attempt.failure = None if failure is None else to_plain(failure)


def _move(job: Job, state: JobState) -> None:
    if state not in MOVES[JobState(job.state)]:
        raise AssertionError(f"job {job.id}: no move from {job.state} to {state.value}")
    job.state = state.value
    job.lease_until_ms = None
