"""The stores with time and names filled in: a test says what matters to it."""

from __future__ import annotations

import hashlib
import random

import sqlalchemy as sa

from agent.wire.accuracy import Tally, TallyBatch
from agent.wire.conditions import Conditions, Doubt, Temperature
from agent.wire.enrolment import DeviceDescription, DeviceKind, EnrolRequest
from agent.wire.holdings import DatasetHeld, WeightsHeld
from agent.wire.jobs import Failure, FailureReason, ModelFacts, Round, Workload
from agent.wire.readings import Batch, Reading, Rejection
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.proving import Entry
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.jobs.dispatch import LEASE_S
from orchestrator.jobs.holders import Holder
from orchestrator.jobs.matching import Candidate
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.roles import Role
from orchestrator.storage import (
    curves,
    devices,
    enrolment,
    fleet_queries,
    jobs,
    keys,
    sweep_queries,
    sweeps,
    trials,
    verifications,
)
from orchestrator.storage.database import Database
from orchestrator.storage.jobs import LeasedJob
from orchestrator.storage.tables import Attempt, Curve, Job
from orchestrator.views import DeviceView, SweepView
from tests.support.clocks import ManualClock

LEASE_MS = int(LEASE_S * 1_000)
FACTS = ModelFacts(tokens=17, prefix_tokens=1, blocks=2, image_size=64, threads=1, runtime_version="2.9.0")
COUNTS = (2, 9, 17)
ROUND = Round(number=0, tokens=COUNTS, sentinel=17, min_passes=5, max_passes=5, seed=0)
IMAGES = 50
WEIGHTS = WeightsHeld(model="a", sha256="a" * 64, classes=10)
ACCURACY_PLAN = AccuracyPlan(dataset="val", tokens=(9,))


def a_description(kind: DeviceKind = DeviceKind.LINUX) -> DeviceDescription:
    """What some device says of itself."""
    return DeviceDescription(
        kind=kind,
        hardware="a board",
        processor="a core",
        architecture="aarch64",
        system="Linux",
        python="3.11.2",
        agent_version="0.1.0",
        cores=4,
        memory_bytes=None,
    )


def sha256(text: str) -> str:
    """The hash under which the orchestrator keeps a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


def a_request(code: str, *, name: str = "board", key: str = "sfd_board", device_id: int | None = None) -> EnrolRequest:
    """The wish of a device to join."""
    return EnrolRequest(code=code, key_sha256=sha256(key), name=name, description=a_description(), device_id=device_id)


def a_batch(
    fence: int = 1, number: int = 0, *, round_: int = 0, slower: float = 1.0, doubts: tuple[Doubt, ...] = ()
) -> Batch:
    """One pass over ``COUNTS``, one of its readings rejected."""
    latencies = [round(1e6 * tokens * slower) + number for tokens in COUNTS]
    return Batch(
        fence=fence,
        round=round_,
        number=number,
        started_ms=1_760_000_000_000,
        complete=True,
        before=Conditions(temperatures=(Temperature(sensor="cpu", celsius=50.5),)),
        after=Conditions(gaps=("no clock can be read",)),
        readings=tuple(
            Reading(
                position=position,
                tokens=tokens,
                start_ns=10**9 * position,
                latency_ns=latency_ns,
                rejected=Rejection.WAITED if position == 1 else None,
            )
            for position, (tokens, latency_ns) in enumerate(zip(COUNTS, latencies, strict=True))
        ),
        doubts=doubts,
    )


def a_failure(reason: FailureReason = FailureReason.CRASHED) -> Failure:
    """What a device reports of an attempt that went wrong."""
    return Failure(reason=reason, message="it broke", advice="mend it")


def a_tally_batch(fence: int = 1, number: int = 0, *, right: int = 20) -> TallyBatch:
    """What a batch of 32 images, or the last of 18, came to: ``right`` unpruned, five fewer pruned."""
    images = 32 if number == 0 else 18
    counted = [(min(right, images), 0), (min(right, images) - 5, 5)]
    tallies = tuple(
        Tally(
            images=images,
            agreeing=images - lost,
            divergence=0.25 * lost,
            divergence_squares=0.0625 * lost,
            top_1=top_1,
            top_5=images,
            lost=lost,
            gained=0,
        )
        for top_1, lost in counted
    )
    return TallyBatch(fence=fence, number=number, started_ms=0, tallies=tallies)


class Store:
    """The stores of ``database`` at the virtual time of ``clock``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.rng = random.Random(0)
        with database.write() as session:
            self.key_id = keys.add_key(session, "sfo_test", Role.OPERATOR, "operator", now_ms=self.clock.epoch_ms())

    def enrol(self, name: str = "board") -> int:
        """The number of a new device."""
        with self.database.write() as session:
            enrolment.add_join_code(session, f"CODE-{name}", now_ms=self.clock.epoch_ms())
            request = a_request(f"CODE-{name}", name=name, key=f"sfd_{name}")
            return enrolment.enrol(session, request, now_ms=self.clock.epoch_ms()).id

    def sweep(self, *device_ids: int, models: tuple[str, ...] = ("a",), priority: int = 0) -> int:
        """The number of a new sweep: one job for each model and device."""
        with self.database.write() as session:
            return sweeps.create(
                session,
                models=models,
                workloads=[Workload()],
                device_ids=device_ids,
                plan=Plan(),
                priority=priority,
                key_id=self.key_id,
                now_ms=self.clock.epoch_ms(),
            )

    def verification(self, curve_id: int) -> int:
        """The number of a new job that verifies a schedule chosen on the curve."""
        once = Schedule(method=Method.RANDOM, tokens=17, prefix_tokens=1, leaving=(17, 9))
        with self.database.write() as session:
            return verifications.create(
                session,
                session.get_one(Curve, curve_id),
                [Entry(schedule=once, uniform=None)],
                priority=0,
                key_id=self.key_id,
                now_ms=self.clock.epoch_ms(),
            )

    def accuracy(self, device_id: int, *, plan: AccuracyPlan = ACCURACY_PLAN, labelled: bool = True) -> int:
        """The number of a new sweep of one accuracy job: two batches, 32 and 18 images, unpruned and at 9 tokens."""
        candidate = Candidate(id=device_id, name="board", labels=(), revoked=False, cores=4)
        classes = 10 if labelled else None
        dataset = DatasetHeld(name="val", images=IMAGES, classes=classes, listing_sha256="b" * 64)
        with self.database.write() as session:
            return sweeps.create_accuracy(
                session,
                holders={"a": Holder(device=candidate, weights=WEIGHTS, dataset=dataset)},
                workload=Workload(batch_size=32),
                plan=plan,
                priority=0,
                key_id=self.key_id,
                now_ms=self.clock.epoch_ms(),
            )

    def begin_trial(self, device_id: int, leased: LeasedJob, *, facts: ModelFacts = FACTS) -> None:
        """The device has said what it loaded, and was told the trial."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            trials.begin(session, job, facts, now_ms=self.clock.epoch_ms(), rng=self.rng)

    def take_tallies(self, device_id: int, job_id: int, batch: TallyBatch) -> None:
        """Keep what a batch of images came to."""
        with self.database.write() as session:
            trials.take_in(session, device_id=device_id, job_id=job_id, batch=batch, now_ms=self.clock.epoch_ms())

    def lease(self, device_id: int, claim: str = "first") -> LeasedJob | None:
        """What the device is given."""
        with self.database.write() as session:
            return jobs.lease(
                session,
                device_id=device_id,
                claim=claim,
                now_ms=self.clock.epoch_ms(),
                lease_ms=LEASE_MS,
                rng=self.rng,
            )

    def leased(self, device_id: int, claim: str = "first") -> LeasedJob:
        """The job that the device is given; there is one."""
        found = self.lease(device_id, claim)
        assert found is not None
        return found

    def heartbeat(self, device_id: int, job_id: int, fence: int) -> bool:
        """Whether the device is asked to stop."""
        with self.database.write() as session:
            return jobs.heartbeat(
                session,
                device_id=device_id,
                job_id=job_id,
                fence=fence,
                now_ms=self.clock.epoch_ms(),
                lease_ms=LEASE_MS,
            )

    def fail(self, device_id: int, leased: LeasedJob, reason: FailureReason = FailureReason.CRASHED) -> None:
        """The device reports that the attempt failed."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            jobs.fail(session, job, a_failure(reason), now_ms=self.clock.epoch_ms(), rng=self.rng)

    def give_back(self, device_id: int, leased: LeasedJob) -> None:
        """The device lets go of the job."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            jobs.give_back(session, job, now_ms=self.clock.epoch_ms())

    def finish(self, device_id: int, leased: LeasedJob) -> None:
        """The job is done."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            jobs.finish(session, job, now_ms=self.clock.epoch_ms())

    def conclude(self, device_id: int, leased: LeasedJob, curve_id: int) -> None:
        """There is nothing more to measure."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            curve = session.get_one(Curve, curve_id)
            jobs.conclude(session, job, curve, now_ms=self.clock.epoch_ms(), rng=self.rng)

    def retry(self, sweep_id: int) -> int:
        """The number of the sweep that does the failed and cancelled jobs again."""
        with self.database.write() as session:
            return sweeps.retry(session, sweep_id, key_id=self.key_id, now_ms=self.clock.epoch_ms())

    def revoke(self, name: str) -> None:
        """Somebody shuts the device out."""
        with self.database.write() as session:
            devices.revoke(session, name, now_ms=self.clock.epoch_ms())

    def seen(self, device_id: int) -> None:
        """The device speaks."""
        with self.database.write() as session:
            devices.seen(session, device_id, now_ms=self.clock.epoch_ms())

    def device_view(self, name: str = "board") -> DeviceView:
        """What people are shown of the device."""
        with self.database.read() as session:
            return fleet_queries.device(session, name, now_ms=self.clock.epoch_ms())

    def sweep_view(self, sweep_id: int) -> SweepView:
        """What people are shown of the sweep."""
        with self.database.read() as session:
            return sweep_queries.sweep(session, sweep_id, now_ms=self.clock.epoch_ms())

    def cancel(self, sweep_id: int) -> None:
        """Somebody cancels the sweep."""
        with self.database.write() as session:
            sweeps.cancel(session, sweep_id, now_ms=self.clock.epoch_ms())

    def expire(self) -> list[int]:
        """The jobs whose lease has run out."""
        with self.database.write() as session:
            return jobs.expire(session, now_ms=self.clock.epoch_ms(), lease_ms=LEASE_MS, rng=self.rng)

    def begin_curve(self, device_id: int, leased: LeasedJob) -> int:
        """The curve of the job, its first round asked for."""
        with self.database.write() as session:
            job = jobs.held_job(session, device_id=device_id, job_id=leased.job_id, fence=leased.fence)
            curve = jobs.note_facts(session, job, FACTS, now_ms=self.clock.epoch_ms())
            if not jobs.rounds_of(session, job):
                jobs.add_round(session, job, ROUND, now_ms=self.clock.epoch_ms())
            return curve.id

    def take_in(self, device_id: int, job_id: int, batch: Batch) -> int:
        """How many readings were taken."""
        with self.database.write() as session:
            return curves.take_in(
                session, device_id=device_id, job_id=job_id, batch=batch, now_ms=self.clock.epoch_ms()
            )

    def seal(self, curve_id: int) -> None:
        """Put the readings of the curve into its blob."""
        with self.database.write() as session:
            curves.seal(session, session.get_one(Curve, curve_id), now_ms=self.clock.epoch_ms())

    def job(self, job_id: int) -> Job:
        """The row of a job."""
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def state(self, job_id: int) -> JobState:
        """Where a job stands."""
        return JobState(self.job(job_id).state)

    def curve(self, curve_id: int) -> Curve:
        """The row of a curve."""
        with self.database.read() as session:
            return session.get_one(Curve, curve_id)

    def endings(self, job_id: int) -> list[AttemptEnding | None]:
        """How each attempt at the job ended, in order."""
        with self.database.read() as session:
            rows = session.scalars(sa.select(Attempt.ending).where(Attempt.job_id == job_id).order_by(Attempt.fence))
            return [None if row is None else AttemptEnding(row) for row in rows]
