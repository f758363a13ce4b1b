"""The pages, run by Streamlit's own test runner against a real orchestrator that devices have filled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Failure, FailureReason
from dashboard import places
from dashboard import shelf as shelf_module
from dashboard.sign_in import open_shelf
from dashboard.wording import milliseconds, percent
from orchestrator.views import CurveView
from tests.support import pages
from tests.support.filling import FakeJob, begun, enrolled
from tests.support.serving import Served, free_port, serving

SECRET_IMAGE = "![x](http://evil.example/x.png)"


@dataclass(frozen=True)
class Farm:
    served: Served
    good: CurveView
    doubted: CurveView
    growing: FakeJob
    device_key: str


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with serving(tmp_path_factory.mktemp("farm")) as served:
        board = enrolled(served.url, served.client, "bench-pi")
        simulated = enrolled(served.url, served.client, "sim-1", DeviceKind.SIMULATED)
        doubt = Doubt(reason=DoubtReason.THROTTLED, evidence=f"the clock fell {SECRET_IMAGE}")
        good = begun(board, served.client).finish()
        doubted = begun(simulated, served.client, batch_size=4, doubts=[doubt]).finish()
        growing = begun(board, served.client, batch_size=8)
        growing.post(0)
        yield Farm(served, good, doubted, growing, board.key)


@pytest.fixture
def at_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    for name in [name for name in os.environ if name.startswith("STEPFARM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path))
    return lambda url: monkeypatch.setenv("STEPFARM_URL", url)


@pytest.fixture
def app(farm: Farm, at_url: Callable[[str], None]) -> AppTest:
    at_url(farm.served.url)
    return pages.at(places.CURVES)


def signed_in(app: AppTest, key: str) -> AppTest:
    app.run()
    app.text_input[0].set_value(key)
    return app.button[0].click().run()


def words(app: AppTest) -> str:
    """All text on the page."""
    kinds = (app.markdown, app.caption, app.warning, app.error, app.info, app.title, app.code)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def opened(app: AppTest, farm: Farm, curve: object = None) -> AppTest:
    if curve is not None:
        app.query_params["curve"] = str(curve)
    found = signed_in(app, farm.served.operator_key)
    assert not found.exception
    return found


def test_nothing_is_shown_before_somebody_signs_in(app: AppTest) -> None:
    app.run()
    assert not app.metric
    assert app.text_input[0].label == "Key"


def test_a_wrong_key_is_refused_with_advice(app: AppTest) -> None:
    signed_in(app, "sfo_wrong")
    assert "That key is not known here" in app.error[0].value
    assert "Check the key" in app.error[0].value
    assert not app.metric


@pytest.mark.parametrize("key", ["", "   ", "two words", "sfo_\nX: y", "sfo_é", "x" * 1_000])
def test_what_cannot_be_a_key_is_never_sent(app: AppTest, key: str) -> None:
    signed_in(app, key)
    assert "That is no key" in app.error[0].value
    assert not app.exception


def test_an_empty_key_does_not_borrow_the_one_that_the_server_has(
    farm: Farm, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFARM_KEY", farm.served.operator_key)
    signed_in(app, "")
    assert "That is no key" in app.error[0].value


def test_the_key_of_a_device_opens_nothing(farm: Farm, app: AppTest) -> None:
    signed_in(app, farm.device_key)
    assert "key of a device" in app.error[0].value


def test_the_key_is_neither_in_the_address_nor_on_the_page(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    assert farm.served.operator_key not in words(app) + str(app.query_params)
    assert farm.served.operator_key not in repr(app.session_state)


def test_an_orchestrator_that_is_away_is_told_with_advice(at_url: Callable[[str], None]) -> None:
    at_url(f"http://127.0.0.1:{free_port()}")
    app = signed_in(pages.at(), "sfo_any")
    assert "does not answer" in app.error[0].value
    assert "Is it running" in app.error[0].value
    assert not app.exception


def test_an_orchestrator_that_goes_away_later_leaves_a_button_to_try_again(
    farm: Farm, app: AppTest, tmp_path: Path, at_url: Callable[[str], None]
) -> None:
    with serving(tmp_path / "short-lived") as served:
        at_url(served.url)
        signed_in(app, served.operator_key)
        assert not app.error
    app.run()
    assert "does not answer" in app.error[0].value
    assert any(button.label == "Try again" for button in app.button)
    assert not app.exception


def test_a_setting_that_does_not_exist_is_told_not_thrown(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_NONSENSE", "1")
    signed_in(app, "sfo_any")
    assert "is no setting" in app.error[0].value
    assert not app.exception


def test_the_metrics_are_those_of_the_analysis(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    analysis = farm.good.analysis
    assert analysis.curve.full is not None
    assert [metric.value for metric in app.metric] == [
        milliseconds(analysis.curve.full.latency_ns),
        percent(analysis.recommendation.choices[0].saves_percent),
        str(len(analysis.steps.steps)),
        f"{farm.good.summary.readings:,}",
    ]


def test_the_curve_is_drawn(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    assert len(app.get("vega_lite_chart")) == 1


def test_steps_sweet_spots_choices_and_passes_each_have_a_table(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    analysis = farm.good.analysis
    lengths = [len(table.value) for table in app.dataframe]
    assert lengths == [
        len(analysis.recommendation.choices),
        len(analysis.steps.steps),
        len(analysis.sweet_spots),
        len(analysis.curve.factors),
    ]


def test_the_recommendation_is_plainly_unverified(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    assert "Recommendation :orange-badge[unverified]" in words(app)


def test_conditions_and_what_is_not_known_can_be_looked_up(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    inside = app.expander[0]
    assert inside.dataframe[0].value["Warmest"].iloc[0] == "51.0 → 52.5 °C"
    assert any("power mode" in str(markdown.value) for markdown in inside.markdown)
    assert any("Raspberry Pi 5" in str(markdown.value) for markdown in inside.markdown)


def test_a_doubted_curve_says_so_beside_its_durations(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.doubted.summary.id)
    assert any("throttled" in warning.value for warning in app.warning)
    assert sum("doubted" in caption.value for caption in app.caption) >= 3


def test_a_device_cannot_put_an_image_on_the_page(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.doubted.summary.id)
    assert "evil" in words(app)
    assert SECRET_IMAGE not in words(app)


def test_a_simulated_device_is_marked(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.doubted.summary.id)
    assert any("Simulated device" in warning.value for warning in app.warning)
    assert any("(simulated)" in option for option in app.selectbox[0].options)


def test_a_curve_that_still_grows_shows_progress_and_its_readings_so_far(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.growing.curve_id)
    readings = farm.served.client.curve(farm.growing.curve_id).summary.readings
    (progress,) = app.get("progress")
    assert f"{readings:,} readings so far" in progress.proto.text
    assert "1 of 5 passes" in progress.proto.text


def test_without_a_selection_the_newest_is_shown_and_put_in_the_address(farm: Farm, app: AppTest) -> None:
    opened(app, farm)
    assert app.query_params["curve"] == str(farm.growing.curve_id)


def test_choosing_a_curve_puts_it_in_the_address(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.doubted.summary.id)
    app.selectbox[0].set_value(farm.good.summary.id).run()
    assert app.query_params["curve"] == str(farm.good.summary.id)
    assert "bench" in words(app)
    assert not app.exception


def test_a_curve_that_does_not_exist_is_told_and_the_newest_shown(farm: Farm, app: AppTest) -> None:
    opened(app, farm, 999)
    assert "There is no curve 999" in app.warning[0].value
    assert app.metric


def test_an_address_that_makes_no_sense_is_told_and_the_newest_shown(farm: Farm, app: AppTest) -> None:
    opened(app, farm, "<script>")
    assert "?curve\\=3" in app.warning[0].value or "?curve=3" in app.warning[0].value
    assert app.metric


def test_signing_out_forgets_everything(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    assert "shelf" in repr(app.session_state).lower()
    next(button for button in app.button if button.label == "Sign out").click().run()
    assert not app.metric
    assert app.text_input[0].label == "Key"
    assert "shelf" not in repr(app.session_state).lower()


def test_rejected_readings_can_be_shown(farm: Farm, app: AppTest) -> None:
    opened(app, farm, farm.good.summary.id)
    app.toggle[1].set_value(True).run()
    assert not app.exception
    assert "rejected reading" in app.get("vega_lite_chart")[0].proto.spec


def test_an_empty_farm_says_what_to_do(app: AppTest, tmp_path: Path, at_url: Callable[[str], None]) -> None:
    with serving(tmp_path / "empty") as served:
        at_url(served.url)
        signed_in(app, served.operator_key)
    assert not app.exception
    assert "No curve yet" in words(app)
    assert "stepfarm sweep create" in words(app)


def test_a_job_that_failed_before_its_curve_is_told_with_advice(
    app: AppTest, tmp_path: Path, at_url: Callable[[str], None]
) -> None:
    with serving(tmp_path / "failed") as served:
        at_url(served.url)
        device = enrolled(served.url, served.client, "bench-pi")
        reason = FailureReason.MODEL_UNKNOWN
        job = begun(device, served.client)
        job.fail(Failure(reason=reason, message="timm knows no such model.", advice="Look at timm.list_models()."))
        signed_in(app, served.operator_key)
    assert not app.exception
    assert "timm knows no such model" in words(app)


def test_a_sealed_curve_is_asked_for_once(farm: Farm) -> None:
    shelf = open_shelf(farm.served.url, farm.served.operator_key)
    summary = farm.good.summary
    assert shelf.look(summary) is shelf.look(summary)


def test_a_growing_curve_is_asked_for_anew(farm: Farm) -> None:
    shelf = open_shelf(farm.served.url, farm.served.operator_key)
    summary = farm.served.client.curve(farm.growing.curve_id).summary
    assert shelf.look(summary) is not shelf.look(summary)


def test_only_so_many_curves_are_kept(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "MOST_KEPT", 1)
    shelf = open_shelf(farm.served.url, farm.served.operator_key)
    first = shelf.look(farm.good.summary)
    shelf.look(farm.doubted.summary)
    assert shelf.look(farm.good.summary) is not first


def test_what_one_sign_in_keeps_no_other_sees(farm: Farm) -> None:
    one, other = (open_shelf(farm.served.url, farm.served.operator_key) for _ in range(2))
    assert one.look(farm.good.summary) is not other.look(farm.good.summary)
