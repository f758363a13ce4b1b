"""The store of keys keeps its promises on either database: made, rotated, revoked, a device's in two steps."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.errors import CodeRefused, Conflict, KeyTaken, NotFound, NotSignedIn
from orchestrator.roles import Role
from orchestrator.storage import devices, enrolment, key_changes, keys, operator_key
from orchestrator.storage.key_changes import DAY_MS
from orchestrator.storage.keys import Holder
from orchestrator.storage.tables import Key
from orchestrator.views import KeyState, KeyView
from tests.support.store import Store, a_request, sha256


def holder(store: Store, secret: str) -> Holder:
    with store.database.read() as session:
        return keys.holder_of(session, secret, now_ms=store.clock.epoch_ms())


def is_good(store: Store, secret: str) -> bool:
    try:
        return holder(store, secret).key_id > 0
    except NotSignedIn:
        return False


def created(store: Store, secret: str = "sfv_ada", *, days: int | None = None, role: Role = Role.VIEWER) -> KeyView:
    with store.database.write() as session:
        return key_changes.create(session, secret, role=role, label="ada", days=days, now_ms=store.clock.epoch_ms())


def change(store: Store, key_id: int, what: Any, *arguments: Any) -> KeyView:
    with store.database.write() as session:
        found = key_changes.key(session, key_id)
        view = what(session, found, *arguments, now_ms=store.clock.epoch_ms())
        assert isinstance(view, KeyView)
        return view


def renew(store: Store, secret: str, new: str) -> None:
    with store.database.write() as session:
        key_changes.renew(session, holder(store, secret).key_id, sha256(new), now_ms=store.clock.epoch_ms())


def used(store: Store, secret: str) -> None:
    """A request came that ``secret`` signed, as the API takes it."""
    found = holder(store, secret)
    if found.supersedes is not None:
        with store.database.write() as session:
            key_changes.end(session, found.supersedes, now_ms=store.clock.epoch_ms())


def readmission(store: Store, code: str = "BACK", name: str = "board") -> None:
    with store.database.write() as session:
        known = devices.named(session, name)
        enrolment.add_join_code(session, code, now_ms=store.clock.epoch_ms(), readmits=known)


def readmitted(store: Store, code: str = "BACK", **wish: Any) -> int:
    with store.database.write() as session:
        return enrolment.enrol(session, a_request(code, **wish), now_ms=store.clock.epoch_ms()).id


def test_a_key_that_is_made_signs_in_until_its_days_are_over(store: Store) -> None:
    made = created(store, days=2)

    assert (made.state, made.role, made.expires_ms) == (
        KeyState.GOOD,
        Role.VIEWER,
        store.clock.epoch_ms() + 2 * DAY_MS,
    )
    assert holder(store, "sfv_ada").principal.label == "ada"
    store.clock.move(2 * DAY_MS + 1)
    assert not is_good(store, "sfv_ada")


def test_the_label_of_the_orchestrators_own_key_is_for_that_alone(store: Store) -> None:
    with store.database.write() as session, pytest.raises(Conflict, match="keeps itself"):
        key_changes.create(
            session, "sfo_x", role=Role.OPERATOR, label=operator_key.LABEL, days=None, now_ms=store.clock.epoch_ms()
        )


def test_a_rotated_key_of_a_person_is_good_no_more_at_once_and_the_new_one_has_as_many_days(store: Store) -> None:
    made = created(store, days=3)
    store.clock.move(DAY_MS)

    new = change(store, made.id, key_changes.rotate, "sfv_new")

    assert not is_good(store, "sfv_ada")
    assert is_good(store, "sfv_new")
    assert (new.role, new.label, new.expires_ms) == (Role.VIEWER, "ada", store.clock.epoch_ms() + 3 * DAY_MS)


def test_a_revoked_key_is_good_no_more_at_once_and_twice_is_once(store: Store) -> None:
    made = created(store)

    first = change(store, made.id, key_changes.revoke)
    store.clock.move(1)

    assert not is_good(store, "sfv_ada")
    assert change(store, made.id, key_changes.revoke) == first


def test_a_key_that_has_ended_is_not_rotated(store: Store) -> None:
    made = created(store)
    change(store, made.id, key_changes.revoke)

    with pytest.raises(Conflict, match="is revoked"):
        change(store, made.id, key_changes.rotate, "sfv_new")


def test_the_orchestrators_own_key_is_rotated_and_never_revoked(store: Store) -> None:
    with pytest.raises(Conflict, match="keys rotate"):
        change(store, store.key_id, key_changes.revoke)

    change(store, store.key_id, key_changes.rotate, "sfo_new")

    assert (is_good(store, "sfo_test"), is_good(store, "sfo_new")) == (False, True)


def test_a_number_that_no_key_has_is_told(store: Store) -> None:
    with pytest.raises(NotFound, match="no key 999"):
        change(store, 999, key_changes.revoke)


def test_the_list_has_good_keys_first_and_no_secret(store: Store) -> None:
    ended, good = created(store), created(store, "sfv_bob")
    change(store, ended.id, key_changes.revoke)

    with store.database.read() as session:
        listed = key_changes.newest(session, newest=2, now_ms=store.clock.epoch_ms())

    assert [one.id for one in listed] == [good.id, store.key_id]
    assert sha256("sfv_bob") not in str(listed)


def test_both_generations_of_a_device_are_good_until_it_has_used_the_new_one(store: Store) -> None:
    device = store.enrol()
    asked = change(store, holder(store, "sfd_board").key_id, key_changes.ask_to_rotate)
    assert asked.state is KeyState.ROTATING
    assert holder(store, "sfd_board").asked_to_rotate

    renew(store, "sfd_board", "sfd_next")

    assert (is_good(store, "sfd_board"), is_good(store, "sfd_next")) == (True, True)
    assert holder(store, "sfd_next").principal.device_id == device
    used(store, "sfd_next")
    assert (is_good(store, "sfd_board"), is_good(store, "sfd_next")) == (False, True)
    assert not holder(store, "sfd_next").asked_to_rotate


def test_the_next_key_handed_over_again_is_the_same_and_another_takes_its_place(store: Store) -> None:
    store.enrol()
    change(store, holder(store, "sfd_board").key_id, key_changes.ask_to_rotate)

    renew(store, "sfd_board", "sfd_next")
    renew(store, "sfd_board", "sfd_next")
    renew(store, "sfd_board", "sfd_other")

    assert (is_good(store, "sfd_next"), is_good(store, "sfd_other")) == (False, True)
    with pytest.raises(KeyTaken):
        renew(store, "sfd_board", "sfd_next")


def test_a_device_renews_its_key_when_it_was_asked_to_and_with_no_key_of_another(store: Store) -> None:
    store.enrol()
    store.enrol("other")

    with pytest.raises(Conflict, match="Nobody asked"):
        renew(store, "sfd_board", "sfd_next")
    with pytest.raises(KeyTaken):
        renew(store, "sfd_board", "sfd_other")


def test_a_revoked_key_of_a_device_takes_the_other_generation_with_it_and_leaves_the_device(store: Store) -> None:
    store.enrol()
    key_id = holder(store, "sfd_board").key_id
    change(store, key_id, key_changes.ask_to_rotate)
    renew(store, "sfd_board", "sfd_next")

    change(store, key_id, key_changes.revoke)

    assert (is_good(store, "sfd_board"), is_good(store, "sfd_next")) == (False, False)
    assert store.device_view().revoked_ms is None


def test_a_known_device_is_let_back_in_with_another_key_as_itself_and_its_old_keys_end(store: Store) -> None:
    device = store.enrol()
    readmission(store)

    assert readmitted(store, key="sfd_new") == device
    assert readmitted(store, key="sfd_new") == device  # the answer was lost

    assert (is_good(store, "sfd_board"), is_good(store, "sfd_new")) == (False, True)


def test_a_readmission_is_for_the_one_device_and_a_plain_code_for_none_that_is_known(store: Store) -> None:
    store.enrol()
    other = store.enrol("other")
    readmission(store)
    with store.database.write() as session:
        enrolment.add_join_code(session, "PLAIN", now_ms=store.clock.epoch_ms())

    with pytest.raises(CodeRefused, match="lets board back in"):
        readmitted(store, name="other", key="sfd_new")
    with pytest.raises(CodeRefused, match="lets board back in"):
        readmitted(store, key="sfd_new", device_id=other)
    with pytest.raises(Conflict, match="enrolled already"):
        readmitted(store, "PLAIN", key="sfd_new", device_id=1)

    assert is_good(store, "sfd_board")


def test_a_key_that_was_revoked_lets_nobody_back_in(store: Store) -> None:
    store.enrol()
    change(store, holder(store, "sfd_board").key_id, key_changes.revoke)
    readmission(store)

    with pytest.raises(KeyTaken):
        readmitted(store, key="sfd_board")


def test_a_revoked_device_is_not_let_back_in(store: Store) -> None:
    store.enrol()
    readmission(store)
    store.revoke("board")

    with pytest.raises(CodeRefused, match="revoked since"):
        readmitted(store, key="sfd_new")
    with pytest.raises(Conflict, match="for good"):
        readmission(store, "AGAIN")


def test_hashes_alone_are_stored(store: Store) -> None:
    created(store)

    with store.database.read() as session:
        rows = str([tuple(row) for row in session.execute(sa.select(*Key.__table__.columns))])
    assert sha256("sfv_ada") in rows
    assert "sfv_ada" not in rows
