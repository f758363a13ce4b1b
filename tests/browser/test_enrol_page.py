"""A person enrols a device from a real browser: a code on the page, the real agent's program on the device."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.support.agent_program import stepfarm_agent


def made_line(page: Page) -> str:
    """The line to paste, once the page shows it."""
    page.get_by_role("button", name="Make a code").click()
    line = page.get_by_test_id("stCode").filter(has_text="stepfarm-agent enroll")
    expect(line).to_be_visible()
    return line.inner_text()


def test_the_line_on_the_page_lets_the_real_agent_in_and_the_page_greets_it(visit: Visit, tmp_path: Path) -> None:
    visit.sign_in("/enrol")
    page = visit.page
    found = re.search(r"stepfarm-agent enroll (\S+) --code (\S+)", made_line(page))
    assert found is not None
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    expect(page.get_by_text("The code is good for another")).to_be_visible()
    stepfarm_agent(tmp_path, "enroll", found[1], "--code", found[2], "--name", "shop-pi", "--simulate", "stairs")
    expect(page.get_by_text("Welcome, shop-pi!")).to_be_visible()
    expect(page.get_by_text("simulated", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Queue its first sweep").click()
    expect(page.get_by_test_id("stMultiSelect").filter(has_text="Devices")).to_contain_text("shop-pi")
    assert page.url.endswith("/new-sweep?device=shop-pi")


def test_a_page_that_is_loaded_again_makes_no_second_code_and_does_not_tell_the_first(visit: Visit) -> None:
    visit.sign_in("/enrol")
    page = visit.page
    line = made_line(page)
    address = page.url
    before = visit.farm.served.client.new_join_code().id
    visit.sign_in(address.removeprefix(visit.farm.url))
    expect(page.get_by_text("cannot be shown again")).to_be_visible()
    assert visit.farm.served.client.new_join_code().id == before + 1
    assert line.rpartition("--code ")[2].split()[0] not in page.content()
    assert page.url == address
