from __future__ import annotations

import dataclasses

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import DataType, Workload
from orchestrator.choosing import Wanted, common_of, device_of, matching, names_of, work_of
from orchestrator.jobs.states import JobState
from orchestrator.views import CurveSummary
from tests.support.curve_views import FACTS, a_simulated_summary, a_summary


def numbers(summaries: list[CurveSummary], wanted: Wanted | None = None) -> list[int]:
    return [one.id for one in matching(summaries, wanted or Wanted()).curves]


def test_simulated_devices_are_left_out_and_counted_unless_asked_for() -> None:
    summaries = [a_simulated_summary(2), a_summary(1)]
    found = matching(summaries, Wanted())
    assert ([one.id for one in found.curves], found.simulated_left_out) == ([1], 1)
    assert numbers(summaries, Wanted(simulated=True)) == [2, 1]


def test_to_ask_for_the_kind_simulated_is_to_ask_for_simulated_devices() -> None:
    summaries = [a_simulated_summary(2), a_summary(1)]
    assert numbers(summaries, Wanted(kinds=(DeviceKind.SIMULATED,))) == [2]


def test_of_each_combination_the_newest_is_taken_and_the_older_ones_are_counted() -> None:
    summaries = [a_summary(3), a_summary(2, batch_size=4), a_summary(1)]
    found = matching(summaries, Wanted())
    assert ([one.id for one in found.curves], found.older_left_out) == ([3, 2], 1)
    assert numbers(summaries, Wanted(older=True)) == [3, 2, 1]


def test_a_curve_that_is_done_goes_before_a_newer_one_that_is_not() -> None:
    summaries = [a_summary(3, job_state=JobState.LEASED), a_summary(2, job_state=JobState.FAILED), a_summary(1)]
    assert numbers(summaries) == [1]


def test_what_grows_is_taken_where_nothing_else_is_there() -> None:
    assert numbers([a_summary(3, job_state=JobState.LEASED)]) == [3]


def test_a_curve_without_an_accepted_reading_is_never_taken() -> None:
    assert numbers([a_summary(3, accepted=0), a_summary(2)]) == [2]


def test_threads_and_image_size_as_the_device_found_them_make_another_combination() -> None:
    other = dataclasses.replace(FACTS, threads=4)
    larger = dataclasses.replace(FACTS, image_size=384, tokens=577)
    assert numbers([a_summary(3), a_summary(2, facts=other), a_summary(1, facts=larger)]) == [3, 2, 1]


def test_an_imported_curve_is_not_the_devices_that_happens_to_be_called_the_same() -> None:
    assert numbers([a_summary(2, imported_ms=1), a_summary(1)]) == [2, 1]


def test_filters_take_one_of_each_part_that_is_named() -> None:
    half = Workload(data_type=DataType.BFLOAT16)
    summaries = [a_summary(4, "orin"), a_summary(3, batch_size=4), a_summary(2, workload=half), a_summary(1)]
    assert numbers(summaries, Wanted(devices=("orin", "bench-pi"), batch_sizes=(1,))) == [4, 2, 1]
    assert numbers(summaries, Wanted(data_types=(DataType.BFLOAT16,))) == [2]
    assert numbers(summaries, Wanted(models=("other",))) == []


def test_a_name_says_what_differs_and_nothing_that_all_have_in_common() -> None:
    summaries = [a_summary(1), a_summary(2, batch_size=4), a_simulated_summary(3)]
    assert names_of(summaries) == (
        "bench-pi · batch 1 · #1",
        "bench-pi · batch 4 · #2",
        "sim-1 (simulated) · batch 1 · #3",
    )
    assert "batch" not in common_of(summaries)
    assert "deit_small_patch16_224" in common_of(summaries)


def test_simulated_and_imported_stand_in_the_name_of_a_device() -> None:
    assert device_of(a_simulated_summary(imported_ms=1)) == "sim-1 (simulated, imported)"


def test_nothing_has_no_names() -> None:
    assert (names_of([]), common_of([])) == ((), "")


def test_work_is_the_model_the_batch_and_the_image_size() -> None:
    assert work_of(a_summary(1, "a")) == work_of(a_summary(2, "b"))
    assert work_of(a_summary(1)) != work_of(a_summary(1, batch_size=4))
    assert str(work_of(a_summary())) == "deit_small_patch16_224 · batch 1 · 224 px"
