"""Leases when clocks are wrong: set back, set forward, or another on each server."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.jobs.endings import BACK_OFF_CAP_MS, MAX_STRIKES
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage.database import Database
from orchestrator.storage.database_clock import NOW_MS, DatabaseClock
from tests.support.clocks import ManualClock
from tests.support.store import LEASE_MS, Store, a_batch

YEARS_MS = 5 * 365 * 86_400_000


def test_a_lease_of_a_clock_that_was_set_back_by_years_ends_after_one_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    store.clock.move(-YEARS_MS)

    held = store.expire()
    store.clock.move(LEASE_MS + 1)

    assert (held, store.expire()) == ([], [leased.job_id])


def test_a_job_that_waits_by_a_clock_that_was_set_back_waits_no_longer_than_the_longest_back_off(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    store.fail(device, store.leased(device))
    store.clock.move(-YEARS_MS)

    store.expire()
    store.clock.move(BACK_OFF_CAP_MS)

    assert store.lease(device, "second") is not None


def test_a_clock_that_jumps_ahead_by_years_costs_an_attempt_and_no_job(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    store.clock.move(YEARS_MS)

    store.expire()
    store.clock.move(BACK_OFF_CAP_MS)

    assert store.leased(device, "second").fence == leased.fence + 1


def test_attempts_that_each_bring_a_whole_pass_never_fail_the_job(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    for number in range(2 * MAX_STRIKES):
        leased = store.leased(device, f"claim {number}")
        store.begin_curve(device, leased)
        store.take_in(device, leased.job_id, a_batch(leased.fence, number))
        store.clock.move(LEASE_MS + 1)
        assert store.expire() == [leased.job_id]
        assert store.state(leased.job_id) is JobState.QUEUED
        store.clock.move(BACK_OFF_CAP_MS)
    assert store.endings(leased.job_id) == [AttemptEnding.EXPIRED] * (2 * MAX_STRIKES)


def test_the_clock_is_that_of_the_server_however_wrong_this_machines_is(on_postgresql: Database) -> None:
    ours = ManualClock(now_ms=0)
    clock = DatabaseClock(on_postgresql, ours)
    assert clock.epoch_ms() == 0

    clock.look()

    with on_postgresql.read() as session:
        theirs_ms = session.execute(NOW_MS).scalar_one()
    assert 0 <= theirs_ms - clock.epoch_ms() < 60_000
    looked_ms = clock.epoch_ms()
    ours.move(1_500)
    assert clock.epoch_ms() == looked_ms + 1_500


def test_on_sqlite_the_clock_is_this_machines(sqlite_database: Database) -> None:
    clock = DatabaseClock(sqlite_database, ManualClock(now_ms=7))
    clock.look()
    assert clock.epoch_ms() == 7


def test_each_attempts_reason_is_kept_beside_the_jobs_own(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    for number in range(MAX_STRIKES):
        leased = store.leased(device, f"claim {number}")
        if number == 1:
            store.clock.move(LEASE_MS + 1)
            store.expire()
        else:
            store.fail(device, leased)
        store.clock.move(BACK_OFF_CAP_MS)
    with store.database.read() as session:
        reasons = session.scalars(sa.text("SELECT failure FROM attempts ORDER BY fence")).all()
    assert [("timed-out" in str(reason), "it broke" in str(reason)) for reason in reasons] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    assert store.state(leased.job_id) is JobState.FAILED
    failure = store.job(leased.job_id).failure
    assert failure is not None
    assert failure["message"].startswith("it broke. Attempts before it: The device stopped answering")
