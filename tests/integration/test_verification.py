"""From a measured curve to a proof on the device: the real application, the real agent, a simulated device."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import Refused
from agent.wire.codec import from_plain
from agent.wire.jobs import Runtime, Task, Workload
from agent.wire.schedule_files import ScheduleFile, read_schedule
from agent.wire.schedules import Method, Schedule
from dashboard import places
from orchestrator.analysis.fleet import FleetSchedule
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.schedules import Origin, schedules_of, uniform_beside
from orchestrator.errors import BadRequest
from orchestrator.jobs.verifying import entries_for
from orchestrator.proofs import verdict
from orchestrator.views import CurveView, VerificationView
from tests.support.agents import at_work, enrolled, eventually
from tests.support.commands import Stepfarm
from tests.support.curve_views import FACTS
from tests.support.pages import opened, words
from tests.support.serving import Served, serving

MODEL = "deit_tiny_patch16_224"
ONCE = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=128)
GENTLE = dataclasses.replace(ONCE, leaving=(197,) * 11 + (196,))
"""Nothing is saved by one token in the last block of stairs, and choosing it costs."""


@dataclass
class Farm:
    """An orchestrator with one simulated device at work, whose curve was measured with its blocks."""

    served: Served
    curve: CurveView
    verified: VerificationView


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    home = tmp_path_factory.mktemp("agent")
    with serving(tmp_path_factory.mktemp("farm")) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(served.settings.home))
        patch.setenv("STEPFARM_PORT", str(served.settings.port))
        identity = enrolled(served, home, "sim")
        with at_work(served.url, identity.key, home):
            client = served.client
            sweep = client.create_sweep(
                models=[MODEL], workloads=[Workload(threads=1)], devices=["sim"], plan=Plan(stride=3, blocks=True)
            )
            (curve,) = sweep.wait(timeout_s=120).curves()
            eventually(lambda: client.curve(curve.summary.id).sealed, "the curve is analysed")
            asked = client.verify(curve.summary.id, [ONCE, GENTLE])
            client.sweep(asked.job.sweep_id).wait(timeout_s=120)
            eventually(
                lambda: client.verification(asked.job.id).entries[0].proof is not None, "the readings are sealed"
            )
            yield Farm(served, client.curve(curve.summary.id), client.verification(asked.job.id))


def test_a_schedule_that_saves_is_proved_and_was_predicted_well(farm: Farm) -> None:
    entry = farm.verified.entries[0]
    assert farm.verified.job.task is Task.VERIFICATION
    assert entry.proof is not None
    assert entry.predicted is not None
    assert entry.uniform == uniform_beside(ONCE)
    assert entry.proved
    assert entry.proof.measured.latency_ns == pytest.approx(entry.predicted.latency_ns, rel=0.03)
    assert entry.proof.against_plain.high < 1


def test_one_that_saves_nothing_is_not_proved_and_it_says_why(farm: Farm) -> None:
    entry = farm.verified.entries[1]
    assert not entry.proved
    assert "not surely faster than the plain model" in verdict(entry.proof)


def test_the_readings_of_a_verification_are_no_curve(farm: Farm) -> None:
    client = farm.served.client
    assert [one.id for one in client.curves()] == [farm.curve.summary.id]
    assert farm.verified.job.curve_id is None
    assert client.sweep(farm.verified.job.sweep_id).curves() == ()


def test_the_verifications_of_a_curve_are_listed_newest_first(farm: Farm) -> None:
    found = farm.served.client.verifications(farm.curve.summary.id)
    assert found[-1] == farm.verified


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Schedule(method=Method.RANDOM, tokens=197, prefix_tokens=1, leaving=(197, 100)), "2 blocks, and this one"),
        (Schedule(method=Method.RANDOM, tokens=257, prefix_tokens=1, leaving=(100,) * 12), "257 tokens, and this one"),
        (dataclasses.replace(ONCE, leaving=(197,) * 12), "prunes nothing"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_name_before_anything_is_queued(
    farm: Farm, schedule: Schedule, said: str
) -> None:
    before = len(farm.served.client.sweeps())
    with pytest.raises(Refused, match=said):
        farm.served.client.verify(farm.curve.summary.id, [schedule])
    assert len(farm.served.client.sweeps()) == before


def test_a_schedule_twice_and_an_exported_model_are_refused() -> None:
    with pytest.raises(BadRequest, match="twice"):
        entries_for([ONCE, ONCE], FACTS, Runtime.EAGER)
    with pytest.raises(BadRequest, match="exported model"):
        entries_for([ONCE], FACTS, Runtime.ONNXRUNTIME)


def test_the_method_that_needs_a_class_token_is_refused_for_a_model_without_any_prefix() -> None:
    plain = dataclasses.replace(FACTS, prefix_tokens=0, tokens=196)
    schedule = Schedule(method=Method.TOP_K, tokens=196, prefix_tokens=0, leaving=(100,) * 12)
    with pytest.raises(BadRequest, match="asks the class token"):
        entries_for([schedule], plain, Runtime.EAGER)


def test_an_imported_curve_has_no_device_to_prove_its_schedules(farm: Farm) -> None:
    client = farm.served.client
    file = dataclasses.replace(client.curve_file(farm.curve.summary.id), device="elsewhere")
    taken = client.import_curve(file)
    with pytest.raises(Refused, match="was imported"):
        client.verify(taken.curve.id, [ONCE])


def test_the_command_recommends_verifies_and_exports_with_the_proof(
    farm: Farm, stepfarm: Stepfarm, tmp_path: Path
) -> None:
    number = str(farm.curve.summary.id)
    told = stepfarm("schedule", "recommend", number, "--mean-tokens", "150").out
    assert "best" in told
    file = tmp_path / "once.json"
    stepfarm("schedule", "export", number, "--output", str(file))
    assert from_plain(ScheduleFile, json.loads(file.read_text())).proof is None

    said = stepfarm("schedule", "verify", number, "--schedule", str(file), "--wait").out
    assert "proved" in said
    stepfarm("schedule", "export", number, "--output", str(file), "--force")

    exported = from_plain(ScheduleFile, json.loads(file.read_text()))
    assert exported.proved
    assert exported.curve_sha256 == farm.curve.readings_sha256
    assert "On sim: proved." in exported.note
    assert read_schedule(file)[1] == MODEL
    assert "stays as it is" in stepfarm.refused("schedule", "export", number, "--output", str(file))


@pytest.fixture(scope="module")
def elsewhere(farm: Farm) -> CurveView:
    """The same readings, as if another device had taken them."""
    client = farm.served.client
    number = client.import_curve(
        dataclasses.replace(client.curve_file(farm.curve.summary.id), device="elsewhere")
    ).curve.id
    eventually(lambda: client.curve(number).analysis.blocks is not None, "the curve is analysed")
    return client.curve(number)


def test_one_schedule_for_a_fleet_says_what_each_device_loses_and_can_be_verified(
    farm: Farm, elsewhere: CurveView, stepfarm: Stepfarm, tmp_path: Path
) -> None:
    numbers = [str(one.summary.id) for one in (farm.curve, elsewhere)]
    file = tmp_path / "fleet.json"

    out = stepfarm("schedule", "fleet", *numbers, "--mean-tokens", "150", "--output", str(file)).out

    for part in ("takes 0.0 % more than with its own best", "elsewhere", "not proved"):
        assert part in out
    schedule, _ = read_schedule(file)
    assert sum(schedule.leaving) >= 150 * 12
    assert farm.served.client.verify(farm.curve.summary.id, [schedule]).entries[0].schedule == schedule
    found = from_plain(FleetSchedule, json.loads(stepfarm("schedule", "fleet", *numbers, "--json").out))
    # Nothing was asked for: as much is kept as by what was recommended for each.
    recommended = schedules_of(farm.curve.analysis, full_tokens=197, prefix_tokens=1, blocks=12).option(
        Origin.RECOMMENDED
    )
    assert recommended is not None
    assert found.kept >= recommended.density - 1e-9
    assert "stays as it is" in stepfarm.refused("schedule", "fleet", *numbers, "--output", str(file))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("1",), "two curves or more"),
        (("1", "1"), "two curves or more"),
        (("1", "999"), "There is no curve 999"),
        (("1", "OTHER", "--mean-tokens", "0"), "asks for nothing, or for more"),
        (("1", "OTHER", "--mean-tokens", "400"), "asks for nothing, or for more"),
        (("1", "OTHER", "--least-accuracy", "0.9"), "no accuracy is known"),
        (("1", "OTHER", "--accuracy", "no-such-file.csv"), "cannot be read"),
    ],
)
def test_what_no_fleet_can_have_in_common_is_refused_with_advice(
    elsewhere: CurveView, stepfarm: Stepfarm, arguments: tuple[str, ...], told: str
) -> None:
    other = str(elsewhere.summary.id)
    assert told in stepfarm.refused("schedule", "fleet", *(other if one == "OTHER" else one for one in arguments))


def test_the_page_shows_the_common_schedule_and_what_it_is_to_keep_goes_into_the_address(
    farm: Farm, elsewhere: CurveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = f"{farm.curve.summary.id},{elsewhere.summary.id}"
    app = opened(monkeypatch, farm.served, places.SCHEDULES, key=None, curves=numbers, simulated="1")

    assert "One schedule for all of them" in words(app)
    assert "The device that loses most by it takes 0.0 % more" in words(app)
    app.number_input(key="schedules-kept").set_value(90.0).run()
    assert app.query_params["kept"] in ("0.9", ["0.9"])
    assert "keeps 9" in words(app)


def test_an_accuracy_job_that_is_not_there_is_told_on_the_page_and_by_the_command(
    farm: Farm, stepfarm: Stepfarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = str(farm.curve.summary.id)
    app = opened(monkeypatch, farm.served, places.SCHEDULES, key=None, curves=number, simulated="1", job="999")
    assert "There is no accuracy job 999 of this model" in words(app)
    assert "999" in stepfarm.refused("schedule", "recommend", number, "--accuracy-job", "999")
