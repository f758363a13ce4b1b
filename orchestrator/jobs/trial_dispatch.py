"""What devices ask for in accuracy jobs: the trial, and to hand over tallies."""

from __future__ import annotations

import random
import threading

from agent.clock import Clock
from agent.wire.accuracy import TallyBatch, TrialAnswer, TrialRequest
from agent.wire.jobs import Task
from orchestrator.errors import NotFound
from orchestrator.storage import devices, jobs, trials
from orchestrator.storage.database import Database


class TrialDispatch:
    """Hands out trials and takes in what comes of them. Each call is one transaction, and may be repeated.

    Args:
        rng: where the jitter of back-off comes from.
        job_ended: set when a job has ended, so that whoever waits for that wakes up.
    """

    def __init__(self, database: Database, clock: Clock, rng: random.Random, job_ended: threading.Event) -> None:
        self._database = database
        self._clock = clock
        self._rng = rng
        self._job_ended = job_ended

    def next_trial(self, device_id: int, job_id: int, request: TrialRequest) -> TrialAnswer:
        """The trial and how much of it is stored; none where all is, or where it cannot be done.

        Raises:
            LeaseLost: the lease is over.
            NotFound: the job is not this device's, or no accuracy job.
            Conflict: the device loaded another model than in an earlier attempt.
        """
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            job = jobs.own_job(session, device_id=device_id, job_id=job_id)
            if job.task != Task.ACCURACY.value:
                raise NotFound(f"Job {job_id} is no accuracy job.", "Ask for its rounds.")
            if jobs.measured_out(session, job, request.fence):
                return TrialAnswer(trial=None, batches_done=0)  # said before, and the answer was lost
            jobs.refuse_lost(job, request.fence)
            trial = trials.begin(session, job, request.facts, now_ms=now_ms, rng=self._rng)
            done = trials.batches_done(session, job_id)
            if trial is not None and done < trial.batches:
                return TrialAnswer(trial=trial, batches_done=done)
            if trial is not None:
                jobs.finish(session, job, now_ms=now_ms)
        self._job_ended.set()
        return TrialAnswer(trial=None, batches_done=done)

    def take_in(self, device_id: int, job_id: int, batch: TallyBatch) -> None:
        """Keep the tallies of a batch."""
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            devices.seen(session, device_id, now_ms=now_ms)
            trials.take_in(session, device_id=device_id, job_id=job_id, batch=batch, now_ms=now_ms)
