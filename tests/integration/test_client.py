"""The typed client: what people ask, through the one door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ConfigError, OrchestratorAway, Refused
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Failure, FailureReason, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from orchestrator.jobs.states import JobState
from orchestrator.keys import write_operator_key
from orchestrator.roles import Role
from orchestrator.views import DeviceState
from tests.support.filling import begun, enrolled
from tests.support.serving import Served, free_port, serving

FEW = Plan(exhaustive=True, confirm=False, passes=5, min_tokens=180, stride=4)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def test_it_knows_whose_key_it_holds(served: Served) -> None:
    me = served.client.me()

    assert (me.role, me.label, me.device_id) == (Role.OPERATOR, "operator", None)


def test_a_join_code_lets_a_device_in_and_the_fleet_shows_it(served: Served) -> None:
    enrolled(served.url, served.client, "phone", DeviceKind.TERMUX)

    device = next(device for device in served.client.devices() if device.name == "phone")

    assert (device.kind, device.state, device.job) == (DeviceKind.TERMUX, DeviceState.IDLE, None)


def test_a_sweep_becomes_a_curve_with_all_its_readings(served: Served) -> None:
    job = begun(enrolled(served.url, served.client, "pi"), served.client, plan=FEW, rejected=0.0)
    measuring = next(device for device in served.client.devices() if device.name == "pi")

    view = job.finish()

    assert measuring.state is DeviceState.MEASURING
    assert measuring.job is not None
    assert measuring.job.id == job.job_id
    assert view.summary.job_state is JobState.DONE
    assert view.summary in served.client.curves()
    passes = served.client.readings(job.curve_id).passes
    assert [one.number for one in passes] == [0, 1, 2, 3, 4]
    assert sum(len(one.tokens) for one in passes) == view.summary.readings == view.summary.accepted
    assert [point.tokens for point in view.analysis.curve.points] == [181, 185, 189, 193, 197]


def test_a_curve_can_be_seen_while_it_is_being_measured(served: Served) -> None:
    job = begun(enrolled(served.url, served.client, "slow"), served.client, plan=FEW)
    job.post(0)

    view = served.client.curve(job.curve_id)
    progress = next(sweep for sweep in served.client.sweeps() if sweep.jobs[0].id == job.job_id).jobs[0].progress

    assert not view.sealed
    assert view.analysis.curve.points
    assert progress is not None
    assert (progress.passes_done, progress.passes_planned) == (1, 5)


def test_a_failed_job_says_why(served: Served) -> None:
    job = begun(enrolled(served.url, served.client, "weak"), served.client, plan=FEW)
    failure = Failure(reason=FailureReason.MODEL_UNKNOWN, message="no such model", advice="look at timm's list")

    job.fail(failure)

    (view,) = served.client.sweeps()[0].jobs
    assert (view.state, view.failure) == (JobState.FAILED, failure)


def test_a_cancelled_sweep_has_no_job_left_to_do(served: Served) -> None:
    enrolled(served.url, served.client, "idle")
    sweep = served.client.create_sweep(models=["a", "b"], workloads=[Workload()], devices=["idle"])

    cancelled = served.client.cancel_sweep(sweep.id)

    assert cancelled.ended
    assert served.client.sweep_view(sweep.id) == cancelled


@pytest.mark.parametrize("number", [0, 999_999])
def test_what_is_not_there_is_refused_with_advice(served: Served, number: int) -> None:
    for look in (served.client.sweep, served.client.cancel_sweep, served.client.curve, served.client.readings):
        with pytest.raises(Refused) as refusal:
            look(number)
        assert refusal.value.status == 404
        assert refusal.value.advice


def test_a_sweep_on_an_unknown_device_is_refused_and_queues_nothing(served: Served) -> None:
    before = len(served.client.sweeps())

    with pytest.raises(Refused, match="nobody"):
        served.client.create_sweep(models=["a"], workloads=[Workload()], devices=["nobody"])

    assert len(served.client.sweeps()) == before


def test_a_wrong_key_is_refused(served: Served) -> None:
    with pytest.raises(Refused) as refusal:
        Client(served.url, "sfo_wrong").me()

    assert (refusal.value.status, refusal.value.type) == (401, "not-signed-in")


def test_nobody_there_is_told_as_that() -> None:
    with pytest.raises(OrchestratorAway, match="does not answer"):
        Client(f"http://127.0.0.1:{free_port()}", "sfo_any").me()


def test_it_finds_the_orchestrator_of_this_machine_by_itself(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
    monkeypatch.setenv("STEPFARM_PORT", str(served.settings.port))

    assert Client().me().role is Role.OPERATOR


def test_the_operators_key_of_this_machine_is_never_sent_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orchestrator").mkdir()
    write_operator_key(tmp_path / "orchestrator", "sfo_mine")
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path))
    monkeypatch.setenv("STEPFARM_URL", "https://farm.example.org")

    with pytest.raises(ConfigError, match=r"no key to sign in with at https://farm\.example\.org") as refusal:
        Client()

    assert "STEPFARM_KEY" in refusal.value.advice
