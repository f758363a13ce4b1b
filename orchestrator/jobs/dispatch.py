"""What devices ask for, around the pure decisions: leases, heartbeats, rounds, readings and endings."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass

from agent.clock import Clock
from agent.wire.codec import from_plain
from agent.wire.jobs import (
    Ending,
    EndReport,
    Heartbeat,
    HeartbeatAnswer,
    Lease,
    LeaseAnswer,
    LeaseRequest,
    ModelFacts,
    RoundAnswer,
    RoundRequest,
    Task,
)
from agent.wire.jobs import Round as RoundRequested
from agent.wire.readings import Batch
from orchestrator.analysis import proving
from orchestrator.analysis.planning import next_round
from orchestrator.errors import AgentDoubled, BadRequest, Conflict
from orchestrator.jobs.states import AttemptEnding
from orchestrator.storage import curves, devices, jobs, trials, verifications
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve, Job, Round

log = logging.getLogger(__name__)

LEASE_S = 90.0
HEARTBEAT_S = 15.0
RETRY_S = 2.0
"""When a device without work asks again."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lasts, how often it is renewed, and when a device without work asks again."""

    lease_s: float = LEASE_S
    heartbeat_s: float = HEARTBEAT_S
    retry_s: float = RETRY_S

    @property
    def lease_ms(self) -> int:
        """How long a lease lasts, as the database counts."""
        return int(self.lease_s * 1_000)


LET_GO = frozenset({AttemptEnding.FAILED, AttemptEnding.CANCELLED, AttemptEnding.GIVEN_BACK})
"""The endings that a device reports."""


class Dispatch:
    """Hands out jobs and takes in what comes of them. Each call is one transaction, and may be repeated.

    Args:
        rng: where the jitter of back-off comes from.
        job_ended: set when a device or its silence ended a job, or readings came late, so that whoever analyses
            wakes up.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rng: random.Random,
        job_ended: threading.Event,
        times: LeaseTimes | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rng = rng
        self._job_ended = job_ended
        self._times = times or LeaseTimes()
        self._spooled: dict[int, int] = {}

    def lease(self, device_id: int, request: LeaseRequest) -> LeaseAnswer:
        """A job for the device, or when to ask again.

        Raises:
            AgentDoubled: a newer start of an agent works with this identity; it keeps what it has leased.
        """
        now_ms = self._clock.epoch_ms()
        leased, material = None, None
        with self._database.write() as session:
            devices.seen(session, device_id, now_ms=now_ms)
            newest = devices.note_run(session, device_id, request.run, now_ms=now_ms)
            if newest:
                leased = jobs.lease(
                    session,
                    device_id=device_id,
                    claim=request.claim,
                    now_ms=now_ms,
                    lease_ms=self._times.lease_ms,
                    rng=self._rng,
                )
            if leased is not None and leased.task is Task.ACCURACY:
                material = trials.material_of(session, leased.job_id)
        # A device hands over all that waits before it asks.
        self._spooled[device_id] = 0
        if not newest:
            # Outside of the transaction, which keeps what was noted of it.
            raise AgentDoubled(
                "Another agent with the identity of this device was started later, and works in its place.",
                "Stop one of the two. Where the state directory or memory card was copied, let one of them forget "
                "(stepfarm-agent unenroll --force) and enrol it anew.",
            )
        if leased is None:
            return LeaseAnswer(lease=None, retry_after_s=self._times.retry_s)
        subjects = {"job": leased.job_id, "device": device_id}
        log.info("job %d is leased to device %d, fence %d", leased.job_id, device_id, leased.fence, extra=subjects)
        return LeaseAnswer(
            lease=Lease(
                job_id=leased.job_id,
                fence=leased.fence,
                task=leased.task,
                model=leased.model,
                workload=leased.workload,
                lease_s=self._times.lease_s,
                heartbeat_s=self._times.heartbeat_s,
                material=material,
            ),
            retry_after_s=0.0,
        )

    def heartbeat(self, device_id: int, job_id: int, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Renew the lease, and say whether to stop."""
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            devices.seen(session, device_id, now_ms=now_ms)
            cancel = jobs.heartbeat(
                session,
                device_id=device_id,
                job_id=job_id,
                fence=heartbeat.fence,
                now_ms=now_ms,
                lease_ms=self._times.lease_ms,
            )
        self._spooled[device_id] = heartbeat.spooled
        return HeartbeatAnswer(lease_s=self._times.lease_s, cancel=cancel)

    def spooled(self) -> dict[int, int]:
        """How many passes each device has not handed over, as it told last and since this process began; by number."""
        return dict(self._spooled)

    def take_in(self, device_id: int, job_id: int, batch: Batch) -> int:
        """Keep the readings of a pass; how many they are."""
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            devices.seen(session, device_id, now_ms=now_ms)
            count = curves.take_in(session, device_id=device_id, job_id=job_id, batch=batch, now_ms=now_ms)
            late = session.get_one(Job, job_id).ended_ms is not None
        if late:
            self._job_ended.set()
        return count

    def next_round(self, device_id: int, job_id: int, request: RoundRequest) -> RoundAnswer:
        """The round to measure next; none when the job is done.

        Raises:
            LeaseLost: the lease is over.
            Conflict: the device loaded another model than in an earlier attempt.
            BadRequest: the round said to be completed was never asked for.
        """
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            job = jobs.own_job(session, device_id=device_id, job_id=job_id)
            if jobs.measured_out(session, job, request.fence):
                return RoundAnswer(round=None, passes_done=0)  # said before, and the answer was lost
            jobs.refuse_lost(job, request.fence)
            curve = jobs.note_facts(session, job, request.facts, now_ms=now_ms)
            _refuse_other_tokens(curve, request.facts)
            asked = jobs.rounds_of(session, job)
            _complete(asked, request.completed, now_ms=now_ms)
            if asked and asked[-1].completed_ms is None:
                current = from_plain(RoundRequested, asked[-1].request)
                stored = curves.complete_passes(session, job_id, current.number)
                return RoundAnswer(round=current, passes_done=stored)
            rounds = [from_plain(RoundRequested, row.request) for row in asked]
            passes = curves.analysable(session, curve, curves.passes_of(session, curve))
            entries = verifications.entries_of(session, job)
            if entries:
                following = proving.next_round(entries, rounds, passes, seed=job.id)
            else:
                following = next_round(jobs.plan_of(session, job), request.facts, rounds, passes)
            if following is None:
                jobs.conclude(session, job, curve, now_ms=now_ms, rng=self._rng)
            else:
                jobs.add_round(session, job, following, now_ms=now_ms)
        if following is None:
            log.info("job %d is measured", job_id, extra={"job": job_id, "device": device_id})
            self._job_ended.set()
        return RoundAnswer(round=following, passes_done=0)

    def end(self, device_id: int, job_id: int, report: EndReport) -> None:
        """The device lets go of a job that is not done.

        Raises:
            LeaseLost: the lease was over before.
        """
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            job = jobs.own_job(session, device_id=device_id, job_id=job_id)
            if jobs.ending_of(session, job, report.fence) in LET_GO:
                return  # said before, and the answer was lost
            jobs.refuse_lost(job, report.fence)
            if report.ending is Ending.FAILED and report.failure is not None:
                jobs.fail(session, job, report.failure, now_ms=now_ms, rng=self._rng)
            elif report.ending is Ending.CANCELLED and job.cancel_asked_ms is not None:
                jobs.cancel_held(session, job, now_ms=now_ms)
            else:
                jobs.give_back(session, job, now_ms=now_ms)
        subjects = {"job": job_id, "device": device_id}
        log.info("device %d let go of job %d: %s", device_id, job_id, report.ending.value, extra=subjects)
        self._job_ended.set()

    def expire(self) -> list[int]:
        """Take back the jobs whose lease has run out; their numbers."""
        with self._database.write() as session:
            expired = jobs.expire(session, now_ms=self._clock.epoch_ms(), lease_ms=self._times.lease_ms, rng=self._rng)
        for job_id in expired:
            log.warning("the lease on job %d ran out", job_id, extra={"job": job_id})
        if expired:
            self._job_ended.set()
        return expired


def _refuse_other_tokens(curve: Curve, facts: ModelFacts) -> None:
    known = from_plain(ModelFacts, curve.facts)
    if (known.tokens, known.prefix_tokens, known.image_size) != (facts.tokens, facts.prefix_tokens, facts.image_size):
        raise Conflict(
            f"This model has {facts.tokens} tokens now and had {known.tokens} in an earlier attempt.",
            "The device's timm has changed in mid-job: cancel the sweep and queue it again.",
        )


def _complete(asked: list[Round], completed: int | None, *, now_ms: int) -> None:
    if completed is None:
        return
    if completed >= len(asked):
        raise BadRequest(f"Round {completed} was never asked for.", "This is a bug of the agent: please report it.")
    if asked[completed].completed_ms is None:
        asked[completed].completed_ms = now_ms
