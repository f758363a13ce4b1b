"""The Compare and Schedules pages, run by Streamlit's own test runner against a real orchestrator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.enrolment import DeviceKind
from dashboard import places
from dashboard.compare_controls import AXES, GROUPINGS, MEASURES
from orchestrator.views import CurveView
from tests.support.filling import begun, edge_law, enrolled
from tests.support.pages import links, opened, press, words
from tests.support.serving import Served, serving

SECRET_IMAGE = "![x](http://evil.example/x.png)"


@dataclass(frozen=True)
class Farm:
    """An orchestrator with a board measured twice at batch 1 and once at 4, a throttled one and a simulated one."""

    served: Served
    older: CurveView
    newer: CurveView
    batch_4: CurveView
    doubted: CurveView
    simulated: CurveView


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with serving(tmp_path_factory.mktemp("farm")) as served:
        board = enrolled(served.url, served.client, "bench-pi")
        orin = enrolled(served.url, served.client, "orin", DeviceKind.JETSON)
        pretender = enrolled(served.url, served.client, "sim-1", DeviceKind.SIMULATED)
        doubt = Doubt(reason=DoubtReason.THROTTLED, evidence=f"the clock fell {SECRET_IMAGE}")
        older = begun(board, served.client).finish()
        newer = begun(board, served.client).finish()
        batch_4 = begun(board, served.client, batch_size=4, law=lambda tokens: 3 * edge_law(tokens)).finish()
        doubted = begun(orin, served.client, law=lambda tokens: 2e7 + 1e5 * tokens, doubts=[doubt]).finish()
        simulated = begun(pretender, served.client).finish()
        yield Farm(served, older, newer, batch_4, doubted, simulated)


def compare(patch: pytest.MonkeyPatch, farm: Farm, **query: str) -> AppTest:
    return opened(patch, farm.served, places.COMPARE, key=None, **query)


def schedules(patch: pytest.MonkeyPatch, farm: Farm, **query: str) -> AppTest:
    return opened(patch, farm.served, places.SCHEDULES, key=None, **query)


def shown(app: AppTest) -> list[int]:
    return [int(number) for number in address(app)["curves"].split(",")]


def address(app: AppTest) -> dict[str, str]:
    """The parameters in the address of the page."""
    # One that came with the address is a list, one that the page put there is a text.
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}


def ids(*views: CurveView) -> list[int]:
    return [view.summary.id for view in views]


def numbered(*views: CurveView) -> str:
    return ",".join(map(str, ids(*views)))


def test_at_first_the_newest_real_curve_of_each_combination_is_shown_and_in_the_address(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = compare(monkeypatch, farm)
    assert shown(app) == ids(farm.doubted, farm.batch_4, farm.newer)
    assert len(app.get("vega_lite_chart")) == 2
    labels = [toggle.label for toggle in app.toggle]
    assert labels[:2] == ["Simulated too (1 curve left out)", "Older ones too (1 curve left out)"]
    assert "sim-1" not in words(app)


def test_simulated_curves_come_when_asked_for_are_marked_and_go_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = compare(monkeypatch, farm)
    app.toggle(key="compare-simulated").set_value(True).run()
    assert shown(app) == ids(farm.doubted, farm.batch_4, farm.newer, farm.simulated)
    assert address(app)["simulated"] == "1"
    assert any("No hardware was timed for 1 curve" in warning.value for warning in app.warning)
    app.toggle(key="compare-simulated").set_value(False).run()
    assert shown(app) == ids(farm.doubted, farm.batch_4, farm.newer)
    assert not app.exception


def test_to_name_a_simulated_curve_is_to_ask_for_it(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = compare(monkeypatch, farm, curves=numbered(farm.newer, farm.simulated))
    assert shown(app) == ids(farm.newer, farm.simulated)
    assert app.toggle(key="compare-simulated").value
    assert any("Simulated" in warning.value for warning in app.warning)


def test_the_whole_view_is_in_the_address_and_opens_the_same_again(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = compare(monkeypatch, farm)
    app.multiselect(key="compare-curves").set_value(ids(farm.newer, farm.batch_4)).run()
    app.segmented_control(key="compare-measure").set_value(option("Ratio")).run()
    app.segmented_control(key="compare-axis").set_value(option("Share")).run()
    app.segmented_control(key="compare-grouping").set_value(option("batch")).run()
    app.toggle(key="compare-zero").set_value(False).run()
    now = address(app)
    assert now == {
        "curves": numbered(farm.newer, farm.batch_4),
        "y": "ratio",
        "x": "share",
        "by": "batch",
        "zoomed": "1",
    }
    again = compare(monkeypatch, farm, **now)
    assert address(again) == now
    specs = [[chart.proto.spec for chart in one.get("vega_lite_chart")] for one in (app, again)]
    assert specs[0] == specs[1]
    assert "latency / full model's" in specs[0][0]
    assert "tokens kept (%)" in specs[0][0]


def option(label: str) -> object:
    """The option of a segmented control whose text has ``label`` in it."""
    options = (*MEASURES.items(), *AXES.items(), *GROUPINGS.items())
    return next(one for one, text in options if label in text)


def test_filters_choose_anew_and_older_curves_are_offered_on_request(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = compare(monkeypatch, farm)
    app.multiselect(key="compare-batch").set_value(["4"]).run()
    assert shown(app) == ids(farm.batch_4)
    app.multiselect(key="compare-batch").set_value([]).run()
    assert shown(app) == ids(farm.doubted, farm.batch_4, farm.newer)
    app.toggle(key="compare-older").set_value(True).run()
    assert len(app.multiselect(key="compare-curves").options) == 4
    assert not app.exception


def test_two_dates_of_one_device_are_named_by_their_dates_and_told_over_time(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = compare(monkeypatch, farm, curves=numbered(farm.older, farm.newer))
    assert "Over time" in words(app)
    assert "the same at every date" in words(app)
    dated = [
        name for name in app.multiselect(key="compare-curves").options if re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", name)
    ]
    assert len(dated) == 2
    assert "Over time" not in words(compare(monkeypatch, farm, curves=numbered(farm.newer, farm.batch_4)))


def test_doubts_stand_in_the_names_and_with_their_evidence_as_plain_text(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = compare(monkeypatch, farm, curves=numbered(farm.doubted, farm.newer))
    assert "Reasons to doubt 1 curve" in [one.label for one in app.expander]
    assert "evil" in words(app)
    assert SECRET_IMAGE not in words(app)
    assert any("doubted" in str(table.value) for table in app.dataframe)


def test_bad_values_in_an_address_are_told_and_the_rest_is_shown(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = compare(monkeypatch, farm, curves=f"{farm.newer.summary.id},999,x", y="height")
    told = " ".join(warning.value for warning in app.warning)
    assert "There is no curve 999" in told
    assert "“x”" in told
    assert "height" in told
    assert len(app.get("vega_lite_chart")) == 2


def test_no_curve_chosen_is_said_and_stays_so(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = compare(monkeypatch, farm)
    app.multiselect(key="compare-curves").set_value([]).run()
    assert "No curve is chosen" in words(app)
    assert address(app)["curves"] == "none"
    assert not app.exception


def test_an_empty_farm_says_what_a_comparison_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as served:
        for place in (places.COMPARE, places.SCHEDULES):
            app = opened(monkeypatch, served, place)
            assert "No curve yet" in words(app)


def test_where_all_devices_are_simulated_nothing_is_shown_until_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as served:
        pretender = enrolled(served.url, served.client, "sim-1", DeviceKind.SIMULATED)
        curve = begun(pretender, served.client).finish()
        app = opened(monkeypatch, served, places.COMPARE)
        assert "No curve is chosen" in words(app)
        assert address(app) == {}
        app.toggle(key="compare-simulated").set_value(True).run()
        assert shown(app) == ids(curve)
        app = opened(monkeypatch, served, places.SCHEDULES)
        assert "No curve yet" in words(app)
        app.toggle(key="schedules-simulated").set_value(True).run()
        assert shown(app) == ids(curve)
        assert not app.exception


def test_a_curve_links_to_its_comparison_and_its_schedules(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, farm.served, places.CURVES, curve=farm.newer.summary.id)
    assert links(app)["Compare with others"] == "/compare?model=deit_small_patch16_224&batch=1"
    assert links(app)["Its schedules"] == f"/schedules?curves={farm.newer.summary.id}"


def test_schedules_stand_side_by_side_for_each_device_of_one_work(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = schedules(monkeypatch, farm)
    assert shown(app) == ids(farm.doubted, farm.newer)
    table = app.dataframe[0].value
    assert table["Schedule"].to_list() == ["recommended", "the paper's choice", "uniform"] * 2
    assert table["Keeps"].to_list()[3] == str(farm.newer.analysis.recommendation.choices[0].tokens)
    assert "None of that is proved" in words(app)
    assert "blocks of the model were not timed in place" in words(app)
    assert "rest on doubted curves" in words(app)
    assert len(app.get("vega_lite_chart")) == 2


def test_alpha_moves_the_papers_choice_and_stands_in_the_address(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = schedules(monkeypatch, farm, curves=numbered(farm.newer))
    app.slider(key="schedules-alpha").set_value(1.0).run()
    assert address(app)["alpha"] == "1"
    fastest = min(farm.newer.analysis.curve.points, key=lambda point: point.latency_ns)
    assert app.dataframe[0].value["Keeps"].to_list()[1] == str(fastest.tokens)


def test_an_accuracy_curve_is_uploaded_into_the_address_and_taken_out_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = schedules(monkeypatch, farm, curves=numbered(farm.newer))
    app.file_uploader(key="schedules-accuracy").set_value(
        ("a.csv", b"tokens,accuracy\n5,0\n101,79\n197,80\n", "text/csv")
    )
    app.run()
    assert address(app)["accuracy"] == "5_0~101_79~197_80"
    assert "stated accuracy curve of 3 counts from 5 to 197" in words(app)
    press(app, "Use the token density")
    assert "accuracy" not in address(app)
    assert "token density" in words(app)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "does not begin with"),
        (b"\xff\xfe\x00", "no text in UTF"),
        (b"tokens,accuracy\n1,x\n", "Line 2"),
    ],
)
def test_an_accuracy_file_that_cannot_be_meant_is_told_with_advice(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, content: bytes, told: str
) -> None:
    app = schedules(monkeypatch, farm, curves=numbered(farm.newer))
    app.file_uploader(key="schedules-accuracy").set_value(("a.csv", content, "text/csv")).run()
    assert told in app.error[0].value
    assert "header tokens,accuracy" in app.error[0].value
    assert "accuracy" not in address(app)


def test_curves_of_other_work_in_an_address_are_told_and_left_out(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = schedules(monkeypatch, farm, curves=numbered(farm.newer, farm.batch_4))
    assert f"\\#{farm.batch_4.summary.id} left out" in app.warning[0].value
    assert {row.rpartition("#")[2] for row in app.dataframe[0].value["Curve"]} == {str(farm.newer.summary.id)}


def test_another_model_or_batch_size_brings_its_own_devices(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    app = schedules(monkeypatch, farm)
    box = app.selectbox(key="schedules-work")
    box.set_value(next(option for option in box.options if "batch 4" in option)).run()
    assert shown(app) == ids(farm.batch_4)


def test_schedules_of_simulated_devices_are_left_out_until_asked_for_and_marked(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = schedules(monkeypatch, farm)
    assert app.toggle(key="schedules-simulated").label == "Simulated too (1 curve left out)"
    app.toggle(key="schedules-simulated").set_value(True).run()
    assert shown(app) == ids(farm.simulated, farm.doubted, farm.newer)
    assert any("nothing there is to be deployed" in warning.value for warning in app.warning)
    assert not app.exception


def test_an_operator_has_the_device_prove_schedules_and_sees_that_it_is_queued(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = schedules(monkeypatch, farm, curves=numbered(farm.newer))
    assert "apply_schedule" in app.code[0].value
    assert app.dataframe[1].value["Proof"].to_list()[0] == "not verified"
    press(app, "Verify on the device")
    (asked,) = farm.served.client.verifications(farm.newer.summary.id)
    assert f"Verification {asked.job.id} is queued for" in words(app)
    assert not app.exception
