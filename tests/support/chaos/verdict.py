"""What the database says after chaos, beside what the witness saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from orchestrator.curves import blob
from orchestrator.jobs.states import JobState
from orchestrator.storage import curves
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Attempt, Curve, Job
from tests.support.chaos.witness import Key, Witness, key_of


@dataclass(frozen=True)
class Verdict:
    """How many readings are there, and what is wrong: all other figures must be 0."""

    jobs: int
    endings: dict[str, int]
    passes: int
    readings: int
    readings_lost: int
    readings_twice: int
    readings_changed: int
    readings_of_nobody: int
    jobs_not_ended: int
    attempts_open: int
    set_aside: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (
            self.readings_lost
            or self.readings_twice
            or self.readings_changed
            or self.readings_of_nobody
            or self.jobs_not_ended
            or self.attempts_open
            or self.set_aside
        )


def verdict(database: Database, witness: Witness, *, set_aside: int) -> Verdict:
    """Compare every reading, bit for bit."""
    found: dict[Key, bytes] = {}
    sizes: dict[Key, int] = {}
    twice = 0
    with database.read() as session:
        for curve in session.scalars(sa.select(Curve)):
            for one in curves.passes_of(session, curve):
                key = key_of(curve.job_id or 0, one)
                twice += len(one.tokens) if key in found else 0
                found[key] = blob.pack([one])
                sizes[key] = len(one.tokens)
        states = Counter(JobState(state) for state in session.scalars(sa.select(Job.state)))
        attempts_open = session.scalar(sa.select(sa.func.count()).where(Attempt.ended_ms.is_(None))) or 0
        endings = Counter(session.scalars(sa.select(Attempt.ending)))
    readings_of = {key: len(blob.unpack(content)[0].tokens) for key, content in witness.measured.items()}
    return Verdict(
        jobs=sum(states.values()),
        endings={str(ending): number for ending, number in endings.most_common()},
        passes=len(found),
        readings=sum(sizes.values()),
        readings_lost=sum(readings_of[key] for key in witness.kept - found.keys()),
        readings_twice=twice,
        readings_changed=sum(sizes[key] for key in found if witness.measured.get(key, found[key]) != found[key])
        + sum(readings_of[key] for key in witness.contradictions),
        readings_of_nobody=sum(sizes[key] for key in found.keys() - witness.measured.keys()),
        jobs_not_ended=sum(number for state, number in states.items() if not state.final),
        attempts_open=attempts_open,
        set_aside=set_aside,
    )
