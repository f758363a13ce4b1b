"""The farm in figures, for whoever watches it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.jobs.presence import device_state
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage.tables import Attempt, Curve, Device, Job, Pass, ReadingBatch
from orchestrator.views import DeviceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many there are of what. ``names`` are those of the devices that were not revoked, by number."""

    devices: Mapping[DeviceState, int]
    jobs: Mapping[JobState, int]
    attempts: Mapping[AttemptEnding, int]
    curves: int
    passes: int
    readings: int
    accepted: int
    unsealed_passes: int
    oldest_queued_s: float
    names: Mapping[int, str]


def figures(session: Session, *, now_ms: int) -> Figures:
    """The farm as it is now."""
    count = sa.func.count()
    measuring = set(session.scalars(sa.select(Job.device_id).where(Job.state == JobState.LEASED.value)))
    fleet = session.execute(sa.select(Device.id, Device.name, Device.revoked_ms, Device.last_seen_ms)).all()
    states = Counter(
        device_state(revoked=revoked_ms is not None, last_seen_ms=seen_ms, measuring=number in measuring, now_ms=now_ms)
        for number, _, revoked_ms, seen_ms in fleet
    )
    jobs = dict(session.execute(sa.select(Job.state, count).group_by(Job.state)).all())
    endings = sa.select(Attempt.ending, count).where(Attempt.ending.is_not(None)).group_by(Attempt.ending)
    attempts = dict(session.execute(endings).all())
    curves, readings, accepted = session.execute(
        sa.select(count, sa.func.sum(Curve.readings), sa.func.sum(Curve.accepted)).select_from(Curve)
    ).one()
    oldest_ms = session.scalar(sa.select(sa.func.min(Job.created_ms)).where(Job.state == JobState.QUEUED.value))
    return Figures(
        devices={state: states[state] for state in DeviceState},
        jobs={state: jobs.get(state.value, 0) for state in JobState},
        attempts={ending: attempts.get(ending.value, 0) for ending in AttemptEnding},
        curves=curves,
        passes=session.scalar(sa.select(count).select_from(Pass)) or 0,
        readings=int(readings or 0),
        accepted=int(accepted or 0),
        unsealed_passes=session.scalar(sa.select(count).select_from(ReadingBatch)) or 0,
        oldest_queued_s=0.0 if oldest_ms is None else max(now_ms - oldest_ms, 0) / 1_000,
        names={number: name for number, name, revoked_ms, _ in fleet if revoked_ms is None},
    )
