from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ConfigError, OrchestratorAway, Refused, StateError
from agent.identity import Identity, enrol, forget, normal_code, read_identity
from agent.measure.simulated.profiles import ProfileName
from agent.wire.enrolment import Enrolled, EnrolRequest
from tests.support.messages import DESCRIPTION
from tests.support.scripted_orchestrator import DROPPED, Asked, Said, refused, said, scripted

CODE = "0123-ABCD-WXYZ"


def enrolled_at(
    url: str, home: Path, *, code: str = CODE, name: str = "pi-5", profile: ProfileName | None = None
) -> Identity:
    return enrol(home, url=url, code=code, name=name, description=DESCRIPTION, profile=profile)


def welcome(asked: Asked) -> Said:
    return said(Enrolled(device_id=4, name=asked.message(EnrolRequest).name))


def test_a_device_makes_its_own_key_and_sends_the_hash_alone(tmp_path: Path) -> None:
    with scripted(welcome) as orchestrator:
        identity = enrolled_at(orchestrator.url, tmp_path)
    request = orchestrator.asked[0].message(EnrolRequest)
    assert request.key_sha256 == hashlib.sha256(identity.key.encode()).hexdigest()
    assert identity.key.encode() not in orchestrator.asked[0].body
    assert identity.key.startswith("sfd_")
    assert len(identity.key) >= 43


def test_an_enrolled_device_remembers_who_it_is_for_itself_alone(tmp_path: Path) -> None:
    with scripted(welcome) as orchestrator:
        identity = enrolled_at(orchestrator.url, tmp_path)
    assert read_identity(tmp_path) == identity
    assert (identity.device_id, identity.name, identity.url) == (4, "pi-5", orchestrator.url)
    assert stat.S_IMODE((tmp_path / "identity.json").stat().st_mode) == 0o600


def test_a_lost_answer_is_asked_for_again_with_the_same_key(tmp_path: Path) -> None:
    def script(asked: Asked) -> Said:
        return DROPPED if len(orchestrator.asked) == 1 else welcome(asked)

    with scripted(script) as orchestrator:
        with pytest.raises(OrchestratorAway):
            enrolled_at(orchestrator.url, tmp_path)
        assert enrolled_at(orchestrator.url, tmp_path).device_id == 4
    first, second = (asked.message(EnrolRequest) for asked in orchestrator.asked)
    assert first == second


def test_a_refused_code_leaves_the_device_not_enrolled(tmp_path: Path) -> None:
    with scripted(lambda _asked: refused(403, "code-refused")) as orchestrator, pytest.raises(Refused):
        enrolled_at(orchestrator.url, tmp_path)
    pending = read_identity(tmp_path)
    assert pending is not None
    assert pending.device_id is None


def test_a_device_that_has_forgotten_enrols_with_a_new_key(tmp_path: Path) -> None:
    with scripted(welcome) as orchestrator:
        first = enrolled_at(orchestrator.url, tmp_path)
        assert forget(tmp_path)
        assert not forget(tmp_path)
        assert read_identity(tmp_path) is None
        assert enrolled_at(orchestrator.url, tmp_path).key != first.key


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "two words"}, "name"),
        ({"name": "-dash"}, "name"),
        ({"code": " "}, "code"),
        ({"code": "x" * 65}, "code"),
    ],
)
def test_a_name_or_code_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, change: dict[str, str], place: str
) -> None:
    with pytest.raises(ConfigError, match=f"The {place} must"):
        enrolled_at("https://farm.example.org", tmp_path, profile=None, **change)
    assert read_identity(tmp_path) is None


@pytest.mark.parametrize(
    "typed",
    [
        "0123-abcd-wxyz",
        " 0123-ABCD-WXYZ\n",
        "O123-ABCD-WXYZ",
        "ol23-abcd-wxyz",
        "0123ABCDWXYZ",
        "0123 abcd wxyz",
        "0123 - ABCD - WXYZ",
        "0123\u2013ABCD\u2013WXYZ",
        "0123\u00a0ABCD\u00a0WXYZ",
        "012-3AB-CDW-XYZ",
    ],
)
def test_a_code_is_taken_as_people_type_it(typed: str) -> None:
    assert normal_code(typed) == CODE


@pytest.mark.parametrize("content", [b"", b"{", b'{"url":""}', b'{"url":"u","key":"k","name":"n","device_id":0}'])
def test_a_damaged_identity_is_told_by_the_name_of_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "identity.json").write_bytes(content)
    with pytest.raises(StateError, match=r"identity\.json is damaged"):
        read_identity(tmp_path)


def test_a_code_of_another_length_is_left_for_the_orchestrator_to_refuse() -> None:
    assert normal_code("0123-ABCD") == "0123-ABCD"


def test_an_identity_written_before_there_were_simulated_devices_is_a_real_one(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text('{"url":"https://farm","key":"sfd_x","name":"pi","device_id":1}')
    identity = read_identity(tmp_path)
    assert identity is not None
    assert identity.profile is None


def test_a_simulated_device_remembers_its_profile(tmp_path: Path) -> None:
    with scripted(welcome) as orchestrator:
        enrolled_at(orchestrator.url, tmp_path, profile=ProfileName.THROTTLE)
    identity = read_identity(tmp_path)
    assert identity is not None
    assert identity.profile is ProfileName.THROTTLE


def test_a_key_that_may_be_known_as_a_real_devices_is_not_used_for_a_simulated_one(tmp_path: Path) -> None:
    with scripted(lambda _asked: DROPPED) as orchestrator:
        for profile in (None, ProfileName.STAIRS, ProfileName.NOISE, None):
            with pytest.raises(OrchestratorAway):
                enrolled_at(orchestrator.url, tmp_path, profile=profile)
    real, stairs, noise, real_again = (asked.message(EnrolRequest).key_sha256 for asked in orchestrator.asked)
    assert stairs == noise
    assert len({real, stairs, real_again}) == 3


def test_a_home_that_cannot_be_written_is_told_before_the_orchestrator_hears_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with scripted(welcome) as orchestrator, pytest.raises(StateError, match="Not a directory"):
        enrolled_at(orchestrator.url, tmp_path / "file" / "agent")
    assert orchestrator.asked == []


def test_an_identity_checks_itself() -> None:
    identity = Identity(url="https://farm", key="sfd_x", name="pi", device_id=1)
    with pytest.raises(ValueError, match="device_id"):
        replace(identity, device_id=0)
