"""The store of sweeps: asked for, asked for again, cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import to_plain
from agent.wire.jobs import Task, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.errors import Conflict, NotFound
from orchestrator.jobs.holders import Holder
from orchestrator.jobs.states import WORTH_RETRYING, JobState
from orchestrator.storage import jobs, trials
from orchestrator.storage.tables import Device, Job, Sweep, Verification


def create(
    session: Session,
    *,
    models: Sequence[str],
    workloads: Sequence[Workload],
    device_ids: Sequence[int],
    plan: Plan,
    priority: int,
    key_id: int,
    now_ms: int,
) -> int:
    """The number of a new sweep, one queued job for each model, workload and device, in that order."""
    sweep = Sweep(plan=to_plain(plan), priority=priority, created_by=key_id, created_ms=now_ms)
    session.add(sweep)
    session.flush()
    for model in models:
        for workload in workloads:
            for device_id in device_ids:
                queue(session, sweep, model=model, workload=to_plain(workload), device_id=device_id)
    return sweep.id


def create_accuracy(
    session: Session,
    *,
    holders: Mapping[str, Holder],
    workload: Workload,
    plan: AccuracyPlan,
    priority: int,
    key_id: int,
    now_ms: int,
) -> int:
    """The number of a new sweep: one accuracy job for each model, on the device that was chosen for it."""
    sweep = Sweep(plan=to_plain(Plan()), priority=priority, created_by=key_id, created_ms=now_ms)
    session.add(sweep)
    session.flush()
    for model, holder in holders.items():
        job = queue(
            session,
            sweep,
            model=model,
            workload=to_plain(workload),
            device_id=holder.device.id,
            task=Task.ACCURACY,
        )
        trials.add(session, job.id, plan=plan, weights=holder.weights, dataset=holder.dataset)
    return sweep.id


def retry(session: Session, sweep_id: int, *, key_id: int, now_ms: int) -> int:
    """The number of a new sweep: the jobs of ``sweep_id`` that failed or were cancelled, queued once more.

    What the old sweep has measured stays with it. Jobs of devices that were revoked are left out.

    Raises:
        NotFound: there is no such sweep.
        Conflict: none of its jobs failed or was cancelled, or their devices were all revoked.
    """
    old = one(session, sweep_id)
    ended = session.scalars(
        sa.select(Job)
        .where(Job.sweep_id == sweep_id, Job.state.in_([state.value for state in WORTH_RETRYING]))
        .order_by(Job.id)
    ).all()
    if not ended:
        raise Conflict(
            f"No job of sweep {sweep_id} failed or was cancelled.",
            f"See how its jobs stand: stepfarm sweep show {old.id}",
        )
    # Locked for reading, so that none of them is revoked meanwhile.
    fleet = sa.select(Device.id).where(Device.revoked_ms.is_(None)).order_by(Device.id).with_for_update(read=True)
    at_work = set(session.scalars(fleet.where(Device.id.in_({job.device_id for job in ended}))))
    again = [job for job in ended if job.device_id in at_work]
    if not again:
        raise Conflict(
            f"The devices of the failed and cancelled jobs of sweep {sweep_id} were revoked.",
            "Queue a sweep for others: stepfarm sweep create MODEL --device NAME",
        )
    sweep = Sweep(plan=old.plan, priority=old.priority, retry_of=old.id, created_by=key_id, created_ms=now_ms)
    session.add(sweep)
    session.flush()
    for job in again:
        anew = queue(
            session, sweep, model=job.model, workload=job.workload, device_id=job.device_id, task=Task(job.task)
        )
        verified = session.get(Verification, job.id)
        if verified is not None:
            session.add(Verification(job_id=anew.id, curve_id=verified.curve_id, entries=verified.entries))
        trials.copy(session, job.id, anew.id)
    session.flush()
    return sweep.id


def queue(
    session: Session,
    sweep: Sweep,
    *,
    model: str,
    workload: dict[str, object],
    device_id: int,
    task: Task = Task.SWEEP,
) -> Job:
    """A new job of ``sweep``, queued."""
    job = Job(
        sweep_id=sweep.id,
        device_id=device_id,
        task=task.value,
        model=model,
        workload=workload,
        priority=sweep.priority,
        state=JobState.QUEUED.value,
        fence=0,
        strikes=0,
        not_before_ms=0,
        created_ms=sweep.created_ms,
    )
    session.add(job)
    # One by one, so that job numbers follow the order asked for.
    session.flush()
    return job


def one(session: Session, sweep_id: int) -> Sweep:
    """The sweep of that number.

    Raises:
        NotFound: there is none.
    """
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise NotFound(f"There is no sweep {sweep_id}.", "`stepfarm sweep list` shows the sweeps.")
    return sweep


def cancel(session: Session, sweep_id: int, *, now_ms: int) -> None:
    """Cancel a sweep: queued jobs at once, a leased one when its device hears of it.

    Raises:
        NotFound: there is no such sweep.
    """
    one(session, sweep_id)
    rows = sa.select(Job).where(Job.sweep_id == sweep_id).order_by(Job.id).with_for_update(key_share=True)
    for job in session.scalars(rows):
        jobs.ask_to_cancel(job, now_ms=now_ms)
