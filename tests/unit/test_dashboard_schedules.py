from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest

from agent.errors import StepfarmError
from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.jobs import Task
from agent.wire.schedule_files import Proof, Ratio
from dashboard import schedules_data, schedules_selection
from dashboard.schedules_chart import front_chart, schedules_chart
from dashboard.schedules_data import Chosen, curve_frame, front_frame, kept_frame, marks_frame, schedules_table
from dashboard.schedules_proof import proof_table
from dashboard.schedules_selection import MOST_COUNTS, SchedulesSelection, from_query, to_query
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.schedules import schedules_of
from orchestrator.choosing import work_of
from orchestrator.common_schedule import MOST_CURVES
from orchestrator.views import VerificationView, VerifiedView
from tests.support.curve_views import a_simulated_summary, a_summary, a_view, analysed_with_blocks
from tests.support.fleet_views import a_job
from tests.support.schedule_files import PROOF

STATED = AccuracyCurve(stated=((50, 61.25), (100, 75.5), (197, 79.83)))


def a_choice(name: str = "bench-pi") -> Chosen:
    view = a_view(analysis=analysed_with_blocks())
    return Chosen(name, view, schedules_of(view.analysis, full_tokens=197, prefix_tokens=1, blocks=12))


@pytest.mark.parametrize(
    "selection",
    [
        SchedulesSelection(),
        SchedulesSelection(curves=()),
        SchedulesSelection(curves=(3, 1), simulated=True, alpha=0.85, accuracy=STATED),
        SchedulesSelection(alpha=0, kept=0.75, job=12),
        SchedulesSelection(accuracy=AccuracyCurve(stated=tuple((n, n / 7) for n in range(1, MOST_COUNTS + 1)))),
    ],
)
def test_an_address_shows_what_it_was_made_from(selection: SchedulesSelection) -> None:
    parsed = from_query(to_query(selection))
    assert parsed.notices == ()
    stated = parsed.selection.accuracy
    assert dataclasses.replace(parsed.selection, accuracy=None) == dataclasses.replace(selection, accuracy=None)
    assert (stated is None) == (selection.accuracy is None)
    if stated is not None and selection.accuracy is not None:
        for (tokens, value), (wanted, exact) in zip(stated.stated, selection.accuracy.stated, strict=True):
            assert tokens == wanted
            assert value == pytest.approx(exact, rel=1e-5)


def test_an_accuracy_curve_stands_in_the_address_in_letters_that_need_no_code() -> None:
    text = to_query(SchedulesSelection(accuracy=STATED))["accuracy"]
    assert text == "50_61.25~100_75.5~197_79.83"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", "2"),
        ("alpha", "nan"),
        ("alpha", "half"),
        ("alpha", ""),
        ("kept", "all"),
        ("job", "newest"),
        ("kept", "75"),
        ("accuracy", ""),
        ("accuracy", "197_79.8"),
        ("accuracy", "197-79.8~100-70"),
        ("accuracy", "197_79.8~100_70"),
        ("accuracy", "100_nan~197_79.8"),
        ("accuracy", "~".join(f"{n}_1" for n in range(1, 5_000))),
        ("simulated", "yes"),
        ("curves", "<script>"),
        ("curves", ",".join(map(str, range(1, MOST_CURVES + 2)))),
    ],
)
def test_a_value_that_makes_no_sense_is_told_and_ignored(name: str, value: str) -> None:
    parsed = from_query({name: value})
    assert len(parsed.notices) == 1
    assert dataclasses.replace(parsed.selection, curves=None) == SchedulesSelection()


def test_an_accuracy_curve_too_long_for_a_link_is_refused_with_advice() -> None:
    long = AccuracyCurve(stated=tuple((n, 1.0) for n in range(1, MOST_COUNTS + 2)))
    with pytest.raises(StepfarmError, match="a link holds") as refused:
        schedules_selection.fit_for_address(long)
    assert "State fewer" in refused.value.advice


def test_the_work_of_the_newest_curve_comes_first_and_simulated_ones_only_when_wanted() -> None:
    summaries = [a_simulated_summary(3, batch_size=8), a_summary(2, batch_size=4), a_summary(1)]
    works = schedules_selection.works(summaries, simulated=False)
    assert [work.batch_size for work in works] == [4, 1]
    assert [work.batch_size for work in schedules_selection.works(summaries, simulated=True)] == [8, 4, 1]


def test_on_offer_is_the_newest_curve_of_each_device_of_one_work() -> None:
    summaries = [a_simulated_summary(4), a_summary(3), a_summary(2, "orin"), a_summary(1)]
    work = work_of(summaries[1])
    assert [one.id for one in schedules_selection.on_offer(summaries, work, simulated=False)] == [3, 2]
    assert schedules_selection.left_out(summaries, work) == 1


def test_every_option_has_a_row_with_what_was_measured_apart_from_what_is_predicted() -> None:
    choice = a_choice()
    table = schedules_table([choice])
    assert table["Schedule"].to_list() == ["best", "recommended", "the paper's choice", "uniform"]
    assert table["Measured, cut first"].to_list()[-1] == "—"
    assert "ms (" in table["Predicted, pruned"].to_list()[-1]
    assert table["Keeps"].to_list()[-1].endswith("on average")
    assert set(table["State"]) == {"not verified"}


def test_a_doubted_curve_doubts_its_schedules() -> None:
    choice = a_choice()
    doubt = Doubt(reason=DoubtReason.THROTTLED, evidence="hot")
    doubted = dataclasses.replace(choice, found=dataclasses.replace(choice.found, doubts=(doubt,)))
    assert set(schedules_table([doubted])["State"]) == {"not verified · doubted"}


def test_measured_marks_lie_on_the_curve_and_predicted_ones_at_the_mean_tokens() -> None:
    choice = a_choice()
    marks = marks_frame(choice.found)
    recommended = marks[marks["schedule"] == "recommended"].set_index("what")
    measured = recommended.loc[schedules_data.MEASURED]
    point = choice.view.analysis.curve.point_at(int(measured["tokens"]))
    assert point is not None
    assert measured["ms"] == point.latency_ns / 1e6
    predicted = recommended.loc[schedules_data.PREDICTED]
    assert measured["tokens"] < predicted["tokens"] < 197
    assert predicted["ms"] > measured["ms"]


def test_what_was_measured_is_filled_and_what_is_predicted_is_hollow() -> None:
    choice = a_choice()
    chart: dict[str, Any] = schedules_chart(curve_frame(choice.view), marks_frame(choice.found)).to_dict()
    points = [layer for layer in chart["layer"] if layer["mark"]["type"] == "point"]
    assert [layer["mark"]["filled"] for layer in points] == [True, False]


def test_a_curve_without_options_is_still_drawn() -> None:
    view = a_view(counts=range(2, 100))
    found = schedules_of(view.analysis, full_tokens=197, prefix_tokens=1, blocks=12)
    assert marks_frame(found).empty
    assert len(schedules_chart(curve_frame(view), marks_frame(found)).to_dict()["layer"]) == 2
    assert len(schedules_table([Chosen("x", view, found)])) == 0


def test_what_a_device_said_stands_beside_what_was_predicted_and_names_what_was_not_beaten() -> None:
    choice = a_choice()
    option = choice.found.options[0]
    job = a_job(task=Task.VERIFICATION)

    def said(proof: Proof | None) -> pd.DataFrame:
        entry = VerifiedView(
            schedule=option.schedule, uniform=None, predicted=None, uniform_predicted=None, passes=20, proof=proof
        )
        asked = VerificationView(job=job, curve_id=1, entries=(entry,))
        return proof_table(dataclasses.replace(choice, verifications=(asked,)))

    assert said(None)["Proof"].to_list()[0] == "not verified"
    assert said(PROOF)["Proof"].to_list()[0] == "proved"
    assert said(PROOF)["Measured"].to_list()[0].startswith("20.0")
    tie = dataclasses.replace(PROOF, against_uniform=Ratio(ratio=1.0, low=0.99, high=1.01))
    assert "not surely faster than uniform pruning" in said(tie)["Proof"].to_list()[0]


def test_the_front_is_drawn_with_every_predicted_option_and_the_best_lies_no_slower_than_it() -> None:
    found = a_choice().found
    front, marks = front_frame(found), kept_frame(found, None)
    assert len(front_chart(front, marks, "token density").to_dict()["layer"]) == 2
    assert set(marks["schedule"]) == {"best", "recommended", "the paper's choice", "uniform"}
    assert (front["ms"].diff().dropna() > 0).all()
    assert (front["kept"].diff().dropna() > 0).all()
    best = marks[marks["schedule"] == "best"].iloc[0]
    assert best["ms"] <= front[front["kept"] >= best["kept"] - 1e-9]["ms"].iloc[0]
