"""A running orchestrator with its dashboard, as long as a context lasts: what ``stepfarm up`` and ``demo`` share."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from types import FrameType

import urllib3

from agent.clock import Clock
from agent.config import Settings
from agent.locking import alone_in
from agent.signals import STOPPING
from agent.tls import checked_ca, complaint_about
from orchestrator import leftovers, programs
from orchestrator.errors import StartFailed
from orchestrator.listening import LOOPBACK, Listening, on_loopback
from orchestrator.wiring import prepare

START_S = 120.0
"""How long the API and the dashboard may take to answer first: tens of seconds on a small board."""

POLL_S = 0.2


@contextlib.contextmanager
def running(
    settings: Settings,
    *,
    clock: Clock,
    with_ray: bool,
    with_dashboard: bool,
    stop: threading.Event,
    listening: Listening | None = None,
) -> Iterator[str]:
    """The orchestrator and its dashboard, answering on their ports; the operator's key.

    What an orchestrator before it left behind, because it was killed, is ended first.

    Args:
        stop: set when it is to end; a start that is under way is then broken off.
        listening: where the API listens; on loopback by default.

    Raises:
        StartFailed: a port is taken, or a part did not come up; what had come up is gone again.
        StateError: another orchestrator works with the same state directory.
        DatabaseTaken: another orchestrator, with another state directory, writes to the database.
        DatabaseAway: the database does not answer.
        SchemaMismatch: the database is newer than this version of Stepfarm.
        KeyboardInterrupt: ``stop`` was set before all was up.
    """
    home = settings.orchestrator_home
    listening = listening or on_loopback(settings)
    # Whatever else commands are set to talk to, the programs that are started here work for this orchestrator.
    settings = replace(settings, url=listening.url)
    with alone_in(home, program="orchestrator"):
        left = leftovers.end_all(home, clock)
        if left:
            print(f"Ended what an earlier run had left: {left} process{'es' if left > 1 else ''}.", flush=True)
        _refuse_ports(settings, listening, with_dashboard=with_dashboard)
        key = prepare(settings, clock, lambda line: print(line, flush=True))
        up = threading.Event()
        with leftovers.on_record(home, clock, up), contextlib.ExitStack() as parts:
            with breaking_off(stop):
                _start(parts, settings, listening, clock, with_ray=with_ray, with_dashboard=with_dashboard)
            up.set()
            yield key


def _start(
    parts: contextlib.ExitStack,
    settings: Settings,
    listening: Listening,
    clock: Clock,
    *,
    with_ray: bool,
    with_dashboard: bool,
) -> None:
    """Start every part, and return once each answers."""
    parts.enter_context(_api(settings, listening, with_ray=with_ray))
    process = parts.enter_context(_dashboard(settings, wanted=with_dashboard))
    _wait_for(f"{listening.url}/readyz", clock, ca=settings.ca)
    if process is not None:
        url = f"http://127.0.0.1:{settings.dashboard_port}/_stcore/health"
        _wait_for(url, clock, alive=lambda: process.poll() is None)


@contextlib.contextmanager
def breaking_off(stop: threading.Event) -> Iterator[None]:
    """Let a signal to stop interrupt what this context does: Ray starts for seconds without a look at ``stop``.

    Raises:
        KeyboardInterrupt: ``stop`` is set, or a signal came.
    """
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        # Once: what tidies up after it is not to be interrupted.
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOPPING}
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if stop.is_set():
        raise KeyboardInterrupt
    for number in STOPPING:
        signal.signal(number, interrupt)
    try:
        yield
    except SystemExit:
        # Ray's own handler of SIGTERM, which it sets when it starts.
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.is_set():
        raise KeyboardInterrupt


def _refuse_ports(settings: Settings, listening: Listening, *, with_dashboard: bool) -> None:
    if with_dashboard and settings.port == settings.dashboard_port:
        raise StartFailed(
            f"The orchestrator and the dashboard cannot both have port {settings.port}.",
            "Choose another for one of them: STEPFARM_PORT or STEPFARM_DASHBOARD_PORT.",
        )
    refuse_taken("port", settings.port, listening.host)
    if with_dashboard:
        refuse_taken("dashboard_port", settings.dashboard_port)


def refuse_taken(name: str, port: int, host: str = LOOPBACK) -> None:
    """Refuse a port that somebody else listens on, or that this user may not have, or an address that is none of ours.

    Raises:
        StartFailed: naming the setting ``name`` that chooses another.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port in the wake of a closed connection is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _no_port(name, port, host, error) from None


def _no_port(name: str, port: int, host: str, error: OSError) -> StartFailed:
    setting = f"STEPFARM_{name.upper()}"
    if error.errno == errno.EADDRINUSE:
        # Upwards, but not out of the range of ports.
        other = port + 10 if port + 10 < 65_536 else port - 10
        return StartFailed(
            f"Port {port} is taken by another program.",
            f"Stop it, or choose another: {setting}={other} in the environment.",
        )
    if isinstance(error, PermissionError):
        return StartFailed(
            f"Port {port} is not for every user: this system keeps the low ports for itself.",
            f"Choose one from 1024 on: {setting}={port + 8_000} in the environment, with a proxy before it if need be.",
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return StartFailed(f"{host} is no address of this machine.", "Give --host one that it has, or 0.0.0.0 for all.")
    return StartFailed(
        f"Port {port} of {host} cannot be had: {error.strerror}.", f"Choose another: {setting} in the environment."
    )


def _api(settings: Settings, listening: Listening, *, with_ray: bool) -> contextlib.AbstractContextManager[object]:
    if with_ray:
        from orchestrator.cluster import serving

        return serving.serving(settings, listening)
    from orchestrator.api import hosting

    return hosting.serving(settings, listening=listening)


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


def _wait_for(url: str, clock: Clock, *, ca: str | None = None, alive: Callable[[], bool] = lambda: True) -> None:
    never = threading.Event()
    deadline_ns = clock.monotonic_ns() + int(START_S * 1e9)
    with urllib3.PoolManager(
        timeout=urllib3.Timeout(2.0), retries=False, ca_certs=None if ca is None else checked_ca(ca)
    ) as pool:
        while not _answers(pool, url):
            if not alive() or clock.monotonic_ns() > deadline_ns:
                raise StartFailed(f"{url} does not answer.", "See the logs in the state directory.")
            clock.wait(never, POLL_S)


def _answers(pool: urllib3.PoolManager, url: str) -> bool:
    try:
        return pool.request("GET", url).status == 200
    except urllib3.exceptions.SSLError as error:
        # Waiting mends none of these.
        complaint, advice = complaint_about(error)
        raise StartFailed(f"{url} cannot be trusted: {complaint}.", advice) from None
    except urllib3.exceptions.HTTPError:
        return False
