"""Sweeps that are tried again, jobs that fail by their readings, and what people are shown of both."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from agent.wire.jobs import FailureReason
from agent.wire.readings import Batch, Rejection
from orchestrator.errors import Conflict, LeaseLost, NotFound
from orchestrator.jobs.presence import QUIET_AFTER_MS
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage import fleet_queries, jobs, sweep_queries
from orchestrator.storage.tables import Job
from orchestrator.views import DeviceState, JobView
from tests.support.store import LEASE_MS, Store, a_batch

MINUTE_MS = 60_000


def rejected(number: int = 0) -> Batch:
    """A pass of which no reading was accepted."""
    batch = a_batch(number=number)
    return replace(batch, readings=tuple(replace(one, rejected=Rejection.WAITED) for one in batch.readings))


def the_job(store: Store, sweep_id: int) -> JobView:
    """The one job of the sweep, as it is shown."""
    (view,) = store.sweep_view(sweep_id).jobs
    return view


def a_sweep_that_ended(store: Store, device: int) -> tuple[int, dict[str, int]]:
    """A sweep and its jobs by how they ended: one done, one failed, one cancelled."""
    sweep = store.sweep(device, models=("good", "bad", "unwanted"), priority=3)
    done = store.leased(device, "first")
    store.finish(device, done)
    failed = store.leased(device, "second")
    store.fail(device, failed, FailureReason.MODEL_UNKNOWN)
    store.cancel(sweep)
    return sweep, {job.model: job.id for job in store.sweep_view(sweep).jobs}


def test_a_retry_is_a_new_sweep_of_what_failed_and_was_cancelled(store: Store) -> None:
    device = store.enrol()
    sweep, old = a_sweep_that_ended(store, device)
    before = store.sweep_view(sweep)

    again = store.sweep_view(store.retry(sweep))

    assert [(job.model, job.state, job.attempts) for job in again.jobs] == [
        ("bad", JobState.QUEUED, 0),
        ("unwanted", JobState.QUEUED, 0),
    ]
    assert (again.retry_of, again.priority, again.plan) == (sweep, 3, before.plan)
    assert {job.id for job in again.jobs}.isdisjoint(old.values())
    assert store.sweep_view(sweep) == before


def test_a_sweep_that_still_runs_is_tried_again_as_far_as_it_has_ended(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device, models=("bad", "running", "queued"))
    store.fail(device, store.leased(device, "first"), FailureReason.MODEL_UNKNOWN)
    store.leased(device, "second")

    again = store.sweep_view(store.retry(sweep))

    assert [job.model for job in again.jobs] == ["bad"]


def test_a_sweep_without_a_failed_or_cancelled_job_is_not_tried_again(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    with pytest.raises(Conflict, match="No job"):
        store.retry(sweep)
    store.finish(device, store.leased(device))

    with pytest.raises(Conflict, match="No job"):
        store.retry(sweep)

    with store.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 1


def test_jobs_of_revoked_devices_are_not_tried_again(store: Store) -> None:
    gone, here = store.enrol("gone"), store.enrol("here")
    sweep = store.sweep(gone, here)
    store.cancel(sweep)
    store.revoke("gone")

    assert [job.device for job in store.sweep_view(store.retry(sweep)).jobs] == ["here"]
    store.revoke("here")
    with pytest.raises(Conflict, match="revoked"):
        store.retry(sweep)


def test_a_sweep_that_is_not_there_cannot_be_tried_again(store: Store) -> None:
    with pytest.raises(NotFound):
        store.retry(7)


def test_a_job_with_an_accepted_reading_is_done_at_its_end(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch())

    store.conclude(device, leased, curve)

    assert store.state(leased.job_id) is JobState.DONE


@pytest.mark.parametrize(("passes", "said"), [(2, "6 readings"), (0, "no reading at all")])
def test_a_job_without_an_accepted_reading_fails_at_its_end_and_says_so(store: Store, passes: int, said: str) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    for number in range(passes):
        store.take_in(device, leased.job_id, rejected(number))

    store.conclude(device, leased, curve)

    view = the_job(store, sweep)
    assert view.state is JobState.FAILED
    assert view.failure is not None
    assert view.failure.reason is FailureReason.ALL_REJECTED
    assert said in view.failure.message
    assert view.failure.advice
    assert store.endings(leased.job_id) == [AttemptEnding.FAILED]


def test_it_is_known_which_attempts_ended_for_want_of_a_further_round(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("crashes", "rejects", "works", "runs"))
    crashed = store.leased(device, "1")
    store.fail(device, crashed, FailureReason.MODEL_UNKNOWN)
    fruitless = store.leased(device, "2")
    store.conclude(device, fruitless, store.begin_curve(device, fruitless))
    done = store.leased(device, "3")
    store.finish(device, done)
    running = store.leased(device, "4")

    with store.database.read() as session:
        over = [
            jobs.measured_out(session, session.get_one(Job, leased.job_id), leased.fence)
            for leased in (crashed, fruitless, done, running)
        ]
        assert jobs.measured_out(session, session.get_one(Job, running.job_id), 7) is False

    assert over == [False, True, True, False]


def test_a_cancelled_job_without_an_accepted_reading_is_cancelled(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.cancel(sweep)

    store.conclude(device, leased, curve)

    assert store.state(leased.job_id) is JobState.CANCELLED


def test_a_setback_is_shown_with_the_time_that_the_job_waits_until(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    store.fail(device, store.leased(device), FailureReason.OUT_OF_MEMORY)
    with store.database.write() as session:
        session.execute(sa.update(Job).values(not_before_ms=store.clock.epoch_ms() + 1_000))

    waiting = the_job(store, sweep)
    store.clock.move(1_000)
    free = the_job(store, sweep)
    store.leased(device, "second")
    at_work = the_job(store, sweep)

    assert waiting.setback is not None
    assert waiting.setback.reason is FailureReason.OUT_OF_MEMORY
    assert waiting.failure is None
    assert waiting.waits_until_ms == store.clock.epoch_ms()
    assert (free.setback, free.waits_until_ms) == (waiting.setback, None)
    assert (at_work.setback, at_work.waits_until_ms) == (None, None)


def test_an_expired_lease_is_a_setback_and_a_job_given_back_is_none(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    store.give_back(device, store.leased(device, "first"))
    given_back = the_job(store, sweep)
    store.leased(device, "second")
    store.clock.move(LEASE_MS + 1)
    store.expire()

    expired = the_job(store, sweep)

    assert given_back.setback is None
    assert expired.setback is not None
    assert expired.setback.reason is FailureReason.TIMED_OUT


def test_a_failed_job_has_a_failure_and_no_setback(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    store.fail(device, store.leased(device), FailureReason.MODEL_UNKNOWN)

    view = the_job(store, sweep)

    assert view.failure is not None
    assert (view.setback, view.waits_until_ms) == (None, None)


def test_a_job_is_cancelling_until_its_device_has_heard_of_it(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    before = the_job(store, sweep)
    store.cancel(sweep)
    asked = the_job(store, sweep)
    store.give_back(device, leased)

    assert [before.cancelling, asked.cancelling, the_job(store, sweep).cancelling] == [False, True, False]


def test_progress_counts_whole_passes_and_tells_the_time_left(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    store.begin_curve(device, leased)
    nothing_yet = the_job(store, sweep).progress
    for number in range(2):
        store.clock.move(MINUTE_MS)
        store.take_in(device, leased.job_id, a_batch(number=number))
    store.take_in(device, leased.job_id, replace(a_batch(number=2), complete=False))
    store.seen(device)

    progress = the_job(store, sweep).progress

    assert nothing_yet is not None
    assert (nothing_yet.passes_done, nothing_yet.left_s) == (0, None)
    assert progress is not None
    assert (progress.round, progress.passes_done, progress.passes_planned) == (0, 2, 5)
    assert progress.left_s == 180
    assert store.sweep_view(sweep).left_s == 180


def test_a_pass_that_was_measured_again_is_one_more_done_and_planned(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    store.begin_curve(device, leased)
    for number in range(6):
        store.take_in(device, leased.job_id, a_batch(number=number))
    store.seen(device)

    progress = the_job(store, sweep).progress

    assert progress is not None
    assert (progress.passes_done, progress.passes_planned) == (6, 6)


def test_passes_of_an_earlier_attempt_are_done_and_tell_nothing_of_the_pace_of_this_one(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    first = store.leased(device, "first")
    store.begin_curve(device, first)
    for number in range(2):
        store.clock.move(MINUTE_MS)
        store.take_in(device, first.job_id, a_batch(number=number))
    store.clock.move(3_600_000)
    store.seen(device)
    second = store.leased(device, "second")

    begun = the_job(store, sweep).progress
    store.clock.move(2 * MINUTE_MS)
    store.seen(device)
    store.take_in(device, second.job_id, a_batch(fence=2, number=2))
    going = the_job(store, sweep).progress

    assert begun is not None
    assert (begun.passes_done, begun.left_s) == (2, None)
    assert going is not None
    assert (going.passes_done, going.left_s) == (3, 240)


def test_a_quiet_device_leaves_the_time_unknown_and_its_jobs_waiting(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device, models=("a", "b"))
    leased = store.leased(device)
    store.begin_curve(device, leased)
    store.clock.move(MINUTE_MS)
    store.take_in(device, leased.job_id, a_batch())
    store.seen(device)
    at_work = store.sweep_view(sweep)

    store.clock.move(QUIET_AFTER_MS + 1)
    quiet = store.sweep_view(sweep)

    assert at_work.left_s is not None
    assert [job.device_quiet for job in at_work.jobs] == [False, False]
    assert quiet.left_s is None
    assert [job.device_quiet for job in quiet.jobs] == [True, True]
    assert quiet.jobs[0].progress is not None
    assert quiet.jobs[0].progress.left_s is None
    assert store.device_view().state is DeviceState.QUIET


def test_the_time_left_of_a_sweep_counts_the_jobs_that_are_still_queued(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device, models=("a", "b", "c"))
    first = store.leased(device, "first")
    unknown = store.sweep_view(sweep).left_s
    store.clock.move(MINUTE_MS)
    store.finish(device, first)
    store.seen(device)

    assert unknown is None
    assert store.sweep_view(sweep).left_s == 120
    store.cancel(sweep)
    assert store.sweep_view(sweep).left_s == 0


def test_a_device_is_shown_with_the_job_in_hand_and_how_many_wait(store: Store) -> None:
    device, idle = store.enrol(), store.enrol("idle")
    store.sweep(device, idle, models=("a", "b"))
    leased = store.leased(device)

    at_work, waiting = store.device_view(), store.device_view("idle")
    with store.database.read() as session:
        fleet = fleet_queries.fleet(session, now_ms=store.clock.epoch_ms())

    assert at_work.state is DeviceState.MEASURING
    assert at_work.job is not None
    assert (at_work.job.id, at_work.job.model, at_work.queued) == (leased.job_id, "a", 1)
    assert (waiting.state, waiting.job, waiting.queued) == (DeviceState.IDLE, None, 2)
    assert fleet == (at_work, waiting)


def test_sweeps_are_listed_newest_first_and_no_more_than_asked_for(store: Store) -> None:
    device = store.enrol()
    made = [store.sweep(device) for _ in range(3)]

    with store.database.read() as session:
        listed = sweep_queries.newest_sweeps(session, newest=2, now_ms=store.clock.epoch_ms())

    assert [one.id for one in listed] == [made[2], made[1]]
    assert all(len(one.jobs) == 1 for one in listed)


def test_a_lease_that_revoking_ended_is_lost_to_its_device(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    store.revoke("board")

    with pytest.raises(LeaseLost):
        store.give_back(device, leased)
