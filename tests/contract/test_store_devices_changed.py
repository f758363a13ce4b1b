"""Labels, revoking and the runs of agents keep their promises on either database."""

from __future__ import annotations

import contextlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.jobs import LeaseRequest, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.errors import AgentDoubled, BadRequest, CodeRefused, Conflict, LeaseLost, NotFound, NotSignedIn
from orchestrator.jobs.dispatch import Dispatch
from orchestrator.jobs.matching import chosen
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage import devices, enrolment, keys, sweeps
from orchestrator.storage.tables import Job, Key
from orchestrator.views import MOST_LABELS, DeviceState, Label, LabelChange
from tests.support.store import Store, a_batch, a_request

FIRST, SECOND, THIRD = "1" * 16, "2" * 16, "3" * 16


def label(store: Store, *put: str, remove: tuple[str, ...] = (), name: str = "board") -> list[str]:
    """The labels of the device after that change."""
    with store.database.write() as session:
        change = LabelChange(put=tuple(map(Label.parse, put)), remove=remove)
        return [str(one) for one in devices.labels_of(devices.label(session, name, change))]


def dispatch(store: Store) -> Dispatch:
    return Dispatch(store.database, store.clock, random.Random(0), threading.Event())


def ask(store: Store, device_id: int, run: str, claim: str = "0" * 16) -> int | None:
    """The fence that an agent of that run is given."""
    lease = dispatch(store).lease(device_id, LeaseRequest(claim=claim, run=run)).lease
    return None if lease is None else lease.fence


def create_sweep(store: Store, session: Session, device_ids: list[int]) -> None:
    sweeps.create(
        session,
        models=("a",),
        workloads=[Workload()],
        device_ids=device_ids,
        plan=Plan(),
        priority=0,
        key_id=store.key_id,
        now_ms=store.clock.epoch_ms(),
    )


def test_labels_are_put_on_replaced_and_taken_away(store: Store) -> None:
    store.enrol()

    assert label(store, "room=3", "board=pi") == ["board=pi", "room=3"]
    assert label(store, "room=4", "fast", remove=("board", "never-there")) == ["fast", "room=4"]
    assert label(store) == ["fast", "room=4"]
    assert [str(one) for one in store.device_view().labels] == ["fast", "room=4"]


def test_labels_put_on_at_once_by_several_people_are_all_kept(store: Store) -> None:
    store.enrol()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: label(store, f"label-{number}"), range(8)))

    assert len(store.device_view().labels) == 8


def test_a_device_takes_only_so_many_labels(store: Store) -> None:
    store.enrol()
    label(store, *(f"label-{number}" for number in range(MOST_LABELS)))

    with pytest.raises(BadRequest, match=str(MOST_LABELS)):
        label(store, "one-more")

    assert "new" in label(store, "new", remove=("label-0",))


def test_a_device_that_is_not_there_cannot_be_changed(store: Store) -> None:
    with pytest.raises(NotFound):
        label(store, "a")
    with pytest.raises(NotFound):
        store.revoke("board")


def test_a_sweep_finds_devices_by_what_is_stored_of_them(store: Store) -> None:
    first, second, gone = store.enrol("one"), store.enrol("two"), store.enrol("gone")
    for name in ("two", "gone"):
        label(store, "room=3", name=name)
    store.revoke("gone")

    with store.database.write() as session:
        fleet = devices.candidates(session)

    assert [one.id for one in chosen(fleet, ["one"], [Label.parse("room")])] == [first, second]
    assert {one.id: one.revoked for one in fleet} == {first: False, second: False, gone: True}
    assert {one.cores for one in fleet} == {4}


def test_a_revoked_device_is_not_signed_in_any_more(store: Store) -> None:
    store.enrol()

    store.revoke("board")

    with store.database.read() as session, pytest.raises(NotSignedIn, match="revoked"):
        keys.holder_of(session, "sfd_board", now_ms=store.clock.epoch_ms())


def test_no_later_key_of_a_revoked_device_is_good_either(store: Store) -> None:
    store.enrol()
    store.revoke("board")
    with store.database.write() as session:
        session.execute(sa.update(Key).values(revoked_ms=None))

    with store.database.read() as session, pytest.raises(NotSignedIn, match="revoked"):
        keys.holder_of(session, "sfd_board", now_ms=store.clock.epoch_ms())


def test_revoking_one_device_leaves_the_others_and_people_signed_in(store: Store) -> None:
    store.enrol()
    store.enrol("other")

    store.revoke("board")

    with store.database.read() as session:
        for secret in ("sfd_other", "sfo_test"):
            keys.holder_of(session, secret, now_ms=store.clock.epoch_ms())


def test_revoking_cancels_what_waits_and_what_is_in_hand_and_leaves_what_has_ended(store: Store) -> None:
    device, other = store.enrol(), store.enrol("other")
    store.sweep(device, models=("a", "b", "c"))
    store.sweep(other)
    done = store.leased(device, "first")
    store.finish(device, done)
    held = store.leased(device, "second")

    store.revoke("board")

    with store.database.read() as session:
        rows = session.scalars(sa.select(Job).order_by(Job.id)).all()
    assert [row.state for row in rows] == ["done", "cancelled", "cancelled", "queued"]
    assert store.endings(held.job_id) == [AttemptEnding.CANCELLED]
    assert store.lease(device, "third") is None
    with pytest.raises(LeaseLost):
        store.heartbeat(device, held.job_id, held.fence)


def test_what_a_revoked_device_had_sent_stays(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch())

    store.revoke("board")
    store.seal(curve)

    assert store.curve(curve).readings == 3


def test_revoking_twice_is_revoking_once(store: Store) -> None:
    store.enrol()
    store.revoke("board")
    first = store.device_view()
    store.clock.move(1_000)

    store.revoke("board")

    again = store.device_view()
    assert (again.revoked_ms, again.state) == (first.revoked_ms, DeviceState.REVOKED)


def test_the_name_of_a_revoked_device_stays_taken(store: Store) -> None:
    store.enrol()
    store.revoke("board")

    with store.database.write() as session:
        enrolment.add_join_code(session, "NEW", now_ms=store.clock.epoch_ms())
        with pytest.raises(Conflict, match="board"):
            enrolment.enrol(session, a_request("NEW", key="sfd_new"), now_ms=store.clock.epoch_ms())


def test_the_code_that_let_a_revoked_device_in_lets_it_in_no_more(store: Store) -> None:
    store.enrol()
    store.revoke("board")

    with store.database.write() as session, pytest.raises(CodeRefused, match="revoked"):
        enrolment.enrol(session, a_request("CODE-board"), now_ms=store.clock.epoch_ms())


def test_no_job_is_left_to_a_device_that_is_revoked_while_a_sweep_is_queued(store: Store) -> None:
    names = [f"device-{number}" for number in range(6)]
    for name in names:
        store.enrol(name)
    together = threading.Barrier(2)

    def queue(name: str) -> None:
        together.wait()
        with store.database.write() as session, contextlib.suppress(Conflict):
            chosen_ids = [one.id for one in chosen(devices.candidates(session), [name], [])]
            create_sweep(store, session, chosen_ids)

    def revoke(name: str) -> None:
        together.wait()
        store.revoke(name)

    for name in names:
        with ThreadPoolExecutor(2) as pool:
            for ended in [pool.submit(queue, name), pool.submit(revoke, name)]:
                ended.result()

    with store.database.read() as session:
        assert set(session.scalars(sa.select(Job.state))) <= {"cancelled"}


def test_a_new_run_takes_the_place_of_the_one_before_and_its_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)

    assert ask(store, device, FIRST, claim="a" * 16) == 1
    assert ask(store, device, SECOND, claim="b" * 16) == 2
    assert store.device_view().doubled_ms is None


def test_the_earlier_of_two_runs_is_refused_and_the_newest_keeps_its_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    ask(store, device, FIRST, claim="a" * 16)
    newest = ask(store, device, SECOND, claim="b" * 16)
    store.clock.move(7_000)

    with pytest.raises(AgentDoubled) as refusal:
        ask(store, device, FIRST, claim="c" * 16)

    assert "unenroll" in refusal.value.advice
    assert ask(store, device, SECOND, claim="b" * 16) == newest
    assert store.device_view().doubled_ms == store.clock.epoch_ms()


def test_the_refused_run_has_spoken_for_the_device_nevertheless(store: Store) -> None:
    device = store.enrol()
    ask(store, device, FIRST)
    ask(store, device, SECOND)
    store.clock.move(60_000)

    with pytest.raises(AgentDoubled):
        ask(store, device, FIRST)

    assert store.device_view().last_seen_ms == store.clock.epoch_ms()


def test_the_same_claim_again_gets_the_same_lease_run_for_run(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))

    assert [ask(store, device, FIRST, claim="a" * 16) for _ in range(3)] == [1, 1, 1]


def test_an_agent_that_was_started_anew_after_being_refused_takes_over(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    ask(store, device, FIRST, claim="a" * 16)
    ask(store, device, SECOND, claim="b" * 16)
    with pytest.raises(AgentDoubled):
        ask(store, device, FIRST, claim="c" * 16)

    assert ask(store, device, THIRD, claim="d" * 16) == 3
    with pytest.raises(AgentDoubled):
        ask(store, device, SECOND, claim="e" * 16)


def test_two_new_runs_at_once_leave_one_lease(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    together = threading.Barrier(2)

    def start(number: int) -> None:
        together.wait()
        ask(store, device, f"{number}" * 16, claim=f"{number}" * 16)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(start, (1, 2)))

    with store.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Job.state == JobState.LEASED.value)) == 1
