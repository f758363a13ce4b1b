"""One orchestrator, one dashboard and one headless Chromium for all tests here."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from agent.clock import SystemClock
from dashboard.launch import command
from orchestrator.views import CurveView
from tests.support.browser import chromium
from tests.support.filling import FakeDevice, begun, enrolled
from tests.support.serving import Served, serving

PATIENCE_MS = 30_000
"""A page on a busy machine of 2 cores takes seconds."""


@dataclass(frozen=True)
class Farm:
    """What runs: the orchestrator with one sealed curve, and the dashboard at ``url``."""

    served: Served
    device: FakeDevice
    curve: CurveView
    url: str


@dataclass(frozen=True)
class Visit:
    """A page of the dashboard, and the requests that it made to anybody else."""

    farm: Farm
    page: Page
    foreign: list[str] = field(default_factory=list)

    def sign_in(self, path: str | None = None, key: str | None = None) -> None:
        """Open ``path``, by default that of the sealed curve, and type ``key``, by default the operator's."""
        self.page.goto(self.farm.url + (path or f"/?curve={self.farm.curve.summary.id}"))
        self.page.get_by_label("Key", exact=True).fill(key or self.farm.served.operator_key)
        self.page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    home = tmp_path_factory.mktemp("farm")
    with serving(home) as served:
        device = enrolled(served.url, served.client, "bench-pi")
        curve = begun(device, served.client).finish()
        with (home / "dashboard.log").open("wb") as log:
            dashboard = _start_dashboard(served, home, log.fileno())
            try:
                url = f"http://127.0.0.1:{served.settings.dashboard_port}"
                _wait_until_healthy(url, dashboard, home / "dashboard.log")
                yield Farm(served, device, curve, url)
            finally:
                dashboard.terminate()
                dashboard.wait(20)
        assert served.operator_key not in (home / "dashboard.log").read_text(errors="replace")


def _start_dashboard(served: Served, home: Path, log: int) -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("STEPFARM_", "STREAMLIT_"))
    }
    environment |= {"STEPFARM_HOME": str(home), "STEPFARM_URL": served.url, "HOME": str(home)}
    arguments = command(served.settings.dashboard_port)
    return subprocess.Popen(arguments, env=environment, cwd=home, stdout=log, stderr=log)


def _wait_until_healthy(url: str, dashboard: subprocess.Popen[bytes], log: Path) -> None:
    clock, never = SystemClock(), threading.Event()
    until_ns = clock.monotonic_ns() + 60 * 10**9
    while clock.monotonic_ns() < until_ns and dashboard.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            clock.wait(never, 0.1)
    raise AssertionError(f"the dashboard did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as running:
        yield running


@pytest.fixture
def visit(farm: Farm, browser: Browser) -> Iterator[Visit]:
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(farm, context.new_page())

    def note(request: Request) -> None:
        if not request.url.startswith((farm.url, "data:", "blob:")):
            visit.foreign.append(request.url)

    context.on("request", note)
    yield visit
    context.close()
