"""A running orchestrator with its dashboard, as long as a context lasts: what ``stepfarm up`` and ``demo`` share."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import urllib3

from agent.clock import Clock
from agent.config import Settings
from agent.locking import alone_in
from orchestrator import programs
from orchestrator.errors import StartFailed
from orchestrator.wiring import prepare

START_S = 120.0
"""How long the API and the dashboard may take to answer first: tens of seconds on a small board."""

POLL_S = 0.2


@contextlib.contextmanager
def running(
    settings: Settings, *, clock: Clock, with_ray: bool, with_dashboard: bool, stop: threading.Event
) -> Iterator[str]:
    """The orchestrator and its dashboard, answering on their ports; the operator's key.

    Raises:
        StartFailed: a port is taken, or a part did not come up; what had come up is gone again.
        StateError: another orchestrator works with the same state directory.
        SchemaMismatch: the database is newer than this version of Stepfarm.
    """
    with alone_in(settings.orchestrator_home, program="orchestrator"):
        if with_dashboard and settings.port == settings.dashboard_port:
            raise StartFailed(
                f"The orchestrator and the dashboard cannot both have port {settings.port}.",
                "Choose another for one of them: STEPFARM_PORT or STEPFARM_DASHBOARD_PORT.",
            )
        ports = [("port", settings.port), ("dashboard_port", settings.dashboard_port)]
        for name, port in ports if with_dashboard else ports[:1]:
            refuse_taken(name, port)
        key = prepare(settings, clock)
        with _api(settings, with_ray=with_ray), _dashboard(settings, wanted=with_dashboard) as dashboard:
            _wait_for(f"http://127.0.0.1:{settings.port}/readyz", clock, stop)
            if dashboard is not None:
                url = f"http://127.0.0.1:{settings.dashboard_port}/_stcore/health"
                _wait_for(url, clock, stop, lambda: dashboard.poll() is None)
            yield key


def refuse_taken(name: str, port: int) -> None:
    """Refuse a port that somebody else listens on.

    Raises:
        StartFailed: naming the setting ``name`` that chooses another.
    """
    with socket.socket() as probe:
        # As servers do: a port in the wake of a closed connection is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartFailed(
                f"Port {port} is taken by another program.",
                f"Stop it, or choose another: STEPFARM_{name.upper()}={port + 10} in the environment.",
            ) from None


def _api(settings: Settings, *, with_ray: bool) -> contextlib.AbstractContextManager[object]:
    if with_ray:
        from orchestrator.cluster import serving

        return serving.serving(settings)
    from orchestrator.api import hosting

    return hosting.serving(settings)


@contextlib.contextmanager
def _dashboard(settings: Settings, *, wanted: bool) -> Iterator[subprocess.Popen[bytes] | None]:
    if not wanted:
        yield None
        return
    # A program of its own, and started as one: the orchestrator knows the dashboard's name and nothing else of it.
    if find_spec("dashboard") is None or find_spec("streamlit") is None:
        raise StartFailed(
            "The dashboard is not installed.", "pip install 'stepfarm[dashboard]', or use --no-dashboard."
        )
    log = settings.orchestrator_home / "dashboard.log"
    process = programs.start(settings, log, "dashboard", "--port", str(settings.dashboard_port))
    try:
        yield process
    finally:
        programs.end(process)


def _wait_for(url: str, clock: Clock, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
    deadline_ns = clock.monotonic_ns() + int(START_S * 1e9)
    with urllib3.PoolManager(timeout=urllib3.Timeout(2.0), retries=False) as pool:
        while not _answers(pool, url):
            if not alive() or clock.monotonic_ns() > deadline_ns:
                raise StartFailed(f"{url} does not answer.", "See the logs in the state directory.")
            if clock.wait(stop, POLL_S):
                raise KeyboardInterrupt


def _answers(pool: urllib3.PoolManager, url: str) -> bool:
    try:
        return pool.request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False
