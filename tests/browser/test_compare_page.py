"""A person compares devices in a real browser, and sends the link to another."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from agent.wire.enrolment import DeviceKind
from orchestrator.views import CurveView
from tests.browser.conftest import PATIENCE_MS, Farm, Visit
from tests.support.filling import begun, edge_law, enrolled

DEVICES = "device=versus-pi,versus-orin,versus-sim"


@pytest.fixture(scope="module")
def curves(farm: Farm) -> dict[str, CurveView]:
    """The curves of two boards and of a simulated device, by the device's name."""
    served = farm.served
    kinds = {
        "versus-pi": (DeviceKind.RASPBERRY_PI, edge_law),
        "versus-orin": (DeviceKind.JETSON, lambda tokens: 2e7 + 1e5 * tokens),
        "versus-sim": (DeviceKind.SIMULATED, lambda tokens: 8e6 + 6e6 * ((tokens - 1) // 32)),
    }
    return {
        name: begun(enrolled(served.url, served.client, name, kind), served.client, law=law).finish()
        for name, (kind, law) in kinds.items()
    }


def chart(page: Page, index: int = 0) -> Locator:
    """The overlay, or the map of steps below it."""
    return page.get_by_test_id("stVegaLiteChart").nth(index)


def expect_drawn(page: Page, names: list[str]) -> None:
    """The overlay's legend names exactly these curves."""
    labels = chart(page).locator(".role-legend-label text")
    expect(labels).to_have_count(len(names))
    for name in names:
        expect(labels.filter(has_text=name)).to_have_count(1)


def names_of(curves: dict[str, CurveView], *devices: str) -> list[str]:
    marks = {"versus-sim": " (simulated)"}
    return [f"{device}{marks.get(device, '')} · #{curves[device].summary.id}" for device in devices]


def test_two_devices_and_a_simulated_one_are_compared_and_the_link_shows_the_same(
    visit: Visit, browser: Browser, curves: dict[str, CurveView]
) -> None:
    page = visit.page
    visit.sign_in(f"/compare?{DEVICES}")
    expect_drawn(page, names_of(curves, "versus-orin", "versus-pi"))
    expect(page.get_by_text("Where another becomes the faster one")).to_be_visible()
    expect(page.get_by_text("No hardware was timed")).to_have_count(0)

    page.get_by_text("Simulated too (1 curve left out)").click()
    three = names_of(curves, "versus-orin", "versus-pi", "versus-sim")
    expect_drawn(page, three)
    expect(page.get_by_text("No hardware was timed for 1 curve")).to_be_visible()
    expect(chart(page, 1).locator(".role-axis-label text").get_by_text("versus-sim (simulated)")).to_be_visible()

    page.get_by_text("Ratio to the full model", exact=True).click()
    expect(chart(page).get_by_text("latency / full model's", exact=True)).to_be_attached()
    page.get_by_text("By batch size", exact=True).click()
    expect(page).to_have_url(re.compile("by=batch"))
    expect(page).to_have_url(re.compile("simulated=1.*y=ratio"))

    other = browser.new_context(viewport={"width": 1280, "height": 1000})
    other.set_default_timeout(PATIENCE_MS)
    elsewhere = Visit(visit.farm, other.new_page())
    elsewhere.sign_in(page.url.removeprefix(visit.farm.url))
    expect_drawn(elsewhere.page, three)
    expect(chart(elsewhere.page).get_by_text("latency / full model's", exact=True)).to_be_attached()
    expect(elsewhere.page.get_by_text("No hardware was timed for 1 curve")).to_be_visible()
    assert elsewhere.page.url == page.url
    other.close()
    assert visit.foreign == []


def test_a_curve_pointed_at_tells_its_values(visit: Visit, curves: dict[str, CurveView]) -> None:
    number = curves["versus-pi"].summary.id
    visit.sign_in(f"/compare?curves={number},{curves['versus-orin'].summary.id}")
    visit.page.set_viewport_size({"width": 1280, "height": 1800})
    expect(chart(visit.page).locator(".mark-symbol path").first).to_be_attached()
    chart(visit.page).locator(".role-mark.mark-symbol path").nth(20).hover(force=True)
    tooltip = visit.page.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text("latency (ms)")
    expect(tooltip).to_contain_text("95 % from")


def test_the_numbers_can_be_taken_away(visit: Visit, curves: dict[str, CurveView], tmp_path: Path) -> None:
    view = curves["versus-pi"]
    visit.sign_in(f"/compare?curves={view.summary.id},{curves['versus-orin'].summary.id}")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download these numbers (CSV)").click()
    download.value.save_as(tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["curve"] == str(view.summary.id)]
    assert [float(row["latency_ns"]) for row in rows] == view.latency_ns.tolist()


@pytest.mark.parametrize("page", ["compare", "schedules"])
def test_the_page_fits_a_phone(visit: Visit, curves: dict[str, CurveView], page: str) -> None:
    numbers = ",".join(str(view.summary.id) for view in curves.values())
    visit.page.set_viewport_size({"width": 400, "height": 900})
    visit.sign_in(f"/{page}?curves={numbers}")
    picture = chart(visit.page).locator("svg").first
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert 250 < box["width"] <= 400
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_schedules_stand_beside_the_papers_choice_with_an_accuracy_curve_of_ones_own(
    visit: Visit, curves: dict[str, CurveView], tmp_path: Path
) -> None:
    file = tmp_path / "accuracy.csv"
    file.write_text("tokens,accuracy\n5,0\n101,79\n197,80\n")
    page = visit.page
    visit.sign_in(f"/schedules?curves={curves['versus-orin'].summary.id},{curves['versus-pi'].summary.id}")
    expect(page.get_by_text("None of that is proved")).to_be_visible()
    expect(chart(page, 1).get_by_text("the paper's choice")).to_be_attached()
    page.get_by_text("The paper's utility").click()
    expect(page.get_by_text("No accuracy curve is stated")).to_be_visible()
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("stated accuracy curve of 3 counts")).to_be_visible()
    expect(page).to_have_url(re.compile(r"accuracy=5_0~101_79~197_80"))
    address = page.url
    visit.sign_in(address.removeprefix(visit.farm.url))
    expect(page.get_by_text("stated accuracy curve of 3 counts")).to_be_visible()
    assert page.url == address
