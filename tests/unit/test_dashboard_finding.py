from __future__ import annotations

import pytest

from agent.wire.codec import WireError
from agent.wire.enrolment import DeviceKind
from dashboard.finding import Filter, label_change, labels_of, meant, working
from orchestrator.views import DeviceState, Label, LabelChange
from tests.support.fleet_views import a_device, labels

PI = a_device("pi", labels=labels("board=pi5", "lab"))
OTHER_PI = a_device("other-pi", labels=labels("board=pi4"))
PHONE = a_device("phone", kind=DeviceKind.TERMUX, state=DeviceState.QUIET)
GONE = a_device("gone", labels=labels("lab"), state=DeviceState.REVOKED)
FLEET = (PI, OTHER_PI, PHONE, GONE)


@pytest.mark.parametrize(
    ("wanted", "met"), [("board=pi5", True), ("board", True), ("lab", True), ("board=pi4", False), ("lab=x", False)]
)
def test_a_label_without_a_value_is_met_by_any_value_and_one_with_a_value_by_that_alone(wanted: str, met: bool) -> None:
    assert Label.parse(wanted).met_by(PI.labels) is met


def test_each_label_is_offered_with_its_value_and_by_its_name_alone() -> None:
    assert [str(label) for label in labels_of(FLEET)] == ["board", "board=pi4", "board=pi5", "lab"]


def test_a_sweep_goes_to_devices_by_name_or_label_each_once() -> None:
    assert [device.name for device in meant(FLEET, ["phone", "pi"], labels("board"))] == ["pi", "other-pi", "phone"]


def test_no_sweep_goes_to_a_revoked_device() -> None:
    assert GONE not in meant(FLEET, ["gone"], labels("lab"))
    assert GONE not in working(FLEET)


def test_an_empty_filter_leaves_nothing_out() -> None:
    assert all(Filter().shows(device) for device in FLEET)


def test_a_filter_asks_for_one_value_of_each_of_its_parts() -> None:
    wanted = Filter(states=[DeviceState.IDLE, DeviceState.QUIET], kinds=[DeviceKind.RASPBERRY_PI], labels=labels("lab"))
    assert [device.name for device in FLEET if wanted.shows(device)] == ["pi"]


def test_labels_are_changed_to_what_is_listed() -> None:
    change = label_change(PI.labels, "board=pi6, shelf=2")
    assert change == LabelChange(put=labels("board=pi6", "shelf=2"), remove=("lab",))


def test_the_same_labels_listed_again_change_nothing() -> None:
    assert label_change(PI.labels, " lab,board=pi5 ") == LabelChange()


@pytest.mark.parametrize("wanted", ["=x", "a=b=c", "-", "board=a, board=b", "a" * 64, "naïve"])
def test_what_is_no_label_is_refused(wanted: str) -> None:
    with pytest.raises(WireError):
        label_change((), wanted)
