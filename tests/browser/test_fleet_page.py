"""A person watches the fleet in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.support.filling import begun, enrolled


def card(visit: Visit, name: str) -> Locator:
    """The card of the device of that name."""
    return visit.page.get_by_test_id("stVerticalBlock").filter(has_text=name).filter(has_text="Details").last


def test_the_fleet_follows_its_devices_and_what_is_typed_meanwhile_stays(visit: Visit) -> None:
    served = visit.farm.served
    device = enrolled(served.url, served.client, "watched-pi")
    visit.sign_in("/fleet")
    expect(card(visit, "watched-pi")).to_contain_text("Idle")
    visit.page.get_by_test_id("stButtonGroup").get_by_text("measuring").click()
    expect(card(visit, "watched-pi")).to_have_count(0)
    job = begun(device, served.client, batch_size=16)
    expect(card(visit, "watched-pi")).to_contain_text("at batch 16: pass 1 of 5")
    job.post(0)
    expect(card(visit, "watched-pi")).to_contain_text("pass 2 of 5")
    card(visit, "watched-pi").get_by_text("Details").click()
    page = visit.page
    page.get_by_role("button", name="Labels").click()
    page.get_by_role("textbox", name="Labels").fill("board=pi5, half typed")
    assert page.url.endswith("/fleet?device=watched-pi")
    job.post(1)
    expect(page.get_by_text("pass 3 of 5")).to_be_visible()
    expect(page.get_by_role("textbox", name="Labels")).to_have_value("board=pi5, half typed")
    page.get_by_role("button", name="Save labels").click()
    expect(page.get_by_text("board=pi5", exact=True)).to_be_visible()
    assert [str(label) for label in served.client.device("watched-pi").labels] == ["board=pi5", "half", "typed"]


def test_the_address_follows_links_within_a_page_and_the_way_back(visit: Visit) -> None:
    visit.sign_in("/fleet")
    page, name = visit.page, visit.farm.device.name
    card(visit, name).get_by_text("Details").click()
    expect(page).to_have_url(re.compile(rf"/fleet\?device={name}$"))
    expect(page.get_by_text("What it is")).to_be_visible()
    page.get_by_text("The whole fleet").click()
    expect(page).to_have_url(re.compile("/fleet$"))
    expect(card(visit, name)).to_be_visible()
    page.go_back()
    expect(page.get_by_text("What it is")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/fleet\?device={name}$"))


def test_a_device_is_revoked_after_a_second_thought(visit: Visit) -> None:
    served = visit.farm.served
    enrolled(served.url, served.client, "stolen-pi")
    visit.sign_in("/fleet?device=stolen-pi")
    page = visit.page
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("is shut out for good")).to_be_visible()
    page.get_by_role("button", name="Revoke it for good").click()
    expect(page.get_by_text("its key is refused, its curves stay")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


@pytest.mark.parametrize("path", ["/fleet", "/enrol", "/new-sweep", "/sweeps"])
def test_a_page_fits_a_phone_and_asks_nobody_but_this_machine(visit: Visit, path: str) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 840})
    visit.sign_in(path)
    expect(visit.page.get_by_role("heading").first).to_be_visible()
    expect(visit.page.get_by_test_id("stStatusWidget")).to_have_count(0)
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert visit.foreign == []
