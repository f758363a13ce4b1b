"""``stepfarm demo``: a real sweep on this machine, simulated devices beside it, all programs in their places."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.signals import stopping_on_signals
from agent.wire.jobs import Workload
from orchestrator.commands.demo_devices import DeviceAtWork, at_work, simulated, this_machine
from orchestrator.commands.demo_front import EPOCHS, can_learn, measured_front
from orchestrator.commands.output import need
from orchestrator.commands.serve import announce, stop_aloud
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.analysis.planning import Plan
    from orchestrator.client import Client
    from orchestrator.views import SweepView

MODEL = "deit_tiny_patch16_224"
BATCHES = (1, 4)
PASSES = 5
STRIDE = 3
"""Every third count, so that both curves are there within three minutes on two slow cores."""
SIMULATED_PASSES = 7
KEPT_WITHIN_S = 60.0
LOOK_EVERY_S = 0.5


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
    command.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        metavar="N",
        help=f"of the small model that learns digits; 0 leaves it out (default: {EPOCHS})",
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
        done = _shown(options, settings, key, stop)
    if stop.is_set() and not done:
        raise KeyboardInterrupt
    return 0 if done else 1


def _shown(options: argparse.Namespace, settings: Settings, key: str, stop: threading.Event) -> bool:
    """Measure, and stay until stopped if that is wanted; whether every job of this machine is done."""
    from orchestrator.client import Client

    client = Client(settings.orchestrator_url, key)
    # First and by themselves: what is made up must not disturb what is measured.
    with at_work(settings, client, simulated(settings)) as devices:
        _simulate(options, client, devices, stop)
    if stop.is_set():
        return False
    with at_work(settings, client, [this_machine(settings)]) as devices:
        done = _measure(options, client, devices, stop)
        if done and options.epochs > 0:
            _show_front(options, settings, client, devices[0], stop)
        if done and options.once:
            _until_kept(client, stop)
        elif done:
            with at_work(settings, client, simulated(settings)):
                print("\nSee the curves in the dashboard; Ctrl-C ends the demo. What was measured is kept.\n")
                announce(settings, key, dashboard=True)
                stop.wait()
    return done


def _simulate(
    options: argparse.Namespace, client: Client, devices: Sequence[DeviceAtWork], stop: threading.Event
) -> None:
    """Let the simulated devices measure every count. Whatever comes of it, the demo goes on."""
    from orchestrator.analysis.planning import Plan
    from orchestrator.jobs.states import JobState

    print(f"\nSimulating, as {', '.join(device.name for device in devices)}. No hardware is timed here:", flush=True)
    plan = Plan(passes=SIMULATED_PASSES, exhaustive=True, confirm=False, blocks=True)
    ended = _followed(options, client, devices, plan, stop)
    curves = sum(job.state is JobState.DONE for job in ended.jobs)
    print(f"{counted(curves, 'simulated curve')}, made up and marked as such wherever shown.", flush=True)


def _measure(
    options: argparse.Namespace, client: Client, devices: Sequence[DeviceAtWork], stop: threading.Event
) -> bool:
    """Measure this machine and print what was found; whether every job is done.

    Raises:
        StepfarmError: the agent ended before the sweep did.
    """
    from orchestrator.analysis.planning import Plan
    from orchestrator.commands.curves import report
    from orchestrator.jobs.states import JobState

    batches = " and ".join(map(str, options.batch))
    print(f"\nMeasuring this machine for real: {options.model} at batch {batches}, one thread:", flush=True)
    ended = _followed(options, client, devices, Plan(passes=options.passes, stride=options.stride, blocks=True), stop)
    for job in ended.jobs:
        if job.state is JobState.DONE and job.curve_id is not None:
            print(f"\n{report(client.curve(job.curve_id))}", flush=True)
    if not ended.ended and not stop.is_set():
        raise StepfarmError("The agent of this machine ended.", f"See {devices[0].log}.")
    return all(job.state is JobState.DONE for job in ended.jobs)


def _show_front(
    options: argparse.Namespace, settings: Settings, client: Client, agent: DeviceAtWork, stop: threading.Event
) -> None:
    """What pruning costs of a small model's accuracy and saves of its latency. Whatever comes of it, the demo goes on.

    The model is trained on this machine, while nothing is timed.
    """
    if not can_learn():
        print("\nNo front of accuracy and latency: it needs scikit-learn. pip install 'stepfarm[demo]'", flush=True)
        return
    print("\nTeaching a small model to read digits, for its accuracy under pruning (about a minute):", flush=True)
    try:
        words = measured_front(settings, client, this_machine(settings), agent, epochs=options.epochs, stop=stop)
    except StepfarmError as error:
        print(f"No front of accuracy and latency: {error.message} {error.advice}", flush=True)
        return
    if words is not None:
        print(f"\n{words}", flush=True)


def _until_kept(client: Client, stop: threading.Event) -> None:
    """Wait until every curve is sealed and analysed for good, or a minute: what is left then, the next start does."""
    waiting = [summary.id for summary in client.curves()]
    for _ in range(int(KEPT_WITHIN_S / LOOK_EVERY_S)):
        waiting = [curve_id for curve_id in waiting if not client.curve(curve_id).sealed]
        if not waiting or stop.wait(LOOK_EVERY_S):
            return


def _followed(
    options: argparse.Namespace, client: Client, devices: Sequence[DeviceAtWork], plan: Plan, stop: threading.Event
) -> SweepView:
    """A new sweep of the devices, as it ended; cancelled where it could not end."""
    from orchestrator.commands.watching import follow

    sweep = client.create_sweep(
        models=[options.model],
        # One thread: the other cores are the orchestrator's and the dashboard's, and contention is no measurement.
        workloads=[Workload(batch_size=batch, threads=1) for batch in options.batch],
        devices=[device.name for device in devices],
        plan=plan,
    )
    ended = follow(
        client, sweep.id, clock=SystemClock(), stop=stop, going=lambda: all(device.going for device in devices)
    )
    if not ended.ended:
        client.cancel_sweep(sweep.id)
    return ended
