"""The store of devices, join codes and keys keeps its promises on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from agent.errors import StepfarmError
from orchestrator.errors import CodeRefused, Conflict, NotFound, NotSignedIn
from orchestrator.roles import Role
from orchestrator.storage import devices, enrolment, keys
from orchestrator.storage.devices import SEEN_RESOLUTION_MS
from orchestrator.storage.enrolment import JOIN_CODE_MS
from orchestrator.storage.tables import Device, JoinCode, Key, Table
from orchestrator.views import JoinCodeState, JoinCodeView
from tests.support.store import Store, a_request

CODE = "ABCD-EFGH-JKMN"


def new_code(store: Store, code: str = CODE) -> int:
    with store.database.write() as session:
        return enrolment.add_join_code(session, code, now_ms=store.clock.epoch_ms()).id


def enrol(store: Store, code: str = CODE, *, name: str = "board", key: str = "sfd_board") -> int:
    with store.database.write() as session:
        request = a_request(code, name=name, key=key)
        return enrolment.enrol(session, request, now_ms=store.clock.epoch_ms()).id


def counts(store: Store) -> tuple[int, int]:
    """How many devices and keys there are."""
    with store.database.read() as session:
        return len(session.scalars(sa.select(Device)).all()), len(session.scalars(sa.select(Key)).all())


def test_a_code_lets_a_device_in_and_its_key_then_signs_it_in(store: Store) -> None:
    new_code(store)

    device_id = enrol(store)

    with store.database.read() as session:
        principal = keys.holder_of(session, "sfd_board", now_ms=store.clock.epoch_ms()).principal
    assert (principal.role, principal.device_id, principal.label) == (Role.DEVICE, device_id, "board")


def test_a_code_that_was_never_made_is_refused(store: Store) -> None:
    new_code(store)

    with pytest.raises(CodeRefused, match="no such"):
        enrol(store, "WRONG-CODE")

    assert counts(store) == (0, 1)


def test_a_code_is_good_to_its_last_millisecond_and_not_after_it(store: Store) -> None:
    new_code(store, "first")
    new_code(store, "second")
    store.clock.move(JOIN_CODE_MS)

    enrol(store, "first")
    store.clock.move(1)

    with pytest.raises(CodeRefused, match="expired"):
        enrol(store, "second", name="late", key="sfd_late")


def test_a_used_code_is_refused_to_another_device(store: Store) -> None:
    new_code(store)
    enrol(store)

    with pytest.raises(CodeRefused, match="used"):
        enrol(store, name="other", key="sfd_other")

    assert counts(store) == (1, 2)


def test_the_same_request_again_gives_the_same_device_even_after_the_code_expired(store: Store) -> None:
    new_code(store)
    first = enrol(store)
    store.clock.move(JOIN_CODE_MS * 2)

    assert enrol(store) == first
    assert counts(store) == (1, 2)


def test_the_same_request_twice_at_once_makes_one_device(store: Store) -> None:
    new_code(store)

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: enrol(store), range(4)))

    assert len(made) == 1
    assert counts(store) == (1, 2)


def test_one_code_lets_in_one_of_many_devices_that_use_it_at_once(store: Store) -> None:
    new_code(store)

    def ask(number: int) -> str:
        try:
            enrol(store, name=f"device-{number}", key=f"sfd_{number}")
        except CodeRefused:
            return "refused"
        return "in"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(ask, range(4)))

    assert answers == ["in", "refused", "refused", "refused"]


def test_a_name_that_is_taken_is_refused_and_the_code_stays_good(store: Store) -> None:
    new_code(store, "first")
    new_code(store, "second")
    enrol(store, "first")

    with pytest.raises(Conflict, match="called board"):
        enrol(store, "second", key="sfd_other")

    assert enrol(store, "second", name="other", key="sfd_other") > 0


def test_one_name_goes_to_one_of_many_devices_that_want_it_at_once(store: Store) -> None:
    for number in range(4):
        new_code(store, f"code-{number}")

    def ask(number: int) -> str:
        try:
            enrol(store, f"code-{number}", key=f"sfd_{number}")
        except Conflict:
            return "taken"
        return "in"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(ask, range(4)))

    assert answers == ["in", "taken", "taken", "taken"]


def test_a_key_belongs_to_one_device(store: Store) -> None:
    new_code(store, "first")
    new_code(store, "second")
    enrol(store, "first")

    with pytest.raises(Conflict, match="key"):
        enrol(store, "second", name="other")


def test_no_secret_is_in_any_table(store: Store) -> None:
    new_code(store)
    enrol(store)

    with store.database.read() as session:
        rows = str([session.execute(sa.select(table)).all() for table in Table.metadata.sorted_tables])

    assert "board" in rows
    assert all(secret not in rows for secret in (CODE, "sfd_board", "sfo_test"))


@pytest.mark.parametrize(
    ("change", "why"),
    [({"revoked_ms": 1}, "revoked"), ({"expires_ms": 1}, "expired")],
)
def test_a_key_that_is_not_good_any_more_signs_nobody_in(store: Store, change: dict[str, int], why: str) -> None:
    with store.database.write() as session:
        session.execute(sa.update(Key).values(**change))

    with store.database.read() as session, pytest.raises(NotSignedIn, match=why):
        keys.holder_of(session, "sfo_test", now_ms=2)


def test_a_key_is_good_to_its_last_millisecond(store: Store) -> None:
    with store.database.write() as session:
        session.execute(sa.update(Key).values(expires_ms=5))

    with store.database.read() as session:
        key_id = keys.holder_of(session, "sfo_test", now_ms=5).key_id
    assert key_id == store.key_id


def test_an_unknown_key_signs_nobody_in(store: Store) -> None:
    with store.database.read() as session, pytest.raises(NotSignedIn, match="not known"):
        keys.holder_of(session, "sfo_guess", now_ms=1)


def test_a_device_is_found_by_its_name(store: Store) -> None:
    store.enrol("one")
    second = store.enrol("two")

    with store.database.read() as session:
        assert devices.named(session, "two").id == second


def test_a_name_that_no_device_has_is_answered_with_those_that_are(store: Store) -> None:
    store.enrol("one")

    with store.database.read() as session, pytest.raises(NotFound) as refusal:
        devices.named(session, "two")

    assert "two" in refusal.value.message
    assert "one" in refusal.value.advice


def join_code(store: Store, number: int) -> JoinCodeView:
    with store.database.read() as session:
        return enrolment.join_code(session, number, now_ms=store.clock.epoch_ms())


def test_a_code_waits_for_its_device_until_it_expires(store: Store) -> None:
    number = new_code(store)
    expires_ms = store.clock.epoch_ms() + JOIN_CODE_MS
    waiting = join_code(store, number)
    store.clock.move(JOIN_CODE_MS)
    still = join_code(store, number)
    store.clock.move(1)

    assert waiting == JoinCodeView(id=number, state=JoinCodeState.WAITING, device=None, expires_ms=expires_ms)
    assert still == waiting
    assert join_code(store, number).state is JoinCodeState.EXPIRED


def test_a_used_code_names_its_device_for_good(store: Store) -> None:
    number = new_code(store)
    enrol(store, name="pi-5")
    store.clock.move(JOIN_CODE_MS * 2)

    used = join_code(store, number)

    assert (used.state, used.device) == (JoinCodeState.USED, "pi-5")


def test_a_code_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(NotFound):
        join_code(store, 7)


def test_last_seen_is_written_when_it_has_become_old_and_not_before(store: Store) -> None:
    device = store.enrol()
    enrolled_ms = store.clock.epoch_ms()

    seen = []
    for now_ms in (enrolled_ms + SEEN_RESOLUTION_MS - 1, enrolled_ms + SEEN_RESOLUTION_MS):
        with store.database.write() as session:
            devices.seen(session, device, now_ms=now_ms)
        with store.database.read() as session:
            seen.append(session.get_one(Device, device).last_seen_ms)

    assert seen == [enrolled_ms, enrolled_ms + SEEN_RESOLUTION_MS]


def test_a_code_is_used_together_with_its_device(store: Store) -> None:
    new_code(store)

    with pytest.raises(sa.exc.IntegrityError), store.database.write() as session:
        session.execute(sa.update(JoinCode).values(used_ms=1))


def test_every_refusal_says_what_to_do(store: Store) -> None:
    new_code(store)
    enrol(store)

    for code, name in (("WRONG", "x"), (CODE, "x")):
        with pytest.raises(StepfarmError) as refusal:
            enrol(store, code, name=name, key="sfd_x")
        assert "stepfarm enroll-code" in refusal.value.advice
