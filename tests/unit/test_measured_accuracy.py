from __future__ import annotations

import dataclasses

import pytest

from agent.errors import StepfarmError
from agent.wire.schedules import Method
from dashboard.schedules_accuracy import chart, front_frame, front_table
from dashboard.schedules_data import Chosen, schedules_table
from orchestrator.analysis.schedules import Origin, schedules_of
from orchestrator.commands.schedule import report
from orchestrator.measured_accuracy import accuracy_curve, accuracy_of, traded
from orchestrator.views import AccuracyView
from tests.support.accuracy_views import a_result, an_accuracy, pruned
from tests.support.curve_views import FACTS, a_summary, a_view, analysed_with_blocks

UNPRUNED = a_result(None, 800)
MEASURED = an_accuracy(UNPRUNED, a_result(pruned(150), 780), a_result(pruned(100), 700))


def test_top_1_of_single_prunes_is_an_accuracy_curve_with_its_source() -> None:
    other_method = a_result(pruned(120, Method.TOP_K), 100)
    elsewhere = a_result(dataclasses.replace(pruned(60), leaving=(197,) * 6 + (60,) * 6), 50)
    curve = accuracy_curve(
        dataclasses.replace(MEASURED, results=(*MEASURED.results, other_method, elsewhere)), FACTS, Method.ONE_MORE
    )
    assert curve.stated == ((100, 0.7), (150, 0.78), (197, 0.8))
    assert curve.source == "top-1 on val, measured by accuracy job 7"


@pytest.mark.parametrize(
    ("found", "method", "told"),
    [
        (an_accuracy(a_result(None, None), a_result(pruned(150), None), labelled=False), Method.ONE_MORE, "no labels"),
        (MEASURED, Method.EVIT, "no single prunes by evit"),
        (an_accuracy(), Method.ONE_MORE, "no single prunes"),
        (dataclasses.replace(MEASURED, facts=dataclasses.replace(FACTS, tokens=577)), Method.ONE_MORE, "577 tokens"),
    ],
)
def test_a_job_that_says_nothing_of_such_a_schedule_is_refused_with_advice(
    found: AccuracyView, method: Method, told: str
) -> None:
    with pytest.raises(StepfarmError, match=told) as refused:
        accuracy_curve(found, FACTS, method)
    assert "stepfarm accuracy" in refused.value.advice


def test_the_accuracy_of_a_schedule_is_of_just_that_one_in_the_newest_job_with_labels() -> None:
    older = an_accuracy(UNPRUNED, a_result(pruned(150), 10), job_id=6)
    blind = an_accuracy(a_result(None, None), a_result(pruned(150), None), labelled=False, job_id=8)
    assert accuracy_of(pruned(150), [blind, MEASURED, older]) == MEASURED.results[1]
    assert accuracy_of(pruned(151), [blind, MEASURED, older]) is None


def test_each_schedule_that_was_tried_has_the_latency_that_the_device_is_predicted_to_take() -> None:
    view = a_view(analysis=analysed_with_blocks())
    rows = traded(view, MEASURED)

    latencies = [row.latency.latency_ns if row.latency else 0 for row in rows]
    assert [row.schedule for row in rows] == [None, pruned(150), pruned(100)]
    assert latencies == sorted(latencies, reverse=True)
    frame = front_frame(rows)
    assert frame["top_1"].to_list() == [80, 78, 70]
    assert frame["method"].to_list() == ["unpruned", "one-more-token", "one-more-token"]
    assert len(chart(frame).to_dict()["layer"]) == 3
    table = front_table(rows)
    assert table["Top-1"].to_list()[1].startswith("78.0 % (")
    assert table["Change"].to_list()[0] == "—"
    assert table["Change"].to_list()[1].startswith("\N{MINUS SIGN}2.0 % (")


def test_without_blocks_timed_in_place_no_latency_is_made_up() -> None:
    assert {row.latency for row in traded(a_view(), MEASURED)} == {None}


def test_the_options_that_a_job_tried_show_its_top_1_and_no_others() -> None:
    view = a_view(analysis=analysed_with_blocks())
    curve = accuracy_curve(MEASURED, FACTS, Method.ONE_MORE)
    found = schedules_of(view.analysis, full_tokens=197, prefix_tokens=1, blocks=12, accuracy=curve)
    recommended = found.option(Origin.RECOMMENDED)
    assert recommended is not None
    tried = an_accuracy(UNPRUNED, a_result(recommended.schedule, 790))

    column = schedules_table([Chosen("bench-pi", view, found)], [tried])["Top-1, measured"].to_list()
    told = report(found, a_summary(), [tried])

    assert next(cell for cell in column if cell != "—").startswith("79.0 % (")
    assert "—" in column
    assert "Top-1, measured" not in schedules_table([Chosen("bench-pi", view, found)], [MEASURED])
    assert "79.0 (" in told
    assert "accuracy is the top-1 on val, measured by accuracy job 7" in told
