"""``stepfarm sweep``: queue sweeps, follow them, cancel them, try again."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.wire.jobs import Task
from orchestrator.commands.fleet import label_of
from orchestrator.commands.output import print_json, print_table, roughly, take_json, when
from orchestrator.commands.workloads import in_short, plan, take_plan, take_workloads, workloads
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.analysis.planning import Plan
    from orchestrator.client import Client
    from orchestrator.views import SweepView

HEARD_S = 20
"""A device that measures hears of a cancelling within so many seconds, at its next heartbeat."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("sweep", help="queue sweeps and follow them")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_create(subcommands)

    command = subcommands.add_parser("list", help="the sweeps, newest first")
    take_json(command)
    command.set_defaults(run=_list)

    for name, run, text in (
        ("show", _show, "one sweep and its jobs"),
        ("watch", _watch, "follow a sweep until it has ended"),
        ("cancel", _cancel, "cancel what is queued; devices stop at their next heartbeat"),
        ("retry", _retry, "queue the failed and cancelled jobs of a sweep again, as a new sweep"),
    ):
        command = subcommands.add_parser(name, help=text)
        command.add_argument("id", type=int, metavar="ID", help="the number of the sweep")
        if run is _retry:
            command.add_argument("--watch", action="store_true", help="follow the new one until it has ended")
        take_json(command)
        command.set_defaults(run=run)


def _add_create(subcommands: _SubParsersAction[Any]) -> None:
    command = subcommands.add_parser("create", help="queue models x batch sizes x devices")
    command.add_argument("models", nargs="+", metavar="MODEL", help="names of timm models")
    command.add_argument("--device", nargs="+", default=[], metavar="NAME", help="names of devices")
    command.add_argument(
        "--label",
        nargs="+",
        default=[],
        type=label_of,
        metavar="LABEL",
        help="all devices that carry one of these labels: board=orin, or board for any value",
    )
    command.add_argument("--priority", type=int, default=0, metavar="N", help="higher goes first (default: 0)")
    command.add_argument("--watch", action="store_true", help="follow it until it has ended")
    take_workloads(command)
    take_plan(command)
    take_json(command)
    command.set_defaults(run=_create)


def _create(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    sweep = client.create_sweep(
        models=options.models,
        workloads=workloads(options),
        devices=options.device,
        labels=options.label,
        plan=plan(options),
        priority=options.priority,
    )
    return queued(client, sweep.view, options)


def queued(client: Client, sweep: SweepView, options: argparse.Namespace) -> int:
    """Say that ``sweep`` is queued, or follow it where that is wanted."""
    if options.watch:
        return _follow_and_report(client, sweep, options)
    if options.json:
        print_json(sweep)
        return 0
    devices = len({job.device for job in sweep.jobs})
    again = "" if sweep.retry_of is None else f", once more from sweep {sweep.retry_of}"
    print(f"Sweep {sweep.id}: {counted(len(sweep.jobs), 'job')} queued on {counted(devices, 'device')}{again}.")
    print(f"Follow it with: stepfarm sweep watch {sweep.id}")
    return 0


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    sweeps = Client().sweeps()
    if options.json:
        print_json(sweeps)
        return 0
    print_table(
        (
            (
                one.id,
                when(one.created_ms),
                ", ".join(sorted({job.model for job in one.jobs})),
                ", ".join(sorted({job.device for job in one.jobs})),
                states(one),
                _left(one),
            )
            for one in sweeps
        ),
        ("id", "queued", "models", "devices", "jobs", "left"),
        empty="No sweeps yet. Queue one: stepfarm sweep create MODEL --device NAME",
    )
    return 0


def states(sweep: SweepView) -> str:
    """How many of its jobs are in which state."""
    found = [job.state.value for job in sweep.jobs]
    return ", ".join(f"{found.count(state)} {state}" for state in sorted(set(found)))


def _left(sweep: SweepView) -> str:
    return "" if sweep.ended or sweep.left_s is None else roughly(sweep.left_s)


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    _report(Client().sweep_view(options.id), as_json=options.json)
    return 0


def _watch(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    return _follow_and_report(client, client.sweep_view(options.id), options)


def _cancel(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    sweep = Client().cancel_sweep(options.id)
    if options.json:
        print_json(sweep)
        return 0
    print(f"Sweep {sweep.id}: {states(sweep)}.")
    stopping = [job for job in sweep.jobs if job.cancelling]
    if stopping:
        from orchestrator.commands.in_words import job_title

        print(f"These stop at their device's next heartbeat, within about {HEARD_S} s; what they measured is kept:")
        print("\n".join(f"  job {job.id}, {job.device}: {job_title(job)}" for job in stopping))
    return 0


def _retry(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client
    from orchestrator.jobs.states import WORTH_RETRYING

    client = Client()
    again = client.retry_sweep(options.id).view
    old = client.sweep_view(options.id)
    left_out = {job.device for job in old.jobs if job.state in WORTH_RETRYING} - {job.device for job in again.jobs}
    if left_out:
        print(
            f"Left out, because they were revoked: {', '.join(sorted(left_out))}. Enrol them anew to measure there.",
            file=sys.stderr,
        )
    return queued(client, again, options)


def _follow_and_report(client: Client, sweep: SweepView, options: argparse.Namespace) -> int:
    from orchestrator.commands.watching import follow
    from orchestrator.jobs.states import JobState

    ended = follow(client, sweep.id, clock=SystemClock(), stop=threading.Event())
    # What went wrong was told as it happened.
    _report(ended, as_json=options.json, with_troubles=False)
    return 0 if all(job.state is JobState.DONE for job in ended.jobs) else 1


def _report(sweep: SweepView, *, as_json: bool, with_troubles: bool = True) -> None:
    if as_json:
        print_json(sweep)
        return
    from orchestrator.commands.in_words import standing, troubles

    print(f"{_headline(sweep)}:")
    print_table(
        ((job.id, job.device, job.model, in_short(job.workload), job.state.value, standing(job)) for job in sweep.jobs),
        ("job", "device", "model", "workload", "state", ""),
        empty="no jobs",
    )
    if with_troubles:
        for trouble in troubles(sweep.jobs):
            print(f"\n{trouble}")


def _way(plan: Plan) -> str:
    return counted(plan.passes, "pass") if plan.exhaustive else "a search for steps"


def _measured_by(sweep: SweepView) -> str:
    if all(job.task is Task.ACCURACY for job in sweep.jobs):
        return "accuracy"
    return _way(sweep.plan)


def _headline(sweep: SweepView) -> str:
    parts = [f"Sweep {sweep.id}", f"queued {when(sweep.created_ms)}", _measured_by(sweep)]
    if sweep.priority:
        parts.append(f"priority {sweep.priority}")
    if sweep.retry_of is not None:
        parts.append(f"jobs of sweep {sweep.retry_of} once more")
    left = _left(sweep)
    return ", ".join([*parts, f"{left} left"] if left else parts)
