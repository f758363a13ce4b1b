"""Which devices a sweep is for."""

from __future__ import annotations

import pytest

from agent.wire.jobs import Workload
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.jobs.matching import SHOWN, Candidate, chosen, refuse_too_many_threads
from orchestrator.views import Label


def a_device(name: str, number: int = 1, *, cores: int = 4, revoked: bool = False, **labels: str) -> Candidate:
    own = tuple(Label(name=name, value=value) for name, value in labels.items())
    return Candidate(id=number, name=name, labels=own, revoked=revoked, cores=cores)


PI = a_device("pi", 1, board="pi", room="3")
ORIN = a_device("orin", 2, board="orin")
PHONE = a_device("phone", 3, fast="")
GONE = a_device("gone", 4, revoked=True, board="pi", old="")
FLEET = [PI, ORIN, PHONE, GONE]


def labels(*texts: str) -> list[Label]:
    return [Label.parse(text) for text in texts]


def test_named_devices_come_in_the_order_asked_for() -> None:
    assert chosen(FLEET, ["phone", "pi"], []) == [PHONE, PI]


def test_a_label_with_a_value_is_met_by_that_value() -> None:
    assert chosen(FLEET, [], labels("board=orin")) == [ORIN]


def test_a_label_without_a_value_is_met_by_any_value() -> None:
    assert chosen(FLEET, [], labels("board")) == [PI, ORIN]
    assert chosen(FLEET, [], labels("fast")) == [PHONE]


def test_a_device_carries_one_of_the_labels_not_all() -> None:
    assert chosen(FLEET, [], labels("room=3", "fast")) == [PI, PHONE]


def test_names_and_labels_are_added_up_and_a_device_counts_once() -> None:
    assert chosen(FLEET, ["orin"], labels("board", "board=pi", "room")) == [ORIN, PI]


def test_a_revoked_device_is_left_out_where_a_label_finds_it_and_refused_by_name() -> None:
    assert GONE not in chosen(FLEET, [], labels("board=pi"))
    with pytest.raises(Conflict, match="gone was revoked"):
        chosen(FLEET, ["gone"], [])


def test_a_label_that_nobody_carries_is_refused_with_those_there_are() -> None:
    for wanted in ("board=nano", "old"):
        with pytest.raises(NotFound) as refusal:
            chosen(FLEET, ["pi"], labels(wanted))
        assert wanted in refusal.value.message
        assert "board=orin, board=pi, fast, room=3" in refusal.value.advice
        assert "old" not in refusal.value.advice.split(".")[0]


def test_a_name_that_no_device_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="called nobody") as refusal:
        chosen(FLEET, ["pi", "nobody"], [])

    assert "orin, phone, pi" in refusal.value.advice


def test_an_empty_fleet_and_a_large_one_are_told_in_a_line() -> None:
    with pytest.raises(NotFound) as refusal:
        chosen([], [], labels("board"))
    assert "none yet" in refusal.value.advice

    many = [a_device(f"device-{number:02}", number) for number in range(SHOWN + 7)]
    with pytest.raises(NotFound) as refusal:
        chosen(many, ["nobody"], [])
    assert refusal.value.advice.endswith("and 7 more.")


def test_more_threads_than_cores_are_refused_with_the_device_and_its_cores() -> None:
    single = a_device("zero", cores=1)

    refuse_too_many_threads([PI, single], [Workload(), Workload(threads=1)])
    refuse_too_many_threads([PI], [Workload(threads=4)])
    with pytest.raises(BadRequest, match="pi has 4 cores, and 5 threads"):
        refuse_too_many_threads([PI], [Workload(threads=1), Workload(threads=5)])
    with pytest.raises(BadRequest, match="zero has 1 core, and 2 threads"):
        refuse_too_many_threads([PI, single], [Workload(threads=2)])
