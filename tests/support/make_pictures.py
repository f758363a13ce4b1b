"""Makes the pictures of the documentation from a running dashboard.

    python -m tests.support.make_pictures --home STATE_DIRECTORY [--curve 1] [--sweep 1] [curve fleet sweep compare]

Start ``stepfarm up`` or ``stepfarm demo`` first. It needs Chromium and the extra ``stepfarm[dev]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from agent.config import load_settings
from agent.errors import ConfigError, StepfarmError
from orchestrator.keys import read_operator_key
from tests.support.browser import NoBrowser, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 1280
PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Picture:
    """A page to photograph: its path, the height of the picture, and what waits until all of it stands there."""

    path: str
    height: int
    complete: Callable[[Page], None]


def main() -> None:
    """Sign in, wait for each page and photograph it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="curve, fleet, sweep or compare; by default all")
    parser.add_argument("--home", help="the state directory, for the operator's key and the dashboard's port")
    parser.add_argument("--url", help="the dashboard; by default on this machine, at the port of the settings")
    parser.add_argument("--key", help="the key to sign in with; by default the operator's in the state directory")
    parser.add_argument("--curve", type=int, help="the number of the curve; by default the newest")
    parser.add_argument("--sweep", type=int, default=1, help="the number of the sweep; by default the first")
    arguments = parser.parse_args()
    pictures = {
        "curve": Picture(f"/curve?curve={arguments.curve}" if arguments.curve else "/curve", 1330, _curve_is_drawn),
        "fleet": Picture("/fleet", 720, _fleet_is_there),
        "sweep": Picture(f"/sweeps?sweep={arguments.sweep}", 900, _sweep_is_there),
        "compare": Picture("/compare?simulated=1&batch=1&y=ratio", 1250, _chart_is_there),
    }
    unknown = sorted(set(arguments.names) - set(pictures))
    if unknown:
        parser.error(f"there is no picture {unknown[0]}: choose from {', '.join(pictures)}")
    try:
        url, key = _where(arguments.home, arguments.url, arguments.key)
        with chromium() as browser:
            for name in arguments.names or pictures:
                _photograph(browser, url, key, pictures[name], IMAGES / f"{name}.png")
    except (StepfarmError, NoBrowser) as error:
        parser.exit(2, f"{error}\n")


def _where(home: str | None, url: str | None, key: str | None) -> tuple[str, str]:
    settings = load_settings({"STEPFARM_HOME": home} if home else {})
    key = key or read_operator_key(settings.orchestrator_home)
    if key is None:
        raise ConfigError(f"There is no operator's key in {settings.orchestrator_home}.", "Give --key, or --home.")
    return url or f"http://127.0.0.1:{settings.dashboard_port}", key


def _chart_is_there(page: Page) -> None:
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible(timeout=PATIENCE_MS)


def _curve_is_drawn(page: Page) -> None:
    _chart_is_there(page)
    expect(page.get_by_text("Sweet spots", exact=True)).to_be_attached(timeout=PATIENCE_MS)


def _fleet_is_there(page: Page) -> None:
    expect(page.get_by_text("Details").first).to_be_visible(timeout=PATIENCE_MS)


def _sweep_is_there(page: Page) -> None:
    expect(page.get_by_text("All sweeps")).to_be_visible(timeout=PATIENCE_MS)


def _photograph(browser: Browser, url: str, key: str, picture: Picture, path: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": picture.height}, color_scheme="light")
    page.goto(f"{url}{picture.path}")
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    picture.complete(page)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE_MS)
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, animations="disabled")
    print(f"{path} is made")
    page.close()


if __name__ == "__main__":
    main()
