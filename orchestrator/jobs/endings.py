"""What becomes of a job when an attempt at it ends badly: pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agent.wire.jobs import Failure, FailureReason
from orchestrator.jobs.states import JobState

MAX_STRIKES = 3
"""After so many attempts that ended badly a job is failed, not queued again."""

BACK_OFF_BASE_MS = 5_000
BACK_OFF_CAP_MS = 300_000

PERMANENT = frozenset(
    {
        FailureReason.MODEL_UNKNOWN,
        FailureReason.MODEL_UNSUPPORTED,
        FailureReason.WORKLOAD_UNSUPPORTED,
        FailureReason.RUNTIME_MISSING,
    }
)
"""Failures that the same device would meet again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the job goes. ``not_before_ms`` counts where it is queued again, ``failure`` where it is failed."""

    state: JobState
    strikes: int
    not_before_ms: int
    failure: Failure | None


def after_bad_attempt(failure: Failure, *, strikes: int, now_ms: int, rng: random.Random) -> Verdict:
    """What follows ``failure`` of an attempt, after ``strikes`` earlier ones: another try later, or the end.

    The wait is exponential with full jitter, so that devices that failed together do not come back together.
    """
    strikes += 1
    if failure.reason in PERMANENT or strikes >= MAX_STRIKES:
        return Verdict(JobState.FAILED, strikes, 0, failure)
    ceiling = min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** (strikes - 1))
    return Verdict(JobState.QUEUED, strikes, now_ms + rng.randint(0, ceiling), None)


def expired() -> Failure:
    """The failure of an attempt whose lease ran out."""
    return Failure(
        reason=FailureReason.TIMED_OUT,
        message="The device stopped answering while it held the job.",
        advice="Is the device switched on and online? See `stepfarm-agent doctor` on it.",
    )


def restarted() -> Failure:
    """The failure of an attempt whose agent was started anew."""
    return Failure(
        reason=FailureReason.CRASHED,
        message="The agent was restarted while it held the job.",
        advice="If this repeats, the job may be taking the device down: watch its memory and temperature.",
    )
