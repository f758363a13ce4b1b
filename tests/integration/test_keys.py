"""Keys over the API: rotated and revoked at once, a device's in two generations, and no spool is ever stranded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.client import OrchestratorClient
from agent.errors import OrchestratorAway, Refused
from agent.identity import enrol, read_identity
from agent.spool import Spool
from agent.wire.codec import to_plain
from agent.wire.jobs import Workload
from orchestrator.analysis.planning import Plan
from orchestrator.api.attempts import AT_ONCE
from orchestrator.client import Client
from orchestrator.keys import read_operator_key
from orchestrator.roles import Role
from orchestrator.views import KeyState
from orchestrator.wiring import prepare
from tests.support.agents import at_work, enrolled, eventually
from tests.support.clocks import ManualClock
from tests.support.filling import FakeDevice, begun
from tests.support.filling import enrolled as fake_device
from tests.support.messages import DESCRIPTION
from tests.support.plain_http import ask, problem_of
from tests.support.serving import Served, serving
from tests.support.store import a_request

FEW = Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "farm") as running:
        yield running


def is_good(served: Served, key: str) -> bool:
    return ask(served.url, "GET", "/v1/me", key=key).status == 200


def key_id_of(served: Served, label: str) -> int:
    """The number of the newest key that is good."""
    listed = served.client.keys()
    return next(key.id for key in listed if key.label == label)


def test_a_viewer_who_was_given_a_key_looks_and_does_nothing_else(served: Served) -> None:
    made = served.client.new_key("ada", days=1)
    assert made.secret is not None
    assert made.secret.startswith("sfv_")

    viewer = Client(served.url, made.secret)

    assert (viewer.me().role, viewer.me().label, viewer.devices()) == (Role.VIEWER, "ada", ())
    with pytest.raises(Refused, match="may not do that"):
        viewer.keys()


def test_a_rotated_and_a_revoked_key_are_good_for_nothing_from_the_next_request_on(served: Served) -> None:
    made = served.client.new_key("ada", role=Role.OPERATOR)
    rotated = Client(served.url, made.secret).rotate_key(made.key.id)

    assert not is_good(served, made.secret or "")
    assert is_good(served, rotated.secret or "")
    assert served.client.revoke_key(rotated.key.id).state is KeyState.REVOKED
    assert not is_good(served, rotated.secret or "")


def test_the_operators_own_key_is_rotated_in_its_file_too_and_outlives_a_new_start(served: Served) -> None:
    old = served.operator_key
    made = served.client.rotate_key(key_id_of(served, "operator"))

    assert not is_good(served, old)
    assert read_operator_key(served.settings.orchestrator_home) == made.secret
    assert Client(served.url, made.secret).me().role is Role.OPERATOR


def test_a_key_rotated_before_a_new_start_is_the_one_that_start_goes_on_with(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        made = served.client.rotate_key(key_id_of(served, "operator"))

    assert prepare(served.settings, ManualClock()) == made.secret


def test_a_deleted_file_of_the_operators_key_ends_the_old_key_when_another_is_made(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        old = served.operator_key
    (served.settings.orchestrator_home / "operator.key").unlink()

    with serving(tmp_path) as again:
        assert again.operator_key != old
        assert not is_good(again, old)
        assert is_good(again, again.operator_key)


def test_a_device_at_work_takes_up_its_new_key_by_itself_and_loses_no_reading(served: Served, tmp_path: Path) -> None:
    home = tmp_path / "device"
    before = enrolled(served, home, "board")
    with at_work(served.url, before.key, home) as agent:
        asked = served.client.rotate_key(key_id_of(served, "board"))
        assert (asked.secret, asked.key.state) == (None, KeyState.ROTATING)
        eventually(lambda: not is_good(served, before.key), "the new key is used, and the old one is good no more")
        sweep = served.client.create_sweep(
            models=["test_vit"],
            workloads=[Workload()],
            devices=["board"],
            plan=Plan(exhaustive=True, confirm=False, passes=2),
        )
        eventually(lambda: served.client.sweep(sweep.id).ended, "the sweep ends")
        assert agent.spool.waiting() == []
    identity = read_identity(home)
    assert identity is not None
    assert identity.key != before.key
    assert is_good(served, identity.key)
    listed = served.client.keys()
    assert [key.state for key in listed if key.label == "board"] == [KeyState.GOOD, KeyState.REVOKED]


def test_what_waits_in_the_spool_of_a_device_whose_key_was_revoked_is_sent_once_it_is_let_back_in(
    served: Served, tmp_path: Path
) -> None:
    home = tmp_path / "device"
    before = enrolled(served, home, "board")
    job, batch = _spooled(served, before.key, home)
    served.client.revoke_key(key_id_of(served, "board"))

    with at_work(served.url, before.key, home) as agent:
        refusal = agent.ended()
    assert isinstance(refusal, Refused)
    assert "enroll-code --device board" in refusal.advice
    assert len(agent.spool.waiting()) == 1
    code = served.client.new_join_code("board")
    assert code.command.endswith(f"--code {code.code} --name board && stepfarm-agent run")
    after = enrol(home, url=served.url, code=code.code, name="board", description=DESCRIPTION)
    assert (after.device_id, after.key != before.key) == (before.device_id, True)
    with at_work(served.url, after.key, home) as agent:
        eventually(lambda: not agent.spool.waiting(), "what waited is sent")

    assert agent.spool.aside() == []
    curve = next(curve.id for curve in served.client.curves() if curve.job_id == job)
    assert sum(len(one.tokens) for one in served.client.readings(curve).passes) == batch


def test_what_waits_on_a_revoked_device_stays_there_and_is_never_taken(served: Served, tmp_path: Path) -> None:
    home = tmp_path / "device"
    identity = enrolled(served, home, "board")
    _spooled(served, identity.key, home)
    served.client.revoke_device("board")

    with at_work(served.url, identity.key, home) as agent:
        refusal = agent.ended()

    assert isinstance(refusal, Refused)
    assert "This device was revoked" in str(refusal)
    assert len(agent.spool.waiting()) == 1
    with pytest.raises(Refused, match="for good"):
        served.client.new_join_code("board")


def _spooled(served: Served, key: str, home: Path) -> tuple[int, int]:
    """A pass that the device has measured and not sent: the number of its job, and how many readings it has."""
    job = begun(FakeDevice(OrchestratorClient(served.url, key), "board", key), served.client, plan=FEW)
    batch = job.batch(0)
    Spool(home / "spool").put(job.job_id, batch)
    return job.job_id, len(batch.readings)


def test_wrong_keys_and_codes_are_limited_and_whoever_signed_in_lately_is_not_in_the_way(served: Served) -> None:
    device = fake_device(served.url, served.client, "board")
    device.client.describe(DESCRIPTION)
    code = served.client.new_join_code().code
    for number in range(AT_ONCE):
        path, body = ("/v1/me", None) if number % 2 else ("/v1/enrol", _wish(f"WRONG-{number}"))
        answer = ask(served.url, "POST" if body else "GET", path, key=f"sfv_{number}", body=body)
        assert answer.status in (401, 403)

    refused = ask(served.url, "GET", "/v1/me", key="sfv_guess")

    assert (refused.status, problem_of(refused).type) == (429, "too-many-attempts")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    # A code that is good waits like one that is not; who has a key that was good goes on.
    assert ask(served.url, "POST", "/v1/enrol", body=_wish(code)).status == 429
    device.client.describe(DESCRIPTION)
    assert served.client.me().role is Role.OPERATOR


def test_to_an_agent_too_many_attempts_are_a_reason_to_wait_and_not_to_stop(served: Served) -> None:
    for number in range(AT_ONCE):
        ask(served.url, "GET", "/v1/me", key=f"sfv_{number}")

    with pytest.raises(OrchestratorAway, match="Try again in"):
        OrchestratorClient(served.url, "sfd_late").describe(DESCRIPTION)


def _wish(code: str) -> object:
    return to_plain(a_request(code))
