"""Verifications in the store: a job that knows its schedules, whatever becomes of it; and no curve."""

from __future__ import annotations

import pytest

from agent.wire.jobs import Task
from orchestrator.errors import Conflict, NotFound
from orchestrator.storage import curves, verification_queries, verifications
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve, Job
from tests.support.store import Store, a_batch


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def a_measured_curve(store: Store) -> int:
    """The number of a curve whose job is done."""
    board = store.enrol()
    store.sweep(board)
    leased = store.leased(board)
    curve_id = store.begin_curve(board, leased)
    store.take_in(board, leased.job_id, a_batch(leased.fence))
    store.finish(board, leased)
    return curve_id


def test_a_verification_is_a_job_of_the_curves_device_and_model_and_a_sweep_of_its_own(store: Store) -> None:
    job_id = store.verification(a_measured_curve(store))
    with store.database.read() as session:
        job, measured = session.get_one(Job, job_id), session.get_one(Job, 1)
        assert (job.task, job.model, job.device_id) == (Task.VERIFICATION.value, measured.model, measured.device_id)
        assert job.sweep_id != measured.sweep_id
        assert len(verifications.entries_of(session, job)) == 1
        assert verifications.entries_of(session, measured) == ()


def test_one_that_was_cancelled_and_is_tried_again_times_the_same_schedules(store: Store) -> None:
    job_id = store.verification(a_measured_curve(store))
    with store.database.read() as session:
        sweep_id = session.get_one(Job, job_id).sweep_id
    store.cancel(sweep_id)
    store.retry(sweep_id)
    with store.database.read() as session:
        again, old = session.get_one(Job, job_id + 1), session.get_one(Job, job_id)
        assert again.task == Task.VERIFICATION.value
        assert verifications.entries_of(session, again) == verifications.entries_of(session, old)


def test_its_readings_wait_for_no_analysis_of_curves(store: Store) -> None:
    job_id = store.verification(a_measured_curve(store))
    leased = store.leased(1, "verifying")
    assert leased.job_id == job_id
    timed = store.begin_curve(1, leased)
    store.take_in(1, job_id, a_batch(leased.fence))
    store.finish(1, leased)
    with store.database.write() as session:
        for curve_id in curves.to_seal(session):
            curves.seal(session, session.get_one(Curve, curve_id), now_ms=store.clock.epoch_ms())
        assert timed not in curves.to_analyse(session)


def test_a_revoked_device_gets_no_verification(store: Store) -> None:
    curve_id = a_measured_curve(store)
    store.revoke("board")
    with pytest.raises(Conflict, match="board was revoked"):
        store.verification(curve_id)


def test_a_number_that_is_no_verification_is_refused(store: Store) -> None:
    a_measured_curve(store)
    with store.database.read() as session, pytest.raises(NotFound, match="no verification 1"):
        verification_queries.verification(session, 1, now_ms=store.clock.epoch_ms())
