"""A person queues a sweep from a real browser and watches the real agent measure it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.support.agent_program import stepfarm_agent, stepfarm_agent_at_work


def choose_model(page: Page, name: str) -> None:
    """Type the name of a model into the form, as a person does who does not look for it in the list."""
    page.get_by_role("combobox", name="Models").fill(name)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stMultiSelect").filter(has_text="Models")).to_contain_text(name)


def test_a_sweep_is_queued_by_the_form_watched_and_leads_to_its_curve(visit: Visit, tmp_path: Path) -> None:
    client = visit.farm.served.client
    url, code, before = visit.farm.served.url, client.new_join_code().code, len(client.sweeps())
    stepfarm_agent(tmp_path, "enroll", url, "--code", code, "--name", "stairs-1", "--simulate", "stairs")
    visit.sign_in("/new-sweep?device=stairs-1")
    page = visit.page
    choose_model(page, "deit_tiny_patch16_224")
    page.get_by_role("textbox", name="Batch sizes").fill("1, 4")
    page.get_by_text("Plan and priority").click()
    page.get_by_role("spinbutton", name="Passes").fill("3")
    page.get_by_role("spinbutton", name="Every Nth count").fill("8")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 model x 2 batch sizes x 1 device = 2 jobs on stairs-1")).to_be_visible()
    page.get_by_role("button", name="Queue the sweep").dblclick(delay=30)
    expect(page.get_by_text("2 jobs: 2 queued")).to_be_visible()
    # An impatient double click queued one sweep.
    assert len(client.sweeps()) == before + 1
    # Slowly until its progress was seen, then as fast as it can.
    with stepfarm_agent_at_work(tmp_path, "--pace", "3"):
        expect(page.get_by_text(re.compile("pass [0-9]+ of [0-9]+")).first).to_be_visible()
    with stepfarm_agent_at_work(tmp_path, "--pace", "0"):
        expect(page.get_by_text("2 jobs: 2 done")).to_be_visible()
    page.get_by_test_id("stPageLink").filter(has_text="Curve").last.click()
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first).to_be_visible()
    expect(page.get_by_text("Simulated device.")).to_be_visible()
    assert page.url.endswith(f"/curve?curve={client.sweeps()[0].jobs[-1].curve_id}")


def test_what_the_orchestrator_refuses_stands_at_the_form_and_what_was_typed_stays(visit: Visit) -> None:
    visit.sign_in(f"/new-sweep?device={visit.farm.device.name}")
    page = visit.page
    choose_model(page, "a_model_of_my_own")
    page.get_by_text("The rest of the workload").click()
    page.get_by_role("spinbutton", name="Threads").fill("999")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Queue the sweep").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("999 threads are asked for")
    expect(page.get_by_role("spinbutton", name="Threads")).to_have_value("999")
    expect(page.get_by_test_id("stMultiSelect").filter(has_text="Models")).to_contain_text("a_model_of_my_own")
