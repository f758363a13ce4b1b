"""What a device says is text on every page, whatever it says."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, expect

from orchestrator.client import Client
from tests.browser.conftest import Farm, Visit
from tests.support.filling import enrolled
from tests.support.hostile import measured_by, parts_that_obey


@pytest.fixture(scope="module")
def hostile(farm: Farm) -> dict[str, str]:
    """The pages that show what the hostile device said, by what is waited for on each."""
    operator: Client = farm.served.client
    curve, sweep = measured_by(enrolled(farm.served.url, operator, "hostile-pi"), operator)
    return {
        "/fleet": "hostile-pi",
        "/fleet?device=hostile-pi": "What it is",
        f"/?curve={curve}": "Device, workload and conditions",
        f"/sweeps?sweep={sweep}": "ended badly",
    }


def test_what_a_device_says_is_shown_and_never_obeyed(visit: Visit, hostile: dict[str, str]) -> None:
    page, dialogs = visit.page, list[str]()

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    for path, sign in hostile.items():
        visit.sign_in(path)
        expect(page.get_by_text(sign).first).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        closed = page.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        assert parts_that_obey(page) == [], path
    # It was there to be obeyed: the description, as it is.
    visit.sign_in("/fleet?device=hostile-pi")
    expect(page.get_by_text(re.compile(re.escape("onerror='window.obeyed = true'"))).first).to_be_visible()
    assert dialogs == []
    assert [url for url in visit.foreign if "evil" in url] == []
