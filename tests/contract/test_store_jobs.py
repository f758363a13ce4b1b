"""The store of jobs keeps its promises on either database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from agent.wire.jobs import FailureReason, Task, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.errors import LeaseLost, NotFound
from orchestrator.jobs.endings import BACK_OFF_BASE_MS, MAX_STRIKES
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage import jobs, sweeps
from orchestrator.storage.tables import Job
from tests.support.store import LEASE_MS, Store


def test_a_sweep_has_a_job_for_each_model_workload_and_device_in_that_order(store: Store) -> None:
    first, second = store.enrol("one"), store.enrol("two")
    workloads = [Workload(batch_size=1), Workload(batch_size=4)]

    with store.database.write() as session:
        sweeps.create(
            session,
            models=("b", "a"),
            workloads=workloads,
            device_ids=[second, first],
            plan=Plan(),
            priority=3,
            key_id=store.key_id,
            now_ms=1,
        )

    with store.database.read() as session:
        made = session.scalars(sa.select(Job).order_by(Job.id)).all()
    assert [(job.model, job.workload["batch_size"], job.device_id) for job in made] == [
        (model, batch, device) for model in ("b", "a") for batch in (1, 4) for device in (second, first)
    ]
    assert {(job.state, job.fence, job.priority, job.task) for job in made} == {("queued", 0, 3, "sweep")}


def test_a_device_without_jobs_gets_none(store: Store) -> None:
    other, idle = store.enrol("other"), store.enrol("idle")
    store.sweep(other)

    assert store.lease(idle) is None


def test_a_lease_says_what_to_do(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("deit_tiny_patch16_224",))

    leased = store.leased(device)

    assert (leased.fence, leased.task, leased.model, leased.workload) == (
        1,
        Task.SWEEP,
        "deit_tiny_patch16_224",
        Workload(),
    )
    assert store.job(leased.job_id).lease_until_ms == store.clock.epoch_ms() + LEASE_MS


def test_the_highest_priority_goes_first_then_the_lowest_number(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("low",), priority=-1)
    store.sweep(device, models=("old", "new"))
    store.sweep(device, models=("urgent",), priority=5)

    order = []
    for number in range(4):
        leased = store.leased(device, f"claim {number}")
        order.append(leased.model)
        store.finish(device, leased)

    assert order == ["urgent", "old", "new", "low"]


def test_a_job_waits_until_its_time_has_come(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    store.fail(device, store.leased(device))
    with store.database.write() as session:
        session.execute(sa.update(Job).values(not_before_ms=store.clock.epoch_ms() + 10))

    store.clock.move(9)
    too_early = store.lease(device, "second")
    store.clock.move(1)

    assert too_early is None
    assert store.leased(device, "second").fence == 2


def test_the_same_claim_gets_the_same_lease_renewed(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    first = store.leased(device)
    store.clock.move(60_000)

    again = store.leased(device)

    assert again == first
    assert store.job(first.job_id).lease_until_ms == store.clock.epoch_ms() + LEASE_MS


def test_a_claim_repeated_while_it_is_being_answered_gets_the_same_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=tuple("abcdefgh"))
    together = threading.Barrier(4)

    def ask(_number: int) -> jobs.LeasedJob | None:
        together.wait()
        return store.lease(device)

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(4)))

    assert len(answers) == 1
    assert None not in answers


def test_many_devices_claim_at_once_and_each_gets_its_own(store: Store) -> None:
    fleet = [store.enrol(f"device-{number}") for number in range(6)]
    store.sweep(*fleet, models=("a", "b"))

    with ThreadPoolExecutor(6) as pool:
        leases = list(pool.map(store.leased, fleet))

    assert len({leased.job_id for leased in leases}) == 6
    assert [store.job(leased.job_id).device_id for leased in leases] == fleet


def test_a_new_claim_while_a_lease_is_held_is_a_restart_under_a_new_fence(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    first = store.leased(device, "first")

    second = store.leased(device, "second")

    assert (second.job_id, second.fence) == (first.job_id, first.fence + 1)
    assert store.endings(first.job_id) == [AttemptEnding.RESTARTED, None]
    with pytest.raises(LeaseLost):
        store.heartbeat(device, first.job_id, first.fence)


def test_a_restart_of_a_cancelled_job_ends_it_and_brings_the_next(store: Store) -> None:
    device = store.enrol()
    cancelled = store.sweep(device, models=("a",))
    store.sweep(device, models=("b",))
    first = store.leased(device, "first")
    store.cancel(cancelled)

    following = store.leased(device, "second")

    assert following.model == "b"
    assert store.state(first.job_id) is JobState.CANCELLED


def test_a_job_that_restarts_the_agent_again_and_again_fails(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    job_id = store.leased(device, "claim 0").job_id

    answers = [store.lease(device, f"claim {number}") for number in range(1, MAX_STRIKES + 1)]

    assert answers[-1] is None
    assert None not in answers[:-1]
    job = store.job(job_id)
    assert (job.state, job.failure is not None and job.failure["reason"]) == ("failed", "crashed")


def test_the_database_itself_refuses_a_second_lease_of_a_device(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    store.leased(device)

    with pytest.raises(sa.exc.IntegrityError), store.database.write() as session:
        session.execute(sa.update(Job).where(Job.state == "queued").values(state="leased", lease_until_ms=1))


def test_a_heartbeat_renews_the_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    store.clock.move(LEASE_MS)

    cancel = store.heartbeat(device, leased.job_id, leased.fence)

    assert cancel is False
    assert store.job(leased.job_id).lease_until_ms == store.clock.epoch_ms() + LEASE_MS


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_heartbeat_under_another_fence_is_refused_and_renews_nothing(store: Store, wrong: int) -> None:
    device = store.enrol()
    store.sweep(device)
    store.leased(device, "first")
    leased = store.leased(device, "second")
    until = store.job(leased.job_id).lease_until_ms
    store.clock.move(1_000)

    with pytest.raises(LeaseLost):
        store.heartbeat(device, leased.job_id, leased.fence + wrong)

    assert store.job(leased.job_id).lease_until_ms == until


def test_a_heartbeat_of_another_device_finds_no_such_job(store: Store) -> None:
    device, other = store.enrol("one"), store.enrol("two")
    store.sweep(device)
    leased = store.leased(device)

    with pytest.raises(NotFound):
        store.heartbeat(other, leased.job_id, leased.fence)


def test_a_lease_is_held_to_its_last_millisecond_and_free_after_it(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)

    store.clock.move(LEASE_MS)
    held = store.expire()
    store.clock.move(1)
    freed = store.expire()

    assert (held, freed) == ([], [leased.job_id])
    assert store.state(leased.job_id) is JobState.QUEUED
    assert store.endings(leased.job_id) == [AttemptEnding.EXPIRED]


def test_an_expired_lease_comes_back_under_a_larger_fence(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    first = store.leased(device, "first")
    store.clock.move(LEASE_MS + 1)
    store.expire()
    store.clock.move(BACK_OFF_BASE_MS)

    second = store.leased(device, "second")

    assert (second.job_id, second.fence) == (first.job_id, 2)
    with pytest.raises(LeaseLost):
        store.heartbeat(device, first.job_id, first.fence)


def test_the_back_off_keeps_a_failed_job_away_for_a_while_and_not_for_long(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)

    store.fail(device, leased)

    job = store.job(leased.job_id)
    assert store.clock.epoch_ms() <= job.not_before_ms <= store.clock.epoch_ms() + BACK_OFF_BASE_MS
    assert (job.state, job.strikes) == ("queued", 1)


def test_after_its_last_attempt_a_job_is_failed_with_what_went_wrong(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    job_id = 0
    for number in range(MAX_STRIKES):
        leased = store.leased(device, f"claim {number}")
        job_id = leased.job_id
        store.fail(device, leased, FailureReason.OUT_OF_MEMORY)
        store.clock.move(600_000)

    job = store.job(job_id)
    assert job.state == "failed"
    assert job.failure == {"reason": "out-of-memory", "message": "it broke", "advice": "mend it"}
    assert job.ended_ms is not None
    assert store.lease(device, "another") is None


def test_a_failure_that_would_only_repeat_ends_the_job_at_once(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)

    store.fail(device, leased, FailureReason.MODEL_UNKNOWN)

    assert store.state(leased.job_id) is JobState.FAILED


def test_cancelling_ends_what_is_queued_at_once_and_asks_for_what_is_leased(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device, models=("a", "b"))
    leased = store.leased(device)

    store.cancel(sweep)

    with store.database.read() as session:
        states = session.scalars(sa.select(Job.state).order_by(Job.id)).all()
    assert list(states) == ["leased", "cancelled"]
    assert store.heartbeat(device, leased.job_id, leased.fence) is True


def test_cancelling_twice_changes_nothing_more(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device, models=("a", "b"))
    leased = store.leased(device)
    store.cancel(sweep)
    asked_ms = store.job(leased.job_id).cancel_asked_ms
    store.clock.move(1_000)

    store.cancel(sweep)

    assert store.job(leased.job_id).cancel_asked_ms == asked_ms


def test_cancelling_leaves_what_has_ended_as_it_is(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    store.finish(device, leased)

    store.cancel(sweep)

    assert store.state(leased.job_id) is JobState.DONE


def test_a_sweep_that_is_not_there_cannot_be_cancelled(store: Store) -> None:
    with pytest.raises(NotFound):
        store.cancel(7)


@pytest.mark.parametrize("how", ["given back", "failed", "expired"])
def test_a_cancelled_job_ends_cancelled_however_its_attempt_ends(store: Store, how: str) -> None:
    device = store.enrol()
    sweep = store.sweep(device)
    leased = store.leased(device)
    store.cancel(sweep)

    if how == "given back":
        store.give_back(device, leased)
    elif how == "failed":
        store.fail(device, leased)
    else:
        store.clock.move(LEASE_MS + 1)
        store.expire()

    assert store.state(leased.job_id) is JobState.CANCELLED
    assert store.job(leased.job_id).failure is None


def test_a_job_that_is_given_back_is_free_at_once_and_that_is_no_strike(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    store.leased(device, "first")
    restarted = store.leased(device, "second")

    store.give_back(device, restarted)

    job = store.job(restarted.job_id)
    assert (job.state, job.strikes) == ("queued", 1)
    assert store.endings(job.id) == [AttemptEnding.RESTARTED, AttemptEnding.GIVEN_BACK]
    assert store.leased(device, "third").fence == 3


def test_a_done_job_is_over(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)

    store.finish(device, leased)

    job = store.job(leased.job_id)
    assert (job.state, job.lease_until_ms, job.ended_ms) == ("done", None, store.clock.epoch_ms())
    with pytest.raises(LeaseLost):
        store.heartbeat(device, leased.job_id, leased.fence)


def test_whatever_raises_leaves_nothing_behind(store: Store) -> None:
    device = store.enrol()
    sweep = store.sweep(device)

    def cancel_and_break() -> None:
        with store.database.write() as session:
            sweeps.cancel(session, sweep, now_ms=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cancel_and_break()

    assert store.leased(device).fence == 1


def test_the_queue_is_read_through_its_index(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=tuple("abc"))
    statements: list[tuple[str, object]] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    store.leased(device)
    queue, parameters = next(one for one in statements if "ORDER BY jobs.priority" in one[0])

    explain = "EXPLAIN QUERY PLAN " if store.database.is_sqlite else "EXPLAIN "
    with store.database.engine.connect() as connection:
        if not store.database.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        plan = str(connection.exec_driver_sql(explain + queue, parameters).all())  # type: ignore[arg-type]
    assert "ix_jobs_queue" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
