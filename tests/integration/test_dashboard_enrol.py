"""The page that enrols a device, run by Streamlit's own test runner against a real orchestrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.identity import enrol
from dashboard import places
from tests.support.clocks import ShiftedClock
from tests.support.messages import DESCRIPTION
from tests.support.pages import opened, press, words
from tests.support.serving import Served, serving

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Door:
    served: Served
    clock: ShiftedClock


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    clock = ShiftedClock()
    with serving(tmp_path_factory.mktemp("door"), clock=clock) as served:
        yield Door(served, clock)


def codes(served: Served) -> int:
    """How many codes were ever made; this makes one more."""
    return served.client.new_join_code().id - 1


def line(app: AppTest) -> str:
    """The line to paste, as it stands on the page."""
    return next(block.value for block in app.code if "stepfarm-agent enroll" in block.value)


def let_in(app: AppTest, home: Path, name: str) -> None:
    """Enrol a device by the line on the page."""
    parts = line(app).split()
    url, code = parts[parts.index("enroll") + 1], parts[parts.index("--code") + 1]
    enrol(home, url=url, code=code, name=name, description=DESCRIPTION)


def test_a_code_is_made_by_the_button_alone(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    before = codes(door.served)
    app = opened(monkeypatch, door.served, places.ENROL)
    assert codes(door.served) == before + 1
    press(app, "Make a code")
    made = app.query_params["code"]
    app.run()
    again = opened(monkeypatch, door.served, places.ENROL, code=made)
    assert int(made) == codes(door.served) == before + 3
    assert "cannot be shown again" in again.info[0].value


def test_the_line_is_shown_with_its_qr_code_and_the_time_that_is_left(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(opened(monkeypatch, door.served, places.ENROL), "Make a code")
    assert door.served.url in line(app)
    assert len(app.get("image")) == 1
    assert "good for another **60 min**" in words(app)
    assert [tab.label for tab in app.tabs] == ["Linux", "Raspberry Pi", "Jetson", "Phone (Termux)"]


def test_a_loopback_address_is_warned_of(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    app = press(opened(monkeypatch, door.served, places.ENROL), "Make a code")
    assert "works on this machine alone" in app.warning[0].value
    assert "STEPFARM_PUBLIC_URL" in app.warning[0].value


def test_a_device_is_greeted_by_name_and_hardware_and_led_to_its_first_sweep(
    door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = press(opened(monkeypatch, door.served, places.ENROL), "Make a code")
    let_in(app, tmp_path, "bench-pi")
    app.run()
    assert r"Welcome, bench\-pi" in app.success[0].value
    assert "Raspberry Pi 5 Model B" in app.success[0].value
    press(app, "Queue its first sweep")
    assert app.query_params["device"] == "bench-pi"
    assert app.multiselect(key="new-devices-bench-pi").value == ["bench-pi"]


def test_a_code_that_was_used_greets_whoever_looks_later_and_shows_no_line(
    door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = press(opened(monkeypatch, door.served, places.ENROL), "Make a code")
    let_in(app, tmp_path, "second-pi")
    later = opened(monkeypatch, door.served, places.ENROL, code=app.query_params["code"])
    assert r"Welcome, second\-pi" in later.success[0].value
    assert not later.code


def test_an_expired_code_says_so_and_a_new_one_is_offered(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    app = press(opened(monkeypatch, door.served, places.ENROL), "Make a code")
    first = app.query_params["code"]
    door.clock.put_forward(HOUR_MS + 1_000)
    app.run()
    assert "has expired" in app.warning[0].value
    assert not app.code
    door.clock.put_forward(-HOUR_MS - 1_000)
    press(app, "Make a new code")
    assert app.query_params["code"] != first
    assert line(app)


@pytest.mark.parametrize(("code", "told"), [("999", "999"), ("abc", "?code=3"), ("0", "?code=3")])
def test_an_address_with_a_code_that_is_none_is_told(
    door: Door, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    app = opened(monkeypatch, door.served, places.ENROL, code=code)
    assert told in app.warning[0].value.replace("\\", "")
    assert any(button.label == "Make a code" for button in app.button)
