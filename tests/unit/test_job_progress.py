"""How long what is under way still takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.wire.jobs import Task, Workload
from orchestrator.jobs.progress import RoundUnderWay, round_left_s, sweep_left_s
from orchestrator.jobs.states import JobState
from orchestrator.views import JobView, Progress

MINUTE_MS = 60_000
QUEUED, LEASED, DONE, FAILED = JobState.QUEUED, JobState.LEASED, JobState.DONE, JobState.FAILED


def a_round(
    arrived: int = 2, *, began_ms: int = 0, newest_ms: int | None = 2 * MINUTE_MS, left: int = 3
) -> RoundUnderWay:
    return RoundUnderWay(began_ms=began_ms, arrived=arrived, newest_ms=newest_ms, passes_left=left)


def a_job(
    number: int,
    state: JobState,
    *,
    device: str = "pi",
    left_s: float | None = None,
    cancelling: bool = False,
    quiet: bool = False,
) -> JobView:
    return JobView(
        id=number,
        sweep_id=1,
        device=device,
        task=Task.SWEEP,
        model="a",
        workload=Workload(),
        state=state,
        attempts=0 if state is QUEUED else 1,
        cancelling=cancelling,
        progress=Progress(round=0, passes_done=1, passes_planned=5, left_s=left_s) if state is LEASED else None,
        failure=None,
        setback=None,
        waits_until_ms=None,
        curve_id=None,
        created_ms=0,
        ended_ms=0 if state.final else None,
        device_quiet=quiet,
    )


def test_what_a_clock_that_was_set_makes_of_a_round_is_not_told() -> None:
    years_ms = 5 * 365 * 86_400_000
    under_way = RoundUnderWay(began_ms=0, arrived=1, newest_ms=years_ms, passes_left=3)
    assert round_left_s(under_way, now_ms=years_ms) is None


def test_passes_to_come_take_as_long_as_those_that_came() -> None:
    assert round_left_s(a_round(), now_ms=2 * MINUTE_MS) == 180


def test_what_the_pass_at_hand_has_taken_is_taken_off() -> None:
    assert round_left_s(a_round(), now_ms=2 * MINUTE_MS + 45_000) == 135


def test_a_pass_that_takes_longer_than_usual_never_eats_into_those_after_it() -> None:
    assert round_left_s(a_round(), now_ms=60 * MINUTE_MS) == 120
    assert round_left_s(a_round(left=1), now_ms=60 * MINUTE_MS) == 0


def test_passes_that_come_in_all_at_once_tell_the_same_as_one_by_one() -> None:
    at_once = a_round(arrived=6, newest_ms=6 * MINUTE_MS, left=2)

    assert round_left_s(at_once, now_ms=6 * MINUTE_MS) == 120


def test_before_the_first_pass_nothing_tells() -> None:
    assert round_left_s(a_round(arrived=0, newest_ms=None, left=5), now_ms=MINUTE_MS) is None


def test_a_round_with_all_its_passes_takes_no_more() -> None:
    assert round_left_s(a_round(left=0), now_ms=9 * MINUTE_MS) == 0
    assert round_left_s(a_round(arrived=0, newest_ms=None, left=0), now_ms=0) == 0


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    assert round_left_s(a_round(began_ms=9 * MINUTE_MS), now_ms=MINUTE_MS) == 0


def test_queued_jobs_take_the_mean_of_those_that_are_done_on_the_device() -> None:
    jobs = [a_job(1, DONE), a_job(2, DONE), a_job(3, QUEUED), a_job(4, QUEUED)]

    assert sweep_left_s(jobs, {1: 100, 2: 200}) == 300


def test_the_running_job_tells_how_long_those_after_it_take() -> None:
    jobs = [a_job(1, LEASED, left_s=60), a_job(2, QUEUED), a_job(3, QUEUED)]

    assert sweep_left_s(jobs, {1: 40}) == 60 + 100 + 100


def test_a_running_job_whose_round_tells_nothing_takes_what_is_left_of_the_mean() -> None:
    jobs = [a_job(1, DONE), a_job(2, LEASED)]

    assert sweep_left_s(jobs, {1: 100, 2: 30}) == 70
    assert sweep_left_s(jobs, {1: 100, 2: 300}) == 0


def test_devices_work_side_by_side_so_the_slowest_decides() -> None:
    jobs = [a_job(1, LEASED, left_s=50), a_job(2, LEASED, device="orin", left_s=20), a_job(3, DONE, device="phone")]

    assert sweep_left_s(jobs, {1: 1, 2: 1, 3: 1}) == 50


def test_jobs_of_one_device_tell_nothing_of_another() -> None:
    jobs = [a_job(1, DONE), a_job(2, QUEUED, device="orin")]

    assert sweep_left_s(jobs, {1: 100}) is None


def test_a_job_that_failed_tells_nothing() -> None:
    assert sweep_left_s([a_job(1, FAILED), a_job(2, QUEUED)], {1: 3}) is None


def test_a_job_that_is_being_cancelled_takes_no_more_and_tells_nothing_of_others() -> None:
    stopping = a_job(1, LEASED, left_s=500, cancelling=True)

    assert sweep_left_s([stopping], {1: 10}) == 0
    assert sweep_left_s([stopping, a_job(2, QUEUED)], {1: 10}) is None


@pytest.mark.parametrize("state", [QUEUED, LEASED])
def test_a_device_that_went_quiet_leaves_it_unknown(state: JobState) -> None:
    jobs = [a_job(1, DONE), a_job(2, state, left_s=5, quiet=True), a_job(3, LEASED, device="orin", left_s=5)]

    assert sweep_left_s(jobs, {1: 100, 2: 5, 3: 5}) is None


def test_a_quiet_device_that_has_nothing_left_to_do_does_not_matter() -> None:
    done = replace(a_job(1, DONE), device_quiet=True)

    assert sweep_left_s([done, a_job(2, LEASED, device="orin", left_s=5)], {1: 1, 2: 1}) == 5


def test_an_ended_sweep_takes_no_more() -> None:
    assert sweep_left_s([a_job(1, DONE), a_job(2, FAILED)], {1: 1}) == 0
