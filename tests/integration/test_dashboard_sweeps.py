"""The pages of the sweeps, run by Streamlit's own test runner against a real orchestrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import DataType, Failure, FailureReason, LeaseRequest, Workload
from dashboard import places
from dashboard.sweep_view import MOST_SHOWN
from orchestrator.analysis.planning import Plan
from orchestrator.roles import Role
from orchestrator.storage.keys import add_key
from tests.support.filling import FEW_COUNTS, RUN, FakeDevice, begun, enrolled
from tests.support.fleet_views import labels
from tests.support.pages import links, opened, press, words
from tests.support.serving import Served, serving

MODEL = "deit_tiny_patch16_224"
SECRET_IMAGE = "![x](http://evil.example/x.png)"
VIEWER_KEY = "sfv_viewer"


@dataclass(frozen=True)
class Farm:
    served: Served
    pi: FakeDevice
    nano: FakeDevice


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(tmp_path) as served:
        pi, nano = (enrolled(served.url, served.client, name) for name in ("bench-pi", "nano"))
        served.client.label_device("nano", put=labels("board=orin"))
        yield Farm(served, pi, nano)


def form(patch: pytest.MonkeyPatch, farm: Farm) -> AppTest:
    """The form with a model and a device chosen."""
    app = opened(patch, farm.served, places.NEW_SWEEP, device="bench-pi")
    app.multiselect(key="new-models").set_value([MODEL]).run()
    return app


def test_a_form_queues_models_x_batch_sizes_x_devices(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, farm.served, places.NEW_SWEEP)
    app.multiselect(key="new-models").set_value([MODEL, "a_model_of_my_own"])
    app.text_input(key="new-batches").set_value("1, 4")
    app.multiselect(key="new-devices-").set_value(["bench-pi"])
    app.multiselect(key="new-labels").set_value(list(labels("board")))
    app.selectbox(key="new-data-type").set_value("bfloat16")
    app.number_input(key="new-threads").set_value(2)
    app.number_input(key="new-stride").set_value(4)
    app.number_input(key="new-priority").set_value(5).run()
    assert "2 models x 2 batch sizes x 2 devices = **8 jobs**" in words(app)
    press(app, "Queue the sweep")
    (sweep,) = farm.served.client.sweeps()
    assert app.query_params["sweep"] == str(sweep.id)
    assert {job.device for job in sweep.jobs} == {"bench-pi", "nano"}
    assert {job.model for job in sweep.jobs} == {MODEL, "a_model_of_my_own"}
    workload = Workload(data_type=DataType.BFLOAT16, threads=2)
    assert {job.workload for job in sweep.jobs} == {workload, replace(workload, batch_size=4)}
    assert (sweep.plan, sweep.priority) == (Plan(stride=4), 5)


def test_a_form_that_makes_no_sense_is_told_at_the_form_and_keeps_what_was_typed(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = form(monkeypatch, farm)
    app.text_input(key="new-batches").set_value("1, many").run()
    press(app, "Queue the sweep")
    assert "many is no whole number" in app.error[0].value
    assert app.text_input(key="new-batches").value == "1, many"
    assert app.multiselect(key="new-models").value == [MODEL]
    assert farm.served.client.sweeps() == ()


def test_what_the_orchestrator_refuses_is_told_at_the_form_and_keeps_what_was_typed(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = form(monkeypatch, farm)
    app.number_input(key="new-threads").set_value(999).run()
    press(app, "Queue the sweep")
    assert "4 cores" in app.error[0].value
    assert app.number_input(key="new-threads").value == 999
    assert app.multiselect(key="new-models").value == [MODEL]


def test_a_device_in_the_address_that_could_not_measure_is_told(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.served.client.revoke_device("nano")
    app = opened(monkeypatch, farm.served, places.NEW_SWEEP, device="nano")
    assert "There is no device nano that could measure" in app.warning[0].value
    assert app.multiselect(key="new-devices-nano").options == ["bench-pi"]


def test_without_a_device_the_form_leads_to_enrolling_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(tmp_path / "empty") as served:
        app = opened(monkeypatch, served, places.NEW_SWEEP)
    assert links(app)["Enrol a device"] == "/enrol?"


def test_a_sweep_shows_how_far_each_of_its_jobs_is(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(farm.pi, farm.served.client)
    job.post(0)
    job.post(1)
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)
    whole, one = (progress.proto for progress in app.get("progress"))
    assert "1 job: 1 leased" in whole.text
    assert "left" in whole.text
    assert "pass 3 of 5" in one.text
    assert one.value == 40
    assert links(app)[f"Curve {job.curve_id}"] == f"/curve?curve={job.curve_id}"


def test_a_device_that_cannot_do_a_job_says_why_as_text(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(
        reason=FailureReason.MODEL_UNKNOWN, message=f"timm knows no such model {SECRET_IMAGE}.", advice="Look it up."
    )
    begun(farm.pi, farm.served.client).fail(failure)
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)
    assert ":red-badge[failed]" in words(app)
    assert "timm knows no such model" in words(app)
    assert "Look it up" in words(app)
    assert SECRET_IMAGE not in words(app)


def test_a_job_that_is_tried_again_says_why_it_waits(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(reason=FailureReason.OUT_OF_MEMORY, message="The memory was not enough.", advice="Close others.")
    begun(farm.pi, farm.served.client).fail(failure)
    text = words(opened(monkeypatch, farm.served, places.SWEEPS, sweep=1))
    assert ":gray-badge[queued]" in text
    assert "1st attempt ended badly" in text
    assert "The memory was not enough" in text


def test_a_sweep_is_cancelled_and_what_is_measured_stops_at_the_next_heartbeat(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.served.client.create_sweep(
        models=[MODEL], workloads=[Workload(), Workload(batch_size=4)], devices=["bench-pi"], plan=FEW_COUNTS
    )
    farm.pi.client.lease(LeaseRequest(claim="c" * 16, run=RUN))
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)
    press(app, "Cancel the sweep")
    assert {job.state.value for job in farm.served.client.sweep(1).jobs} == {"leased", "cancelled"}
    assert any("next heartbeat" in progress.proto.text for progress in app.get("progress"))
    assert "Cancel the sweep" not in {button.label for button in app.button}


def test_what_failed_or_was_cancelled_is_retried_as_a_new_sweep(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.served.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=["bench-pi"])
    farm.served.client.cancel_sweep(1)
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)
    press(app, "Retry what failed or was cancelled")
    assert app.query_params["sweep"] == "2"
    assert "/sweeps?sweep=1" in links(app).values()
    assert farm.served.client.sweep(2).view.retry_of == 1


def test_the_list_has_the_newest_sweep_first(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("bench-pi", "nano"):
        farm.served.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=[device])
    app = opened(monkeypatch, farm.served, places.SWEEPS)
    assert list(links(app).values()) == ["/sweeps?sweep=2", "/sweeps?sweep=1"]
    assert "1 queued" in words(app)


def test_a_long_sweep_shows_its_first_jobs_and_the_rest_on_request(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    workloads = [Workload(batch_size=size) for size in range(1, MOST_SHOWN + 4)]
    farm.served.client.create_sweep(models=[MODEL], workloads=workloads, devices=["bench-pi"])
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)
    assert words(app).count(":gray-badge[queued]") == MOST_SHOWN
    press(app, "Show 3 more jobs")
    assert words(app).count(":gray-badge[queued]") == MOST_SHOWN + 3


@pytest.mark.parametrize("sweep", ["999", "abc", "-1"])
def test_an_address_with_a_sweep_that_is_none_is_told_and_all_are_shown(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, sweep: str
) -> None:
    farm.served.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=["bench-pi"])
    app = opened(monkeypatch, farm.served, places.SWEEPS, sweep=sweep)
    assert "All sweeps are shown instead" in app.warning[0].value
    assert "/sweeps?sweep=1" in links(app).values()


def test_what_a_simulated_device_measures_is_marked_in_the_list_and_in_the_sweep(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(farm.served.url, farm.served.client, "sim-1", DeviceKind.SIMULATED)
    farm.served.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=["bench-pi", "sim-1"])
    assert ":violet-badge[simulated]" in words(opened(monkeypatch, farm.served, places.SWEEPS))
    marked = [
        label for label in links(opened(monkeypatch, farm.served, places.SWEEPS, sweep=1)) if "simulated" in label
    ]
    assert marked == [r"sim\-1 :violet-badge[simulated]"]
    form_now = opened(monkeypatch, farm.served, places.NEW_SWEEP)
    assert "sim-1 (simulated)" in form_now.multiselect(key="new-devices-").options


def test_a_viewer_watches_a_sweep_and_can_change_nothing(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    with farm.served.orchestrator.database.write() as session:
        add_key(session, VIEWER_KEY, Role.VIEWER, "guest", now_ms=0)
    farm.served.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=["bench-pi"])
    app = opened(monkeypatch, farm.served, places.SWEEPS, key=VIEWER_KEY, sweep=1)
    assert ":gray-badge[queued]" in words(app)
    assert {button.label for button in app.button} == {"Sign out"}
