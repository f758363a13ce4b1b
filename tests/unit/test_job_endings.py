"""What becomes of a job when an attempt ends badly."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agent.wire.jobs import Failure, FailureReason
from orchestrator.jobs.endings import (
    BACK_OFF_BASE_MS,
    BACK_OFF_CAP_MS,
    MAX_STRIKES,
    PERMANENT,
    Verdict,
    after_bad_attempt,
    expired,
    restarted,
    with_earlier,
)
from orchestrator.jobs.states import JobState

NOW_MS = 1_000_000


def a_failure(reason: FailureReason = FailureReason.CRASHED) -> Failure:
    return Failure(reason=reason, message="it broke", advice="mend it")


def verdict(
    strikes: int, reason: FailureReason = FailureReason.CRASHED, seed: int = 0, *, progressed: bool = False
) -> Verdict:
    rng = random.Random(seed)
    return after_bad_attempt(a_failure(reason), strikes=strikes, progressed=progressed, now_ms=NOW_MS, rng=rng)


@pytest.mark.parametrize("reason", [reason for reason in FailureReason if reason not in PERMANENT])
def test_a_failure_that_may_pass_is_tried_again(reason: FailureReason) -> None:
    assert verdict(0, reason).state is JobState.QUEUED


@pytest.mark.parametrize("reason", [reason for reason in FailureReason if reason in PERMANENT])
def test_a_failure_that_would_only_repeat_is_final_at_once(reason: FailureReason) -> None:
    assert verdict(0, reason) == Verdict(JobState.FAILED, 1, 0, a_failure(reason))


def test_the_last_attempt_is_the_last() -> None:
    assert verdict(MAX_STRIKES - 2).state is JobState.QUEUED
    assert verdict(MAX_STRIKES - 1) == Verdict(JobState.FAILED, MAX_STRIKES, 0, a_failure())


def test_every_bad_attempt_is_a_strike() -> None:
    assert [verdict(strikes).strikes for strikes in range(MAX_STRIKES)] == list(range(1, MAX_STRIKES + 1))


@pytest.mark.parametrize("strikes", range(MAX_STRIKES))
def test_an_attempt_that_brought_a_whole_pass_is_no_strike_and_clears_those_before_it(strikes: int) -> None:
    found = verdict(strikes, progressed=True)
    assert (found.state, found.strikes) == (JobState.QUEUED, 0)
    assert found.not_before_ms <= NOW_MS + BACK_OFF_BASE_MS


def test_a_failure_that_would_only_repeat_is_final_whatever_the_attempt_brought() -> None:
    assert verdict(0, FailureReason.ALL_REJECTED, progressed=True).state is JobState.FAILED


def test_the_last_failure_names_what_went_wrong_before_it_where_that_was_something_else() -> None:
    last = a_failure()
    other = replace(last, message="the device was silent.")
    assert with_earlier(last, [last, last]) == last
    assert with_earlier(last, [other, last, other]).message == (
        "it broke. Attempts before it: the device was silent. (2 times)"
    )
    assert len(with_earlier(last, [replace(last, message="x" * 4_000)]).message) == 4_000


def test_the_wait_grows_with_the_strikes_and_never_beyond_its_ceiling() -> None:
    for strikes in range(MAX_STRIKES - 1):
        ceiling = min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2**strikes)
        waits = [verdict(strikes, seed=seed).not_before_ms - NOW_MS for seed in range(200)]
        assert 0 <= min(waits) < ceiling / 10
        assert ceiling * 0.9 < max(waits) <= ceiling


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    waits = {verdict(1, seed=seed).not_before_ms for seed in range(50)}

    assert len(waits) > 40


def test_the_same_randomness_gives_the_same_wait() -> None:
    assert verdict(1, seed=7) == verdict(1, seed=7)


def test_silence_and_restarts_say_what_happened_and_what_to_look_at() -> None:
    assert (expired().reason, restarted().reason) == (FailureReason.TIMED_OUT, FailureReason.CRASHED)
    assert all(failure.message and failure.advice for failure in (expired(), restarted()))
