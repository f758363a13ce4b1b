from __future__ import annotations

import csv
import dataclasses
import io
import itertools
from typing import Any

import numpy as np
import pytest

from agent.errors import StepfarmError
from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import DataType, Runtime
from dashboard import compare_charts, compare_data, compare_selection, compare_tables
from dashboard.compare_data import MOST_DRAWN, SEVERAL, Named
from dashboard.compare_selection import (
    CompareSelection,
    Grouping,
    Measure,
    chosen,
    from_query,
    to_query,
    with_simulated,
)
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.comparison import Axis
from orchestrator.choosing import Wanted
from orchestrator.comparing import MOST_AT_ONCE, compare
from orchestrator.views import CurveView
from tests.support.curve_views import a_simulated_summary, a_summary, a_view
from tests.support.curves import slope, some_passes, staircase, with_step

SUMMARIES = (a_simulated_summary(4), a_summary(3, "orin"), a_summary(2, batch_size=4), a_summary(1))
EVERYTHING = CompareSelection(
    wanted=Wanted(
        models=("deit_small_patch16_224",),
        kinds=(DeviceKind.RASPBERRY_PI,),
        devices=("orin", "bench-pi"),
        batch_sizes=(4, 1),
        data_types=(DataType.FLOAT32,),
        runtimes=(Runtime.EAGER,),
        older=True,
        simulated=True,
    ),
    curves=(3, 1),
    measure=Measure.RATIO,
    axis=Axis.SHARE,
    grouping=Grouping.BATCH,
    from_zero=False,
)


def compared(*views: CurveView, grouping: Grouping = Grouping.HARDWARE) -> list[Named]:
    ordered = compare_data.ordered(views, grouping)
    return compare_data.named(compare(ordered), ordered, grouping)


def layers(chart: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.to_dict()["layer"]
    return found


def overlaid(*views: CurveView, measure: Measure = Measure.LATENCY, from_zero: bool = True) -> list[dict[str, Any]]:
    curves = compared(*views)
    lines = compare_data.lines_frame(curves, measure)
    names = [one.name for one in curves]
    return layers(compare_charts.overlay(lines, names, measure=measure, axis=Axis.TOKENS, from_zero=from_zero))


@pytest.mark.parametrize(
    "selection", [CompareSelection(), CompareSelection(curves=()), CompareSelection(curves=(7,)), EVERYTHING]
)
def test_an_address_shows_what_it_was_made_from(selection: CompareSelection) -> None:
    parsed = from_query(to_query(selection), SUMMARIES)
    assert (parsed.selection, parsed.notices) == (selection, ())


def test_what_is_usual_is_not_in_the_address() -> None:
    assert to_query(CompareSelection(curves=(3, 7))) == {"curves": "3,7"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("curves", "3,x"),
        ("curves", "-1"),
        ("curves", "0"),
        ("curves", "9" * 400),
        ("curves", ",".join(map(str, range(1, MOST_AT_ONCE + 2)))),
        ("y", "height"),
        ("x", ""),
        ("by", "<script>"),
        ("simulated", "yes"),
        ("older", "2"),
        ("zoomed", "x"),
        ("model", "no-such-model"),
        ("batch", "three"),
        ("kind", "toaster"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_and_ignored(name: str, value: str) -> None:
    parsed = from_query({name: value}, SUMMARIES)
    assert len(parsed.notices) == 1
    assert len(parsed.notices[0]) < 250
    assert dataclasses.replace(parsed.selection, curves=None) == CompareSelection()


def test_a_hundred_bad_values_are_not_a_hundred_notices() -> None:
    parsed = from_query({"curves": ",".join(f"x{index}" for index in range(100))}, SUMMARIES)
    assert len(parsed.notices) == 5


def test_parameters_of_other_pages_are_left_alone() -> None:
    assert from_query({"curve": "x", "sweep": "y"}, SUMMARIES).notices == ()


def test_without_a_choice_the_newest_of_each_combination_of_the_newest_model_are_shown() -> None:
    other = a_summary(9, "older-model", model="vit_base_patch16_224", created_ms=1)
    assert chosen(CompareSelection(), (*SUMMARIES, other)) == (3, 2, 1)
    asked = CompareSelection(wanted=Wanted(models=("vit_base_patch16_224",)))
    assert chosen(asked, (*SUMMARIES, other)) == (9,)


def test_without_a_choice_only_so_many_are_shown_at_first() -> None:
    many = [a_summary(number, f"board-{number}") for number in range(1, 40)]
    assert len(chosen(CompareSelection(), many)) == compare_selection.MOST_AT_FIRST


def test_simulated_curves_are_added_to_a_choice_and_taken_away_again() -> None:
    selection = CompareSelection(curves=(1, 3))
    more = with_simulated(selection, SUMMARIES, wanted=True)
    assert (more.curves, more.wanted.simulated) == ((1, 3, 4), True)
    less = with_simulated(more, SUMMARIES, wanted=False)
    assert (less.curves, less.wanted.simulated) == ((1, 3), False)


def test_simulated_curves_that_were_asked_for_by_kind_are_taken_away_too() -> None:
    kinds = (DeviceKind.SIMULATED, DeviceKind.RASPBERRY_PI)
    less = with_simulated(CompareSelection(wanted=Wanted(kinds=kinds)), SUMMARIES, wanted=False)
    assert (less.curves, less.wanted.takes_simulated) == ((3, 2, 1), False)


def test_groups_stand_together_and_simulated_devices_last() -> None:
    views = [a_view(summary, analysis=analyse([])) for summary in SUMMARIES]
    by_hardware = compare_data.ordered(views, Grouping.HARDWARE)
    assert [view.summary.id for view in by_hardware] == [1, 2, 3, 4]
    by_batch = compare_data.ordered(views, Grouping.BATCH)
    assert [view.summary.id for view in by_batch] == [1, 3, 4, 2]


def test_a_doubt_is_part_of_a_curves_name_everywhere() -> None:
    doubt = Doubt(reason=DoubtReason.THROTTLED, evidence="hot")
    passes = [dataclasses.replace(one, doubts=(doubt,)) for one in some_passes(passes=5)]
    (curve,) = compared(a_view(analysis=analyse(passes)))
    assert curve.name.endswith("· doubted")
    assert compare_tables.curves_table([curve])["Doubts"].to_list() == ["throttled"]
    assert set(compare_data.lines_frame([curve], Measure.LATENCY)["doubts"]) == {"this point"}


def test_fifty_curves_are_thinned_to_what_a_page_bears() -> None:
    view = a_view()
    many = [dataclasses.replace(view, summary=a_summary(number + 1, f"b{number}")) for number in range(MOST_AT_ONCE)]
    frame = compare_data.lines_frame(compared(*many), Measure.LATENCY)
    assert len(frame) <= MOST_DRAWN * 1.05
    assert frame["curve"].nunique() == MOST_AT_ONCE


def test_thinning_keeps_the_ends_both_sides_of_each_step_and_every_tooth() -> None:
    tooth = lambda tokens: slope(tokens) * (0.5 if tokens == 77 else 1)  # noqa: E731
    view = a_view(law=with_step(tooth, 120, 10), noise=0.0005)
    kept = set(view.tokens[compare_data.kept_points(view, 40)].tolist())
    assert len(kept) <= 44
    assert {2, 197, 77} <= kept
    for step in view.steps:
        assert {step.after_tokens, step.next_tokens} <= kept


def test_curves_are_drawn_as_measured_with_their_intervals_and_values_to_point_at() -> None:
    view = a_view(law=staircase)
    band, line, pointing = overlaid(view)
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("ms_low", "ms_high")
    assert line["encoding"]["y"]["title"] == "latency (ms)"
    told = [tip["field"] for tip in pointing["encoding"]["tooltip"]]
    assert {"curve", "tokens", "ms", "ms_low", "ms_high", "ratio", "doubts"} <= set(told)


def test_a_ratio_ends_at_one_for_the_full_model() -> None:
    frame = compare_data.lines_frame(compared(a_view()), Measure.RATIO)
    last = frame[frame["tokens"] == 197].iloc[0]
    assert (last["ratio"], last["ratio_low"], last["ratio_high"]) == (1, 1, 1)


def test_a_curve_without_its_full_model_has_no_ratio_and_the_others_keep_theirs() -> None:
    part = a_view(a_summary(2, "partial"), counts=range(2, 100))
    frame = compare_data.lines_frame(compared(a_view(), part), Measure.RATIO)
    assert set(frame["curve"]) == {"bench-pi · #1"}
    assert compare_data.lines_frame(compared(part), Measure.RATIO).empty
    assert len(compare_data.lines_frame(compared(a_view(), part), Measure.LATENCY)["curve"].unique()) == 2


def test_only_simulated_curves_are_dashed() -> None:
    _, line, _ = overlaid(a_view(), a_view(a_simulated_summary(2)))
    scale = line["encoding"]["strokeDash"]["scale"]
    dashes = dict(zip(scale["domain"], scale["range"], strict=True))
    assert dashes["measured"] == [1, 0]
    assert dashes["simulated"] != [1, 0]


def test_a_few_curves_have_a_colour_each_and_many_one_a_group() -> None:
    view = a_view()
    few = overlaid(view, dataclasses.replace(view, summary=a_summary(2, "orin")))
    assert few[1]["encoding"]["color"]["field"] == "curve"
    many = overlaid(*(dataclasses.replace(view, summary=a_summary(number, "pi")) for number in range(1, SEVERAL + 2)))
    assert many[1]["encoding"]["color"]["field"] == "group"
    assert many[1]["encoding"]["color"]["scale"]["domain"] == ["pi"]


def test_more_groups_than_colours_have_no_legend_that_names_one_colour_twice() -> None:
    view = a_view()
    many = [dataclasses.replace(view, summary=a_summary(number, f"pi-{number}")) for number in range(1, SEVERAL + 2)]
    assert overlaid(*many)[1]["encoding"]["color"]["legend"] is None
    assert overlaid(*many[:SEVERAL])[1]["encoding"]["color"]["legend"] is not None


def test_a_curve_keeps_its_colour_when_the_grouping_changes() -> None:
    view = a_view()
    views = [dataclasses.replace(view, summary=summary) for summary in SUMMARIES]

    def colours(grouping: Grouping) -> dict[str, str]:
        curves = compared(*views, grouping=grouping)
        lines = compare_data.lines_frame(curves, Measure.LATENCY)
        names = [one.name for one in curves]
        chart = compare_charts.overlay(lines, names, measure=Measure.LATENCY, axis=Axis.TOKENS, from_zero=True)
        scale = layers(chart)[1]["encoding"]["color"]["scale"]
        assert scale["domain"] == names
        return dict(zip(scale["domain"], scale["range"], strict=True))

    assert colours(Grouping.HARDWARE) == colours(Grouping.BATCH)


def test_latency_begins_at_zero_unless_the_reader_wants_it_closer() -> None:
    assert overlaid(a_view())[1]["encoding"]["y"]["scale"]["domain"][0] == 0
    assert overlaid(a_view(counts=range(150, 198)), from_zero=False)[1]["encoding"]["y"]["scale"]["domain"][0] > 5


def test_the_map_has_a_row_for_each_curve_and_a_mark_for_each_step_by_direction_and_state() -> None:
    risen = a_view(a_summary(1), law=with_step(slope, 96, 10))
    fallen = a_view(a_summary(2, "orin"), law=with_step(slope, 64, -10))
    smooth = a_view(a_summary(3, "smooth"))
    curves = compared(risen, fallen, smooth)
    steps = compare_data.steps_frame(curves)
    assert dict(zip(steps["curve"], steps["direction"], strict=True)) == {"bench-pi · #1": "up", "orin · #2": "down"}
    assert set(steps["state"]) == {"candidate"}
    ranges = compare_data.ranges_frame(curves)
    assert ranges["none"].to_list()[-1] == "none found"
    chart = layers(compare_charts.step_map(ranges, steps, [one.name for one in curves]))
    assert chart[0]["encoding"]["y"]["scale"]["domain"] == [one.name for one in curves]
    assert [layer["mark"].get("filled") for layer in chart if layer["mark"]["type"] == "point"] == [False]


def test_a_confirmed_step_is_filled_in_the_map() -> None:
    view = a_view(law=with_step(slope, 96, 10))
    (step,) = view.steps
    found = dataclasses.replace(view.analysis.steps, steps=(dataclasses.replace(step, confirmed=True),))
    sure = dataclasses.replace(view, analysis=dataclasses.replace(view.analysis, steps=found))
    curves = compared(sure)
    chart = compare_charts.step_map(
        compare_data.ranges_frame(curves), compare_data.steps_frame(curves), [curves[0].name]
    )
    assert [layer["mark"]["filled"] for layer in layers(chart) if layer["mark"]["type"] == "point"] == [True]


def test_shared_and_lonely_steps_are_told_apart_in_the_table() -> None:
    views = [
        a_view(a_summary(1, "a"), law=with_step(with_step(slope, 96, 10), 150, 10)),
        a_view(a_summary(2, "b"), law=with_step(slope, 96, 12), seed=1),
    ]
    table = compare_tables.steps_table(compare(views), compared(*views))
    shared = dict(zip(table["After"], table["Shared"], strict=True))
    assert shared["96"] == "by 2 of 2"
    assert shared["150"] == "only here, of 2"


def test_crossings_are_told_for_the_same_work_alone() -> None:
    steep = a_view(a_summary(1, "steep"), law=lambda tokens: 1e6 + 1e5 * tokens)
    flat = a_view(a_summary(2, "flat"), law=lambda tokens: 6e6 + 5e4 * tokens)
    table = compare_tables.crossings_table(compare([steep, flat]), compared(steep, flat))
    assert table["With few tokens faster"].to_list() == ["steep · #1"]
    other = dataclasses.replace(flat, summary=a_summary(2, "flat", batch_size=4))
    assert compare([steep, other]).crossings == ()


def test_the_table_of_numbers_goes_from_the_full_model_down_and_leaves_holes_empty() -> None:
    views = [a_view(a_summary(1)), a_view(a_summary(2, "coarse"), counts=range(5, 198, 4))]
    table = compare_tables.numbers_table(compare(views), compared(*views), Measure.LATENCY)
    assert table["Tokens"].to_list()[:3] == [197, 196, 195]
    assert table["coarse · #2"].isna().sum() == 196 - 49


def test_what_is_downloaded_says_what_every_number_is_and_marks_simulated_ones() -> None:
    views = [a_view(a_summary(1)), a_view(a_simulated_summary(2), counts=range(2, 100))]
    rows = list(csv.DictReader(io.StringIO(compare_tables.numbers_csv(views))))
    assert len(rows) == 196 + 98
    assert {row["simulated"] for row in rows if row["curve"] == "2"} == {"True"}
    assert {row["ratio"] for row in rows if row["curve"] == "2"} == {""}
    full = next(row for row in rows if (row["curve"], row["tokens"]) == ("1", "197"))
    assert float(full["ratio"]) == 1
    assert float(full["low_ns"]) < float(full["latency_ns"]) < float(full["high_ns"])


def test_more_curves_than_anybody_can_read_are_refused_with_advice() -> None:
    view = a_view()
    with pytest.raises(StepfarmError, match="too many to compare"):
        compare([view] * (MOST_AT_ONCE + 1))


def test_curves_without_readings_can_be_compared() -> None:
    empty = a_view(a_summary(2, "empty"), analysis=analyse([]))
    curves = compared(a_view(), empty)
    assert len(compare_data.ranges_frame(curves)) == 1
    assert compare_tables.curves_table(curves)["Full model"].to_list()[-1] == "not measured"
    assert compare_data.lines_frame(compared(empty), Measure.LATENCY).empty


def test_by_share_models_of_two_image_sizes_meet_at_the_full_model() -> None:
    facts = dataclasses.replace(a_summary().facts, tokens=577, image_size=384)
    views = [a_view(a_summary(1)), a_view(a_summary(2, "large", facts=facts), counts=range(5, 578, 4))]
    comparison = compare(views, Axis.SHARE)
    last = comparison.rows[-1]
    assert last.position == 1
    assert [value.tokens for value in last.values if value is not None] == [197, 577]
    positions = [row.position for row in comparison.rows]
    assert all(before < after for before, after in itertools.pairwise(positions))
    assert np.isclose(positions[-1], 1)
