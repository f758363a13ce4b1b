"""Makes the pictures of the documentation from a running dashboard.

    python -m tests.support.make_pictures --home STATE_DIRECTORY [--curve 1]

Start ``stepfarm up`` or ``stepfarm demo`` first. It needs Chromium and the extra ``stepfarm[dev]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import Browser, expect

from agent.config import load_settings
from agent.errors import ConfigError, StepfarmError
from orchestrator.keys import read_operator_key
from tests.support.browser import NoBrowser, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1280, 1330


def main() -> None:
    """Sign in, wait for the chart and photograph the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", help="the state directory, for the operator's key and the dashboard's port")
    parser.add_argument("--url", help="the dashboard; by default on this machine, at the port of the settings")
    parser.add_argument("--key", help="the key to sign in with; by default the operator's in the state directory")
    parser.add_argument("--curve", type=int, help="the number of the curve; by default the newest")
    arguments = parser.parse_args()
    try:
        url, key = _where(arguments.home, arguments.url, arguments.key)
        curve = f"?curve={arguments.curve}" if arguments.curve else ""
        with chromium() as browser:
            _photograph(browser, f"{url}/{curve}", key, IMAGES / "curve.png")
    except (StepfarmError, NoBrowser) as error:
        parser.exit(2, f"{error}\n")


def _where(home: str | None, url: str | None, key: str | None) -> tuple[str, str]:
    settings = load_settings({"STEPFARM_HOME": home} if home else {})
    key = key or read_operator_key(settings.orchestrator_home)
    if key is None:
        raise ConfigError(f"There is no operator's key in {settings.orchestrator_home}.", "Give --key, or --home.")
    return url or f"http://127.0.0.1:{settings.dashboard_port}", key


def _photograph(browser: Browser, url: str, key: str, path: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto(url)
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    chart = page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first
    expect(chart).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Sweet spots", exact=True)).to_be_attached(timeout=60_000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, animations="disabled")
    print(f"{path} is made")


if __name__ == "__main__":
    main()
