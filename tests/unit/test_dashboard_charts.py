from __future__ import annotations

import dataclasses
from typing import Any

import altair as alt
import pytest

from agent.wire.conditions import Conditions
from dashboard import chart_data, tables
from dashboard.chart_data import DrawnReadings, drawn_readings
from dashboard.charts import curve_chart
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.views import PassView, ReadingsView
from tests.support.curves import DEIT_COUNTS, readings_at, sawtooth, slope, some_passes, staircase, with_step


def views_of(passes: list[PassReadings]) -> ReadingsView:
    return ReadingsView(curve_id=1, passes=tuple(_view_of(one) for one in passes))


def _view_of(one: PassReadings) -> PassView:
    return PassView(
        fence=one.fence,
        round=one.round,
        number=one.number,
        complete=one.complete,
        started_ms=0,
        before=Conditions(),
        after=Conditions(),
        doubts=(),
        tokens=tuple(one.tokens.tolist()),
        start_ns=tuple(one.start_ns.tolist()),
        latency_ns=tuple(one.latency_ns.tolist()),
        rejected=tuple("" if accepted else "preempted" for accepted in one.accepted.tolist()),
    )


def drawn(analysis: Analysis, passes: list[PassReadings], *, rejected: bool = False) -> DrawnReadings:
    return drawn_readings(analysis.curve, views_of(passes), accepted=True, rejected=rejected)


def layers(chart: alt.LayerChart) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.to_dict()["layer"]
    return found


def legend(chart: alt.LayerChart) -> list[str]:
    colours = (layer["encoding"].get("color", {}).get("scale", {}).get("domain") for layer in layers(chart))
    return next(names for names in colours if names)


def test_every_accepted_reading_is_drawn_as_it_was_measured() -> None:
    passes = some_passes(passes=3)
    frame = drawn(analyse(passes), passes).frame
    assert len(frame) == 3 * len(DEIT_COUNTS)
    assert frame["ms"].iloc[0] == passes[0].latency_ns[0] / 1e6


def test_rejected_readings_are_drawn_when_asked_for_and_look_different() -> None:
    passes = some_passes(rejected=0.2)
    analysis = analyse(passes)
    assert chart_data.REJECTED not in set(drawn(analysis, passes).frame["series"])
    chart = curve_chart(analysis, drawn(analysis, passes, rejected=True).frame, (2, 197))
    assert {"shape": "cross", "type": "point"}.items() <= layers(chart)[1]["mark"].items()
    assert chart_data.REJECTED in legend(chart)


def test_a_reading_far_off_is_counted_and_does_not_flatten_the_picture() -> None:
    passes = some_passes(passes=5)
    passes[0].latency_ns[0] *= 50
    found = drawn(analyse(passes), passes)
    assert found.outside == 1
    assert found.frame["ms"].max() < slope(197) / 1e6 * 1.1


def test_more_readings_than_a_page_bears_are_thinned_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_data, "MOST_DRAWN", 100)
    passes = some_passes(passes=2)
    found = drawn(analyse(passes), passes)
    assert found.every == 4
    assert len(found.frame) == 98


def test_a_step_is_drawn_halfway_between_its_counts_with_its_size() -> None:
    frame = chart_data.steps_frame(analyse(some_passes(with_step(slope, 96, 10))).steps.steps)
    assert frame["tokens"].to_list() == [96.5]
    assert frame["series"].to_list() == [chart_data.STEP_UP]
    assert frame["label"].iloc[0].startswith("+")
    assert frame["state"].to_list() == ["candidate"]


def test_steps_down_have_a_colour_of_their_own() -> None:
    frame = chart_data.steps_frame(analyse(some_passes(sawtooth, noise=0.002)).steps.steps)
    assert set(frame["series"]) == {chart_data.STEP_DOWN}


def test_many_steps_are_labelled_in_two_rows_and_only_the_largest() -> None:
    law = lambda tokens: slope(tokens) * (1 - 0.03 * (tokens // 12 % 2))  # noqa: E731
    steps = analyse(some_passes(law, noise=0.001)).steps.steps
    frame = chart_data.steps_frame(steps)
    assert len(steps) > chart_data.LABELLED
    assert (frame["label"] != "").sum() == chart_data.LABELLED
    assert set(frame["row"]) == {0, 1}


def test_recommended_sweet_spots_carry_their_count() -> None:
    analysis = analyse(some_passes(staircase))
    frame = chart_data.sweet_spots_frame(analysis)
    recommended = {str(choice.tokens) for choice in analysis.recommendation.choices}
    assert recommended
    assert set(frame["label"]) - {""} == recommended


def test_the_chart_shows_tokens_against_milliseconds_with_a_band_and_tooltips() -> None:
    passes = some_passes(staircase)
    analysis = analyse(passes)
    chart = curve_chart(analysis, drawn(analysis, passes).frame, (2, 197))
    band = next(layer for layer in layers(chart) if layer["mark"]["type"] == "area")
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("low", "high")
    assert band["encoding"]["y"]["title"] == "latency (ms)"
    assert band["encoding"]["x"]["title"] == "tokens"
    pointing = [tip["title"] for tip in layers(chart)[-1]["encoding"]["tooltip"] if "title" in tip]
    assert pointing == ["median", "95 % interval"]


def test_tokens_can_be_zoomed_in_the_chart_without_the_wheel_being_taken_from_the_page() -> None:
    passes = some_passes()
    analysis = analyse(passes)
    (zoom,) = curve_chart(analysis, drawn(analysis, passes).frame, (2, 197)).to_dict()["params"]
    assert zoom["bind"] == "scales"
    assert zoom["select"]["encodings"] == ["x"]
    assert "shiftKey" in zoom["select"]["zoom"]


def test_latency_is_scaled_to_the_counts_shown() -> None:
    passes = some_passes()
    analysis = analyse(passes)
    chart = curve_chart(analysis, drawn(analysis, passes).frame, (100, 120))
    low, high = layers(chart)[-1]["encoding"]["y"]["scale"]["domain"]
    assert slope(95) < low * 1e6 < slope(100)
    assert slope(120) < high * 1e6 < slope(125)


def test_the_legend_names_only_what_is_drawn() -> None:
    passes = some_passes(noise=0.002)
    analysis = analyse(passes)
    names = legend(curve_chart(analysis, drawn(analysis, passes).frame, (2, 197)))
    assert names == [chart_data.MEDIAN, chart_data.READING, chart_data.SWEET_SPOT]


def test_a_curve_of_one_point_can_be_drawn() -> None:
    passes = [readings_at([197], [10**7])]
    analysis = analyse(passes)
    assert layers(curve_chart(analysis, drawn(analysis, passes).frame, (197, 197)))


def test_no_readings_at_all_leave_the_median() -> None:
    analysis = analyse(some_passes())
    found = drawn_readings(analysis.curve, ReadingsView(curve_id=1, passes=()), accepted=True, rejected=True)
    assert (len(found.frame), found.outside) == (0, 0)
    assert chart_data.READING not in legend(curve_chart(analysis, found.frame, (2, 197)))


def test_latency_begins_at_zero_where_the_reader_wants_it_so() -> None:
    passes = some_passes()
    analysis = analyse(passes)
    chart = curve_chart(analysis, drawn(analysis, passes).frame, (100, 120), from_zero=True)
    low, high = layers(chart)[-1]["encoding"]["y"]["scale"]["domain"]
    assert low == 0
    assert high * 1e6 > slope(120)


def test_a_step_tells_where_it_may_lie_and_how_sure_it_is() -> None:
    (step,) = analyse(some_passes(with_step(slope, 96, 10), counts=range(4, 198, 4))).steps.steps
    row = chart_data.steps_frame((step,)).iloc[0]
    table = tables.steps_table((step,)).iloc[0]
    assert row["position"] == "after 96-99"
    assert table["Lies after"] == "96-99"
    assert table["Confidence"] == row["confidence"]
    assert row["confidence"].endswith(" %")
    assert "100" not in row["confidence"]


def test_a_step_on_doubted_points_alone_says_so_beside_its_confidence() -> None:
    (step,) = analyse(some_passes(with_step(slope, 96, 10))).steps.steps
    doubted = dataclasses.replace(step, doubted=True, confidence=0.5)
    assert tables.steps_table((doubted,))["Confidence"].to_list() == ["50.0 %, doubted"]


def test_a_step_that_an_older_method_stored_claims_no_confidence() -> None:
    (step,) = analyse(some_passes(with_step(slope, 96, 10))).steps.steps
    old = dataclasses.replace(step, after_low_tokens=None, after_high_tokens=None, confidence=0.0)
    table = tables.steps_table((old,)).iloc[0]
    assert (table["Lies after"], table["Confidence"]) == ("96", "")
