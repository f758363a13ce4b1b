"""``stepfarm up``: the orchestrator and its dashboard."""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.signals import stopping_on_signals
from orchestrator.commands.output import need

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("up", help="start the orchestrator and the dashboard on this machine")
    command.add_argument("--without-ray", action="store_true", help="host the API in this process, under uvicorn")
    command.add_argument("--no-dashboard", action="store_true", help="the API alone")
    command.add_argument(
        "--host", metavar="ADDRESS", help="listen there, off loopback with TLS or a proxy alone (default: 127.0.0.1)"
    )
    command.add_argument("--tls-cert", type=Path, metavar="FILE", help="the certificate chain of the API, PEM")
    command.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM, without a password")
    command.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy with TLS stands before the API: X-Forwarded-For says who asks",
    )
    command.set_defaults(run=_up)


def _up(options: argparse.Namespace, settings: Settings) -> int:
    need("fastapi", "orchestrator")
    from orchestrator.listening import decided
    from orchestrator.running import running

    listening = decided(
        settings,
        host=options.host,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        behind_proxy=options.behind_proxy,
    )
    stop = threading.Event()
    print("Starting ...", flush=True)
    with (
        stopping_on_signals(lambda: stop_aloud(stop), second_ends=False),
        running(
            settings,
            clock=SystemClock(),
            with_ray=not options.without_ray,
            with_dashboard=not options.no_dashboard,
            stop=stop,
            listening=listening,
        ) as key,
    ):
        announce(replace(settings, url=listening.url), key, dashboard=not options.no_dashboard)
        print("Let a device in:  stepfarm enroll-code\nCtrl-C stops.", flush=True)
        stop.wait()
    return 0


def stop_aloud(stop: threading.Event) -> None:
    """Set ``stop`` and say so: to end in good order can take some seconds."""
    if not stop.is_set():
        print("\nStopping ...", flush=True)
        stop.set()


def announce(settings: Settings, key: str, *, dashboard: bool) -> None:
    """Say where things are and how to sign in. The key itself is shown to a person at a terminal alone."""
    if dashboard:
        print(f"Dashboard:        http://127.0.0.1:{settings.dashboard_port}")
    print(f"Orchestrator:     {settings.orchestrator_url}")
    place = settings.orchestrator_home / "operator.key"
    print(f"Sign in with:     {f'{key}  ({place})' if sys.stdout.isatty() else f'the key in {place}'}", flush=True)
