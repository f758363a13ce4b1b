"""``stepfarm demo``: a real sweep on this machine, all programs in their places."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.signals import stopping_on_signals
from orchestrator import programs
from orchestrator.commands.output import need
from orchestrator.commands.serve import announce, stop_aloud

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.client import Client

AGENT = "agent.cli"
MODEL = "deit_tiny_patch16_224"
BATCHES = (1, 4)
PASSES = 5
STRIDE = 3
"""Every third count, so that both curves are there within three minutes on two slow cores."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("demo", help="measure a real model on this machine and open the dashboard")
    command.add_argument("--once", action="store_true", help="end when the sweep is done")
    command.add_argument("--model", default=MODEL, help=f"name of a timm model (default: {MODEL})")
    command.add_argument("--batch", type=int, nargs="+", default=list(BATCHES), metavar="N", help="default: 1 4")
    command.add_argument("--passes", type=int, default=PASSES, metavar="N", help=f"default: {PASSES}")
    command.add_argument(
        "--stride", type=int, default=STRIDE, metavar="N", help=f"every Nth token count (default: {STRIDE})"
    )
    command.add_argument("--without-ray", action="store_true", help="host the API under uvicorn instead")
    command.set_defaults(run=_demo)


def _demo(options: argparse.Namespace, settings: Settings) -> int:
    need("ray", "orchestrator")
    need("timm", "torch")
    from orchestrator.running import running

    stop = threading.Event()
    # The demo is about this machine, wherever else the settings may point.
    settings = replace(settings, url=None, key=None)
    print("Starting the orchestrator (about 20 s) ...", flush=True)
    with (
        stopping_on_signals(lambda: stop_aloud(stop), second_ends=False),
        running(settings, clock=SystemClock(), with_ray=not options.without_ray, with_dashboard=True, stop=stop) as key,
    ):
        announce(settings, key, dashboard=True)
        with _agent(settings, key) as agent:
            done = _sweep(options, settings, key, stop, agent)
            if done and not options.once:
                print("\nSee the curves in the dashboard; Ctrl-C ends the demo. What was measured is kept.\n")
                announce(settings, key, dashboard=True)
                stop.wait()
    if stop.is_set() and not done:
        raise KeyboardInterrupt
    return 0 if done else 1


def _client(settings: Settings, key: str) -> Client:
    from orchestrator.client import Client

    return Client(settings.orchestrator_url, key)


@contextlib.contextmanager
def _agent(settings: Settings, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """This machine's agent at work, enrolled by the same road as a remote device."""
    from agent.identity import read_identity

    identity = read_identity(settings.agent_home)
    if identity is None or identity.device_id is None:
        code = _client(settings, key).new_join_code().code
        _enrol(settings, code)
    elif identity.url != settings.orchestrator_url:
        raise StepfarmError(
            f"This machine is enrolled at {identity.url}, not at {settings.orchestrator_url}.",
            "Set STEPFARM_PORT to that port, or let it forget: stepfarm-agent unenroll.",
        )
    process = programs.start(settings, settings.agent_home / "agent.log", AGENT, "run")
    try:
        yield process
    finally:
        programs.end(process)


def _enrol(settings: Settings, code: str) -> None:
    ended = programs.run(settings, AGENT, "enroll", f"http://127.0.0.1:{settings.port}", "--code", code)
    if ended.returncode != 0:
        raise StepfarmError(
            "This machine could not be enrolled.", ended.stderr.strip().removeprefix("stepfarm-agent: ")
        )


def _sweep(
    options: argparse.Namespace,
    settings: Settings,
    key: str,
    stop: threading.Event,
    agent: subprocess.Popen[bytes],
) -> bool:
    """Measure and print; whether every job is done.

    Raises:
        StepfarmError: the agent ended before the sweep did.
    """
    from agent.identity import read_identity
    from agent.wire.jobs import Workload
    from orchestrator.analysis.planning import Plan
    from orchestrator.commands.curves import report
    from orchestrator.commands.sweeps import follow
    from orchestrator.jobs.states import JobState

    identity = read_identity(settings.agent_home)
    client = _client(settings, key)
    sweep = client.create_sweep(
        models=[options.model],
        # One thread: the other cores are the orchestrator's and the dashboard's, and contention is no measurement.
        workloads=[Workload(batch_size=batch, threads=1) for batch in options.batch],
        devices=[identity.name if identity is not None else ""],
        plan=Plan(passes=options.passes, stride=options.stride),
    )
    print(f"\nMeasuring {options.model} at batch {' and '.join(map(str, options.batch))}, one thread:", flush=True)
    ended = follow(client, sweep.id, clock=SystemClock(), stop=stop, going=lambda: agent.poll() is None)
    if not ended.ended:
        client.cancel_sweep(sweep.id)
        if not stop.is_set():
            raise StepfarmError("The agent of this machine ended.", f"See {settings.agent_home / 'agent.log'}.")
    for job in ended.jobs:
        if job.state is JobState.DONE and job.curve_id is not None:
            print(f"\n{report(client.curve(job.curve_id))}", flush=True)
        elif job.failure is not None:
            print(f"\nstepfarm: {job.model}: {job.failure.message}\n  {job.failure.advice}", file=sys.stderr)
    return all(job.state is JobState.DONE for job in ended.jobs)
