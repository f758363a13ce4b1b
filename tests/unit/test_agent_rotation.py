"""Another key for a device: at every moment one that the orchestrator takes is on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.client import OrchestratorClient
from agent.errors import OrchestratorAway, Refused, StateError
from agent.identity import Identity, enrol, hash_of, read_identity, write_identity
from agent.rotation import rotate_key
from agent.wire.enrolment import Enrolled, EnrolRequest, NextKey
from agent.wire.jobs import Done
from tests.support.messages import DESCRIPTION
from tests.support.scripted_orchestrator import DROPPED, Asked, Said, refused, said, scripted

OLD = "sfd_old"


@dataclass
class Keys:
    """An orchestrator that keeps the keys of one device in two generations, and loses answers as told."""

    lost: Callable[[int], bool] = lambda _number: False
    good: set[str] = field(default_factory=lambda: {hash_of(OLD)})
    renewals: int = 0

    def __call__(self, asked: Asked) -> Said:
        assert asked.key is not None
        if hash_of(asked.key) not in self.good:
            return refused(401, "not-signed-in")
        if asked.path != "/v1/device/key":
            self.good = {hash_of(asked.key)}
            return said(Done())
        self.good = {hash_of(asked.key), asked.message(NextKey).key_sha256}
        self.renewals += 1
        return DROPPED if self.lost(self.renewals) else said(Done())


def a_device(home: Path, url: str) -> OrchestratorClient:
    write_identity(home, Identity(url=url, key=OLD, name="pi", device_id=4))
    return OrchestratorClient(url, OLD)


def known(home: Path) -> Identity:
    identity = read_identity(home)
    assert identity is not None
    return identity


def test_a_rotated_device_signs_in_with_a_key_it_made_and_the_old_one_is_good_no_more(tmp_path: Path) -> None:
    keys, told = Keys(), list[str]()
    with scripted(keys) as orchestrator:
        client = a_device(tmp_path, orchestrator.url)
        rotate_key(tmp_path, client, tell=told.append)
        client.describe(DESCRIPTION)

    new = known(tmp_path)
    assert new.key.startswith("sfd_")
    assert new.key != OLD
    assert new.next_key is None
    assert keys.good == {hash_of(new.key)}
    assert orchestrator.asked[-1].key == new.key
    assert not any(new.key.encode() in asked.body for asked in orchestrator.asked)
    assert told == ["This device has a new key, as its operator asked."]


def test_a_lost_answer_leaves_the_old_key_at_work_and_the_next_wish_hands_over_the_same_one(tmp_path: Path) -> None:
    keys = Keys(lost=lambda number: number == 1)
    with scripted(keys) as orchestrator:
        client = a_device(tmp_path, orchestrator.url)
        with pytest.raises(OrchestratorAway):
            rotate_key(tmp_path, client, tell=lambda _line: None)
        assert known(tmp_path).key == OLD
        handed_over = known(tmp_path).next_key
        client.describe(DESCRIPTION)
        rotate_key(tmp_path, client, tell=lambda _line: None)
        client.describe(DESCRIPTION)
    assert known(tmp_path).key == handed_over


def test_killed_after_the_answer_and_before_it_is_written_the_agent_starts_with_a_key_that_is_good(
    tmp_path: Path,
) -> None:
    with scripted(Keys()) as orchestrator:
        client = a_device(tmp_path, orchestrator.url)
        # As a kill would leave it: handed over and answered, and not yet the key.
        pending = known(tmp_path).with_next_key
        write_identity(tmp_path, pending)
        client.renew_key(NextKey(key_sha256=hash_of(pending.next_key or "")))

        restarted = OrchestratorClient(orchestrator.url, known(tmp_path).key)
        restarted.describe(DESCRIPTION)
        rotate_key(tmp_path, restarted, tell=lambda _line: None)
        restarted.describe(DESCRIPTION)
    assert known(tmp_path).key == pending.next_key


def test_a_next_key_that_was_known_before_is_dropped_for_another(tmp_path: Path) -> None:
    with scripted(lambda _asked: refused(409, "key-taken", "That key was known before.")) as orchestrator:
        client, told = a_device(tmp_path, orchestrator.url), list[str]()
        rotate_key(tmp_path, client, tell=told.append)
        rotate_key(tmp_path, client, tell=told.append)
    first, second = (asked.message(NextKey).key_sha256 for asked in orchestrator.asked)
    assert first != second
    assert known(tmp_path).key == OLD
    assert "stays as it is" in told[0]


def test_an_orchestrator_that_hears_of_the_device_no_more_is_told_to_the_agent(tmp_path: Path) -> None:
    with scripted(lambda _asked: refused(401, "not-signed-in")) as orchestrator:
        client = a_device(tmp_path, orchestrator.url)
        with pytest.raises(Refused):
            rotate_key(tmp_path, client, tell=lambda _line: None)


def test_a_device_that_was_unenrolled_meanwhile_has_no_key_to_rotate(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="not enrolled any more"):
        rotate_key(tmp_path, OrchestratorClient("http://127.0.0.1:9", OLD), tell=lambda _line: None)


def readmit(home: Path, url: str, *, name: str = "pi") -> Identity:
    return enrol(home, url=url, code="0123-ABCD-WXYZ", name=name, description=DESCRIPTION)


def test_a_known_device_enrols_again_with_another_key_and_stays_who_it_is(tmp_path: Path) -> None:
    lost = [True]

    def script(_asked: Asked) -> Said:
        return DROPPED if lost.pop() else said(Enrolled(device_id=4, name="pi"))

    with scripted(script) as orchestrator:
        a_device(tmp_path, orchestrator.url)
        with pytest.raises(OrchestratorAway):
            readmit(tmp_path, orchestrator.url)
        assert known(tmp_path).key == OLD
        lost.append(False)
        identity = readmit(tmp_path, orchestrator.url)
    first, second = (asked.message(EnrolRequest) for asked in orchestrator.asked)
    assert first == second
    assert first.device_id == 4
    assert first.key_sha256 == hash_of(identity.key)
    assert known(tmp_path) == identity
    assert (identity.device_id, identity.next_key) == (4, None)


def test_a_known_device_whose_next_key_was_known_before_enrols_with_another_at_once(tmp_path: Path) -> None:
    def script(_asked: Asked) -> Said:
        first = len(orchestrator.asked) == 1
        return refused(409, "key-taken") if first else said(Enrolled(device_id=4, name="pi"))

    with scripted(script) as orchestrator:
        a_device(tmp_path, orchestrator.url)
        write_identity(tmp_path, known(tmp_path).with_next_key)
        dead = known(tmp_path).next_key
        assert readmit(tmp_path, orchestrator.url).key not in (OLD, dead)


def test_a_known_device_does_not_enrol_under_another_name_or_elsewhere(tmp_path: Path) -> None:
    a_device(tmp_path, "https://farm.example.org")
    for url, name in (("https://farm.example.org", "other"), ("https://other.example.org", "pi")):
        with pytest.raises(StateError, match=r"enrolled at https://farm\.example\.org as pi"):
            readmit(tmp_path, url, name=name)
    assert known(tmp_path).next_key is None
