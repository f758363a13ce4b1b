from __future__ import annotations

from typing import Any

import pytest

from agent.wire.jobs import Task, Workload
from dashboard.job_words import (
    COLOURS,
    in_order,
    job_remark,
    left_words,
    plan_words,
    progress_words,
    queued_words,
    round_share,
    sweep_share,
    sweep_words,
    tally,
    way_words,
    workload_words,
)
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views import Progress
from tests.support.fleet_views import FAILURE, NOW_MS, a_job, a_sweep, progress

LEASED, QUEUED, DONE, FAILED = JobState.LEASED, JobState.QUEUED, JobState.DONE, JobState.FAILED


def test_every_state_of_a_job_has_a_colour_and_a_place_in_the_order() -> None:
    assert set(COLOURS) == {state.value for state in JobState}


@pytest.mark.parametrize(
    ("how_far", "words"),
    [
        (None, "loading the model"),
        (progress(0, 7), "pass 1 of 7"),
        (progress(2, 7, left_s=125.0), "pass 3 of 7, about 2 min left"),
        (progress(7, 7, left_s=0.0), "pass 7 of 7 is done, a few seconds left"),
        (progress(1, 3, in_round=2), "round 3, pass 2 of 3"),
    ],
)
def test_a_leased_job_says_how_far_it_is_and_how_long_it_takes(how_far: Progress | None, words: str) -> None:
    assert progress_words(a_job(LEASED, progress=how_far)) == words


def test_a_cancelled_job_that_its_device_has_not_heard_of_says_when_it_stops() -> None:
    job = a_job(LEASED, progress=progress(2, 7), cancelling=True)
    assert progress_words(job) == "cancelled, stops at its device's next heartbeat"


def test_the_share_of_a_round_lies_between_nothing_and_all() -> None:
    assert round_share(a_job(LEASED)) == 0.0
    assert round_share(a_job(LEASED, progress=progress(0, 0))) == 0.0
    assert round_share(a_job(LEASED, progress=progress(2, 8))) == 0.25
    assert round_share(a_job(LEASED, progress=progress(9, 8))) == 1.0


def test_a_sweep_has_done_what_its_jobs_have_done() -> None:
    jobs = (a_job(DONE), a_job(FAILED), a_job(LEASED, progress=progress(3, 6)), a_job(QUEUED))
    assert sweep_share(a_sweep(*jobs)) == pytest.approx(2.5 / 4)


def test_a_further_round_does_not_undo_the_first() -> None:
    first = a_sweep(a_job(LEASED, progress=progress(6, 7)))
    second = a_sweep(a_job(LEASED, progress=progress(0, 1, in_round=1)))
    assert sweep_share(first) <= sweep_share(second) < 1.0


def test_a_failed_job_says_why_and_what_to_do() -> None:
    assert job_remark(a_job(FAILED), NOW_MS) == "timm knows no such model. Look it up."


def test_a_job_that_is_tried_again_says_why_and_from_when() -> None:
    job = a_job(QUEUED, attempts=1, setback=FAILURE, waits_until_ms=NOW_MS + 40_000)
    assert job_remark(job, NOW_MS) == (
        "The 1st attempt ended badly: timm knows no such model. Look it up. "
        "It is tried again in 40 s, once its device asks for work."
    )


def test_a_job_whose_wait_is_over_waits_for_its_device_alone() -> None:
    job = a_job(QUEUED, attempts=2, setback=FAILURE, waits_until_ms=NOW_MS - 1)
    assert "as soon as its device asks for work" in str(job_remark(job, NOW_MS))


@pytest.mark.parametrize("state", [QUEUED, LEASED, DONE])
def test_a_job_with_nothing_amiss_has_no_remark(state: JobState) -> None:
    assert job_remark(a_job(state), NOW_MS) is None


def test_what_needs_an_eye_comes_first_and_numbers_decide_within() -> None:
    jobs = [a_job(DONE, id=1), a_job(FAILED, id=3), a_job(FAILED, id=2), a_job(LEASED, id=4), a_job(QUEUED, id=5)]
    assert [job.id for job in in_order(jobs)] == [4, 2, 3, 5, 1]


def test_the_states_of_a_sweep_are_counted() -> None:
    assert tally([a_job(DONE), a_job(DONE), a_job(LEASED), a_job(QUEUED)]) == "1 leased, 1 queued, 2 done"


def test_a_sweep_says_how_long_it_takes_or_since_when_it_is_over() -> None:
    assert left_words(a_sweep(a_job(LEASED), left_s=700.0), NOW_MS) == "about 12 min left"
    assert left_words(a_sweep(a_job(LEASED)), NOW_MS) == "time left not known yet"
    assert left_words(a_sweep(a_job(DONE), left_s=0.0), NOW_MS) == "ended 60 s ago"


def test_a_sweep_is_called_by_models_batch_sizes_and_devices() -> None:
    jobs = [a_job(device=f"pi-{n}", workload=Workload(batch_size=size)) for n in range(5) for size in (8, 1)]
    words = "deit_tiny_patch16_224 · batch 1, 8 · pi-0, pi-1, pi-2 and 2 others"
    assert sweep_words(a_sweep(*jobs)) == words


@pytest.mark.parametrize(
    ("task", "subject", "way"),
    [
        (Task.SWEEP, "test_vit", "7 passes over every count"),
        (Task.ACCURACY, "accuracy of test_vit", "images tried on the unpruned model and on pruned ones"),
        (Task.VERIFICATION, "schedules of test_vit", "schedules timed beside the untouched model"),
    ],
)
def test_a_sweep_says_what_its_jobs_do_and_how(task: Task, subject: str, way: str) -> None:
    sweep = a_sweep(a_job(model="test_vit", task=task))
    assert sweep_words(sweep) == f"{subject} · batch 4 · bench-pi"
    assert way_words(sweep) == way


def exhaustive(**other: Any) -> Plan:
    return Plan(exhaustive=True, confirm=False, **other)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            Plan(stride=2, budget_s=90, confirm=False),
            "a search for steps among every 2nd count, plateaus of 8 tokens and more, at most 90 s a job",
        ),
        (Plan(exhaustive=True), "7 passes over every count, steps confirmed in pairs"),
        (exhaustive(passes=1, stride=2), "1 pass over every 2nd count"),
        (exhaustive(stride=11), "7 passes over every 11th count"),
        (exhaustive(stride=4, min_tokens=50), "7 passes over every 4th count from 50 tokens"),
        (exhaustive(max_tokens=90), "7 passes over every count up to 90 tokens"),
        (
            exhaustive(min_tokens=50, max_tokens=90),
            "7 passes over every count from 50 to 90 tokens",
        ),
    ],
)
def test_a_plan_is_told_in_words(plan: Plan, words: str) -> None:
    assert plan_words(plan) == words


def test_a_workload_leaves_out_what_is_left_to_the_device() -> None:
    assert workload_words(Workload(batch_size=4)) == "batch 4 · float32 · eager · cpu"
    assert workload_words(Workload(image_size=384, threads=1)) == "batch 1 · 384 px · float32 · eager · cpu · 1 thread"


def test_a_priority_is_told_where_there_is_one() -> None:
    assert queued_words(a_sweep(), NOW_MS) == "queued 10 min ago, 2025-10-09 08:43 UTC"
    assert queued_words(a_sweep(priority=-2), NOW_MS).endswith("priority -2")
