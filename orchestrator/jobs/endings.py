"""What becomes of a job when an attempt at it ends badly: pure decisions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.wire.jobs import Failure, FailureReason
from orchestrator.jobs.states import JobState

MAX_STRIKES = 3
"""After so many attempts in a row that ended badly and brought nothing, a job is failed, not queued again."""

LONGEST_MESSAGE = 4_000
"""What a failure's message may hold on the wire (`agent.wire.fields.Paragraph`)."""

BACK_OFF_BASE_MS = 5_000
BACK_OFF_CAP_MS = 300_000

PERMANENT = frozenset(
    {
        FailureReason.MODEL_UNKNOWN,
        FailureReason.MODEL_UNSUPPORTED,
        FailureReason.WORKLOAD_UNSUPPORTED,
        FailureReason.RUNTIME_MISSING,
        FailureReason.SCHEDULE_REFUSED,
        FailureReason.DATA_UNUSABLE,
        # The rounds that repair have asked again and again already.
        FailureReason.ALL_REJECTED,
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


def after_bad_attempt(failure: Failure, *, strikes: int, progressed: bool, now_ms: int, rng: random.Random) -> Verdict:
    """What follows ``failure`` of an attempt, after ``strikes`` earlier ones in a row: another try later, or the end.

    The wait is exponential with full jitter, so that devices that failed together do not come back together.

    Args:
        progressed: whether the attempt brought a whole pass. Then the strikes begin anew: a device on bad power gets to
            the end of its job by small steps, and that end is there, because a round has so many passes and no more.
    """
    strikes = 0 if progressed else strikes + 1
    if failure.reason in PERMANENT or strikes >= MAX_STRIKES:
        return Verdict(JobState.FAILED, strikes, 0, failure)
    ceiling = min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** max(strikes - 1, 0))
    return Verdict(JobState.QUEUED, strikes, now_ms + rng.randint(0, ceiling), None)


def with_earlier(failure: Failure, earlier: Sequence[Failure]) -> Failure:
    """``failure`` of the last attempt at a job, with what the attempts before it ended with, where that differed."""
    others = [one.message for one in earlier if one.message != failure.message]
    if not others:
        return failure
    told = " ".join(
        message if number == 1 else f"{message} ({number} times)" for message, number in Counter(others).items()
    )
    return replace(failure, message=f"{failure.message.rstrip('.')}. Attempts before it: {told}"[:LONGEST_MESSAGE])


def expired() -> Failure:
    """The failure of an attempt whose lease ran out."""
    return Failure(
        reason=FailureReason.TIMED_OUT,
        message="The device stopped answering while it held the job.",
        advice="Is the device switched on and online? See `stepfarm-agent doctor` on it.",
    )


def without_a_reading(readings: int) -> Failure:
    """The failure of an attempt at whose end none of ``readings`` was accepted: nothing can be said of such a job."""
    message = f"Not one of {readings} readings was accepted: something else was at work on the device all the time."
    return Failure(
        reason=FailureReason.ALL_REJECTED,
        message=message if readings else "The device handed in no reading at all.",
        advice="Stop what else runs on the device, or ask for fewer threads, one best; then: stepfarm sweep retry ID",
    )


def restarted() -> Failure:
    """The failure of an attempt whose agent was started anew."""
    return Failure(
        reason=FailureReason.CRASHED,
        message="The agent was restarted while it held the job.",
        advice="If this repeats, the job may be taking the device down: watch its memory and temperature.",
    )
