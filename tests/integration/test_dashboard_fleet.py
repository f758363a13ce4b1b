"""The fleet's page, run by Streamlit's own test runner against a real orchestrator with devices in every state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import Refused
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import LeaseRequest
from dashboard import places
from orchestrator.roles import Role
from orchestrator.storage.keys import add_key
from orchestrator.views import DeviceState
from tests.support.clocks import ShiftedClock
from tests.support.filling import FakeDevice, FakeJob, begun, enrolled
from tests.support.fleet_views import labels
from tests.support.pages import links, opened, press, words
from tests.support.serving import Served, serving

VIEWER_KEY = "sfv_viewer"


@dataclass(frozen=True)
class Fleet:
    served: Served
    measuring: FakeJob
    pi: FakeDevice


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    clock = ShiftedClock()
    with serving(tmp_path_factory.mktemp("fleet"), clock=clock) as served:
        with served.orchestrator.database.write() as session:
            add_key(session, VIEWER_KEY, Role.VIEWER, "guest", now_ms=0)
        enrolled(served.url, served.client, "shed-pi", DeviceKind.RASPBERRY_PI)
        enrolled(served.url, served.client, "old-nano", DeviceKind.JETSON)
        served.client.revoke_device("old-nano")
        clock.put_forward(10 * 60_000)
        pi = enrolled(served.url, served.client, "bench-pi", DeviceKind.RASPBERRY_PI)
        served.client.label_device("bench-pi", put=labels("board=pi5", "lab"))
        simulated = enrolled(served.url, served.client, "sim-1", DeviceKind.SIMULATED)
        measuring = begun(simulated, served.client)
        measuring.post(0)
        yield Fleet(served, measuring, pi)


def names(text: str) -> list[str]:
    return [name for name in ("bench-pi", "old-nano", "shed-pi", "sim-1") if name.replace("-", r"\-") in text]


def test_the_address_without_a_path_leads_to_the_fleet(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "### Fleet" in words(opened(monkeypatch, fleet.served))


def test_each_device_says_what_it_is_doing(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET)
    text = words(app)
    assert "4 devices: 1 idle, 1 measuring, 1 gone quiet, 1 revoked" in text
    assert "Idle, last heard of" in text
    assert r"Measuring deit\_small\_patch16\_224 at batch 1\: pass 2 of 5" in text
    assert r"Gone quiet\: last heard of" in text
    assert "Revoked since" in text
    (progress,) = app.get("progress")
    assert progress.proto.value == 20


def test_a_simulated_device_is_marked(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET)
    marked = [str(line.value) for line in app.markdown if ":violet-badge[simulated]" in str(line.value)]
    assert [names(line) for line in marked] == [["sim-1"]]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("fleet-states", [DeviceState.REVOKED, DeviceState.IDLE], ["bench-pi", "old-nano"]),
        ("fleet-kinds", [DeviceKind.RASPBERRY_PI], ["bench-pi", "shed-pi"]),
        ("fleet-labels", list(labels("board")), ["bench-pi"]),
    ],
)
def test_the_fleet_is_filtered_by_state_kind_and_label(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, key: str, value: list[object], shown: list[str]
) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET)
    widget = app.multiselect(key=key) if key == "fleet-labels" else app.button_group(key=key)
    widget.set_value(value).run()
    assert not app.exception
    cards = "\n".join(str(line.value) for line in app.markdown if "-badge[" in str(line.value))
    assert names(cards) == shown
    assert f"{4 - len(shown)} not shown" in words(app)


def test_a_device_shows_what_it_is_and_its_curves(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET, device="sim-1")
    assert "Raspberry Pi 5 Model B" in words(app)
    assert f"/curve?curve={fleet.measuring.curve_id}" in links(app).values()
    assert links(app)["Sweep 1"] == "/sweeps?sweep=1"


def test_a_device_that_does_not_exist_is_told_and_the_fleet_shown(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET, device="![x](http://evil.example/x.png)")
    assert "There is no device" in app.warning[0].value
    assert "![x]" not in words(app)
    assert "4 devices" in words(app)


def test_two_agents_with_one_identity_are_told_with_what_to_do(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, run in enumerate(("a", "b", "a")):
        with contextlib.suppress(Refused):
            fleet.pi.client.lease(LeaseRequest(claim=str(number) * 16, run=run * 16))
    assert "Two agents use its identity" in words(opened(monkeypatch, fleet.served, places.FLEET))
    details = words(opened(monkeypatch, fleet.served, places.FLEET, device="bench-pi"))
    assert "stepfarm-agent unenroll --force" in details


def test_labels_are_changed_on_the_page(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET, device="bench-pi")
    box = next(box for box in app.text_input if box.label == "Labels")
    assert box.value == "board=pi5, lab"
    box.set_value("board=pi5 shelf=2")
    press(app, "Save labels")
    assert fleet.served.client.device("bench-pi").labels == labels("board=pi5", "shelf=2")
    assert ":gray-badge[shelf=2]" in words(app).replace("\\", "")
    fleet.served.client.label_device("bench-pi", put=labels("lab"), remove=["shelf"])


def test_what_is_no_label_is_told_and_kept_in_the_box(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET, device="bench-pi")
    next(box for box in app.text_input if box.label == "Labels").set_value("a=b=c")
    press(app, "Save labels")
    assert "must match" in app.error[0].value
    assert next(box for box in app.text_input if box.label == "Labels").value == "a=b=c"


def test_a_device_is_revoked_on_the_page(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    enrolled(fleet.served.url, fleet.served.client, "stolen-pi")
    app = opened(monkeypatch, fleet.served, places.FLEET, device="stolen-pi")
    assert r"**stolen\-pi** is shut out for good" in words(app)
    press(app, "Revoke it for good")
    assert fleet.served.client.device("stolen-pi").state is DeviceState.REVOKED
    assert "Revoked since" in words(app)
    assert not {"Revoke it for good", "Queue a sweep"} & {button.label for button in app.button}


def test_a_viewer_sees_the_fleet_and_no_action(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, fleet.served, places.FLEET, key=VIEWER_KEY, device="bench-pi")
    assert "Raspberry Pi 5 Model B" in words(app)
    assert {button.label for button in app.button} == {"Sign out"}


@pytest.mark.parametrize("place", [places.ENROL, places.NEW_SWEEP])
def test_a_viewer_who_types_the_address_of_an_operators_page_is_told(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, place: places.Place
) -> None:
    app = opened(monkeypatch, fleet.served, place, key=VIEWER_KEY)
    assert "is for operators" in app.info[0].value
    assert {button.label for button in app.button} == {"Sign out"}


def test_an_empty_fleet_says_how_to_let_a_device_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        app = opened(monkeypatch, served, places.FLEET)
    assert "No device yet" in words(app)
    assert links(app)["Enrol a device"] == "/enrol?"
    assert "stepfarm enroll-code" in words(app)
