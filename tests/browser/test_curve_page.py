"""A person opens the dashboard in a real browser, types the key and looks at a curve."""

from __future__ import annotations

from playwright.sync_api import expect

from dashboard.wording import interval, milliseconds, percent
from tests.browser.conftest import Visit
from tests.support.filling import begun


def test_the_key_opens_the_curve_with_the_numbers_that_the_client_returns(visit: Visit) -> None:
    visit.sign_in()
    page, curve = visit.page, visit.farm.served.client.curve(visit.farm.curve.summary.id)
    full = curve.analysis.curve.full
    assert full is not None
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first).to_be_visible()
    best = curve.analysis.recommendation.choices[0]
    metrics = [
        milliseconds(full.latency_ns),
        percent(best.saves_percent),
        str(len(curve.analysis.steps.steps)),
        f"{curve.summary.readings:,}",
    ]
    expect(page.get_by_test_id("stMetricValue")).to_have_text(metrics)
    expect(page.get_by_text(interval(full.low_ns, full.high_ns)).first).to_be_visible()
    assert page.url.endswith(f"?curve={curve.summary.id}")
    assert visit.farm.served.operator_key not in page.url + page.content()


def test_the_page_asks_nobody_but_this_machine(visit: Visit) -> None:
    visit.sign_in()
    expect(visit.page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first).to_be_visible()
    visit.page.get_by_text("Device, workload and conditions").click()
    expect(visit.page.get_by_text("Raspberry Pi 5 Model B")).to_be_visible()
    assert visit.foreign == []


def test_steps_and_recommended_counts_stand_in_the_picture(visit: Visit) -> None:
    visit.sign_in()
    analysis = visit.farm.curve.analysis
    chart = visit.page.get_by_test_id("stVegaLiteChart")
    for step in analysis.steps.steps:
        expect(chart.get_by_text(percent(step.change_percent, signed=True), exact=True)).to_be_attached()
    for choice in analysis.recommendation.choices:
        expect(chart.locator(".mark-text").get_by_text(str(choice.tokens), exact=True)).to_be_attached()


def test_the_chart_stays_inside_a_narrow_window(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 420, "height": 900})
    visit.sign_in()
    picture = visit.page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert 250 < box["width"] <= 420


def test_a_wrong_key_shows_the_refusal_and_a_right_one_still_opens(visit: Visit) -> None:
    visit.sign_in(key="sfo_wrong")
    expect(visit.page.get_by_test_id("stAlert")).to_contain_text("That key is not known here")
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(0)
    visit.page.get_by_label("Key", exact=True).fill(visit.farm.served.operator_key)
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(4)


def test_an_address_with_a_curve_that_does_not_exist_is_told(visit: Visit) -> None:
    visit.sign_in("/?curve=999")
    expect(visit.page.get_by_test_id("stAlert").first).to_contain_text("There is no curve 999")
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(4)


def test_no_page_can_be_opened_past_the_sign_in(visit: Visit) -> None:
    visit.page.goto(f"{visit.farm.url}/curve?curve={visit.farm.curve.summary.id}")
    expect(visit.page.get_by_label("Key", exact=True)).to_be_visible()
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(0)


def test_a_page_follows_its_curve_until_the_job_is_done(visit: Visit) -> None:
    job = begun(visit.farm.device, visit.farm.served.client, batch_size=2)
    job.post(0)
    page = visit.page
    visit.sign_in(f"/?curve={job.curve_id}")
    expect(page.get_by_text("1 of 5 passes")).to_be_visible()
    job.post(1)
    expect(page.get_by_text("2 of 5 passes")).to_be_visible()
    done = job.finish()
    expect(page.get_by_text("readings so far")).to_have_count(0)
    expect(page.get_by_test_id("stMetricValue").last).to_have_text(f"{done.summary.readings:,}")


def test_signing_out_leads_back_to_the_form(visit: Visit) -> None:
    visit.sign_in()
    visit.page.get_by_role("button", name="operator").click()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_label("Key", exact=True)).to_be_visible()
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(0)
